"""A real node, scraped by a real Prometheus beside a real node_exporter."""

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.metrics import METRICS
from tests.exposition import Family, parse
from tests.fakes.hangfs import hangfs
from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import program
from tests.prometheus import exporter, prometheus

HOSTILE = ('a"b\\c', "line\nbreak", "\x1b[31m\r", '"} 1', "탑재 지점 😀", "{{.}}")
ALONE = re.compile(r"metrics alone are served on http://(\S+)")


@contextmanager
def watching(folder: Path, *names: str, more: str = "") -> Iterator[NodeUnderTest]:
    """A node that counts the files below directories of these names, and has a listener for metrics."""
    paths = []
    for number, name in enumerate(names):
        (folder / name).mkdir()
        for file in range(number):
            (folder / name / f"{file}.dat").touch()
        paths.append({"path": str(folder / name), "sizes": True})
    config = {
        "node": {"listen": "127.0.0.1:0"},
        "host": {"metrics_listen": "127.0.0.1:0", "limits": {"check_interval": "1s"}},
        "refresh": {"host": "1s", "disk": "1s"},
        "paths": paths,
    }
    with node(folder, f"{json.dumps(config, ensure_ascii=False)[:-1]}{more}}}") as started:
        yield started


EXPECTED = (
    "agent_collector_last_success_timestamp",
    "cpu_usage_percent",
    "etlmon_alert_deliveries_total",
    "etlmon_alerts",
    "etlmon_build_info",
    "etlmon_cron_jobs",
    "etlmon_fs_used_percent",
    "etlmon_log_match_total",
    "etlmon_node_cpu_percent",
    "etlmon_path_bytes",
    "etlmon_process_cpu_percent",
    "etlmon_xferlog_transfers_total",
    "network_received_bytes_per_second",
)


def everything(folder: Path) -> dict[str, Any]:
    """Something of what a node can watch without another host."""
    for name in ("app.log", "vsftpd.log", "crontab"):
        (folder / name).touch()
    return {
        "logs": [{"name": "app", "path": str(folder / "app.log"), "match": [{"name": "bad", "pattern": "bad"}]}],
        "process_watch": [{"name": "node", "match": "etlmon node"}],
        "xferlog": {"path": str(folder / "vsftpd.log")},
        "cron": {"system_crontab": str(folder / "crontab")},
        "alerts": {"channels": [{"name": "hook", "type": "webhook", "url": "http://127.0.0.1:1/"}]},
    }


def alone(started: NodeUnderTest) -> str:
    """`host:port` of the listener for metrics."""
    assert started.address
    found = ALONE.search(started.output)
    assert found is not None, started.output
    return found[1]


def scraped(address: str) -> bytes:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        body: bytes = answer.read()
    return body


def families(started: NodeUnderTest) -> dict[str, Family]:
    return parse(scraped(alone(started)))


@pytest.mark.peer("prometheus")
@pytest.mark.peer("promtool")
def test_prometheus_reads_every_number_whatever_the_host_calls_its_things(tmp_path: Path) -> None:
    with watching(tmp_path, *HOSTILE) as started:
        wait_until(lambda: len(families(started).get("etlmon_path_file_count", Family()).series) == len(HOSTILE))
        with prometheus(tmp_path, {"etlmon": alone(started)}) as reader:
            target = reader.target("etlmon")
            assert (target["health"], target["lastError"]) == ("up", "")
            assert reader.value('etlmon_fs_up{mount="/"}') == 1
            # Right after a scrape that took too long there are none.
            counted: dict[str, float] = {}

            def are_counted() -> bool:
                counted.update({labels["path"]: value for labels, value in reader.query("etlmon_path_file_count")})
                return len(counted) >= len(HOSTILE)

            wait_until(are_counted)
            described = {name: (one[0]["type"], one[0]["help"]) for name, one in reader.ask("metadata").items()}
        checked = subprocess.run(
            [program("promtool"), "check", "metrics"], input=scraped(alone(started)), capture_output=True, timeout=60
        )
    assert counted == {str(tmp_path / name): number for number, name in enumerate(HOSTILE)}
    assert described["agent_collector_errors_total"] == ("counter", METRICS["agent_collector_errors_total"].help)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_whatever_a_node_says_is_declared_with_just_these_labels(tmp_path: Path) -> None:
    with watching(tmp_path, "in", more=f", {json.dumps(everything(tmp_path))[1:-1]}") as started:
        wait_until(lambda: set(EXPECTED) <= set(families(started)), within_sec=60)
        for name, family in families(started).items():
            assert family.help == METRICS[name].help
            assert {frozenset(label for label, _ in labels) for labels in family.series} == {
                frozenset(METRICS[name].labels)
            }, name


def test_the_names_that_dashboards_of_the_agent_ask_for_are_there(tmp_path: Path) -> None:
    of_fs = {"collector": "fs", "domain": "fs"}
    with watching(tmp_path) as started:
        wait_until(lambda: _has(families(started), "agent_collector_last_success_timestamp", **of_fs))
        said = families(started)
    assert said["agent_collector_status"].value(**of_fs) == 1
    assert said["agent_collector_errors_total"].value(**of_fs) == 0
    assert said["agent_collector_duration_seconds"].value(**of_fs) > 0
    assert said["agent_collector_last_success_timestamp"].value(**of_fs) > 1.6e9


def _has(said: dict[str, Family], name: str, **labels: str) -> bool:
    return name in said and frozenset(labels.items()) in said[name].series


@pytest.mark.peer("prometheus")
@pytest.mark.peer("node_exporter")
def test_the_numbers_are_those_of_node_exporter(tmp_path: Path) -> None:
    with watching(tmp_path) as started, exporter() as other:
        wait_until(lambda: "memory_total_bytes" in families(started))
        with prometheus(tmp_path, {"etlmon": alone(started), "other": other}) as reader:
            assert reader.target("etlmon")["health"] == reader.target("other")["health"] == "up"
            assert reader.value("memory_total_bytes") == reader.value("node_memory_MemTotal_bytes")
            assert reader.value("swap_total_bytes") == reader.value("node_memory_SwapTotal_bytes")
            for ours, theirs in (
                ('etlmon_fs_avail_bytes{mount="/"}', 'node_filesystem_avail_bytes{mountpoint="/"}'),
                ("memory_available_bytes", "node_memory_MemAvailable_bytes"),
            ):
                assert reader.value(ours) == pytest.approx(reader.value(theirs), rel=0.2)
            assert 0 <= reader.value('sum(cpu_usage_percent{mode=~"user|system|idle|iowait|steal"})') <= 100.5


@pytest.mark.peer("fuse")
def test_a_mount_that_hangs_holds_up_no_scrape_not_even_the_first(tmp_path: Path) -> None:
    with hangfs(tmp_path / "nas") as nas:
        nas.hang("statfs", "readdir", "getattr", "read")
        with watching(tmp_path, more=', "fs": {"probe_timeout": "200ms"}') as started:
            assert parse(scraped(alone(started)))
            stuck = {"mount": str(nas.mount_point)}
            wait_until(lambda: frozenset(stuck.items()) in families(started).get("etlmon_fs_up", Family()).series)
            assert families(started)["etlmon_fs_up"].value(**stuck) == 0


def test_a_port_for_metrics_that_is_taken_is_named_with_the_setting(tmp_path: Path) -> None:
    with watching(tmp_path) as first:
        taken = alone(first)
        (tmp_path / "second").mkdir()
        config = f"node: {{listen: '127.0.0.1:0'}}\nhost: {{metrics_listen: '{taken}'}}\n"
        with node(tmp_path / "second", config) as second:
            assert second.ended(20) == 1
            [line] = second.output.splitlines()
    assert line.startswith(f"etlmon node: cannot listen on {taken}: port {taken.rpartition(':')[2]} is taken by ")
    assert line.endswith("stop that or set host.metrics_listen to another port")


def test_another_listener_for_metrics_needs_a_restart(tmp_path: Path) -> None:
    with watching(tmp_path) as started:
        before = alone(started)
        (tmp_path / "node.yaml").write_text("node: {listen: '127.0.0.1:0'}\n")
        started.signal(signal.SIGHUP)
        wait_until(lambda: "host.metrics_listen changed and needs a restart" in started.output)
        assert scraped(before)

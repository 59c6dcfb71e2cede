"""Whatever a node states is declared, with the labels it is stated with; and nothing is declared that nobody states."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from etlmon.contract.cron import CronSource
from etlmon.contract.fs import FS
from etlmon.contract.host import CpuUse, DiskIo, Host, Interface, Memory, Pressure, TopUser
from etlmon.contract.logs import Log
from etlmon.contract.paths import PathStats
from etlmon.contract.processes import Process, ProcessWatch
from etlmon.contract.xferlog import XFERLOG_FINDINGS, XferSource
from node import lifecycle, limits
from node.alerts import metrics as alerts
from node.collector import Metric, Reading, Sample
from node.collectors import (
    COLLECTORS,
    clusters_told,
    cron_told,
    dataproc_told,
    fs,
    host_samples,
    logs_rows,
    paths_rows,
    processes_rows,
    xferlog_disk,
    xferlog_rows,
)
from node.metrics import BUILD, METRICS
from node.sources.proxmox_types import ProxmoxLook
from node.store.cron import StoredJob
from tests.node.collecting import Scripted, running, until
from tests.node.store import cluster_rows, estates

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
SOURCES = Path(__file__).resolve().parents[2] / "node"
NAME = re.compile(r"(?:etlmon|agent)_[a-z0-9_]+")
NO_METRICS = {"etlmon_wanted", "etlmon_test"}
"""A function within SQLite, and what a trial notice is about."""


def of_fs() -> Iterator[Sample]:
    mount = msgspec.structs.replace(
        FS.example[0], state="ok", collected_at=AT, inodes_total=1000, full_at=AT + timedelta(hours=1)
    )
    yield from fs._samples([mount], AT)


def of_paths() -> Iterator[Sample]:
    yield from paths_rows.samples_of(PathStats(path="/data", collected_at=AT, total_bytes=1, oldest_mtime=AT))


def of_logs() -> Iterator[Sample]:
    yield from logs_rows.samples_of(Log(name="app", path="/app.log", collected_at=AT), ["error"])


def of_host() -> Iterator[Sample]:
    use = CpuUse(number=0, iowait=1.0, steal=0.0)
    yield from host_samples.samples_of(
        Host(
            collected_at=AT,
            cpu=use,
            cores=[use],
            load_1=1.0,
            load_5=1.0,
            load_15=1.0,
            memory=Memory(cached_bytes=1, buffers_bytes=1),
            disks=[DiskIo(device="sda", read_bytes_per_sec=1.0, write_bytes_per_sec=1.0, busy_percent=1.0)],
            interfaces=[Interface(name="eth0", received_bytes_per_sec=1.0, sent_bytes_per_sec=1.0)],
            connections={"LISTEN": 1},
            pressure=[Pressure(resource="io", full_avg10=1.0)],
            top_cpu=[TopUser(pid=1, name="init", cpu_percent=1.0)],
            top_memory=[TopUser(pid=1, name="init")],
        )
    )


def of_processes() -> Iterator[Sample]:
    watch = ProcessWatch(name="etl", looks_for="x", running=1, cpu_percent=1.0, collected_at=AT)
    process = Process(
        watch="etl", status="RUNNING", collected_at=AT, mem_rss_bytes=1, threads=1, open_files=1, runtime_sec=1.0
    )
    yield from processes_rows.samples_of([watch], [process], 100)


def of_cron() -> Iterator[Sample]:
    job = StoredJob(
        job_id=1,
        number=1,
        schedule="@daily",
        command="x",
        source="y",
        last_checked=AT,
        known_since=AT,
        last_exit_code=0,
        last_run_at=AT,
    )
    sources = [CronSource(kind=kind, path="x", last_checked=AT) for kind in ("daemon", "run_log")]
    yield from cron_told.samples([job], sources, cron_told.Totals())


def of_xferlog() -> Iterator[Sample]:
    yield from xferlog_rows.samples_of(XferSource(path="/x", collected_at=AT), {"upload complete": (1, 10)})
    yield from xferlog_disk._samples(XFERLOG_FINDINGS.example)


def of_clusters() -> Iterator[Sample]:
    row = cluster_rows.cluster(cpu_percent=1.0, mem_total_bytes=2, mem_used_bytes=1)
    look = ProxmoxLook(
        endpoint="x",
        fingerprint="",
        version="8",
        nodes=[cluster_rows.node()],
        guests=[cluster_rows.guest()],
        storage=[cluster_rows.storage()],
        at=AT,
        duration_ms=1.0,
    )
    yield from clusters_told.samples(row, look)
    yield from clusters_told.silence(row)


def of_dataproc() -> Iterator[Sample]:
    yield from dataproc_told.samples([estates.row()], estates.run())


STATED: dict[str, Callable[[], Iterator[Sample]]] = {
    "clusters": of_clusters,
    "cron": of_cron,
    "dataproc": of_dataproc,
    "fs": of_fs,
    "host": of_host,
    "logs": of_logs,
    "paths": of_paths,
    "processes": of_processes,
    "xferlog": of_xferlog,
}
"""What each domain states of something of which everything is known."""


def declared(metrics: tuple[Metric, ...]) -> dict[str, set[str]]:
    return {metric.name: set(metric.labels) for metric in metrics}


@pytest.mark.parametrize("domain", STATED)
def test_a_domain_states_what_it_declares_with_just_these_labels(domain: str) -> None:
    [registration] = [one for one in COLLECTORS if one.domain == domain]
    stated = {(sample.name, frozenset(sample.labels)) for sample in STATED[domain]()}
    expected = declared(registration.metrics)
    assert stated == {(name, frozenset(labels)) for name, labels in expected.items()}


def test_every_domain_is_asked() -> None:
    assert set(STATED) == {registration.domain for registration in COLLECTORS}


def test_the_runner_states_what_it_declares(tmp_path: Path) -> None:
    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        yield Reading()

    async def main() -> None:
        async with running(tmp_path, Scripted(look)) as stage:
            await until(lambda: stage.health().last_success_at is not None and len(stage.runner.samples) > 0)
            stated = {one.name: {name for name, _ in one.labels} for one in stage.runner.samples}
            assert stated == declared(lifecycle.METRICS)

    asyncio.run(main())


def test_every_name_in_the_sources_is_a_declared_one() -> None:
    said = {name for name in _said() - _beginnings() if NAME.fullmatch(name)}
    assert said - NO_METRICS <= set(METRICS)


def test_everything_that_is_declared_is_stated_somewhere() -> None:
    said, beginnings = _said(), tuple(text for text in _beginnings() if NAME.fullmatch(text))
    assert [name for name in METRICS if name not in {*said, BUILD.name} and not name.startswith(beginnings)] == []


def test_each_metric_is_declared_once() -> None:
    apart = (BUILD, *limits.METRICS, *lifecycle.METRICS, *alerts.METRICS)
    everything = [*apart, *(metric for one in COLLECTORS for metric in one.metrics)]
    assert sorted(METRICS) == sorted(metric.name for metric in everything)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_as_its_kind_asks(metric: Metric) -> None:
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.help
    assert not metric.help.endswith(".")
    assert len(set(metric.labels)) == len(metric.labels)


def test_what_a_part_of_the_node_declares_is_what_metrics_says_of_it() -> None:
    for metric in (*limits.METRICS, *lifecycle.METRICS, *alerts.METRICS):
        assert METRICS[metric.name] is metric


def test_no_series_is_of_a_single_process_since_pids_never_come_to_an_end() -> None:
    assert [metric.name for metric in METRICS.values() if "pid" in metric.labels] == []


def test_what_the_top_processes_use_has_no_history() -> None:
    assert [name for name, metric in METRICS.items() if metric.keeps and name.startswith("process_top_")] == []


def _trees() -> Iterator[ast.AST]:
    for file in sorted(SOURCES.rglob("*.py")):
        if not file.stem.endswith("metrics"):
            yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def _said() -> set[str]:
    """Every string in the sources, but for the declarations of the domains."""
    return {node.value for node in _trees() if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _beginnings() -> set[str]:
    """What stands before the first hole of a text that is put together."""
    firsts = [node.values[0] for node in _trees() if isinstance(node, ast.JoinedStr)]
    return {str(first.value) for first in firsts if isinstance(first, ast.Constant)}

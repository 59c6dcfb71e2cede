"""A real node with rules: read again with SIGHUP, taken up after a kill, answered under short addresses."""

import signal
from pathlib import Path
from typing import Any

from tests.node.processes import NodeUnderTest, node, wait_until

CONFIG = """
node: {{listen: "127.0.0.1:0", node_name: etl-5}}
refresh: {{host: 200ms}}
alerts: {{evaluation_interval: 100ms, builtin: false, rules_file: "{file}"}}
"""
ALWAYS = "rules: [{name: always, metric: etlmon_build_info, condition: '== 1', summary: it runs}]\n"


def config(folder: Path) -> str:
    (folder / "rules.yaml").write_text(ALWAYS, encoding="utf-8")
    return CONFIG.format(file=folder / "rules.yaml")


def alerts(started: NodeUnderTest, path: str = "/api/v1/alerts") -> list[dict[str, Any]]:
    status, found = started.get(path)
    assert status == 200
    rows: list[dict[str, Any]] = found
    return rows


def test_a_rules_file_is_read_again_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    with node(tmp_path, config(tmp_path)) as started:
        wait_until(lambda: [row["rule"] for row in alerts(started)] == ["always"])
        file.write_text(ALWAYS + "- broken", encoding="utf-8")
        started.signal(signal.SIGHUP)
        wait_until(lambda: "the configuration is refused" in started.output)
        assert [text for text in started.get()[1]["problems"] if "alerts.rules_file" in text]
        assert [row["rule"]["name"] for row in alerts(started, "/api/v1/alerts/rules")] == ["always"]
        file.write_text(ALWAYS.replace("always", "another"), encoding="utf-8")
        started.signal(signal.SIGHUP)
        wait_until(lambda: [row["rule"] for row in alerts(started)] == ["another"])
        # On a busy machine a collector may be overdue for a moment, and that is a problem too.
        wait_until(lambda: started.get()[1]["problems"] == [])
        (first,) = [row for row in alerts(started, "/api/v1/alerts/history") if row["rule"] == "always"]
        assert first["resolved_because"] == "the rule was removed"
        assert started.stopped() == 0


def test_an_open_alert_is_the_same_after_a_kill(tmp_path: Path) -> None:
    with node(tmp_path, config(tmp_path)) as started:
        wait_until(lambda: len(alerts(started)) == 1)
        (before,) = alerts(started)
        started.signal(signal.SIGKILL)
        started.ended()
    with node(tmp_path, config(tmp_path)) as started:
        wait_until(lambda: alerts(started, "/api/v1/alerts/rules")[0]["evaluated_at"] is not None)
        (after,) = alerts(started, "/api/v1/alerts/history")
        assert (after["id"], after["triggered_at"]) == (before["id"], before["triggered_at"])


def test_a_node_does_not_start_with_rules_that_it_cannot_read(tmp_path: Path) -> None:
    given = config(tmp_path)
    (tmp_path / "rules.yaml").write_text("rules: [{name: always, metric: m, condition: '> many'}]", encoding="utf-8")
    with node(tmp_path, given) as started:
        assert started.ended() == 2
        assert "rules[0].condition" in started.output


def test_each_kind_of_metrics_has_a_short_address(tmp_path: Path) -> None:
    kinds = {"cpu": "cores", "memory": "swap", "disk": "mounts", "network": "connections", "process": "top_cpu"}
    with node(tmp_path, config(tmp_path)) as started:
        wait_until(lambda: started.get("/api/metrics/cpu")[0] == 200)
        for kind, field in kinds.items():
            status, found = started.get(f"/api/metrics/{kind}")
            assert status == 200
            assert {"collected_at", field} <= set(found)
            if kind in ("cpu", "memory"):
                assert {one["resource"] for one in found["pressure"]} <= {kind}
        status, body = started.get("/api/metrics/weather")
        assert (status, body["details"]) == (404, {"field": "type"})
        assert started.get("/api/status")[1]["node_name"] == "etl-5"

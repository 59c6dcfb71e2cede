"""examples/prometheus and examples/grafana: Prometheus takes them, and they ask for numbers that nodes state."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from node.api.hosts import is_allowed
from node.metrics import METRICS
from node.settings import NodeSettings, Security, listen_address
from tests.peers import program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRAPING = EXAMPLES / "prometheus/prometheus.yml"
RULES_FILE = EXAMPLES / "prometheus/rules.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((EXAMPLES / "grafana/etlmon.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

NODE = {"instance": "etl01:9100", "job": "etlmon"}
OF_FS = {**NODE, "mount": "/data"}

TROUBLE: dict[str, tuple[str, dict[str, str], str]] = {
    "NodeSilent": ("up", NODE, "0x60"),
    "CollectorFailing": ("agent_collector_failed_runs", {**NODE, "collector": "fs", "domain": "fs"}, "0+1x60"),
    "NodeOverLimit": ("etlmon_node_over_limit", {**NODE, "limit": "cpu"}, "1x60"),
    "MountDown": ("etlmon_fs_up", OF_FS, "0x60"),
    "MountNearlyFull": ("etlmon_fs_used_percent", OF_FS, "91x60"),
    "MountFullSoon": ("etlmon_fs_full_seconds", OF_FS, "3600x60"),
    "PathUnreadable": ("etlmon_path_up", {**NODE, "path": "/in"}, "0x60"),
    "LogUnread": ("etlmon_log_up", {**NODE, "log": "app"}, "0x60"),
    "LogLinesLost": ("etlmon_log_gaps_total", {**NODE, "log": "app"}, "0x52 1x8"),
    "ProcessesMissing": ("etlmon_process_watch_ok", {**NODE, "watch": "etl"}, "0x60"),
    "CronRunMissed": ("etlmon_cron_missed", {**NODE, "job": "7", "name": "load.sh", "source": "/etc/crontab"}, "1x60"),
    "CronRunFailed": ("etlmon_cron_failed", {**NODE, "job": "7", "name": "load.sh", "source": "/etc/crontab"}, "1x60"),
    "TransferIncomplete": (
        "etlmon_xferlog_interrupted_total",
        {**NODE, "direction": "upload"},
        "0x52 1x8",
    ),
    "ClusterUnreachable": ("etlmon_cluster_up", {**NODE, "cluster": "pve"}, "0x60"),
    "DataprocUnread": ("etlmon_dataproc_up", {**NODE, "account": "data"}, "0x60"),
    "DataprocQuota": ("etlmon_dataproc_quota_percent", {**NODE, "account": "data"}, "81x60"),
    "HostOutOfMemory": ("memory_usage_percent", NODE, "96x60"),
}
"""Each alert with a series that brings it about within an hour, a value a minute."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACES = re.compile(r"\{[^}]*\}")
_BY = re.compile(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)")
_NAME = re.compile(r"\b[a-z_][a-z0-9_]*\b(?!\s*\()")
_WORDS = {"or", "and", "unless", "bool", "offset"}


def names(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    bare = _BRACES.sub("", _STRING.sub('""', expression))
    bare = re.sub(r"\[[^\]]*\]", "", _BY.sub("", bare))
    return set(_NAME.findall(bare)) - _WORDS


def selected(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric of an expression with a label it is chosen by."""
    for name, labels in re.findall(r'(\w+)\{((?:[^}"]|"[^"]*")*)\}', expression):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
            yield name, label


def queries() -> Iterator[str]:
    for panel in PANELS:
        yield from (target["expr"] for target in panel["targets"])


def promtool(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.peer("promtool")
def test_promtool_has_nothing_against_the_configuration_and_its_rules() -> None:
    code, said = promtool("check", "config", "--lint-fatal", SCRAPING)
    assert (code, f"{len(RULES)} rules found" in said) == (0, True), said


def test_a_node_with_the_settings_beside_the_configuration_answers_its_target() -> None:
    text = SCRAPING.read_text(encoding="utf-8")
    said = yaml.safe_load("\n".join(re.findall(r"^#   (\w+: \{.*\})$", text, re.MULTILINE)))
    given = msgspec.convert(said, NodeSettings)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    target = job["static_configs"][0]["targets"][0]
    listen = listen_address(given.host.metrics_listen or "")
    assert isinstance(listen, tuple)
    assert target.rpartition(":")[2] == str(listen[1])
    assert is_allowed(target, (*given.security.allowed_hosts, "etl01"), "10.0.0.5")
    assert not is_allowed(target, (*Security().allowed_hosts, "etl01"), "10.0.0.5")
    assert set(given.security.allowed_hosts) > set(Security().allowed_hosts)


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in RULES), *queries()])
def test_each_expression_asks_for_metrics_and_labels_that_nodes_state(expression: str) -> None:
    assert set() < names(expression) <= {*METRICS, "up"}
    for name, label in selected(expression):
        labels = METRICS[name].labels if name in METRICS else ()
        assert label in (*labels, "instance", "job"), f"{name} has no label {label}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_what_an_alert_says_names_labels_that_its_metric_has(rule: dict[str, Any]) -> None:
    said = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    for name in names(rule["expr"]) - {"up"}:
        assert said <= {*METRICS[name].labels, "instance"}


def test_there_is_a_trouble_for_each_alert() -> None:
    assert list(TROUBLE) == [rule["alert"] for rule in RULES]


def unit_test(alert: str, values: str, *, fires: bool) -> dict[str, Any]:
    """A test of promtool's: an hour of a series, and what the alert makes of it."""
    metric, labels, _ = TROUBLE[alert]
    [rule] = [rule for rule in RULES if rule["alert"] == alert]
    series = ",".join(f'{name}="{value}"' for name, value in labels.items())
    expected = {"exp_labels": {**labels, **rule["labels"]}} if fires else None
    return {
        "interval": "1m",
        "input_series": [{"series": f"{metric}{{{series}}}", "values": values}],
        "alert_rule_test": [{"eval_time": "59m", "alertname": alert, "exp_alerts": [expected] if expected else []}],
    }


@pytest.mark.peer("promtool")
def test_each_alert_fires_when_it_should_and_not_when_all_is_well(tmp_path: Path) -> None:
    rules = [{key: value for key, value in rule.items() if key != "annotations"} for rule in RULES]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "etlmon", "rules": rules}]}))
    well = {"NodeSilent", "MountDown", "PathUnreadable", "LogUnread", "ProcessesMissing"}
    well |= {"ClusterUnreachable", "DataprocUnread"}
    tests = []
    for alert, (_, _, values) in TROUBLE.items():
        quiet = "100000x60" if alert == "MountFullSoon" else "1x60" if alert in well else "0x60"
        tests += [unit_test(alert, values, fires=True), unit_test(alert, quiet, fires=False)]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    code, said = promtool("test", "rules", tmp_path / "tests.yml")
    assert code == 0, said


@pytest.mark.peer("promtool")
def test_each_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    chosen = {"$__rate_interval": "5m", "$node": ".*", "$job": "etlmon"}
    rules = []
    for number, query in enumerate(queries()):
        for variable, value in chosen.items():
            query = query.replace(variable, value)
        rules.append({"record": f"query_{number}", "expr": query})
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    code, said = promtool("check", "rules", file)
    assert (code, "$" in file.read_text()) == (0, False), said


def test_the_panels_of_the_dashboard_stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_legend_of_a_panel_names_labels_that_are_there() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            of_metrics = {label for name in names(target["expr"]) & set(METRICS) for label in METRICS[name].labels}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= {*of_metrics, "instance"}


def test_what_a_panel_says_of_now_is_asked_of_now_and_is_zero_when_nothing_is_wrong() -> None:
    """`count(x == 0)` says nothing when all is well: the last value of a range would be one of hours ago."""
    for panel in PANELS:
        for target in panel["targets"]:
            is_now = panel["type"] in ("stat", "bargauge")
            assert (target.get("instant", False), target.get("range", True)) == (is_now, not is_now), panel["title"]
            assert target["expr"].endswith(" or vector(0)") == (panel["type"] == "stat"), panel["title"]


def test_nothing_is_stacked_over_nodes_and_no_rate_is_that_of_one_look_in_three() -> None:
    for panel in PANELS:
        drawn = panel["fieldConfig"]["defaults"].get("custom", {})
        assert drawn.get("stacking", {"mode": "none"})["mode"] == "none", panel["title"]
        for target in panel["targets"]:
            assert "_per_second" not in target["expr"], panel["title"]


def test_the_nodes_of_every_job_count() -> None:
    [job] = [variable for variable in DASHBOARD["templating"]["list"] if variable["name"] == "job"]
    assert (job["multi"], job["includeAll"], job["current"]["value"]) == (True, True, "$__all")
    assert [query for query in queries() if "$job" in query and 'job=~"$job"' not in query] == []


def test_the_dashboard_asks_the_prometheus_that_is_chosen() -> None:
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job", "node"}
    for panel in PANELS:
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}

"""The rules that come with the node: quiet when all is well, heard when it is not."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.contract.alerts_rules import AlertRule
from node.alerts.engine import Engine
from node.metrics import METRICS
from node.rules.builtin import builtin_rules
from node.rules.rule import compile_rule
from node.rules.rule_set import rule_set
from node.samples import Stated
from node.settings import Fs, NodeSettings
from node.settings_dataproc import Dataproc, DataprocQuota
from tests.node.alerts.judging import AT

RULES = builtin_rules(NodeSettings())

WELL_AND_ILL: dict[str, tuple[str, dict[str, str], float, float]] = {
    "disk_nearly_full": ("etlmon_fs_used_percent", {"mount": "/data"}, 89.9, 90.0),
    "inodes_nearly_used_up": ("etlmon_fs_inodes_used_percent", {"mount": "/data"}, 50.0, 100.0),
    "mount_not_usable": ("etlmon_fs_up", {"mount": "/nfs"}, 1.0, 0.0),
    "watched_process_gone": ("etlmon_process_watch_ok", {"watch": "loader"}, 1.0, 0.0),
    "cron_job_missed": ("etlmon_cron_missed", {"job": "7", "name": "load.sh", "source": "/etc/crontab"}, 0.0, 1.0),
    "cron_job_failed": ("etlmon_cron_failed", {"job": "7", "name": "load.sh", "source": "/etc/crontab"}, 0.0, 1.0),
    "transfer_incomplete": ("etlmon_xferlog_interrupted_total", {"direction": "upload"}, 3.0, 4.0),
    "log_gap": ("etlmon_log_gaps_total", {"log": "app"}, 0.0, 1.0),
    "cluster_unreachable": ("etlmon_cluster_up", {"cluster": "pve"}, 1.0, 0.0),
    "dataproc_failing": ("agent_collector_failed_runs", {"collector": "dataproc:a", "domain": "dataproc"}, 2.0, 3.0),
    "dataproc_slow": ("etlmon_dataproc_run_seconds", {"account": "a"}, 60.0, 61.0),
    "dataproc_quota": ("etlmon_dataproc_quota_percent", {"account": "a"}, 79.0, 80.0),
    "collector_failing": ("agent_collector_failed_runs", {"collector": "fs", "domain": "fs"}, 2.0, 3.0),
    "node_over_limit": ("etlmon_node_over_limit", {"limit": "memory"}, 0.0, 1.0),
}  # fmt: skip


def looks(engine: Engine, numbers: list[tuple[str, dict[str, str], float]], first: int, last: int) -> list[str]:
    """The summaries of all that is told from look to look, 15 s apart."""
    told = []
    for number in range(first, last):
        now = AT + timedelta(seconds=15 * number)
        stated = [Stated(name, tuple(sorted(labels.items())), value, now, "them") for name, labels, value in numbers]
        tick = engine.tick(now, stated)
        engine.saved(tick)
        told += [f"{notice.alert.rule}: {notice.alert.summary}" for notice in tick.notices]
    return told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_names_a_number_that_there_is_with_its_labels(rule: AlertRule) -> None:
    compiled = compile_rule(rule, "builtin")
    metric = METRICS[compiled.metric]
    named = {matcher.label for matcher in compiled.matchers}
    named |= set(re.findall(r"labels\.(\w+)", compiled.spec.summary + compiled.spec.description))
    assert named <= set(metric.labels)


def test_every_rule_is_tried_out_here() -> None:
    assert [rule.name for rule in RULES] == list(WELL_AND_ILL)


def test_a_node_on_which_all_is_well_tells_nothing() -> None:
    engine = Engine("n", rule_set(NodeSettings(), (), ()).rules)
    well = [(metric, labels, value) for metric, labels, value, _ in WELL_AND_ILL.values()]
    assert looks(engine, well, 0, 400) == []
    assert engine.alerts() == []


@pytest.mark.parametrize("name", list(WELL_AND_ILL))
def test_what_is_wrong_is_told_once_within_six_minutes_and_by_one_rule(name: str) -> None:
    engine = Engine("n", rule_set(NodeSettings(), (), ()).rules)
    metric, labels, well, ill = WELL_AND_ILL[name]
    # A look back of 15 minutes needs as many of points.
    assert looks(engine, [(metric, labels, well)], 0, 61) == []
    (told,) = looks(engine, [(metric, labels, ill)], 61, 61 + 25)
    assert told.startswith(f"{name}: ")
    # A job is called by its name; its number is for machines.
    shown = [value for label, value in labels.items() if label not in ("status", "domain", "job")]
    assert all(value in told for value in shown)


def test_limits_are_those_of_the_settings() -> None:
    settings = NodeSettings(fs=Fs(critical_percent=97.5), dataproc=Dataproc(quota=DataprocQuota(warn_ratio=0.5)))
    conditions = {rule.name: (rule.condition, rule.clear) for rule in builtin_rules(settings)}
    assert conditions["disk_nearly_full"] == (">= 97.5", "< 95.5")
    assert conditions["dataproc_quota"] == (">= 50", None)
    assert rule_set(settings, (), ()).invalid == ()


def test_a_limit_of_nothing_is_a_rule_as_well() -> None:
    assert rule_set(NodeSettings(fs=Fs(warn_percent=0, critical_percent=0)), (), ()).invalid == ()


def test_the_page_about_alerts_has_every_built_in_rule() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/domains/alerts.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"| `{rule.name}` |" not in page] == []

"""The rules that every node has: few, and quiet as long as all is well. `alerts.builtin_disabled` switches them off."""

from collections.abc import Iterator

from etlmon.contract.alerts_rules import AlertRule
from etlmon.units import Duration
from node.settings import NodeSettings

BELOW_PERCENT = 2.0
"""A disk counts as full until it is this much below its limit again."""

FAILURES = 3
"""In a row, before a collector is said to fail."""

SLOW_SEC = 60.0
"""For one run over an account of Google Cloud, as the domain's events have it."""

LOOK_BACK = Duration(900)
"""How long a single loss or incomplete transfer stays an alert."""


def builtin_rules(settings: NodeSettings) -> list[AlertRule]:
    """All of them, with the limits of the settings; also those that are switched off."""
    return [*_files(settings), *_work(settings), *_inventory(settings), *_node()]


def _files(settings: NodeSettings) -> Iterator[AlertRule]:
    limit = settings.fs.critical_percent
    for name, metric, what in (
        ("disk_nearly_full", "etlmon_fs_used_percent", "full"),
        ("inodes_nearly_used_up", "etlmon_fs_inodes_used_percent", "out of inodes"),
    ):
        yield AlertRule(
            name=name,
            metric=metric,
            condition=f">= {limit:g}",
            clear=f"< {max(0.0, limit - BELOW_PERCENT):g}",
            for_=Duration(300),
            severity="critical",
            summary=f"{{{{ labels.mount }}}} is nearly {what}: {{{{ value }}}} % used",
            description="Nothing can be written there when it is used up. fs.critical_percent is the limit.",
        )
    yield AlertRule(
        name="mount_not_usable",
        metric="etlmon_fs_up",
        condition="== 0",
        for_=Duration(60),
        severity="critical",
        summary="{{ labels.mount }} is stuck, not mounted or cannot be read",
        description="What reads or writes there waits without end, or writes into the directory below the mount.",
    )


def _work(settings: NodeSettings) -> Iterator[AlertRule]:
    yield AlertRule(
        name="watched_process_gone",
        metric="etlmon_process_watch_ok",
        condition="== 0",
        for_=Duration(max(30.0, 2 * settings.refresh.process)),
        severity="critical",
        summary="{{ labels.watch }} does not run as it should",
        description="Too few of its processes run, or too many, or they cannot be looked at.",
    )
    yield AlertRule(
        name="cron_job_missed",
        metric="etlmon_cron_missed",
        condition="== 1",
        summary="{{ labels.name }} ({{ labels.source }}) did not start when it was due",
    )
    yield AlertRule(
        name="cron_job_failed",
        metric="etlmon_cron_failed",
        condition="== 1",
        summary="{{ labels.name }} ({{ labels.source }}) failed in the last run that ended",
        description="The Cron view and GET /api/v1/cron say how: its exit code, or what systemd says of it.",
    )
    yield AlertRule(
        name="transfer_incomplete",
        metric="etlmon_xferlog_interrupted_total",
        condition=f"rate({LOOK_BACK}) > 0",
        summary=f"A transfer ({{{{ labels.direction }}}}) was not completed within the last {LOOK_BACK}",
    )
    yield AlertRule(
        name="log_gap",
        metric="etlmon_log_gaps_total",
        condition=f"rate({LOOK_BACK}) > 0",
        summary=f"Lines of the log {{{{ labels.log }}}} were lost within the last {LOOK_BACK}",
    )


def _inventory(settings: NodeSettings) -> Iterator[AlertRule]:
    yield AlertRule(
        name="cluster_unreachable",
        metric="etlmon_cluster_up",
        condition="== 0",
        for_=Duration(2 * settings.refresh.clusters),
        severity="critical",
        summary="The cluster {{ labels.cluster }} did not answer three times in a row",
    )
    yield AlertRule(
        name="dataproc_failing",
        metric="agent_collector_failed_runs",
        labels={"domain": "dataproc"},
        condition=f">= {FAILURES}",
        severity="critical",
        summary="{{ labels.collector }} could not be read {{ value }} times in a row",
    )
    yield AlertRule(
        name="dataproc_slow",
        metric="etlmon_dataproc_run_seconds",
        condition=f"> {SLOW_SEC:g}",
        summary="{{ labels.account }} took {{ value | duration }} to read",
    )
    limit = settings.dataproc.quota.warn_ratio * 100
    yield AlertRule(
        name="dataproc_quota",
        metric="etlmon_dataproc_quota_percent",
        condition=f">= {limit:g}",
        summary="{{ labels.account }} uses {{ value }} % of the calls that a project may get in a minute",
    )


def _node() -> Iterator[AlertRule]:
    yield AlertRule(
        name="collector_failing",
        metric="agent_collector_failed_runs",
        labels={"domain": "!dataproc"},
        condition=f">= {FAILURES}",
        summary="{{ labels.collector }} failed {{ value }} times in a row",
        description="What it watches is not seen at present; GET /api/v1/health says why.",
    )
    yield AlertRule(
        name="node_over_limit",
        metric="etlmon_node_over_limit",
        condition="== 1",
        summary="The node itself uses more {{ labels.limit }} than host.limits allows",
    )

"""dataproc: what its samples mean."""

from node.collector import Metric

_OF_ACCOUNT = ("account",)
_OF_PROJECT = ("account", "project")

METRICS = (
    Metric("etlmon_dataproc_clusters", "gauge", "Clusters in this state", (*_OF_PROJECT, "state"), keeps=True),
    Metric(
        "etlmon_dataproc_attention",
        "gauge",
        "Clusters that are stuck, idle or in error",
        (*_OF_PROJECT, "kind"),
        keeps=True,
    ),
    Metric("etlmon_dataproc_jobs_running", "gauge", "Jobs under way, of those that are kept", _OF_PROJECT, keeps=True),
    Metric("etlmon_dataproc_up", "gauge", "1 when the last run read something", _OF_ACCOUNT, keeps=True),
    Metric("etlmon_dataproc_stale", "gauge", "Clusters that the last run could not look at", _OF_ACCOUNT),
    Metric("etlmon_dataproc_run_success", "gauge", "Clusters that the last run read", _OF_ACCOUNT),
    Metric("etlmon_dataproc_run_failure", "gauge", "What the last run could not read", _OF_ACCOUNT, keeps=True),
    Metric("etlmon_dataproc_run_timeout", "gauge", "What did not answer the last run in time", _OF_ACCOUNT),
    Metric("etlmon_dataproc_run_unknown", "gauge", "What came in an unknown form in the last run", _OF_ACCOUNT),
    Metric("etlmon_dataproc_run_calls", "gauge", "Calls of the last run", _OF_ACCOUNT, keeps=True),
    Metric("etlmon_dataproc_run_seconds", "gauge", "How long the last run took", _OF_ACCOUNT, keeps=True),
    Metric(
        "etlmon_dataproc_quota_percent",
        "gauge",
        "The most calls within a minute that a project got, of those that it may get",
        _OF_ACCOUNT,
        keeps=True,
    ),
)

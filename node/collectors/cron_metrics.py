"""cron: what its samples mean."""

from node.collector import Metric

_OF_JOB = ("job", "name", "source")

METRICS = (
    Metric("etlmon_cron_jobs", "gauge", "Jobs in this state", ("state",), keeps=True),
    Metric(
        "etlmon_cron_runs_total",
        "counter",
        "Runs learned of since the node began, by how they ended",
        ("state",),
        keeps=True,
    ),
    Metric("etlmon_cron_daemon_up", "gauge", "1 while cron is running", keeps=True),
    Metric("etlmon_cron_run_log_up", "gauge", "1 while the log of cron is read", keeps=True),
    # There may be 500 jobs, and their runs are stored: as numbers they would crowd out the history of all others.
    Metric("etlmon_cron_missed", "gauge", "1 while the last run that was due is missed", _OF_JOB),
    Metric("etlmon_cron_failed", "gauge", "1 while the last run that ended failed", _OF_JOB),
    Metric("etlmon_cron_last_exit_code", "gauge", "Exit code of the last run that ended, where it is told", _OF_JOB),
    Metric("etlmon_cron_last_run_timestamp_seconds", "gauge", "When the job was started last", _OF_JOB),
)

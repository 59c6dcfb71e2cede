"""alerts: what its samples mean."""

from node.collector import Metric

METRICS = (
    Metric("etlmon_alerts", "gauge", "Alerts that are active", ("severity",), keeps=True),
    Metric(
        "etlmon_alert_deliveries_total",
        "counter",
        "Notices since the node began, by what became of them",
        ("channel", "state"),
    ),
    Metric("etlmon_alert_evaluation_seconds", "gauge", "How long the last look at all rules took", keeps=True),
)

"""xferlog: what its samples mean."""

from node.collector import Metric

METRICS = (
    Metric("etlmon_xferlog_up", "gauge", "1 while the log is read", keeps=True),
    Metric(
        "etlmon_xferlog_transfers_total",
        "counter",
        "Transfers and other acts on files",
        ("direction", "status"),
        keeps=True,
    ),
    # A refused one is incomplete as well: somebody asked for what is not there, or may not be had.
    Metric(
        "etlmon_xferlog_interrupted_total",
        "counter",
        "Uploads and downloads that broke off after some bytes",
        ("direction",),
        keeps=True,
    ),
    Metric("etlmon_xferlog_bytes_total", "counter", "Bytes of uploads and of downloads", ("direction",), keeps=True),
    Metric("etlmon_xferlog_unparsed_total", "counter", "Lines that could not be read", keeps=True),
    Metric("etlmon_xferlog_lag_bytes", "gauge", "Bytes that are in the log and not stored yet", keeps=True),
    Metric("etlmon_xferlog_findings", "gauge", "Findings of the last comparison with the disk", ("kind",), keeps=True),
)

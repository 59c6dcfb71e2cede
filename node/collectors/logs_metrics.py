"""logs: what its samples mean."""

from node.collector import Metric

_OF_LOG = ("log",)

METRICS = (
    Metric("etlmon_log_up", "gauge", "1 while the log is read", _OF_LOG, keeps=True),
    Metric("etlmon_log_paused", "gauge", "1 while reading is paused", _OF_LOG),
    Metric("etlmon_log_lines_total", "counter", "Lines stored", _OF_LOG, keeps=True),
    Metric("etlmon_log_lag_bytes", "gauge", "Bytes that are in the file and not stored yet", _OF_LOG, keeps=True),
    Metric("etlmon_log_gaps_total", "counter", "Places where lines were lost", _OF_LOG, keeps=True),
    Metric("etlmon_log_lost_bytes_total", "counter", "Bytes known to be lost in gaps", _OF_LOG, keeps=True),
    Metric("etlmon_log_match_total", "counter", "Lines that matched", ("log", "match"), keeps=True),
)

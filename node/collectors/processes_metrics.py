"""processes: what its samples mean. Those of a watch are of all its processes together."""

from node.collector import Metric

_OF_WATCH = ("watch",)

METRICS = (
    Metric("etlmon_processes", "gauge", "Processes of the host", keeps=True),
    Metric("etlmon_process_watch_ok", "gauge", "1 when as many run as should", _OF_WATCH, keeps=True),
    Metric("etlmon_process_starts_total", "counter", "Starts seen since the watch is known", _OF_WATCH),
    Metric("etlmon_process_stops_total", "counter", "Ends seen since the watch is known", _OF_WATCH),
    Metric("etlmon_process_restarts_total", "counter", "Restarts seen since the watch is known", _OF_WATCH, keeps=True),
    Metric("etlmon_process_running", "gauge", "How many run", _OF_WATCH, keeps=True),
    Metric("etlmon_process_cpu_percent", "gauge", "Processor time used; 100 is one core", _OF_WATCH, keeps=True),
    Metric("etlmon_process_memory_bytes", "gauge", "Resident memory added up", _OF_WATCH, keeps=True),
    Metric("etlmon_process_threads", "gauge", "Threads", _OF_WATCH, keeps=True),
    Metric("etlmon_process_open_files", "gauge", "Open file descriptors", _OF_WATCH, keeps=True),
    Metric("etlmon_process_oldest_runtime_seconds", "gauge", "How long the oldest has run", _OF_WATCH),
)

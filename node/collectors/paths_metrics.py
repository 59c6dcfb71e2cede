"""paths: what its samples mean."""

from node.collector import Metric

_OF_PATH = ("path",)

METRICS = (
    Metric("etlmon_path_up", "gauge", "1 when the directory could be read", _OF_PATH, keeps=True),
    Metric("etlmon_path_scan_complete", "gauge", "1 when all of the directory was counted", _OF_PATH, keeps=True),
    Metric("etlmon_path_scan_duration_seconds", "gauge", "How long the last scan took", _OF_PATH, keeps=True),
    Metric("etlmon_path_file_count", "gauge", "Files below the directory", _OF_PATH, keeps=True),
    Metric("etlmon_path_dir_count", "gauge", "Directories below the directory", _OF_PATH),
    Metric("etlmon_path_arriving_count", "gauge", "Files that are arriving", _OF_PATH, keeps=True),
    Metric("etlmon_path_bytes", "gauge", "Apparent sizes of the files added up", _OF_PATH, keeps=True),
    Metric(
        "etlmon_path_oldest_age_seconds", "gauge", "Age of the file that was modified longest ago", _OF_PATH, keeps=True
    ),
)

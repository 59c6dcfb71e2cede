"""fs: what its samples mean."""

from node.collector import Metric

_OF_MOUNT = ("mount",)

METRICS = (
    Metric("etlmon_fs_up", "gauge", "1 while the mount answers and is the one it should be", _OF_MOUNT, keeps=True),
    Metric("etlmon_fs_used_percent", "gauge", "Space that is used, of what users may have", _OF_MOUNT, keeps=True),
    Metric("etlmon_fs_used_bytes", "gauge", "Space that is used", _OF_MOUNT, keeps=True),
    Metric("etlmon_fs_avail_bytes", "gauge", "Space that users may still have", _OF_MOUNT, keeps=True),
    Metric("etlmon_fs_inodes_used_percent", "gauge", "Inodes that are used, of all there are", _OF_MOUNT, keeps=True),
    Metric("etlmon_fs_full_seconds", "gauge", "Time until it is full, while that can be told", _OF_MOUNT),
)

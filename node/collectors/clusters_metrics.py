"""clusters: what its samples mean. Of a cluster that does not answer there is `etlmon_cluster_up` alone."""

from node.collector import Metric

_OF_CLUSTER = ("cluster",)

METRICS = (
    Metric("etlmon_cluster_up", "gauge", "1 when the last poll was answered", _OF_CLUSTER, keeps=True),
    Metric("etlmon_cluster_poll_seconds", "gauge", "How long the last poll took", _OF_CLUSTER, keeps=True),
    Metric("etlmon_cluster_nodes", "gauge", "Nodes of the cluster in this status", ("cluster", "status"), keeps=True),
    Metric("etlmon_cluster_guests", "gauge", "Guests in this status, without templates", ("cluster", "status")),
    Metric("etlmon_cluster_cpu_percent", "gauge", "Of all cores of its nodes", _OF_CLUSTER, keeps=True),
    Metric("etlmon_cluster_memory_used_bytes", "gauge", "Memory of its nodes that is used", _OF_CLUSTER, keeps=True),
    Metric("etlmon_cluster_memory_total_bytes", "gauge", "Memory of its nodes", _OF_CLUSTER, keeps=True),
    Metric(
        "etlmon_cluster_storage_used_bytes",
        "gauge",
        "Space that is used on all its storage, shared storage once",
        _OF_CLUSTER,
        keeps=True,
    ),
    Metric(
        "etlmon_cluster_storage_total_bytes",
        "gauge",
        "Space of all its storage, shared storage once",
        _OF_CLUSTER,
        keeps=True,
    ),
)

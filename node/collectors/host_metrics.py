"""host: what its samples mean. Totals are the kernel's own counters since the boot.

The history of disks and interfaces is that of their rates: a host of containers has an interface for each of them.
"""

from node.collector import Metric

_OF_DISK = ("device",)
_OF_INTERFACE = ("interface",)
_OF_PROCESSES = ("name",)

_CPU = (
    Metric("cpu_usage_percent", "gauge", "Time of all processors since the look before", ("mode",), keeps=True),
    Metric("cpu_core_usage_percent", "gauge", "Time that one core was busy since the look before", ("core",)),
    Metric("cpu_load_average", "gauge", "Tasks that ran or waited, over 1, 5 and 15 minutes", ("period",), keeps=True),
)

_MEMORY = (
    Metric("memory_total_bytes", "gauge", "Memory of the host", keeps=True),
    Metric("memory_used_bytes", "gauge", "Memory that is not available", keeps=True),
    Metric("memory_available_bytes", "gauge", "Memory that programs may get without swapping", keeps=True),
    Metric("memory_cached_bytes", "gauge", "Memory that holds what was read from files", keeps=True),
    Metric("memory_buffers_bytes", "gauge", "Memory that holds raw blocks of disks", keeps=True),
    Metric("memory_usage_percent", "gauge", "Memory that is not available, of all there is", keeps=True),
    Metric("swap_total_bytes", "gauge", "Swap of the host", keeps=True),
    Metric("swap_used_bytes", "gauge", "Swap that is used", keeps=True),
    Metric("swap_usage_percent", "gauge", "Swap that is used, of all there is", keeps=True),
)

_DISKS = (
    Metric("disk_read_bytes_total", "counter", "Bytes read from the device", _OF_DISK),
    Metric("disk_written_bytes_total", "counter", "Bytes written to the device", _OF_DISK),
    Metric("disk_reads_total", "counter", "Reads that the device finished", _OF_DISK),
    Metric("disk_writes_total", "counter", "Writes that the device finished", _OF_DISK),
    Metric("disk_read_bytes_per_second", "gauge", "Bytes read since the look before", _OF_DISK, keeps=True),
    Metric("disk_written_bytes_per_second", "gauge", "Bytes written since the look before", _OF_DISK, keeps=True),
    Metric("disk_busy_percent", "gauge", "Time that the device had work since the look before", _OF_DISK, keeps=True),
)

_NETWORK = (
    Metric("network_received_bytes_total", "counter", "Bytes received", _OF_INTERFACE),
    Metric("network_sent_bytes_total", "counter", "Bytes sent", _OF_INTERFACE),
    Metric("network_received_packets_total", "counter", "Packets received", _OF_INTERFACE),
    Metric("network_sent_packets_total", "counter", "Packets sent", _OF_INTERFACE),
    Metric("network_errors_total", "counter", "Packets that failed, received or sent", _OF_INTERFACE, keeps=True),
    Metric("network_drops_total", "counter", "Packets that were dropped, received or sent", _OF_INTERFACE, keeps=True),
    Metric(
        "network_received_bytes_per_second", "gauge", "Bytes received since the look before", _OF_INTERFACE, keeps=True
    ),
    Metric("network_sent_bytes_per_second", "gauge", "Bytes sent since the look before", _OF_INTERFACE, keeps=True),
    Metric("network_connections", "gauge", "TCP connections in this state", ("state",), keeps=True),
)

METRICS = (
    *_CPU,
    *_MEMORY,
    *_DISKS,
    *_NETWORK,
    Metric(
        "pressure_percent",
        "gauge",
        "Time of the last 10 seconds in which some, or all, tasks waited for it",
        ("resource", "kind"),
        keeps=True,
    ),
    Metric(
        "process_top_cpu_percent", "gauge", "Processor time of those that use most, together by name", _OF_PROCESSES
    ),
    Metric(
        "process_top_memory_bytes", "gauge", "Resident memory of those that hold most, together by name", _OF_PROCESSES
    ),
)

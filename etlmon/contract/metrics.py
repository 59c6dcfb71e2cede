"""metrics: every number of the node, as Prometheus reads them."""

from etlmon.contract.endpoint import API, Endpoint

_EXAMPLE = """\
# HELP etlmon_fs_used_percent Space that is used, of what users may have
# TYPE etlmon_fs_used_percent gauge
etlmon_fs_used_percent{mount="/data"} 91.2
"""

METRICS = Endpoint(
    method="GET",
    path="/metrics",
    answer=str,
    media_type="text/plain",
    summary="Every number of the node in Prometheus' text format, from memory",
    example=_EXAMPLE,
)

API_METRICS = Endpoint(
    method="GET",
    path=f"{API}/metrics",
    answer=str,
    media_type="text/plain",
    summary="The same, for clients that only look below /api",
    example=_EXAMPLE,
)

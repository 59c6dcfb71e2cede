"""The latest jobs of each cluster, picked out of a list in no order."""

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from node.sources.dataproc_fields import ShapeError
from node.sources.dataproc_work_shapes import submitted_at

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class LatestJobs:
    """Keeps no more of them than are wanted, however many there are."""

    def __init__(self, clusters: Iterable[Any], per_cluster: int) -> None:
        """`clusters` are the messages of those that count."""
        self._by_name = {message.cluster_name: message.cluster_uuid for message in clusters}
        self._kept: dict[str, list[tuple[datetime, str, int, Any]]] = {uuid: [] for uuid in self._by_name.values()}
        self._per_cluster = per_cluster
        self._count = 0

    def add(self, job: Any) -> None:
        """Look at one. A job whose times cannot be told is the last of all."""
        # A cluster of the same name may have been there before: its jobs bear another UUID.
        uuid = job.placement.cluster_uuid or self._by_name.get(job.placement.cluster_name, "")
        kept = self._kept.get(uuid)
        if kept is None:
            return
        self._count += 1
        entry = (_submitted_at(job), job.reference.job_id, self._count, job)
        if len(kept) < self._per_cluster:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)

    def of(self, cluster_uuid: str) -> list[Any]:
        """Those of a cluster, newest first; those of one moment in the order of their ids."""
        kept = sorted(self._kept.get(cluster_uuid, ()), key=lambda entry: entry[1])
        return [job for *_, job in sorted(kept, key=lambda entry: entry[0], reverse=True)]


def _submitted_at(job: Any) -> datetime:
    try:
        return submitted_at(job) or _LONG_AGO
    except ShapeError:
        return _LONG_AGO

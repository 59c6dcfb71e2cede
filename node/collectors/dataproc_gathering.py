"""A run's lines become what is stored, region by region: what was seen, what is gone, and what could not be asked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from etlmon.contract.dataproc_models import DataprocCluster, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRow
from node.collectors.dataproc_attention import Limits
from node.collectors.dataproc_rows import id_of, row_of
from node.settings_dataproc import DataprocAccount
from node.sources.dataproc_types import ClusterLine, DataprocLine, PolicyLine, RegionLine, TemplateLine
from node.store.dataproc import DataprocLook, Place


@dataclass(frozen=True, slots=True)
class Change:
    """One cluster before and now; `before` is None for one that nobody knew."""

    before: DataprocRow | None
    now: DataprocRow
    created_at: datetime | None = None
    """When it got its first state, as Google tells it."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A part of the run: what to store of it, and what changed."""

    look: DataprocLook
    changes: list[Change]


@dataclass(slots=True)
class _Region:
    """What came of a region until it was done."""

    clusters: dict[str, DataprocCluster] = field(default_factory=dict)
    """By the id of their row: one that moved to another page while they were read is one all the same."""
    templates: list[DataprocTemplate] = field(default_factory=list)
    policies: list[DataprocPolicy] = field(default_factory=list)


class Gathering:
    """One run. `rows` are the clusters that were there before, and then all as they are now."""

    def __init__(self, account: DataprocAccount, rows: Iterable[DataprocRow], limits: Limits) -> None:
        self.rows = {row.id: row for row in rows}
        self._account = account
        self._limits = limits
        self._pending: dict[Place, _Region] = defaultdict(_Region)
        self._by_place: dict[Place, list[str]] = defaultdict(list)
        for row in self.rows.values():
            self._by_place[row.project_id, row.region].append(row.id)
        self._seen: set[str] = set()
        self._read: set[Place] = set()

    def take(self, line: DataprocLine, at: datetime) -> Gathered | None:
        """What there is to store now: a region that is done."""
        match line:
            case ClusterLine(cluster=one):
                self._pending[one.project_id, one.location].clusters[id_of(one)] = one
            case TemplateLine(template=one):
                self._pending[one.project_id, one.region].templates.append(one)
            case PolicyLine(policy=one):
                self._pending[one.project_id, one.region].policies.append(one)
            case RegionLine():
                place = (line.result.project_id, line.result.region)
                return self._region(place, self._pending.pop(place, _Region()), line.complete, at)
        return None

    def rest(self, at: datetime) -> Iterator[Gathered]:
        """At the end: what came of regions that were never done, and all the clusters that nobody looked at."""
        for place, region in self._pending.items():
            yield self._region(place, region, (), at)
        self._pending.clear()
        unseen = [
            Change(row, msgspec.structs.replace(row, stale=True))
            for row in self.rows.values()
            if self._is_unknown(row) and not row.stale
        ]
        if unseen:
            yield self._gathered(unseen)

    @property
    def stale(self) -> int:
        """How many clusters are there, as far as anybody knows, and could not be looked at."""
        return sum(map(self._is_unknown, self.rows.values()))

    def _is_unknown(self, row: DataprocRow) -> bool:
        return row.id not in self._seen and (row.project_id, row.region) not in self._read

    def _region(self, place: Place, region: _Region, complete: Collection[str], at: datetime) -> Gathered:
        has_jobs = "jobs" in complete
        changes = [self._seen_now(cluster, at, has_jobs=has_jobs) for cluster in region.clusters.values()]
        if "clusters" in complete:
            self._read.add(place)
            changes += self._gone(place, at)
        look = DataprocLook(
            account=self._account.name,
            clusters=region.clusters,
            jobs={key: cluster.jobs for key, cluster in region.clusters.items()} if has_jobs else {},
            templates={place: region.templates} if "templates" in complete else {},
            policies={place: region.policies} if "policies" in complete else {},
        )
        return self._gathered(changes, look)

    def _seen_now(self, cluster: DataprocCluster, at: datetime, *, has_jobs: bool) -> Change:
        before = self.rows.get(id_of(cluster))
        row = row_of(
            cluster,
            cluster.jobs if has_jobs else None,
            before,
            account=self._account.name,
            at=at,
            limits=self._limits,
        )
        self._seen.add(row.id)
        statuses = [*cluster.status_history, cluster.status]
        times = [status.state_start_time for status in statuses if status.state_start_time is not None]
        return Change(before, row, created_at=min(times, default=None))

    def _gone(self, place: Place, at: datetime) -> Iterator[Change]:
        """Clusters of a region that was read to its end, and that are not there."""
        for key in self._by_place[place]:
            row = self.rows[key]
            if key not in self._seen:
                yield Change(row, msgspec.structs.replace(row, gone_at=at, stale=False, **_QUIET))

    def _gathered(self, changes: list[Change], look: DataprocLook | None = None) -> Gathered:
        self.rows |= {change.now.id: change.now for change in changes}
        look = look or DataprocLook(account=self._account.name)
        return Gathered(msgspec.structs.replace(look, rows=[change.now for change in changes]), changes)


_QUIET: Mapping[str, None] = {"attention": None, "attention_reason": None, "idle_since": None}
"""Of a cluster that is gone there is nothing to attend to."""

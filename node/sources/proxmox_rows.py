"""From what Proxmox VE answered to the rows of a cluster: its nodes, guests and storage, as they were seen at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage, MemberStatus
from node.sources.proxmox_answers import (
    GuestRow,
    MemberRow,
    NodeRow,
    Resources,
    Status,
    StorageRow,
    count,
    percent,
    text,
    words,
)

AVAILABLE = "available"
RUNNING = "running"
_STATES: Mapping[str, MemberStatus] = {"online": "online", "offline": "offline"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    nodes: list[ClusterNode]
    guests: list[ClusterGuest]
    storage: list[ClusterStorage]


def members(
    cluster_id: str, endpoint: str, now: datetime, status: Status | None, resources: Resources | None
) -> Members:
    """The rows of a cluster; `status` or `resources` is None when that could not be read."""
    rows = _Rows(cluster_id, endpoint, now, status, resources)
    return Members(nodes=list(rows.nodes()), guests=list(rows.guests()), storage=list(rows.storage()))


class _Rows:
    def __init__(
        self, cluster_id: str, endpoint: str, now: datetime, status: Status | None, resources: Resources | None
    ) -> None:
        self._cluster_id, self._endpoint, self._now = cluster_id, endpoint, now
        self._members = {row.name: row for row in status.members} if status else {}
        self._nodes = {row.node: row for row in resources.nodes} if resources else {}
        self._guests = resources.guests if resources else ()
        self._storage = resources.storage if resources else ()
        self._states = {name: self._state(name) for name in sorted({*self._members, *self._nodes})}

    def nodes(self) -> Iterator[ClusterNode]:
        running = Counter(row.node for row in self._guests if row.status == RUNNING)
        for name, state in self._states.items():
            row = self._nodes.get(name) or NodeRow(node=name)
            member = self._members.get(name) or MemberRow(name=name)
            yield ClusterNode(
                cluster_id=self._cluster_id,
                name=name,
                status=state,
                ip=text(member.ip),
                cpu_percent=percent(row.cpu) if state == "online" else None,
                cpu_cores=count(row.maxcpu),
                mem_used_bytes=count(row.mem),
                mem_total_bytes=count(row.maxmem),
                disk_used_bytes=count(row.disk),
                disk_total_bytes=count(row.maxdisk),
                uptime_sec=count(row.uptime),
                guests_running=running[name],
                error=_why_unknown(state, self._nodes.get(name)),
                collected_at=self._now,
                console_url=self._console("node", name),
            )

    def guests(self) -> Iterator[ClusterGuest]:
        for row in self._guests:
            status = text(row.status) or "unknown"
            yield ClusterGuest(
                cluster_id=self._cluster_id,
                vmid=row.vmid,
                name=text(row.name),
                type=row.type,
                node=row.node,
                status=status,
                template=bool(row.template),
                cpu_percent=percent(row.cpu) if status != "unknown" else None,
                cpu_cores=_cores(row),
                mem_used_bytes=count(row.mem),
                mem_total_bytes=count(row.maxmem),
                disk_total_bytes=count(row.maxdisk),
                uptime_sec=count(row.uptime),
                pool=text(row.pool),
                tags=words(row.tags),
                lock=text(row.lock),
                ha_state=text(row.hastate),
                error=self._why_silent(row.node) if status == "unknown" else None,
                collected_at=self._now,
                console_url=self._console(row.type, str(row.vmid)),
            )

    def storage(self) -> Iterator[ClusterStorage]:
        grouped: dict[tuple[str, str], list[StorageRow]] = {}
        for row in self._storage:
            grouped.setdefault((row.storage, "" if row.shared else row.node), []).append(row)
        for (name, node), rows in grouped.items():
            there = [row for row in rows if row.status == AVAILABLE]
            seen = (there or rows)[0]
            used, total = count(seen.disk), count(seen.maxdisk)
            yield ClusterStorage(
                cluster_id=self._cluster_id,
                name=name,
                nodes=[row.node for row in rows],
                shared=not node,
                type=text(seen.plugintype),
                content=sorted(words(seen.content)),
                status=text(seen.status) or "unknown",
                used_bytes=used,
                total_bytes=total,
                used_percent=round(used / total * 100, 2) if total else None,
                error=self._why_away([row.node for row in rows if row.status != AVAILABLE], everywhere=not there),
                collected_at=self._now,
            )

    def _state(self, name: str) -> MemberStatus:
        member = self._members.get(name)
        if member is not None and member.online is not None:
            return "online" if member.online else "offline"
        row = self._nodes.get(name)
        return _STATES.get(row.status or "", "unknown") if row is not None else "unknown"

    def _why_silent(self, node: str) -> str:
        if self._states.get(node) == "offline":
            return f"its node {node} is offline"
        return f"its node {node} says nothing about it"

    def _why_away(self, nodes: Sequence[str], *, everywhere: bool) -> str | None:
        if not nodes:
            return None
        if len(nodes) == 1 and everywhere:
            return self._why_silent(nodes[0])
        return "no node says anything about it" if everywhere else f"nothing about it from {', '.join(nodes)}"

    def _console(self, kind: str, name: str) -> str:
        """Where the web interface shows it."""
        return f"{self._endpoint}/#v1:0:={quote(f'{kind}/{name}', safe='')}"


def _why_unknown(state: MemberStatus, row: NodeRow | None) -> str | None:
    """Why a node's numbers are not there; None when they are."""
    if state == "offline":
        return "it is offline"
    if row is None:
        return "the cluster says nothing of its numbers"
    if row.maxmem is not None:
        return None
    if row.status == "online":
        return "its numbers may not be read (Sys.Audit)"
    return "it sends no numbers; is pvestatd running there?"


def _cores(row: GuestRow) -> float:
    """Containers may be given a part of one."""
    return float(count((row.maxcpu or 0) * 100)) / 100

"""All that is to be said of a Proxmox cluster: how it fares, its nodes, its guests, its storage."""

from collections.abc import Sequence
from typing import Any

from etlmon.contract.clusters import CLUSTER_GUESTS, CLUSTER_NODES, CLUSTER_STORAGE, Cluster, GuestQuery
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import clusters as clusters_problems
from ui.state import Question
from ui.views.clusters_listed import Listed
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Row, level_cell, level_tone
from ui.views.sampled import Series, day_charts, day_questions
from ui.widgets.bar import bar
from ui.widgets.cells import Cell, Tone
from ui.widgets.lines import Line, grid

MOST_GUESTS = 1000
_BAR = 8
_NEARLY_FULL_PERCENT = 90.0


def cluster_questions(cluster: Cluster) -> tuple[Question[Any], ...]:
    """What the node is asked while the detail of the cluster is open."""
    asked = (_nodes_of(cluster), _guests_of(cluster), _storage_of(cluster), _events(cluster))
    return *asked, *day_questions(_drawn(cluster))


def cluster_detail(row: Row[Listed], cluster: Cluster) -> Detail:
    missing: list[Line] = [[(one, "warn")] for one in cluster.missing]
    return Detail(
        title=cluster.name,
        charts=day_charts(row.node, _drawn(cluster), row.now),
        sections=(
            Section(f"{cluster.name} {NOTHING} {cluster.status}{_of_when(row, cluster)}", _facts(row, cluster)),
            *([Section("Not read", missing)] if missing else []),
            _nodes_section(row, cluster),
            _guests_section(row, cluster),
            _storage_section(row, cluster),
            events_section(row, _events(cluster)),
        ),
    )


def certificate_words(cluster: Cluster) -> str:
    """How the certificate of a cluster is checked."""
    if cluster.tls.verify == "fingerprint":
        return f"SHA-256 {cluster.tls.fingerprint}"
    return "signed by the authority given" if cluster.tls.verify == "ca" else "signed by an authority of the system"


def _drawn(cluster: Cluster) -> tuple[Series, ...]:
    of = (("cluster", cluster.name),)
    return (
        Series("CPU %", "etlmon_cluster_cpu_percent", of),
        Series("memory", "etlmon_cluster_memory_used_bytes", of, fmt.size, in_bytes=True),
    )


def _nodes_of(cluster: Cluster) -> Question[list[ClusterNode]]:
    return Question(CLUSTER_NODES, pace="slow", path={"id": cluster.id})


def _guests_of(cluster: Cluster) -> Question[list[ClusterGuest]]:
    return Question(CLUSTER_GUESTS, GuestQuery(limit=MOST_GUESTS), pace="slow", path={"id": cluster.id})


def _storage_of(cluster: Cluster) -> Question[list[ClusterStorage]]:
    return Question(CLUSTER_STORAGE, pace="slow", path={"id": cluster.id})


def _events(cluster: Cluster) -> Question[Any]:
    return events_question("clusters", cluster.name)


def _facts(row: Row[Listed], cluster: Cluster) -> list[Line]:
    tone = level_tone(row.level) if row.level != "ok" else None
    why = clusters_problems.words(cluster)
    source = "node.yaml" if cluster.origin == "static" else f"registered {row.when(cluster.created_at)}"
    known: list[tuple[str, Cell]] = [
        ("status", level_cell(row.level, cluster.status)),
        *([("why", (why, tone))] if why != cluster.status else []),
        *_fingerprint_facts(cluster),
        ("Proxmox VE", cluster.proxmox_version or NOTHING),
        ("cluster", cluster.cluster_name or "none: a host by itself"),
        ("quorum", _quorum(cluster)),
        ("nodes", f"{fmt.count(cluster.nodes_online)} of {fmt.count(cluster.node_count)} online"),
        ("guests", _guests(row, cluster)),
        ("CPU", f"{fmt.percent(cluster.cpu_percent, 1)} of {fmt.count(cluster.cpu_cores or None)} cores"),
        ("memory", _used(cluster.mem_used_bytes, cluster.mem_total_bytes)),
        ("storage", _used(cluster.storage_used_bytes, cluster.storage_total_bytes)),
        ("endpoint", cluster.api_endpoint),
        *([("answers at", cluster.active_endpoint)] if cluster.active_endpoint != cluster.api_endpoint else []),
        *([("else ask", ", ".join(cluster.failover))] if cluster.failover else []),
        ("logs in as", f"{cluster.username}{f'!{cluster.token_name}, an API token' if cluster.token_name else ''}"),
        ("certificate", certificate_words(cluster)),
        ("console", cluster.console_url or NOTHING),
        ("known from", source),
        ("asked", f"{row.when(cluster.polled_at)}, took {fmt.latency(cluster.duration_ms)}"),
        *([("answered", (row.when(cluster.last_success_at), "warn"))] if cluster.failures else []),
        *([("failed", (f"{fmt.count(cluster.failures)} times in a row", "warn"))] if cluster.failures else []),
    ]
    return facts(*known)


def _fingerprint_facts(cluster: Cluster) -> list[tuple[str, Cell]]:
    """The certificate that is there and is not trusted."""
    if not cluster.seen_fingerprint:
        return []
    return [("it shows", (f"SHA-256 {cluster.seen_fingerprint} (C compares and trusts it)", "warn"))]


def _of_when(row: Row[Listed], cluster: Cluster) -> str:
    """How old the numbers are, when they are not of the latest look."""
    return f", as it was {row.when(cluster.last_success_at)}" if row.item.is_old else ""


def _guests(row: Row[Listed], cluster: Cluster) -> Cell:
    if row.item.work_count is None:
        return ("not known", "dim")
    return f"{fmt.count(cluster.guests_running)} of {fmt.count(cluster.guests_total)} running"


def _quorum(cluster: Cluster) -> Cell:
    if cluster.quorate is None:
        return (NOTHING, "dim")
    return "yes" if cluster.quorate else ("no: nothing can be started or changed on it", "crit")


def _used(used: int, total: int) -> Cell:
    if not total:
        return (NOTHING, "dim")
    percent = 100 * used / total
    return [*_bar(percent), f" {fmt.size(used)} of {fmt.size(total)}"]


def _bar(percent: float | None) -> list[tuple[str, Tone | None]]:
    full = percent is not None and percent >= _NEARLY_FULL_PERCENT
    return [(bar(percent, _BAR), "warn" if full else None), (f" {fmt.percent(percent):>4}", "warn" if full else None)]


def _share(used: int, total: int) -> list[tuple[str, Tone | None]]:
    return _bar(100 * used / total) if total else [(NOTHING, "dim")]


def _why_none(row: Row[Listed], question: Question[Any], nothing: str) -> str:
    if row.node.answer(question) is None:
        return row.node.refusals.get(question.key, "Not answered yet.")
    return nothing


def _nodes_section(row: Row[Listed], cluster: Cluster) -> Section:
    nodes = row.node.answer(_nodes_of(cluster)) or ()
    lines = grid(
        [_node_cells(one) for one in sorted(nodes, key=lambda one: (one.status == "online", one.name))],
        head=("NODE", "STATUS", "ADDRESS", "CPU%", "CORES", "MEMORY", "SYSTEM DISK", "GUESTS", "UP FOR", ""),
        right=(3, 4, 7, 8),
    )
    return Section("Nodes", lines, _why_none(row, _nodes_of(cluster), "None was seen yet."))


def _node_cells(node: ClusterNode) -> Sequence[Cell]:
    online = node.status == "online"
    return (
        node.name,
        level_cell("ok" if online else "crit" if node.status == "offline" else "unknown", node.status),
        node.ip or NOTHING,
        fmt.percent(node.cpu_percent),
        fmt.count(node.cpu_cores or None),
        _share(node.mem_used_bytes, node.mem_total_bytes),
        _share(node.disk_used_bytes, node.disk_total_bytes),
        fmt.count(node.guests_running) if online else NOTHING,
        fmt.age(node.uptime_sec) if node.uptime_sec else NOTHING,
        (node.error or "", "warn"),
    )


def _guests_section(row: Row[Listed], cluster: Cluster) -> Section:
    held = row.node.held(_guests_of(cluster))
    guests = () if held is None else held.value
    lines = grid(
        [_guest_cells(one) for one in guests],
        head=("VMID", "NAME", "TYPE", "NODE", "STATUS", "CPU%", "MEMORY", "UP FOR", "POOL", "NOTES"),
        right=(0, 5, 7),
    )
    total = None if held is None else held.total
    more = f", the first {fmt.count(len(guests))} of {fmt.count(total)}" if total and total > len(guests) else ""
    # Where they may not be read none are counted, which is not none.
    nothing = "None." if row.item.work_count is not None else "Not known: see above what could not be read."
    return Section(f"Guests{more}", lines, _why_none(row, _guests_of(cluster), nothing))


def _guest_cells(guest: ClusterGuest) -> Sequence[Cell]:
    notes = [
        "template" if guest.template else "",
        f"locked: {guest.lock}" if guest.lock else "",
        f"HA {guest.ha_state}" if guest.ha_state else "",
        " ".join(guest.tags),
    ]
    return (
        str(guest.vmid),
        guest.name or (NOTHING, "dim"),
        guest.type,
        guest.node,
        (guest.status, None if guest.status == "running" else "dim"),
        fmt.percent(guest.cpu_percent),
        _share(guest.mem_used_bytes, guest.mem_total_bytes),
        fmt.age(guest.uptime_sec) if guest.uptime_sec else NOTHING,
        guest.pool or NOTHING,
        [(", ".join(filter(None, notes)), "dim"), (f" {guest.error}" if guest.error else "", "warn")],
    )


def _storage_section(row: Row[Listed], cluster: Cluster) -> Section:
    storage = row.node.answer(_storage_of(cluster)) or ()
    lines = grid(
        [_storage_cells(one) for one in storage],
        head=("STORAGE", "NODES", "TYPE", "STATUS", "USED%", "USED", "TOTAL", "FOR", ""),
        right=(5, 6),
    )
    return Section("Storage", lines, _why_none(row, _storage_of(cluster), "None was seen yet."))


def _storage_cells(storage: ClusterStorage) -> Sequence[Cell]:
    return (
        storage.name,
        "shared" if storage.shared else ", ".join(storage.nodes),
        storage.type or NOTHING,
        (storage.status, None if storage.status == "available" else "warn"),
        _bar(storage.used_percent) if storage.used_percent is not None else (NOTHING, "dim"),
        fmt.size(storage.used_bytes if storage.total_bytes else None),
        fmt.size(storage.total_bytes or None),
        ", ".join(storage.content),
        (storage.error or "", "warn"),
    )

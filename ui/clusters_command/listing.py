"""The Proxmox VE clusters of nodes as a table, or as JSON."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from etlmon.client import NodeClient, NodeError
from etlmon.contract.clusters import CLUSTERS, Cluster
from etlmon.contract.node import NODE
from ui import format as fmt
from ui.problems import clusters as problems
from ui.problems.problem import rank
from ui.text_page import TextColumn, TextPage, TextRow
from ui.widgets.cells import plain

NOTHING = "no cluster is watched; etlmon clusters register adds one"
_COLUMNS = (
    TextColumn("CLUSTER"),
    TextColumn("VERSION"),
    TextColumn("NODES", right=True),
    TextColumn("GUESTS", right=True),
    TextColumn("CPU%", right=True),
    TextColumn("MEMORY", right=True),
    TextColumn("SEEN", right=True),
    TextColumn("STATE"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClusters:
    """A node and its clusters; `error` says why it did not answer."""

    name: str
    clusters: Sequence[Cluster] = ()
    error: str = ""


async def print_list(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print the clusters of these nodes; the exit code: 1 when one did not answer.

    `nodes` gives what the operator calls each address; an empty one is called as it calls itself.
    """
    found = await asyncio.gather(*(_look(address, name) for address, name in nodes.items()))
    for node in found:
        if node.error:
            sys.stderr.write(f"etlmon: {plain(node.name)} does not answer: {plain(node.error)}\n")
    if as_json:
        rows = [{"node": node.name, **msgspec.to_builtins(row)} for node in found for row in node.clusters]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")
    else:
        _print_tables(found)
    return 1 if any(node.error for node in found) else 0


async def _look(address: str, name: str) -> NodeClusters:
    own = name or address.removeprefix("http://")
    async with NodeClient(address) as client:
        try:
            if not name:
                own = (await client.ask(NODE)).unwrap().node_name or own
            return NodeClusters(name=own, clusters=(await client.ask(CLUSTERS)).unwrap().clusters)
        except NodeError as error:
            return NodeClusters(name=own, error=error.message)


def _print_tables(found: Sequence[NodeClusters]) -> None:
    page, now = TextPage.of_stdout(), datetime.now(UTC)
    answering = [node for node in found if not node.error]
    for node in answering:
        if len(found) > 1:
            page.line(node.name, "title")
        page.table(_COLUMNS, sorted((_row(row, now) for row in node.clusters), key=_order), NOTHING)
    if answering:
        sys.stdout.write(page.text())


def _order(row: TextRow) -> tuple[int, str]:
    return rank(row.level), row.cells[0]


def _row(cluster: Cluster, now: datetime) -> TextRow:
    """What was never seen is no zero."""
    seen = cluster.last_success_at
    words = problems.words(cluster)
    return TextRow(
        problems.level(cluster),
        (
            cluster.name,
            cluster.proxmox_version or "-",
            f"{cluster.nodes_online}/{cluster.node_count}" if seen else "-",
            f"{cluster.guests_running}/{cluster.guests_total}" if seen else "-",
            fmt.percent(cluster.cpu_percent if seen else None),
            f"{fmt.size(cluster.mem_used_bytes)}/{fmt.size(cluster.mem_total_bytes)}" if seen else "-",
            fmt.ago(None if seen is None else (now - seen).total_seconds()),
            words if words == cluster.status else f"{cluster.status}: {words}",
        ),
    )

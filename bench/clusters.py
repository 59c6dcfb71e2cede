"""P9: fifty registered Proxmox clusters of three nodes, each call answered 100 ms late: the list of them, and a look at
all. And what clusters cost in memory: the node's own, and that of the child that speaks to them.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.figure import Figure
from bench.processes import free_port, memory, program
from etlmon.client import NodeClient
from etlmon.contract.clusters import CLUSTER_REGISTER, CLUSTERS, ClusterTls, RegisterCluster
from etlmon.contract.node import HEALTH, CollectorHealth
from tests.fakes.proxmox import PASSWORD, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_faults import Fault

CLUSTERS_WATCHED = 50
SIZES = (1, 5, CLUSTERS_WATCHED)
LATE = Fault(delay_sec=0.1)
PATHS = ("/version", "/cluster/status", "/cluster/resources", "/access/ticket")
ROUNDS = 30
REFRESH_SEC = 5
LONGEST_SEC = 60.0
MIB = 2**20


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, fake_proxmox() as pve:
        for path in PATHS:
            pve.state.faults[path] = LATE
        port = free_port()
        config = Path(folder, "node.yaml")
        config.write_text(
            f"node: {{listen: '127.0.0.1:{port}', db_path: {folder}/etlmon.db}}\n"
            f"refresh: {{clusters: {REFRESH_SEC}s}}\n"
        )
        command, address = (sys.executable, "-m", "etlmon", "node", "-c", config), f"http://127.0.0.1:{port}"
        with program(command, f"{address}/health") as (pid, _):
            figures = asyncio.run(_watched(address, pve, pid))
        with program(command, f"{address}/health"):
            first = asyncio.run(_first_look(address))
        figures.append(
            Figure(
                id="P9",
                what=f"the first look at {CLUSTERS_WATCHED} clusters after a start: the child, connections, log-ins",
                measured=first,
                unit="s",
                budget=3.0,
            )
        )
    return figures


async def _watched(address: str, pve: FakeProxmox, pid: int) -> list[Figure]:
    figures = [_memory(pid, 0)]
    async with NodeClient(address, timeout=LONGEST_SEC) as client:
        for number in range(CLUSTERS_WATCHED):
            body = RegisterCluster(
                name=f"cluster-{number:02}",
                api_endpoint=pve.url,
                username="root@pam",
                password=PASSWORD,
                tls=ClusterTls(verify="fingerprint", fingerprint=pve.fingerprint),
            )
            (await client.ask(CLUSTER_REGISTER, body=body)).unwrap()
            if number + 1 in SIZES:
                await _next_look(client)
                figures.append(_memory(pid, number + 1))
        await _next_look(client)
        looks = [await _next_look(client) for _ in range(3)]

        async def listed() -> None:
            assert (await client.ask(CLUSTERS)).unwrap().total == CLUSTERS_WATCHED

        figures.append(
            Figure(
                id="P9",
                what=f"list of {CLUSTERS_WATCHED} registered clusters",
                measured=await _median_ms(listed),
                unit="ms",
                budget=100.0,
                note="stored; over HTTP, decoded",
            )
        )
    figures.append(
        Figure(
            id="P9",
            what=f"a look at {CLUSTERS_WATCHED} clusters of 3 nodes, 100 ms a call",
            measured=statistics.median(looks),
            unit="s",
            budget=3.0,
            note="median of 3, each over new connections; all of it stored",
        )
    )
    return figures


async def _first_look(address: str) -> float:
    async with NodeClient(address, timeout=LONGEST_SEC) as client:
        return await _next_look(client, since=None)


async def _next_look(client: NodeClient, since: object = ...) -> float:
    """Seconds that the next look takes, once it is over; with `since` None also one that is over already."""
    before = (await _health(client)).last_success_at if since is ... else since
    end = time.monotonic() + LONGEST_SEC
    while (now := await _health(client)).last_success_at == before:
        if time.monotonic() > end:
            raise RuntimeError(f"no look at the clusters within {LONGEST_SEC:.0f} s: {now.last_error}")
        await asyncio.sleep(0.05)
    return (now.duration_ms or 0.0) / 1000


async def _health(client: NodeClient) -> CollectorHealth:
    health = (await client.ask(HEALTH)).unwrap()
    return next(collector for collector in health.collectors if collector.name == "clusters")


async def _median_ms(work: Callable[[], Awaitable[None]]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _memory(pid: int, clusters: int) -> Figure:
    own, all_of_it = memory(pid, with_children=False), memory(pid)
    return Figure(
        id="P9b",
        what=f"resident memory of the node with {clusters} clusters",
        measured=own.rss_bytes / MIB,
        unit="MiB",
        note=f"its children hold {(all_of_it.uss_bytes - own.uss_bytes) / MIB:.1f} MiB of their own",
    )

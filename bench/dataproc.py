"""P10: a run over 1,000 Dataproc clusters in 40 regions, each call answered 100 ms late, and what it costs in memory:
the node's own, and that of the child, which is there as long as the run lasts.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figure import Figure
from bench.processes import children, free_port, memory, program
from etlmon.client import NodeClient
from etlmon.contract.dataproc import DATAPROC_COLLECT, DATAPROC_RUNS, CollectRequest
from etlmon.contract.dataproc_rows import DataprocRun
from tests.fakes.dataproc import FakeGoogle, fake_dataproc
from tests.fakes.dataproc_estate import Estate

CLUSTERS = 1000
REGIONS = [f"region-{number:02}" for number in range(40)]
JOBS_PER_CLUSTER = 3
LATE_SEC = 0.1
BUDGET_SEC = 7.1
GROWTH_MIB = 5.0
LONGEST_SEC = 120.0
MIB = 2**20

CONFIG = """
node: {{listen: '127.0.0.1:{port}', db_path: {folder}/etlmon.db}}
refresh: {{dataproc: 1h}}
dataproc:
  enabled: {enabled}
  accounts:
    - {{name: bench, credentials_file: {key}, projects: [p1], endpoint: '{google.endpoint}',
        compute_endpoint: '{google.compute}', insecure: true, include_jobs: {jobs}}}
"""


@dataclass
class Peaks:
    """MiB: the most that the node and its child held, sampled."""

    node: float = 0.0
    child: float = 0.0

    def sample(self, pid: int) -> None:
        with suppress(OSError):
            self.node = max(self.node, memory(pid, with_children=False).rss_bytes / MIB)
            for child in children(pid):
                self.child = max(self.child, memory(child, with_children=False).rss_bytes / MIB)


def run() -> list[Figure]:
    estate = Estate.large(CLUSTERS, REGIONS, jobs_per_cluster=JOBS_PER_CLUSTER)
    with tempfile.TemporaryDirectory() as folder, fake_dataproc(estate, late_sec=LATE_SEC) as google:
        key = google.key_file(Path(folder))
        _, _, bare = _measured(Path(folder, "bare"), google, key, enabled=False)
        plain, _, _ = _measured(Path(folder, "plain"), google, key, jobs=False)
        whole, again, peaks = _measured(Path(folder, "jobs"), google, key)
    what = f"a run over {CLUSTERS:,} clusters in {len(REGIONS)} regions, 100 ms a call"
    return [
        _took(f"{what}: clusters, templates, policies", plain),
        _took(f"{what}: all that, and {CLUSTERS * JOBS_PER_CLUSTER:,} jobs", whole),
        _took(f"{what}: the same again", again),
        Figure(
            id="P10",
            what="the node's memory at its most during these runs, above that of one without Dataproc",
            measured=peaks.node - bare.node,
            unit="MiB",
            budget=GROWTH_MIB,
            note=f"{bare.node:.1f} MiB without; the child holds {peaks.child:.0f} MiB while it runs",
        ),
    ]


def _took(what: str, run: DataprocRun) -> Figure:
    return Figure(
        id="P10",
        what=what,
        measured=(run.duration_ms or 0.0) / 1000,
        unit="s",
        budget=BUDGET_SEC,
        note=f"{run.result}: {run.clusters:,} clusters, {run.jobs:,} jobs, {run.calls} calls",
    )


def _measured(
    folder: Path, google: FakeGoogle, key: Path, *, enabled: bool = True, jobs: bool = True
) -> tuple[DataprocRun, DataprocRun, Peaks]:
    """The first run of a new node, the second one, and what both held."""
    folder.mkdir()
    port = free_port()
    config = folder / "node.yaml"
    words = {"enabled": str(enabled).lower(), "jobs": str(jobs).lower()}
    config.write_text(CONFIG.format(port=port, folder=folder, key=key, google=google, **words))
    address = f"http://127.0.0.1:{port}"
    with program((sys.executable, "-m", "etlmon", "node", "-c", config), f"{address}/health") as (pid, _):
        return asyncio.run(_runs(address, pid, enabled=enabled))


async def _runs(address: str, pid: int, *, enabled: bool) -> tuple[DataprocRun, DataprocRun, Peaks]:
    peaks = Peaks()
    if not enabled:
        await asyncio.sleep(3.0)
        peaks.sample(pid)
        none = DataprocRun(account="", started_at=datetime.now(UTC), result="complete")
        return none, none, peaks
    async with NodeClient(address, timeout=LONGEST_SEC) as client:
        first = await _ended(client, pid, peaks, 1)
        (await client.ask(DATAPROC_COLLECT, body=CollectRequest())).unwrap()
        return first, await _ended(client, pid, peaks, 2), peaks


async def _ended(client: NodeClient, pid: int, peaks: Peaks, count: int) -> DataprocRun:
    end = time.monotonic() + LONGEST_SEC
    while time.monotonic() < end:
        peaks.sample(pid)
        runs = (await client.ask(DATAPROC_RUNS)).unwrap()
        if len(runs) >= count and runs[0].ended_at is not None:
            return runs[0]
        await asyncio.sleep(0.1)
    raise RuntimeError(f"no run ended within {LONGEST_SEC:.0f} s")

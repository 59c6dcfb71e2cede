"""A hundred thousand files: the node goes on as if nothing were, and the scanner stays small."""

import asyncio
import os
import re
import time
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etlmon.contract.paths import PathStats
from node.collectors.paths import PathCollector, build
from node.settings import NodeSettings, WatchedPath
from tests.node.sources.walking import children

FILES = 100_000
LONGEST_PAUSE_SEC = 0.2
LEAST_TURNS = 10
"""While two scans go on: whoever waited for them in the loop would leave it a few."""
PEAK_KIB = 20 * 1024


@pytest.fixture(scope="module")
def big_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the files in 500 directories, half of them in one."""
    root = tmp_path_factory.mktemp("big")
    (root / "wide").mkdir()
    for number in range(500):
        (root / f"{number // 50}" / f"{number:03}").mkdir(parents=True)
    for number in range(FILES // 2):
        for place in (f"{number // 5000}/{number // 100:03}", "wide"):
            os.close(os.open(root / place / f"sales_{number:06}.csv", os.O_CREAT | os.O_WRONLY))
    return root


@pytest.mark.parametrize("rules", [{}, {"sizes": True}, {"workers": 4}, {"exclude": ("*.log", "tmp/*")}])
def test_a_scan_holds_up_nothing_and_takes_little_memory(big_tree: Path, rules: dict[str, object]) -> None:
    [collector] = build(NodeSettings(paths=(WatchedPath(path=str(big_tree), **rules),)))  # type: ignore[arg-type]

    async def main() -> tuple[PathStats, float, int, int]:
        scan = asyncio.create_task(scanned_twice(collector))
        pause, turns, peak = 0.0, 0, 0
        while not scan.done():
            # The time that this thread works: when the machine is busy with something else, nobody holds up the loop.
            began = time.thread_time()
            await asyncio.sleep(0.001)
            pause, turns = max(pause, time.thread_time() - began), turns + 1
            peak = max(peak, *(peak_kib(pid) for pid in children()), 0)
        return await scan, pause, turns, peak

    row, pause, turns, peak = asyncio.run(main())

    assert (row.state, row.file_count, row.dir_count) == ("ok", FILES, 511)
    assert pause < LONGEST_PAUSE_SEC
    assert turns >= LEAST_TURNS
    assert 0 < peak < PEAK_KIB


async def scanned_twice(collector: PathCollector) -> PathStats:
    """The second scan knows what the first one saw."""
    for _ in range(2):
        async with aclosing(collector.readings(datetime.now(UTC))) as readings:
            rows = [reading.rows[0].stats async for reading in readings]
    return rows[-1]


def peak_kib(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0

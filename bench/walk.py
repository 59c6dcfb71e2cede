"""P4 and P4b: counting 200,000 files in 2,000 directories, on a warm local disk and on a file system that is slow.

A walk is what the node does: a fresh interpreter, the count, the answer. Its peers run in between, on the same tree.
"""

import asyncio
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from bench.figure import Figure
from bench.slowfs import slowfs
from node.collectors.paths_order import order_for
from node.settings import WatchedPath
from node.sources.mounts import read_mounts
from node.sources.walk import Order, Result, Walker

DIRECTORIES = 2000
FILES = 200_000
ROUNDS = 9
SLOW_ROUNDS = 2
SLOW_WORKERS = 32


def run() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="etlmon-bench-", ignore_cleanup_errors=True) as scratch,
        asyncio.Runner() as loop,
    ):
        return [*_warm(loop, Path(scratch) / "tree"), *_slow(loop, Path(scratch) / "slow")]


def _warm(loop: asyncio.Runner, root: Path) -> list[Figure]:
    _grow(root)
    order = _order(root)
    find = _command("find", root, "-printf", "")
    walked, found = _alternately(lambda: _walk(loop, order), find, rounds=ROUNDS)
    peers = {
        "fdfind": _command("fdfind", "--unrestricted", "--unrestricted", ".", root),
        "du": _command("du", "--inodes", "--summarize", root),
    }
    others = tuple((name, _median(peer, 3) / found) for name, peer in peers.items() if shutil.which(name))
    note = f"walk {walked * 1000:.0f} ms, find {found * 1000:.0f} ms, both with their start"
    return [
        Figure(
            id="P4",
            what=f"count {FILES:,} files, warm, against find",
            measured=walked / found,
            unit="x",
            budget=1.3,
            peers=(("find", 1.0), *others),
            note=note,
        ),
        Figure(id="P4", what="peak memory of the scanner", measured=_peak_mib(loop, order), unit="MiB", budget=20.0),
    ]


def _slow(loop: asyncio.Runner, where: Path) -> list[Figure]:
    with slowfs(where, DIRECTORIES, FILES // DIRECTORIES):
        order = _order(where, workers=SLOW_WORKERS)
        walked, found = _alternately(
            lambda: _walk(loop, order), _command("find", where, "-printf", ""), rounds=SLOW_ROUNDS
        )
        peers: tuple[tuple[str, float], ...] = (("find", 1.0),)
        if shutil.which("fdfind"):
            command = _command("fdfind", "--unrestricted", "--unrestricted", "--threads", str(SLOW_WORKERS), ".", where)
            peers = (*peers, ("fdfind", found / _median(command, SLOW_ROUNDS)))
    return [
        Figure(
            id="P4b",
            what=f"count {FILES:,} files at 1 ms a readdir with {SLOW_WORKERS} workers, times faster than find",
            measured=found / walked,
            unit="x",
            budget=8.0,
            higher_is_better=True,
            peers=peers,
            note=f"walk {walked * 1000:.0f} ms, find {found * 1000:.0f} ms",
        )
    ]


def _grow(root: Path) -> None:
    for number in range(DIRECTORIES):
        directory = root / f"{number // 50:02}" / f"{number:04}"
        directory.mkdir(parents=True)
        for file in range(FILES // DIRECTORIES):
            os.close(os.open(directory / f"file_{file:06}.csv", os.O_CREAT | os.O_WRONLY))


def _order(root: Path, workers: int = 1) -> Order:
    """As the node makes it, but for the low priority, which its peers do not have either."""
    order = order_for(WatchedPath(path=str(root), workers=workers), str(root), read_mounts(), b"")
    return Order(**{name: getattr(order, name) for name in order.__struct_fields__ if name != "nice"}, nice=0)


def _walk(loop: asyncio.Runner, order: Order) -> None:
    result = loop.run(_result(order))
    if result.files != FILES:
        raise RuntimeError(f"the walk counted {result.files} files of {FILES}: {result}")


async def _result(order: Order, walker: Walker | None = None) -> Result:
    async with aclosing((walker or Walker()).walk(order)) as messages:
        return [message async for message in messages if isinstance(message, Result)][-1]


def _command(*arguments: str | Path) -> Callable[[], None]:
    return lambda: _succeeds(arguments)


def _succeeds(arguments: Sequence[str | Path]) -> None:
    subprocess.run([*arguments], check=True, stdout=subprocess.DEVNULL)


def _alternately(first: Callable[[], None], second: Callable[[], None], *, rounds: int) -> tuple[float, float]:
    """The medians of both in seconds, measured in turns, so that a busy moment of the machine meets both."""
    first()
    second()
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, times in zip((first, second), took, strict=True):
            times.append(_time(action))
    return statistics.median(took[0]), statistics.median(took[1])


def _median(action: Callable[[], None], rounds: int) -> float:
    return statistics.median(_time(action) for _ in range(rounds))


def _time(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _peak_mib(loop: asyncio.Runner, order: Order) -> float:
    async def watch() -> int:
        walker = Walker()
        walking = asyncio.create_task(_result(order, walker))
        peak = 0
        while not walking.done():
            await asyncio.sleep(0.001)
            peak = max(peak, _peak_kib(walker.pid))
        return peak

    return loop.run(watch()) / 1024


def _peak_kib(pid: int | None) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0

"""One walk after the other, in a loop of its own, and what find says about the same tree."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from node.sources.walk import Order, Progress, Result, Walker


def walk(root: Path | str, walker: Walker | None = None, **rules: Any) -> Result:
    """The result of a walk below `root`."""
    return asyncio.run(result_of(walker or Walker(), Order(root=str(root), **rules)))


async def result_of(walker: Walker, order: Order) -> Result:
    return (await messages_of(walker, order))[1]


async def messages_of(walker: Walker, order: Order) -> tuple[list[Progress], Result]:
    """All progress, and the result."""
    progress: list[Progress] = []
    result: Result | None = None
    async with aclosing(walker.walk(order)) as messages:
        async for message in messages:
            if isinstance(message, Progress):
                progress.append(message)
            else:
                result = message
    assert result is not None
    return progress, result


def leaves(root: Path) -> tuple[int, ...]:
    """The devices of an order that lets the walk count by names, as on ext4, xfs and tmpfs."""
    return (root.stat().st_dev,)


def found(root: Path, *tests: str) -> int:
    """How many things find(1) finds below `root` (not the root itself), whatever bytes their names are made of."""
    command: list[str | Path] = ["find", root, "-mindepth", "1", *tests, "-printf", "x"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return len(done.stdout)


def children() -> Iterator[int]:
    """The walking processes of this one."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            status = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            command = Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == os.getpid() and b"etlmon-walk" in command:
            yield int(entry.name)

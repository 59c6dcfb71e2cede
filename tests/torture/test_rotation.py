"""Every way a log is rotated, each with a writer that does not stop, before one node that follows them all."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import program
from tests.torture.following import KEEP_ALL, WriterUnderTest, caught_up, gaps, rename_chain, state, writer
from tests.torture.verdict import in_store, judge, over_api
from tests.torture.writer import line

LINES_PER_SEC = 1000
ROTATIONS = 8
EVERY_SEC = 0.4


@dataclass(frozen=True, slots=True)
class Way:
    """How a log is rotated: by logrotate with `options`, or by `by_hand`.

    `reopens` is when its writer opens the file anew. A way that is not `lossless` takes lines away before anybody can
    read them; its writer writes whole lines, for else the rest of one would stand in the file as a line. With
    `apart_sec` rotations keep their distance.

    On a busy machine the node may be late. A file that `vanishes` soon is rotated when the node has seen it, for nobody
    can know of one that came and went in between; one is truncated again when the node has noticed the last time.
    """

    name: str
    options: str = ""
    by_hand: Callable[[WriterUnderTest], None] | None = None
    reopens: str = "hup"
    lossless: bool = True
    apart_sec: float = 0.0
    vanishes: bool = False


def chain(writes: WriterUnderTest) -> None:
    rename_chain(writes.path)


def delete(writes: WriterUnderTest) -> None:
    writes.path.unlink()


def truncate(writes: WriterUnderTest) -> None:
    os.truncate(writes.path, 0)


def switch(writes: WriterUnderTest) -> None:
    """A link at the path shows another file from one moment to the next."""
    number = int(writes.path.readlink().suffix[1:]) + 1 if writes.path.is_symlink() else 1
    target = writes.path.with_name(f"{writes.path.name}.{number}")
    target.touch()
    link = writes.path.with_name(f"{writes.path.name}.link")
    link.symlink_to(target.name)
    link.rename(writes.path)
    writes.hang_up()


WAYS = (
    Way("create", "create"),
    Way("nocreate", "nocreate"),
    Way("compress", "create\n compress", vanishes=True),
    Way("delaycompress", "create\n compress\n delaycompress", vanishes=True),
    Way("dateext", "create\n dateext\n dateformat -%Y%m%d-%s", apart_sec=1.1),
    Way("unaware", "create", reopens="never"),
    Way("copytruncate", "copytruncate", lossless=False),
    Way("chain", by_hand=chain, reopens="stat"),
    Way("deleted", by_hand=delete, reopens="stat", vanishes=True),
    Way("truncated", by_hand=truncate, lossless=False),
    Way("switched", by_hand=switch),
)


@pytest.mark.peer("logrotate")
def test_nothing_is_twice_and_nothing_is_lost_outside_reported_gaps(tmp_path: Path) -> None:
    logs = ", ".join(f"{{name: {way.name}, path: '{log(tmp_path, way)}', start: beginning}}" for way in WAYS)
    with ExitStack() as stack:
        writers = []
        for way in WAYS:
            log(tmp_path, way).parent.mkdir()
            writers.append(
                stack.enter_context(writer(log(tmp_path, way), LINES_PER_SEC, way.reopens, torn=way.lossless))
            )
        config = f"node: {{listen: '127.0.0.1:0'}}\nlogs: [{logs}]\n{KEEP_ALL}"
        started = stack.enter_context(node(tmp_path, config))
        for way, writes in zip(WAYS, writers, strict=True):
            caught_up_once(started, way.name, writes)
        apart_sec = rotate_all(tmp_path, started, writers)
        for writes in writers:
            writes.end()
        found = [
            judge_log(tmp_path, started, way, writes.lines, apart_sec)
            for way, writes in zip(WAYS, writers, strict=True)
        ]
    wrong = "\n\n".join(f"{way.name}: {words}" for way, words in zip(WAYS, found, strict=True) if words)
    assert not wrong, wrong


def log(directory: Path, way: Way) -> Path:
    return directory / way.name / "app.log"


def caught_up_once(started: NodeUnderTest, name: str, writes: WriterUnderTest) -> None:
    """Wait until the node has read something of the log: a file it never saw may go unseen."""
    end = time.monotonic() + 60
    while not started.get(f"/api/v1/logs/{name}?lines=1")[1]:
        assert time.monotonic() < end, f"nothing of {writes.path} was read"
        time.sleep(0.02)


def is_ready(started: NodeUnderTest, way: Way, writes: WriterUnderTest, rotated: int) -> bool:
    """Whether a log that was `rotated` so often may be rotated again."""
    if not (way.vanishes or not way.lossless):
        return True
    known = state(started, way.name)
    if not way.lossless:
        return int(known["gaps"]) >= rotated
    return writes.path.exists() and bool(known["inode"] == writes.path.stat().st_ino)


def rotate_all(directory: Path, started: NodeUnderTest, writers: list[WriterUnderTest]) -> float:
    """Rotate every log again and again; the longest time between two rounds of it."""
    rotated_at = dict.fromkeys(WAYS, 0.0)
    longest_sec = EVERY_SEC
    for number in range(ROTATIONS):
        began = time.monotonic()
        for way, writes in zip(WAYS, writers, strict=True):
            wait_until(lambda now=(way, writes, number): is_ready(started, *now))  # type: ignore[misc]
            if time.monotonic() - rotated_at[way] >= way.apart_sec:
                rotated_at[way] = time.monotonic()
                rotate(directory, way, writes)
        time.sleep(max(0.0, began + EVERY_SEC - time.monotonic()))
        longest_sec = max(longest_sec, time.monotonic() - began)
    return longest_sec


def rotate(directory: Path, way: Way, writes: WriterUnderTest) -> None:
    if way.by_hand is not None:
        way.by_hand(writes)
        return
    conf = directory / f"{way.name}.conf"
    after = f" postrotate\n  kill -HUP {writes.process.pid}\n endscript\n"
    conf.write_text(f"{writes.path} {{\n rotate 20\n {way.options}\n{after if way.reopens == 'hup' else ''}}}\n")
    subprocess.run([program("logrotate"), "-f", "-s", directory / f"{way.name}.state", conf], check=True)


def judge_log(directory: Path, started: NodeUnderTest, way: Way, written: int, apart_sec: float) -> str:
    """What is wrong with what was stored of a log; empty when nothing is."""
    caught_up(started, way.name, line(written - 1))
    verdict = judge(written, in_store(directory / "etlmon.db", way.name))
    reported = gaps(started, way.name)
    if judge(written, over_api(started.address, way.name)) != verdict:
        return "the API tells something else than lies in the store"
    if verdict.twice or verdict.wrong or verdict.disordered:
        return str(verdict)
    if way.lossless:
        return "" if verdict.perfect and not reported else f"{verdict}; gaps {reported}"
    at = [gap["seq"] for gap in reported]
    unreported = [hole for hole in verdict.lost if not reported_in(hole[2], at, LINES_PER_SEC * apart_sec)]
    return f"not in a gap: {unreported}; gaps {reported}" if unreported or not reported else ""


def reported_in(seq: int, gap_seqs: list[int], most: float) -> bool:
    """Whether a gap stands at this line, or before it with nothing but lines of a copy, so many at most, in between."""
    return any(0 <= seq - gap < most for gap in gap_seqs)

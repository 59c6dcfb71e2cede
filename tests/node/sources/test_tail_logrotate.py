"""The tail alone, beside a real writer and the real logrotate; it is stopped, and told that nothing could be stored."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.node.sources.tailing_files import Followed
from tests.peers import program
from tests.torture.following import WriterUnderTest, rename_chain, writer
from tests.torture.writer import line

LINES_PER_SEC = 5000
ROTATIONS = 6
EVERY_SEC = 0.25


@dataclass(frozen=True, slots=True)
class Way:
    """How a log is rotated: by logrotate with `options`, or by `by_hand`. One that is not `lossless` takes away lines
    that nobody can have read.
    """

    name: str
    options: str = ""
    by_hand: Callable[[WriterUnderTest], None] | None = None
    reopens: str = "hup"
    lossless: bool = True
    restarts: bool = True
    """A restart gives descriptors back: what is written to a deleted file then is gone."""
    every_sec: float = EVERY_SEC


def delete(writes: WriterUnderTest) -> None:
    writes.path.unlink()
    writes.hang_up()


def delete_and_recreate(writes: WriterUnderTest) -> None:
    writes.path.unlink()
    writes.path.touch()
    writes.hang_up()


def reopen_late(writes: WriterUnderTest) -> None:
    rename_chain(writes.path)
    time.sleep(0.1)
    writes.hang_up()


def switch(writes: WriterUnderTest) -> None:
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
    Way("compress", "create\n compress", restarts=False),
    Way("delaycompress", "create\n compress\n delaycompress", restarts=False),
    Way("dateext", "create\n dateext\n dateformat -%Y%m%d-%s", every_sec=1.1),
    Way("extension", "create\n extension .log"),
    Way("never reopened", "create", reopens="never"),
    Way("copytruncate", "copytruncate", lossless=False),
    Way("copytruncate and compress", "copytruncate\n compress", lossless=False, restarts=False),
    Way("rename chain", by_hand=lambda writes: rename_chain(writes.path), reopens="stat"),
    Way("reopened late", by_hand=reopen_late),
    Way("deleted", by_hand=delete, restarts=False),
    Way("deleted and recreated", by_hand=delete_and_recreate, restarts=False),
    Way("truncated", by_hand=lambda writes: os.truncate(writes.path, 0), lossless=False),
    Way("switched", by_hand=switch),
)


def logrotate(log: Path, options: str, pid: int) -> Callable[[WriterUnderTest], None]:
    conf = log.with_name("logrotate.conf")
    conf.write_text(f"{log} {{\n rotate 50\n {options}\n postrotate\n  kill -HUP {pid}\n endscript\n}}\n")
    conf.chmod(0o644)
    command: list[str | Path] = [program("logrotate"), "-f", "-s", log.with_name("state"), conf]

    def rotate(_: WriterUnderTest) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    return rotate


def follow_for(followed: Followed, way: Way, chance: random.Random) -> None:
    """Look as often as a node does; now and then nothing can be stored, or the node is started anew."""
    end = time.monotonic() + way.every_sec
    while (now := time.monotonic()) < end:
        stored = chance.random() > 0.1
        followed.look(after=now - followed.now, stored=stored)
        if not stored:
            followed.restore()
        elif way.restarts and chance.random() < 0.05:
            followed.restart()
        time.sleep(0.01)
    followed.look(after=time.monotonic() - followed.now)  # however little time there was


@pytest.mark.peer("logrotate")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name.replace(" ", "-"))
def test_each_line_comes_once_and_what_is_missing_was_reported(tmp_path: Path, way: Way) -> None:
    log = tmp_path / "app.log"
    chance = random.Random(way.name)
    with writer(log, LINES_PER_SEC, way.reopens, torn=way.lossless) as writes:
        rotate = way.by_hand or logrotate(log, way.options, writes.process.pid)
        followed = Followed(log)
        followed.now = time.monotonic()
        for _ in range(ROTATIONS):
            follow_for(followed, way, chance)
            rotate(writes)
        follow_for(followed, way, chance)
        written = writes.end()
    end = time.monotonic() + 60
    while len(followed.lines) < written and time.monotonic() < end:
        followed.look(after=max(0.0, time.monotonic() - followed.now))
        if not way.lossless and not followed.tail.stirred():
            break
    followed.stop()

    numbers = [int(given[:10]) for given in followed.lines]
    assert followed.lines == [line(number) for number in numbers]
    assert len(numbers) == len(set(numbers)), "a line was given twice"
    missing = written - len(numbers)
    if way.lossless:
        assert (missing, followed.lost, followed.rotations) == (0, [], ROTATIONS)
    else:
        assert {lost.reason for lost in followed.lost} == {"truncated"}, [
            (lost.reason, lost.offset, lost.message[-90:]) for lost in followed.lost
        ]
        # The busier the machine, the more of it: what comes between the copy and the truncation is gone.
        assert missing <= written // 2

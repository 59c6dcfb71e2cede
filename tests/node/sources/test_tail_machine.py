"""Whatever is done to a log: each of its lines is given once, in order, or lies in a loss that was reported."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from node.sources.tail import Tail
from node.sources.tail_identity import generation_of
from node.sources.tail_types import Batch, Lost, Place, Restored, TailOptions

PHASES = (Phase.reuse, Phase.generate, Phase.shrink)


@dataclass
class Life:
    """What was written to one file between its birth, or a truncation, and its end, or the next."""

    inode: int
    generation: int
    pieces: list[tuple[int, str]] = field(default_factory=list)
    """The offset and the text of each."""
    size: int = 0
    excused: bool = False
    """It came and went without anybody looking."""
    seen: bool = False
    """Something of it was read, and that was stored."""


@dataclass
class Writer:
    descriptor: int
    life: Life
    unfinished: bool = False
    half: int = 0
    """The number of the line whose end is still to come."""

    def write(self, text: str) -> None:
        os.write(self.descriptor, text.encode())
        self.life.pieces.append((self.life.size, text))
        self.unfinished = not text.endswith("\n")
        self.life.size += len(text)

    @property
    def closed(self) -> bool:
        return self.descriptor < 0

    def close(self) -> None:
        if not self.closed:
            os.close(self.descriptor)
            self.descriptor = -1


def generation_at(path: Path) -> int:
    with path.open("rb") as file:
        return generation_of(file.fileno())


class LogMachine(RuleBasedStateMachine):
    """A log that is written, rotated, truncated and deleted, under a tail that is read, stopped and started."""

    pattern = "app.log"

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="etlmon-tail-"))
        self.path = self.home / "app.log"
        self.now = 1000.0
        self.number = 0
        self.lives: list[Life] = []
        self.writer: Writer | None = None
        self.old_writers: list[Writer] = []
        self.tail: Tail | None = None
        self.places: list[Place] = []
        self.known = False
        self.given: list[str] = []
        self.lost: list[Lost] = []

    def options(self) -> TailOptions:
        return TailOptions(
            path=str(self.home / self.pattern),
            start="beginning",
            batch_bytes=2000,
            longest_line_bytes=5000,
            most_rotated=64,
        )

    @initialize(late=st.booleans())
    def begin(self, late: bool) -> None:
        if self.pattern == "app.log":
            (self.home / "app.log-20240101").write_text("<0ax>\nnever to be read\n")
        if not late:
            self.reopen()
        self.start()
        self.look(lose=False)

    # what the writer does

    def reopen(self) -> Writer:
        if self.writer is not None:
            self.old_writers.append(self.writer)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        status = os.fstat(descriptor)
        life = next((life for life in self.living() if life.inode == status.st_ino), None)
        if life is None:
            life = Life(status.st_ino, generation_of(descriptor))
            self.lives.append(life)
        self.writer = Writer(descriptor, life)
        return self.writer

    def living(self) -> Iterator[Life]:
        for writer in (self.writer, *self.old_writers):
            if writer is not None and not writer.closed:
                yield writer.life

    def text(self, half: str, width: int) -> str:
        return f"<{self.number}{half}{'x' * width}>"

    def write_to(self, writer: Writer, count: int, width: int) -> None:
        if writer.unfinished:
            writer.write("\n")
        for _ in range(count):
            self.number += 1
            writer.write(self.text("a", width) + "\n")

    @rule(count=st.integers(1, 60), width=st.integers(0, 80))
    def write(self, count: int, width: int) -> None:
        self.write_to(self.writer or self.reopen(), count, width)

    @rule(width=st.integers(0, 80))
    def write_half(self, width: int) -> None:
        writer = self.writer or self.reopen()
        if not writer.unfinished:
            self.number += 1
            writer.write(self.text("a", width))
            writer.half = self.number

    @precondition(lambda self: self.writer is not None and self.writer.unfinished)
    @rule()
    def write_end(self) -> None:
        assert self.writer is not None
        self.writer.write(f"<{self.writer.half}bx>\n")

    @precondition(lambda self: any(not writer.closed for writer in self.old_writers))
    @rule(count=st.integers(1, 5), which=st.integers(0, 5))
    def write_to_an_old_file(self, count: int, which: int) -> None:
        writers = [writer for writer in self.old_writers if not writer.closed]
        self.write_to(writers[which % len(writers)], count, 5)

    @rule()
    def open_anew(self) -> None:
        self.reopen()

    # what rotation does

    def shift(self) -> None:
        for number in range(8, 0, -1):
            source = self.path.with_name(f"app.log.{number}")
            if source.exists():
                source.rename(self.path.with_name(f"app.log.{number + 1}"))
        self.delete(self.path.with_name("app.log.9"))

    def delete(self, path: Path) -> None:
        if path.exists():
            generation = generation_at(path)
            path.unlink()
            self.excuse(generation, deleted=True)
            if any(place.ended and place.generation == generation for place in self.places):
                self.close_deleted()  # it was let go: nobody can know what is written to it now

    def close_deleted(self) -> None:
        for writer in filter(None, (self.writer, *self.old_writers)):
            if not writer.closed and os.fstat(writer.descriptor).st_nlink == 0:
                writer.close()
        if self.writer is not None and self.writer.closed:
            self.writer = None

    def excuse(self, generation: int, *, deleted: bool) -> None:
        """Nobody can know of what is gone before anything of it was seen and stored."""
        stored = [
            place
            for place in self.places
            if place.generation == generation and (not place.ended if deleted else place.offset)
        ]
        for life in self.lives:
            if life.generation == generation and not stored:
                life.excused = True

    @precondition(lambda self: self.path.exists())
    @rule(create=st.booleans(), reopens=st.booleans(), still=st.integers(0, 3))
    def rotate(self, create: bool, reopens: bool, still: int) -> None:
        self.shift()
        self.path.rename(self.path.with_name("app.log.1"))
        if self.writer is not None and still:
            self.write_to(self.writer, still, 3)
        if create:
            self.path.touch()
        if reopens:
            self.reopen()

    @precondition(lambda self: self.path.exists())
    @rule(times=st.integers(2, 4), count=st.integers(0, 8))
    def rotate_several_times(self, times: int, count: int) -> None:
        for _ in range(times):
            self.rotate(create=True, reopens=True, still=0)
            assert self.writer is not None
            self.write_to(self.writer, count, 4)

    @precondition(lambda self: self.path.exists())
    @rule(between=st.integers(0, 3), after=st.integers(0, 40))
    def copytruncate(self, between: int, after: int) -> None:
        self.shift()
        shutil.copyfile(self.path, self.path.with_name("app.log.1"))
        self.truncate(between)
        if self.writer is not None:
            self.write_to(self.writer, after, 9)

    @precondition(lambda self: self.path.exists())
    @rule(before=st.integers(0, 3))
    def truncate(self, before: int) -> None:
        inode, generation = self.path.stat().st_ino, generation_at(self.path)
        writers = [w for w in (self.writer, *self.old_writers) if w is not None and not w.closed]
        mine = [writer for writer in writers if writer.life.inode == inode]
        if mine:
            self.write_to(mine[0], before, 2)
        os.truncate(self.path, 0)
        self.excuse(generation, deleted=False)
        if mine:
            life = Life(inode, generation)
            self.lives.append(life)
            for writer in mine:
                writer.life = life

    @precondition(lambda self: self.path.exists())
    @rule(recreate=st.booleans())
    def delete_it(self, recreate: bool) -> None:
        self.delete(self.path)
        if recreate:
            self.reopen()

    # what the tail does

    def start(self) -> None:
        self.tail = Tail(self.options())
        self.tail.restore(Restored(tuple(self.places), known=self.known))

    def read(self) -> Batch:
        assert self.tail is not None
        self.now += 0.2
        return self.tail.read(self.now, time.time())

    def keep(self, batch: Batch) -> None:
        self.given += [line for chunk in batch.chunks for line in chunk.lines]
        self.lost += batch.lost
        self.places, self.known = batch.places, True
        for place in self.places:
            for life in self.lives[::-1]:
                if place.offset and place.generation == life.generation:
                    life.seen = True
                    break

    @precondition(lambda self: self.tail is not None)
    @rule(lose=st.booleans())
    def look(self, lose: bool) -> None:
        assert self.tail is not None
        batch = self.read()
        if lose:
            self.tail.restore(Restored(tuple(self.places), known=self.known))
        else:
            self.keep(batch)
        self.check()

    @precondition(lambda self: self.tail is not None)
    @rule(quiet=st.booleans())
    def time_passes(self, quiet: bool) -> None:
        self.catch_up()
        if quiet:
            self.close_deleted()
            self.catch_up()
        self.now += 1000 if quiet else 6
        self.catch_up()

    @rule(last_is_stored=st.booleans())
    def stop(self, last_is_stored: bool) -> None:
        if self.tail is None:
            self.start()
            return
        batch = self.read()
        if last_is_stored:
            self.keep(batch)
        self.tail.close()
        self.tail = None

    def catch_up(self) -> None:
        for _ in range(1000):
            batch = self.read()
            self.keep(batch)
            if not batch.more:
                return
        raise AssertionError("there is always more")

    # what must hold

    def check(self) -> None:
        pieces = [match for line in self.given for match in re.findall(r"<[^>]*>", line)]
        assert len(pieces) == len(set(pieces)), "a line was given twice"
        assert "".join(pieces) == "".join(self.given), "what was given is not what was written"
        place = {piece: index for index, piece in enumerate(pieces)}
        for life in self.lives:
            given = [place[p] for _, text in life.pieces if (p := text.strip()) in place]
            assert given == sorted(given), "lines of one file were given in another order"
        assert "<0ax>" not in place

    def teardown(self) -> None:
        try:
            if self.tail is None:
                self.start()
            self.catch_up()
            self.path.touch()  # as long as nothing is there, what is missing may come back
            for _ in range(2):
                self.now += 61
                self.catch_up()
            self.check()
            self.check_complete()
        finally:
            if self.tail is not None:
                self.tail.close()
            for writer in (self.writer, *self.old_writers):
                if writer is not None:
                    writer.close()
            shutil.rmtree(self.home)

    def check_complete(self) -> None:
        given = {piece for line in self.given for piece in re.findall(r"<[^>]*>", line)}
        for life in self.lives:
            for offset, text in life.pieces:
                if text.strip() in {"", *given} or life.excused:
                    continue
                assert any(
                    lost.inode == life.inode
                    and (not life.seen or lost.reason == "gone" or lost.offset < offset + len(text))
                    for lost in self.lost
                ), f"{text.strip()} of {life.inode} is missing: {self.lost}"


class GlobMachine(LogMachine):
    """The same, with a glob that matches the rotated files and the copies too."""

    pattern = "app.log*"


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, phases=PHASES)
TestGlob = GlobMachine.TestCase
TestGlob.settings = TestLog.settings

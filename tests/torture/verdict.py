"""What came of the lines that a writer wrote: how many are stored, how many are lost, twice, wrong or out of order."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from etlmon.contract.logs import SEQ_BITS
from tests.node.processes import ask
from tests.torture.writer import line

PAGE = 5000
SHOWN = 5


@dataclass(slots=True)
class Verdict:
    """`lost` holds ranges of numbers (first, last) with the seq of the stored line before them.

    `wrong` are stored lines that no writer wrote (torn, mixed up); `disordered` ones that stand after a later one.
    """

    written: int
    stored: int = 0
    lost: list[tuple[int, int, int]] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    disordered: list[int] = field(default_factory=list)

    @property
    def lost_lines(self) -> int:
        return sum(last - first + 1 for first, last, _ in self.lost)

    @property
    def perfect(self) -> bool:
        """Every line exactly once, as it was written and in its order."""
        return not (self.lost or self.twice or self.wrong or self.disordered) and self.stored == self.written

    def __str__(self) -> str:
        return (
            f"{self.written:,} lines written, {self.stored:,} stored; lost {self.lost_lines} {self.lost[:SHOWN]}, "
            f"twice {len(self.twice)} {self.twice[:SHOWN]}, wrong {len(self.wrong)} {self.wrong[:SHOWN]}, "
            f"out of order {len(self.disordered)} {self.disordered[:SHOWN]}"
        )


def judge(written: int, stored: Iterable[tuple[int, str]]) -> Verdict:
    """Compare (seq, line) in the store's order with the lines 0 to `written` - 1."""
    verdict, seen = Verdict(written), bytearray(written)
    newest, newest_seq = -1, 0
    holes: list[tuple[int, int, int]] = []
    for seq, text in stored:
        verdict.stored += 1
        number = int(text[:10]) if text[:10].isdecimal() else -1
        if not 0 <= number < written or text != line(number):
            verdict.wrong.append(f"{seq}: {text}")
            continue
        if seen[number]:
            verdict.twice.append(number)
        elif number < newest:
            verdict.disordered.append(number)
        elif number > newest + 1:
            holes.append((newest, number, newest_seq))
        seen[number] = 1
        if number > newest:
            newest, newest_seq = number, seq
    holes.append((newest, written, newest_seq))
    for before, after, seq in holes:
        verdict.lost += [(*missing, seq) for missing in _runs(seen, before + 1, after)]
    return verdict


def _runs(seen: bytearray, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The stretches of numbers that never came, of those from `start` to before `stop`."""
    while (first := seen.find(0, start, stop)) >= 0:
        start = seen.find(1, first, stop)
        start = stop if start < 0 else start
        yield first, start - 1


def in_store(database: Path, name: str) -> Iterator[tuple[int, str]]:
    """The lines of a log as they lie in the node's database: (seq, line)."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        (number,) = db.execute("SELECT number FROM logs WHERE name = ?", (name,)).fetchone()
        first = number << SEQ_BITS
        rows = db.execute(
            "SELECT id - ?, line FROM log_lines WHERE id > ? AND id < ? ORDER BY id",
            (first, first, (number + 1) << SEQ_BITS),
        )
        yield from rows


def over_api(address: str, name: str) -> Iterator[tuple[int, str]]:
    """The same as the node tells it, page by page."""
    start = 1
    while True:
        status, page = ask(address, f"/api/v1/logs/{name}?start={start}&limit={PAGE}")
        assert status == 200, page
        yield from ((row["seq"], row["line"]) for row in page)
        if len(page) < PAGE:
            return
        start = page[-1]["seq"] + 1

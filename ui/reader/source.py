"""One log of one node, as it is asked for: its bounds, its gaps, its lines by query, and what is wrong with the way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from etlmon.answer import Answer, NodeError, NodeGarbage, NodeRefused
from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import LOG, LOG_GAPS, LOGS, SEQ_BITS, Log, LogGap, LogLine, LogQuery
from ui.reader.lines import LineCache
from ui.reader.reading import LogName
from ui.state import Asks, Fleet, NodeState, Question

T = TypeVar("T")

Trouble = tuple[str, datetime]

QUESTION = Question(LOGS)
MOST_GAPS = 1000
_LONGEST_WAIT_SEC = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """An answer of lines, oldest first; `searched` is where a search ran out of time, `last` the newest line then."""

    lines: Sequence[LogLine]
    searched: int | None
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seqs:
    """An answer of seqs, newest first; `searched` is where the search ran out of time, `last` the newest line then."""

    seqs: Sequence[int]
    searched: int | None
    last: int


class Source:
    """Asks one log. `first` and `last` are the seqs of its oldest and newest line; `changed` hears of all that is new.

    `trouble` says why it does not answer, `lost` why nothing new comes in; each with since when by our clock, and None
    while all is well.
    """

    def __init__(
        self, name: LogName, client: Asks, fleet: Fleet, changed: Callable[[], None], clock: Callable[[], datetime]
    ) -> None:
        self.name = name
        self.client = client
        self.first, self.last = 1, 0
        self.number: int | None = None
        self.is_known = False
        """Whether the node has said what there is of it."""
        self.lines = LineCache()
        self.gaps: Sequence[LogGap] = ()
        self.gaps_counted = 0
        self.trouble: Trouble | None = None
        self.lost: Trouble | None = None
        self.identity = fleet.live(name.node).node_id
        self._fleet = fleet
        self._changed = changed
        self._clock = clock

    @property
    def node(self) -> NodeState:
        return self._fleet.live(self.name.node)

    @property
    def log(self) -> Log | None:
        """The log's own state, as the node last told it."""
        known = self.node.answer(QUESTION) or ()
        return next((log for log in known if log.name == self.name.log), None)

    def id_of(self, seq: int) -> int:
        """The id of a line. Raises ValueError before the first line was seen: until then there are none."""
        if self.number is None:
            raise ValueError("the number of the log is not known yet")
        return self.number << SEQ_BITS | seq

    def learn(self, first: int, last: int) -> None:
        """The node says that the log has these lines; older news of it changes nothing."""
        if first > self.first or last > self.last:
            self.first, self.last = max(self.first, first), max(self.last, last)
        self.is_known = True

    def take(self, lines: Sequence[LogLine]) -> None:
        """Hold these lines."""
        if not lines:
            return
        number = lines[-1].id >> SEQ_BITS
        if number != self.number and self.number is not None:
            # Another log by the same name: nothing that was held is of it.
            self.lines.clear()
            self.first, self.last = lines[0].seq, lines[-1].seq
        self.number = number
        self.lines.put(lines)
        self.learn(self.first, lines[-1].seq)

    async def ask(self, query: LogQuery) -> Lines:
        """Lines of the log, which are held from now on. Raises NodeError."""
        answer = await self.ask_apart(query)
        self.take(answer.lines)
        return answer

    async def ask_apart(self, query: LogQuery) -> Lines:
        """Lines of the log, which are not held. Raises NodeError."""
        answer = await self._ask(query)
        lines = [one for one in answer.unwrap() if isinstance(one, LogLine)]
        return Lines(lines=lines, searched=_number(answer, "X-Searched-Seq"), last=self._take_bounds(answer))

    async def ask_seqs(self, query: LogQuery) -> Seqs:
        """The seqs of lines; the query says `matches="seq"`. Raises NodeError."""
        answer = await self._ask(query)
        last = self._take_bounds(answer)
        seqs = [one for one in answer.unwrap() if isinstance(one, int)]
        return Seqs(seqs=seqs, searched=_number(answer, "X-Searched-Seq"), last=last)

    async def ask_gaps(self) -> None:
        """Learn where something may be missing. Raises NodeError."""
        log = self.log
        self.gaps_counted = 0 if log is None else log.gaps
        answer = await self.client.ask(LOG_GAPS, query=RowPage(limit=MOST_GAPS), name=self.name.log)
        self.check(answer.node_id)
        self.gaps = sorted(answer.unwrap(), key=lambda gap: (gap.seq, gap.id))

    async def insist(self, query: LogQuery) -> Lines:
        """Ask until there is an answer. Raises NodeRefused, which another try would not change."""
        return await self._insist(lambda: self.ask(query))

    async def insist_seqs(self, query: LogQuery) -> Seqs:
        """The same for seqs."""
        return await self._insist(lambda: self.ask_seqs(query))

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        wait = 0.5
        while True:
            try:
                found = await ask()
            except NodeRefused:
                raise
            except NodeError as error:
                self.fail(error.message)
            else:
                self.mend()
                return found
            wait = min(_LONGEST_WAIT_SEC, wait * 2)
            await asyncio.sleep(wait)

    def fail(self, message: str) -> None:
        """Nothing comes, for this reason."""
        since = self._clock() if self.trouble is None else self.trouble[1]
        self.trouble = (message, since)
        self._changed()

    def mend(self) -> None:
        """Answers come again."""
        if self.trouble is not None:
            self.trouble = None
            self._changed()

    def lose(self, message: str) -> None:
        """What comes in is not told any more, for this reason."""
        self.lost = (message, self._clock() if self.lost is None else self.lost[1])
        self._changed()

    def hold(self) -> None:
        """What comes in is told (again)."""
        if self.lost is not None:
            self.lost = None
            self._changed()

    def add_gap(self, gap: LogGap) -> None:
        """Something may be missing after the newest line."""
        if gap.id not in {known.id for known in self.gaps}:
            self.gaps = sorted((*self.gaps, gap), key=lambda one: (one.seq, one.id))
            self._changed()

    async def _ask(self, query: LogQuery) -> Answer[list[LogLine | int]]:
        answer = await self.client.ask(LOG, query=query, name=self.name.log)
        self.check(answer.node_id)
        return answer

    def check(self, node_id: str) -> None:
        """Raises NodeGarbage when another node answered than the one whose log it is."""
        node = self.node
        if node.node_id and node_id and node_id != node.node_id:
            raise NodeGarbage(node.address, f"another node answers here: check the tunnel, or :trust {node.name}")

    def _take_bounds(self, answer: Answer[list[LogLine | int]]) -> int:
        first, last = _number(answer, "X-First-Seq"), _number(answer, "X-Last-Seq")
        if first is not None and last is not None:
            self.learn(first, last)
        return self.last if last is None else last


def _number(answer: Answer[list[LogLine | int]], header: str) -> int | None:
    text = answer.headers.get(header, "")
    return int(text) if text.isdecimal() else None

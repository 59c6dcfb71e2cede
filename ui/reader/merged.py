"""Several logs as one document, by time: of each a stretch is held, longer or moved as the operator scrolls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from etlmon.answer import NodeError, NodeRefused
from etlmon.contract.logs import LogLine
from ui.reader.lines import PAGE
from ui.reader.merge import Merge
from ui.reader.part import Part
from ui.reader.reading import Found, LineFilter, Progress, Seek, Step
from ui.reader.single import DEBOUNCE_SEC, Follow, none_there
from ui.reader.source import Source
from ui.reader.tasks import Tasks
from ui.reader.walking import next_line
from ui.widgets.logrow import Key, LogRow

_BEFORE = PAGE // 2
"""How many lines before a moment are asked for with those after it."""


class MergedDocument:
    """Lines of several logs in the order of their times: that in the line where it has one, else when it was read."""

    def __init__(
        self, sources: Sequence[Source], chosen: LineFilter, tasks: Tasks, changed: Callable[[], None], follow: Follow
    ) -> None:
        self.sources = sources
        self._follow = follow
        self.filter = chosen
        self.arrived = 0
        self._tasks = tasks
        self._changed = changed
        self._merge = Merge([Part(source, order) for order, source in enumerate(sources)])
        self._wanted: tuple[tuple[Key, Key] | None, bool] = (None, True)
        self._is_moving = False
        self._complaint = ""

    # What it holds

    @property
    def is_ready(self) -> bool:
        return all(part.is_ready for part in self._merge.parts)

    @property
    def is_searched(self) -> bool:
        """Whether it is known which lines there are; before, there may be some although none is here."""
        return self.is_ready

    @property
    def line_count(self) -> int:
        """How many of the rows are lines."""
        return sum(entry.gap == 0 for entry in self._merge.entries)

    @property
    def progress(self) -> Progress | None:
        return Progress(found=self.line_count, complaint=self._complaint) if self.filter else None

    @property
    def find_progress(self) -> Progress | None:
        return None

    def __len__(self) -> int:
        return len(self._merge.entries)

    def key_at(self, place: int) -> Key:
        return self._merge.key_of(self._merge.entries[place])

    def place_of(self, key: Key) -> int:
        return max(0, min(self._merge.place_of(key), len(self) - 1))

    def row(self, place: int) -> LogRow | None:
        return self._merge.row_of(self._merge.entries[place])

    # What it asks for

    def open(self) -> None:
        """Ask for the newest lines of each, and for their gaps."""
        for part in self._merge.parts:
            self._tasks.start(self._open(part))

    async def _open(self, part: Part) -> None:
        try:
            await self._newest(part)
        except NodeRefused as error:
            self._complaint = error.body.message
            part.is_ready = True
        else:
            self._follow(part.source, self.filter.query, part.high)
        self._rearranged()
        await self._ask_gaps(part)

    async def _newest(self, part: Part) -> None:
        answer = await part.source.insist(replace(self.filter.query, limit=PAGE))
        part.replace(answer.lines, has_older=bool(answer.lines) or answer.searched is not None, has_newer=False)
        part.high = max(part.high, answer.last)
        if answer.searched is not None:
            part.low = answer.searched

    async def _ask_gaps(self, part: Part) -> None:
        try:
            await part.source.ask_gaps()
        except NodeError:
            return  # the lines say what is wrong; the gaps come with the next news of the log
        self._rearranged()

    def _rearranged(self) -> None:
        self._merge.changed()
        self._changed()

    def took(self, source: Source, lines: Sequence[LogLine]) -> None:
        """These lines have come into a log. Where its newest are not held, they are asked for when they are wanted."""
        part = self._merge.parts[self.sources.index(source)]
        news = [line for line in lines if line.seq > part.high]
        self.arrived += len(news)
        if news and part.is_ready and not part.has_newer:
            self._merge.append(part, news)
            self._merge.trim(oldest=True)

    def heard(self) -> None:
        """There is news of one of the logs."""
        for part in self._merge.parts:
            log = part.source.log
            if log is not None and part.is_ready and log.gaps != part.source.gaps_counted:
                part.source.gaps_counted = log.gaps
                self._tasks.start(self._ask_gaps(part))

    def find(self, pattern: str) -> None:
        """What is searched is marked on the screen, and looked for step by step."""

    def want(self, places: tuple[int, int], *, following: bool) -> None:
        """These places are on the screen."""
        first, last = max(0, places[0]), min(places[1], len(self) - 1)
        shown = (self.key_at(first), self.key_at(last)) if first <= last else None
        self._wanted = (shown, following)
        if not self._is_moving and self._next_move() is not None:
            self._is_moving = True
            self._tasks.start(self._move())

    def _next_move(self) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """What brings a screen more on either side of what is on the screen; None when it is here."""
        shown, following = self._wanted
        first, last = (0, -1) if shown is None else (self.place_of(shown[0]), self.place_of(shown[1]))
        height = max(1, last - first + 1)
        if not self.is_ready:
            return None
        if following and self._merge.has_newer:
            return self._to_end
        if first < height and self._merge.has_older:
            return self._extend_older
        if last >= len(self) - height and self._merge.has_newer:
            return self._extend_newer
        return None

    async def _move(self) -> None:
        try:
            await asyncio.sleep(DEBOUNCE_SEC)
            while (move := self._next_move()) is not None:
                await move()
                self._rearranged()
        except NodeRefused as error:
            self._complaint = error.body.message
            self._changed()
        finally:
            self._is_moving = False

    async def _to_end(self) -> None:
        for part in self._merge.parts:
            await self._newest(part)

    async def _extend_older(self) -> None:
        """More of the part that begins last: it is what keeps the others' older lines from the screen."""
        parts = [part for part in self._merge.parts if part.has_older]
        part = max(parts, key=lambda part: part.times[0] if part.times else float("inf"))
        source = part.source
        answer = await source.insist(replace(self.filter.query, limit=PAGE, before=max(1, source.id_of(part.low))))
        low = answer.searched if answer.searched is not None else answer.lines[0].seq if answer.lines else source.first
        part.has_older = (bool(answer.lines) or answer.searched is not None) and low > source.first
        part.add_older(answer.lines, low)
        self._merge.trim(oldest=False)

    async def _extend_newer(self) -> None:
        """More of the part that ends first."""
        parts = [part for part in self._merge.parts if part.has_newer]
        part = min(parts, key=lambda part: part.times[-1] if part.times else float("-inf"))
        source = part.source
        answer = await source.insist(replace(self.filter.query, limit=PAGE, after=source.id_of(part.high)))
        found_all = not answer.lines and answer.searched is None
        high = answer.last if found_all else answer.searched if answer.searched is not None else answer.lines[-1].seq
        part.has_newer = high < answer.last
        part.add_newer(answer.lines, high)
        self._merge.trim(oldest=True)

    async def _center(self, moment: datetime, key: Key | None = None) -> None:
        """Hold what is around a moment (by our clock), and this row. Raises NodeError."""
        for part in self._merge.parts:
            source = part.source
            if key is not None and source.name == (key.node, key.log):
                query = replace(self.filter.query, limit=PAGE, start=key.seq)
            else:
                query = replace(self.filter.query, limit=PAGE, since=source.node.clock(moment))
            after = await source.ask(query)
            first = after.lines[0].seq if after.lines else after.last + 1
            before: Sequence[LogLine] = ()
            if source.number is not None:
                query = replace(self.filter.query, limit=_BEFORE, before=max(1, source.id_of(first)))
                before = (await source.ask(query)).lines
            lines = [*before, *after.lines]
            part.replace(lines, has_older=bool(before), has_newer=bool(after.lines) and lines[-1].seq < after.last)
        self._rearranged()

    # What it is sent for

    async def step(self, step: Step) -> Found:
        """The next line of a kind, in all of the logs. Raises NodeError."""
        query = self.filter.query_with(step.pattern) if step.pattern else replace(self.filter.query, severity="error")
        own = self._merge.part_of(step.origin)
        origin = None if own is None else own.place(step.origin)
        found: list[tuple[float, Key]] = []
        for part in self._merge.parts:
            if part is own or origin is None:
                beside = step.origin
            else:
                beside = Key(part.up_to(origin) + (0 if step.direction > 0 else 1))
            line = await next_line(part.source, query, beside, step.direction)
            if line is not None:
                found.append((_time(part.source, line), Key(line.seq, 0, *part.source.name)))
        if not found:
            return Found(words=none_there(step))
        time, key = min(found) if step.direction > 0 else max(found)
        if not self._holds(key):
            await self._center(datetime.fromtimestamp(time, UTC), key)
        return Found(key=key)

    def _holds(self, key: Key) -> bool:
        place = self._merge.place_of(key)
        return place < len(self) and self.key_at(place) == key

    async def seek(self, seek: Seek) -> Found:
        """The first line of a time. Raises NodeError."""
        await self._center(seek.moment)
        entries = self._merge.entries
        if not entries:
            return Found(words="There are no lines.")
        wanted = seek.moment.timestamp()
        place = next((place for place, entry in enumerate(entries) if entry.time >= wanted), None)
        if place is None:
            return Found(key=self.key_at(len(self) - 1), words="No line is as new as that; this is the newest.")
        return Found(key=self.key_at(place))

    async def texts(self) -> AsyncIterator[str]:
        """What is saved: the lines that are held, with where they are from and when."""
        for entry in list(self._merge.entries):
            key, at = self._merge.key_of(entry), datetime.fromtimestamp(entry.time, UTC)
            if isinstance(entry.item, LogLine):
                yield f"{at:%Y-%m-%dT%H:%M:%S.%fZ}\t{key.node}\t{key.log}\t{entry.item.line}\n"


def _time(source: Source, line: LogLine) -> float:
    """When it was, by our clock."""
    return ((line.event_at or line.created_at) - source.node.skew).timestamp()

"""logs: what comes into a log, for those who follow it.

A follower has a place in the log and reads on from there whenever something was committed. Nothing is queued for it:
who reads slowly is only further behind, and who is too far behind is moved on and told so. Followers at the same place
share what was read and encoded for one of them.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import aiosqlite
import msgspec

from etlmon.contract.errors import BadRequest, Unavailable
from etlmon.contract.logs import LogGap, LogLine
from node.api.logs_search import Filter, Searches
from node.api.sse import IDLE_SEC, event, place
from node.store import logs as store
from node.store import tails
from node.store.database import Database, StoreError
from node.store.logs import Bounds, Head
from node.store.logs_lines import ReadTime, Span, lines, lines_of

BATCH_LINES = 500
BATCH_TEXT = 2**16
"""Characters in one batch, about: each client that does not read keeps one in memory."""

MOST_BEHIND = 10_000
KEPT_BEHIND = BATCH_LINES
"""A follower that is more than MOST_BEHIND lines behind goes on KEPT_BEHIND lines before the end."""

MOST_STREAMS = 250
"""At a time; half of the connections a node serves stay for questions."""

_SHARED = 4
_RETRY_SEC = 1.0


@dataclass(slots=True, kw_only=True)
class Follower:
    """Where somebody is in a log: after the line `seq` and the gap `gap_id`. `allowed` is how many lines behind.

    `rotations` is how many the log had when they were told last.
    """

    filter: Filter
    seq: int
    gap_id: int
    rotations: int
    allowed: int = MOST_BEHIND
    read_time: ReadTime | None = None

    def is_too_far_behind(self, head: Head) -> bool:
        """Whether they are to be moved on. Who took up an old place has time to catch up, as long as they do."""
        behind = head.last_seq - self.seq
        self.allowed = max(MOST_BEHIND, min(self.allowed, behind + MOST_BEHIND))
        return behind > self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The events after one place, and the place after them."""

    data: bytes
    seq: int
    gap_id: int


class Followers:
    """Those who follow the logs of one node."""

    def __init__(self, database: Database, searches: Searches) -> None:
        self._database = database
        self._searches = searches
        self._channels: dict[str, _Channel] = {}
        self._streams = 0
        self._closed = False

    def close(self) -> None:
        """The node stops: every stream ends."""
        self._closed = True
        for channel in self._channels.values():
            channel.end()

    async def head(self, name: str) -> Head | None:
        """How far a log is; None when there is no such log. Raises StoreError."""
        return await self._database.read(store.head, name)

    def check(self) -> None:
        """Raises Unavailable when nobody more can follow."""
        if self._closed:
            raise Unavailable("the node is stopping", reason="stopping")
        if self._streams >= MOST_STREAMS:
            raise Unavailable(f"{MOST_STREAMS} streams are open, and no more are allowed; close one", reason="streams")

    async def follow(self, name: str, follower: Follower, head: Head, *, known: bool) -> AsyncGenerator[bytes, None]:
        """Events for one follower, from its place on, until the log is no longer configured or the node stops.

        `known` is false when the place that was asked for is none of this log. An empty piece says that nothing came
        for a while.
        """
        channel = self._channels.get(name)
        if channel is None or channel.ended or channel.number != head.number:
            channel = self._channels[name] = _Channel(self._database, self._searches, name, head.number)
        channel.followers += 1
        self._streams += 1
        try:
            begin = place(_event_id(head, follower.seq, follower.gap_id))
            yield begin if known else begin + event("skipped", {"count": head.first_seq - 1})
            async with contextlib.aclosing(channel.pieces(follower)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._streams -= 1
            channel.followers -= 1
            if not channel.followers:
                channel.end()
                if self._channels.get(name) is channel:
                    del self._channels[name]


@dataclass(slots=True)
class _Channel:
    """One log that is followed: it knows its head, and has the last batches at hand."""

    database: Database
    searches: Searches
    name: str
    number: int
    """Of the log: one of the same name that is configured later is another one, and has another number."""
    followers: int = 0
    _head: Head | None = None
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _watching: "asyncio.Task[None] | None" = None
    _batches: "OrderedDict[tuple[int, int, Filter], asyncio.Task[_Batch]]" = field(default_factory=OrderedDict)

    def end(self) -> None:
        self.ended = True
        if self._watching is not None:
            self._watching.cancel()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def pieces(self, follower: Follower) -> AsyncGenerator[bytes, None]:
        if self._watching is None and not self.ended:
            self._watching = asyncio.create_task(self._watch(), name=f"followers of {self.name}")
        while not self.ended:
            head, news = self._head, self._news
            if head is not None and (follower.seq < head.last_seq or follower.gap_id < head.gap_id):
                try:
                    yield await self._next(follower, head)
                except BadRequest as problem:
                    yield event("error", problem.body())
                    return
                except StoreError:
                    await asyncio.sleep(_RETRY_SEC)
            elif head is not None and follower.rotations != head.rotations:
                follower.rotations = head.rotations
                yield event("rotated", {"path": head.path, "inode": head.inode})
            else:
                try:
                    async with asyncio.timeout(IDLE_SEC):
                        await news.wait()
                except TimeoutError:
                    yield b""

    async def _next(self, follower: Follower, head: Head) -> bytes:
        """The events after the follower's place, which moves on. Raises StoreError, and BadRequest for its filter."""
        skipped = b""
        if follower.is_too_far_behind(head):
            count = head.last_seq - KEPT_BEHIND - follower.seq
            follower.seq += count
            skipped = event("skipped", {"count": count})
        batch = await self._batch(follower)
        follower.seq, follower.gap_id = batch.seq, batch.gap_id
        return skipped + batch.data

    async def _batch(self, follower: Follower) -> _Batch:
        key = (follower.seq, follower.gap_id, follower.filter)
        task = self._batches.get(key)
        if task is None:
            task = self._batches[key] = asyncio.create_task(self._read(follower))
            while len(self._batches) > _SHARED:
                self._batches.popitem(last=False)
        try:
            # Shielded: one follower that goes away does not take the batch from the others.
            return await asyncio.shield(task)
        except (BadRequest, StoreError):
            self._batches.pop(key, None)
            raise

    async def _read(self, follower: Follower) -> _Batch:
        bounds = await self.database.read(store.bounds, self.name)
        if bounds is None:
            self.end()
            return _Batch(data=b"", seq=follower.seq, gap_id=follower.gap_id)
        first = max(follower.seq + 1, bounds.first_seq)
        span = Span(first=first, last=bounds.last_seq, newest=False)
        end, seqs = bounds.last_seq, None
        if not follower.filter.is_empty:
            hits = await self.searches.find(bounds, span, BATCH_LINES, follower.filter)
            seqs = hits.seqs
            if len(seqs) == BATCH_LINES:
                end = seqs[-1]
            elif hits.searched is not None:
                end = hits.searched
        piece = await self.database.read(_piece, self.name, bounds, span, max(end, follower.seq), seqs, follower)
        data = _encoded(bounds, piece)
        if piece.skipped > 0:
            data = event("skipped", {"count": piece.skipped}) + data
        if not follower.filter.is_empty:
            # Most lines make no event; without this a client would look through them again when it comes back.
            data += place(_event_id(bounds, piece.end, piece.gap_id))
        return _Batch(data=data, seq=piece.end, gap_id=piece.gap_id)

    async def _watch(self) -> None:
        """Keep the head. Whoever waits is told when it moved, and when the log is no longer configured."""
        while not self.ended:
            generation = self.database.generation
            try:
                head = await self.database.read(store.head, self.name)
            except StoreError:
                await asyncio.sleep(_RETRY_SEC)
                continue
            if head is None or head.number != self.number:
                self.ended = True
            if self.ended or head != self._head:
                self._head = head
                self._tell()
            await self.database.changed(generation)


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Lines and gaps up to the line `end` and the gap `gap_id`, oldest first; `skipped` lines before them are gone."""

    lines: list[LogLine]
    gaps: list[LogGap]
    end: int
    gap_id: int
    skipped: int


async def _piece(
    db: aiosqlite.Connection,
    name: str,
    bounds: Bounds,
    span: Span,
    end: int,
    seqs: list[int] | None,
    follower: Follower,
) -> _Piece:
    """What comes next, up to the line `end`: of the lines all, or `seqs` alone when given."""
    if seqs is None:
        found = await lines(db, bounds, span, BATCH_LINES, follower.read_time, most_text=BATCH_TEXT)
        skipped = (found[0].seq - 1 if found else end) - follower.seq
        end = found[-1].seq if found else end
    else:
        found = await lines_of(db, bounds, span, seqs, follower.read_time, most_text=BATCH_TEXT)
        skipped = span.first - 1 - follower.seq
        end = found[-1].seq if found and len(found) < len(seqs) else end
    owner = store.owner(name)
    gaps = await tails.gaps_between(db, owner, follower.seq, end, after=follower.gap_id, limit=BATCH_LINES)
    if len(gaps) == BATCH_LINES:
        end, gap_id = gaps[-1].seq, gaps[-1].id
        found = [line for line in found if line.seq <= end]
        skipped = min(skipped, end - follower.seq)
    else:
        gap_id = max(follower.gap_id, await tails.newest_gap(db, owner, end))
    return _Piece(lines=found, gaps=gaps, end=end, gap_id=gap_id, skipped=skipped)


def _event_id(bounds: Bounds, seq: int, gap_id: int) -> str:
    """The place after a line and a gap."""
    return f"{bounds.id_of(seq)}.{gap_id}"


def _encoded(bounds: Bounds, piece: _Piece) -> bytes:
    """The events in order: a gap comes after the line that was the last before it."""
    events = [(line.seq, 0, event("line", line, str(line.id))) for line in piece.lines]
    events += [(gap.seq, gap.id, event("gap", gap, _event_id(bounds, gap.seq, gap.id))) for gap in piece.gaps]
    events.sort(key=lambda one: one[:2])
    return b"".join(data for _, _, data in events)

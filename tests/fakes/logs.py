"""Logs of a fake node: lines that are written while the test runs, served page by page, searched, and streamed.

fake.logs["app"] = FakeLog("app").write("one line", "another")
fake.logs["app"].write("a third")            # those who follow hear of it
fake.logs["app"].drop(1)                     # retention
fake.logs["app"].search_lines = 1000         # a search runs out of time after so many
fake.logs["app"].hang_up()                   # every stream breaks off
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import msgspec
from aiohttp import web

from etlmon.contract.errors import BadRequest, NotFound, Problem
from etlmon.contract.logs import LOG, LOG_GAPS, LOG_PAUSE, LOG_RESUME, SEQ_BITS, Log, LogGap, LogLine, LogQuery

BEGIN = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)

HEARTBEAT_SEC = 0.1
"""So a stream that nobody reads any more is soon known to be one."""


class FakeLog:
    """One log. Lines are a second apart from BEGIN on, unless told otherwise."""

    def __init__(self, name: str, number: int = 1, *, path: str = "", begin: datetime = BEGIN) -> None:
        self.name = name
        self.number = number
        self.path = path or f"/var/log/{name}.log"
        self.begin = begin
        self.first_seq = 1
        self.lines: list[LogLine] = []
        self.gaps: list[LogGap] = []
        self.paused = False
        self.status = "following"
        self.search_lines: int | None = None
        self.inode = 131
        self.streams = 0
        self.facts: dict[str, object] = {}
        self._news = asyncio.Event()
        self._break = False

    @property
    def last_seq(self) -> int:
        return self.lines[-1].seq if self.lines else 0

    def write(self, *texts: str, **more: Any) -> Self:
        """More lines; `more` are fields of LogLine."""
        for text in texts:
            seq = self.last_seq + 1
            facts: dict[str, Any] = {
                "created_at": self.begin + timedelta(seconds=seq),
                "source_inode": self.inode,
                "severity": "error" if "ERROR" in text else "warning" if "WARN" in text else None,
            }
            self.lines.append(LogLine(id=self.number << SEQ_BITS | seq, seq=seq, line=text, **{**facts, **more}))
        self._tell()
        return self

    def gap(self, message: str, lost_bytes: int | None = None) -> Self:
        """Something may be missing after what is there now."""
        gap = LogGap(
            id=len(self.gaps) + 1,
            at=self.begin + timedelta(seconds=self.last_seq),
            path=self.path,
            inode=self.inode,
            lost_bytes=lost_bytes,
            reason="truncated",
            message=message,
            seq=self.last_seq,
        )
        self.gaps.append(gap)
        self._tell()
        return self

    def drop(self, count: int) -> None:
        """The oldest lines go."""
        self.first_seq += count

    def hang_up(self) -> None:
        """Break every stream off."""
        self._break = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    @property
    def row(self) -> Log:
        facts: dict[str, Any] = {
            "status": "paused" if self.paused else self.status,
            "lines_total": self.last_seq,
            "last_line_at": self.lines[-1].created_at if self.lines else None,
            "lines_per_sec": 12.5,
            "size_bytes": 1_048_576,
            "offset": 1_048_576,
            "inode": self.inode,
            "files": 1,
            "gaps": len(self.gaps),
        }
        return Log(
            name=self.name,
            path=self.path,
            paused=self.paused,
            collected_at=BEGIN + timedelta(hours=1),
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            **{**facts, **self.facts},
        )

    # How it is asked

    def select(self, query: LogQuery) -> tuple[list[LogLine], int | None]:
        """The lines a query is about, oldest first, and where a search stopped."""
        limit = query.limit or query.lines or 100
        first, last = self.first_seq, self.last_seq
        if query.before is not None:
            last = min(last, (query.before & (1 << SEQ_BITS) - 1) - 1)
        if query.after is not None:
            first = max(first, (query.after & (1 << SEQ_BITS) - 1) + 1)
        if query.start is not None:
            first = max(first, query.start)
        if query.since is not None:
            times = ((line.seq, line.event_at or line.created_at) for line in self.lines)
            first = max(first, next((seq for seq, at in times if at >= query.since), last + 1))
        upwards = (
            query.start is not None or query.since is not None or (query.after is not None and query.before is None)
        )
        seqs: Sequence[int] = range(first, last + 1) if upwards else range(last, first - 1, -1)
        found: list[LogLine] = []
        filtered = query.grep is not None or query.exclude is not None or query.severity is not None
        for searched, seq in enumerate(seqs, start=1):
            line = self.lines[seq - 1]
            if _wanted(line, query):
                found.append(line)
            if len(found) >= limit:
                break
            if filtered and searched == self.search_lines and seq != seqs[-1]:
                return sorted(found, key=lambda one: one.seq), seq
        return sorted(found, key=lambda one: one.seq), None

    async def stream(self, response: web.StreamResponse, query: LogQuery, last_id: str) -> None:
        """What comes, as server-sent events."""
        self.streams += 1
        self._break = False
        seq = int(last_id) & (1 << SEQ_BITS) - 1 if last_id else max(0, self.last_seq - (query.lines or 0))
        # As a node does: who says which line was the last is told the gaps behind it once more.
        gaps = len([gap for gap in self.gaps if gap.seq < seq or not (last_id or query.lines)])
        try:
            while not self._break:
                news = self._news
                for line in self.lines[seq:]:
                    seq = line.seq
                    if _wanted(line, query):
                        data = msgspec.json.encode(line).decode()
                        await response.write(f"id: {line.id}\nevent: line\ndata: {data}\n\n".encode())
                for gap in self.gaps[gaps:]:
                    data = msgspec.json.encode(gap).decode()
                    await response.write(f"event: gap\ndata: {data}\n\n".encode())
                gaps = len(self.gaps)
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT_SEC)
                except TimeoutError:
                    await response.write(b": still here\n\n")
        except ConnectionResetError:
            return  # nobody listens any more
        finally:
            self.streams -= 1


def _wanted(line: LogLine, query: LogQuery) -> bool:
    if query.grep is not None and not re.search(query.grep, line.line):
        return False
    if query.exclude is not None and re.search(query.exclude, line.line):
        return False
    return query.severity is None or line.severity == "error" or line.severity == query.severity


def query_of(request: web.Request) -> LogQuery:
    """Raises BadRequest."""
    try:
        query = msgspec.convert(dict(request.query), LogQuery, strict=False)
        for pattern in (query.grep, query.exclude):
            re.compile(pattern or "")
    except (msgspec.ValidationError, re.error) as error:
        raise BadRequest(f"grep: {error}") from error
    return query


async def answer(fake: Any, request: web.Request) -> web.StreamResponse:
    """What a fake node says to a question about one of its logs."""
    name, _, act = request.path.removeprefix(LOG.path.partition("{")[0]).partition("/")
    log: FakeLog | None = fake.logs.get(name)
    try:
        if log is None:
            raise NotFound(f"there is no log {name}")
        query = query_of(request) if not act else LogQuery()
    except Problem as problem:
        return fake.refuse(problem)  # type: ignore[no-any-return]
    if act:
        return _acted(fake, log, f"{request.method} {act}")
    headers = {"X-First-Seq": str(log.first_seq), "X-Last-Seq": str(log.last_seq)}
    if query.follow:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        fake.stamp(response)
        await response.prepare(request)
        await response.write(b": following\n\n")
        await log.stream(response, query, request.headers.get("Last-Event-ID", ""))
        return response
    lines, searched = log.select(query)
    if searched is not None:
        headers["X-Searched-Seq"] = str(searched)
    found: Sequence[object] = [line.seq for line in reversed(lines)] if query.matches else lines
    return _json(fake, found, headers)


def _acted(fake: Any, log: FakeLog, act: str) -> web.StreamResponse:
    if act == f"{LOG_GAPS.method} gaps":
        return _json(fake, list(reversed(log.gaps)), {})
    for endpoint, paused in ((LOG_PAUSE, True), (LOG_RESUME, False)):
        if act == f"{endpoint.method} {endpoint.path.rpartition('/')[2]}":
            log.paused = paused
            return _json(fake, log.row, {})
    return fake.refuse(NotFound("there is no such endpoint"))  # type: ignore[no-any-return]


def _json(fake: Any, value: object, headers: dict[str, str]) -> web.StreamResponse:
    body = msgspec.json.encode(value)
    return fake.stamp(web.Response(body=body, content_type="application/json", headers=headers))  # type: ignore[no-any-return]

"""logs: the followed logs, their lines, what may be missing of them, and pausing them."""

from functools import lru_cache

from aiohttp import web

from etlmon.contract.endpoint import LARGEST_ID, RowPage
from etlmon.contract.errors import BadRequest, NotFound, Unavailable
from etlmon.contract.logs import Log, LogGap, LogLine, LogQuery, PauseRequest
from node.api import sse
from node.api.logs_search import Filter
from node.api.logs_stream import MOST_BEHIND, Follower
from node.api.request import Nothing, Request, cut_page, one_more
from node.commands import logs as commands
from node.sources.timestamps import ReadTime, reader
from node.store import logs as store
from node.store.logs import Bounds, Head
from node.store.logs_lines import Page, lines_of, page, span

LINES = 100
MOST_SEQS = 10_000


async def list_logs(request: Request[Nothing]) -> list[Log]:
    return await request.context.database.read(store.logs)


async def lines(request: Request[LogQuery]) -> list[LogLine] | list[int]:
    """Raises NotFound, and BadRequest for places that contradict each other or a bad regular expression."""
    query, name = request.params, request.path_params["name"]
    _check(query)
    wanted = Filter.of(query)
    if not wanted.is_empty:
        return await _search(request, name, query, wanted)
    read_time = _read_time(request, name)
    found = await request.context.database.read(page, name, query, _limit(query), read_time)
    found = found or Page(bounds=_nothing_yet(request, name), lines=[])
    _state_bounds(request, found.bounds)
    return found.lines


async def _search(request: Request[LogQuery], name: str, query: LogQuery, wanted: Filter) -> list[LogLine] | list[int]:
    context, read_time = request.context, _read_time(request, name)
    placed = await context.database.read(span, name, query, read_time)
    if placed is None:
        _state_bounds(request, _nothing_yet(request, name))
        return []
    bounds, asked = placed
    _state_bounds(request, bounds)
    found = await context.searches.find(bounds, asked, _limit(query), wanted)
    if found.searched is not None:
        request.headers["X-Searched-Seq"] = str(found.searched)
    if query.matches is not None:
        return sorted(found.seqs, reverse=True)
    return await context.database.read(lines_of, bounds, asked, found.seqs, read_time)


async def list_gaps(request: Request[RowPage]) -> list[LogGap]:
    """Raises NotFound."""
    name = request.path_params["name"]
    database = request.context.database
    if await database.read(store.bounds, name) is None:
        _nothing_yet(request, name)
    return cut_page(request, await database.read(store.gaps, name, one_more(request.params)))


async def pause(request: Request[PauseRequest]) -> Log:
    """Raises NotFound, and what every act may raise."""
    return await _set_paused(request, paused=True)


async def resume(request: Request[PauseRequest]) -> Log:
    """Raises NotFound, and what every act may raise."""
    return await _set_paused(request, paused=False)


async def _set_paused(request: Request[PauseRequest], *, paused: bool) -> Log:
    context = request.context
    return await commands.set_paused(
        context.acts,
        request.caller,
        context.settings.logs,
        context.database,
        context.runner.collectors,
        context.runner.trigger,
        name=request.path_params["name"],
        paused=paused,
    )


async def follow(request: Request[LogQuery], http: web.Request) -> web.StreamResponse:
    """Events from the place that is asked for, see logs_stream. Raises as `lines`, and Unavailable."""
    query, name, followers = request.params, request.path_params["name"], request.context.followers
    _check(query)
    wanted = Filter.of(query)
    followers.check()
    head = await followers.head(name)
    if head is None:
        _nothing_yet(request, name)
        raise Unavailable(f"the log {name!r} was not looked at yet; try again in a moment", reason="not_seen")
    follower, known = _begin(query, http.headers.get("Last-Event-ID"), head, wanted)
    follower.read_time = _read_time(request, name)
    return await sse.send(http, followers.follow(name, follower, head, known=known))


def _begin(query: LogQuery, last_id: str | None, head: Head, wanted: Filter) -> tuple[Follower, bool]:
    """Where a follower begins, and whether that place is known here.

    An id that this log never gave (of another log, of a database that is gone, no id at all) leads to the oldest line.
    """
    seq, gap_id, known = head.last_seq, head.gap_id, True
    if last_id:
        place = _place(last_id, head)
        known = place is not None
        seq, gap_id = place or (head.first_seq - 1, 0)
    elif query.after == 0:
        seq, gap_id = head.first_seq - 1, 0
    elif query.after is not None:
        place = _place(str(query.after), head)
        known = place is not None
        seq, gap_id = place or (head.first_seq - 1, 0)
    elif query.lines or query.limit:
        seq, gap_id = max(head.first_seq - 1, head.last_seq - _limit(query)), 0
    allowed = head.last_seq - seq + MOST_BEHIND
    return Follower(filter=wanted, seq=seq, gap_id=gap_id, rotations=head.rotations, allowed=allowed), known


def _place(event_id: str, head: Head) -> tuple[int, int] | None:
    """The seq and the gap that an event's id stands for: `LINE` or `LINE.GAP`."""
    line, _, gap = event_id.partition(".")
    if not (_is_number(line) and (_is_number(gap) or not gap)):
        return None
    seq = store.seq_of(int(line))
    return (seq, int(gap or 0)) if head.id_of(seq) == int(line) and seq <= head.last_seq else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID))


def _check(query: LogQuery) -> None:
    """Raises BadRequest, naming the parameter, for what cannot be asked together."""
    begins = [name for name in ("after", "start", "since") if getattr(query, name) is not None]
    if len(begins) > 1:
        raise BadRequest(f"{begins[0]} and {begins[1]} both say where to begin; give one of them", field=begins[1])
    if query.matches is not None and query.grep is None and query.exclude is None and query.severity is None:
        raise BadRequest("matches needs something to match: grep, exclude or severity", field="matches")
    if not query.follow:
        return
    for name in ("before", "start", "since", "matches"):
        if getattr(query, name) is not None:
            raise BadRequest(f"follow goes on from the end or from `after`; leave {name} out", field=name)
    if query.after is not None and (query.lines or query.limit):
        field = "lines" if query.lines else "limit"
        raise BadRequest(f"{field} and after both say where to begin; give one of them", field=field)


def _limit(query: LogQuery) -> int:
    return query.limit or query.lines or (LINES if query.matches is None else MOST_SEQS)


def _state_bounds(request: Request[LogQuery], bounds: Bounds) -> None:
    request.headers["X-First-Seq"] = str(bounds.first_seq)
    request.headers["X-Last-Seq"] = str(bounds.last_seq)


def _nothing_yet(request: Request[LogQuery] | Request[RowPage], name: str) -> Bounds:
    """The bounds of a log that is configured and was not looked at yet. Raises NotFound for any other name."""
    if all(log.name != name for log in request.context.settings.logs):
        raise NotFound(f"there is no log {name!r} here; GET /api/v1/logs lists them", field="name")
    return Bounds(number=0, first_seq=1, last_seq=0)


def _read_time(request: Request[LogQuery], name: str) -> ReadTime | None:
    formats = (log.timestamp for log in request.context.settings.logs if log.name == name)
    text = next(formats, None)
    return _reader(text) if text is not None else None


@lru_cache(maxsize=64)
def _reader(text: str) -> ReadTime:
    return reader(text)

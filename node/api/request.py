"""What a handler is given: the decoded request, and a place for the answer's headers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from etlmon.contract.endpoint import Endpoint, Page, RowPage
from node.api.context import ApiContext
from node.commands.act import Caller

Params = TypeVar("Params", covariant=True)
RowPageT = TypeVar("RowPageT", bound=RowPage)


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of an endpoint that takes none."""


@dataclass(slots=True, kw_only=True)
class Request(Generic[Params]):
    """One request. `params` is what was asked for: the query of a GET, the body of a command.

    `path` is the path as it was asked for, `path_params` what stood in the braces of the endpoint's, decoded. What a
    handler puts into `headers` goes out with its answer; `status` is the endpoint's unless it is changed.
    """

    context: ApiContext
    caller: Caller
    params: Params
    path: str
    status: int
    path_params: Mapping[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request[Any]], Awaitable[Any]]
Stream = Callable[[Request[Any], web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint and who answers it.

    With `cached` an answer is given again until the database commits something new: for what is read from the store
    alone, and is the same for every caller. `stream` answers instead when the query says `follow`: with events, for as
    long as the client listens. `respell` brings a body that is written in another way to that of the endpoint, and
    raises BadRequest when it cannot.
    """

    endpoint: Endpoint[Any]
    handler: Handler
    cached: bool = False
    stream: Stream | None = None
    respell: Callable[[Any], Any] | None = None


def state_page(request: Request[Page], total: int) -> None:
    """Say in the headers how many rows there are in all, and where the next ones are."""
    request.headers["X-Total-Count"] = str(total)
    following = request.params.offset + request.params.limit
    if following < total:
        request.headers["Link"] = _link(request, msgspec.structs.replace(request.params, offset=following))


def one_more(page: RowPageT) -> RowPageT:
    """The same page one row longer: the row too many tells that there is a next page."""
    return msgspec.structs.replace(page, limit=page.limit + 1)


def cut_page(request: Request[RowPage], rows: Sequence[Row]) -> list[Row]:
    """The page out of rows read with `one_more`, newest first; where the next ones are goes into the headers.

    After `after` the next ones are newer, otherwise older.
    """
    page = request.params
    if len(rows) <= page.limit:
        return list(rows)
    if page.after is not None and page.before is None:
        kept = list(rows[1:])
        request.headers["Link"] = _link(request, msgspec.structs.replace(page, after=kept[0].id))
    else:
        kept = list(rows[:-1])
        request.headers["Link"] = _link(request, msgspec.structs.replace(page, before=kept[-1].id))
    return kept


def _link(request: Request[Any], params: msgspec.Struct) -> str:
    query = {name: value for name, value in msgspec.to_builtins(params).items() if value is not None}
    return f'<{request.path}?{urlencode(query)}>; rel="next"'

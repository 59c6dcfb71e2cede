"""An endpoint: the one description from which the server routes, the client calls and OpenAPI is generated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

API = "/api/v1"

LARGEST_ID = 2**63 - 1

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Generic[Answer]):
    """One method on one path.

    `query` and `body` are structs whose fields are the accepted parameters; unknown ones are refused.
    `status` is the success status, `errors` the failures a caller should expect beyond 400, 403 (Host), 405 and 500.
    `also` are further statuses that carry the answer itself: an unhealthy node says so with 503 and its whole health.
    `headers` maps each documented answer header to its meaning. An answer whose `media_type` is not JSON is the text
    itself. With `keeps_layout` the line feeds and tabs in the
    answer's strings are part of what they say, and the client leaves them. `patience_sec` is how much longer than usual
    an answer may take, because the node waits for something.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    answer: type[Answer]
    summary: str
    example: Answer
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    also: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    keeps_layout: bool = False
    patience_sec: float = 0.0

    @property
    def is_command(self) -> bool:
        """True when a call acts on the world: it is then checked, rate-limited and audited."""
        return self.method != "GET"


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time as a caller writes it: RFC 3339 with its offset, for example 2026-11-21T06:00:00Z."""


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paging of a list by position. Answers carry `X-Total-Count`, and `Link` with rel="next" when there is more."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="rows in one answer")] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID, description="rows to pass over")] = 0


class RowPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paging of append-only rows by id, newest first; `after` asks for newer rows, `before` for older ones."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="rows in one answer")] = 100
    before: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID, description="only rows with a smaller id")] | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID, description="only rows with a larger id")] | None = None


PAGE_HEADERS = {
    "X-Total-Count": "rows in all",
    "Link": 'the next page, rel="next"; absent on the last',
}

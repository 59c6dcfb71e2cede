"""Which transfers the node is to send, as the operator types it, and back. Pure.

    user:etl host:10.0.0.7 file:*.csv dir:upload is:refused since:2h until:06:00

A word without a colon is a part of a file's name. Quotes keep blanks: `user:"a b"`.
"""

import shlex
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any, get_args

import msgspec

from etlmon.contract.xferlog import Direction, Outcome, TransferQuery
from ui.moments import parse_moment
from ui.views.queried import QueryError, words_of

EXAMPLE = "user:etl  host:10.*  file:*.csv  dir:upload  is:refused  since:2h"

_TIMES = ("since", "until")
_DIRECTIONS: Mapping[str, str] = {"up": "upload", "in": "upload", "down": "download", "out": "download"}


def parse_query(text: str, now: datetime, zone: tzinfo | None = None) -> TransferQuery:
    """The query that is meant. `now` is the node's clock, `zone` the one the operator's times are in.

    Raises QueryError when it cannot be understood.
    """
    found: dict[str, Any] = {}
    for word in words_of(text):
        name, colon, value = word.partition(":")
        if not colon or name not in _FIELDS:
            name, value = _bare(word, name if colon else "")
        if not value and name != "user":  # whoever gave no name has one that is empty
            raise QueryError(f"{name}: says nothing; write for example {_FIELDS[name][1]}")
        field, _ = _FIELDS[name]
        if field in found:
            raise QueryError(f"{name}: stands twice")
        found[field] = _value(name, value, now, zone)
    if "since" in found and "until" in found and found["since"] >= found["until"]:
        raise QueryError("since: is not before until:")
    return TransferQuery(**found)


def query_text(query: TransferQuery, show: Callable[[datetime], str]) -> str:
    """The query as it may be typed; `show` writes its times."""
    parts: list[str] = []
    for name, (field, _) in _FIELDS.items():
        value = getattr(query, field)
        if value is not None:
            text = show(value) if isinstance(value, datetime) else value
            parts.append(f"{name}:{shlex.quote(text) if ' ' in text else text}")
    return " ".join(parts)


def is_filtering(query: TransferQuery) -> bool:
    """Whether it lets less than everything through."""
    return msgspec.structs.replace(query, limit=TransferQuery().limit) != TransferQuery()


_FIELDS: Mapping[str, tuple[str, str]] = {
    "user": ("user", "user:etl"),
    "host": ("host", "host:10.0.0.7"),
    "file": ("filename", "file:*.csv"),
    "dir": ("direction", "dir:upload"),
    "is": ("outcome", "is:refused"),
    "since": ("since", "since:2h"),
    "until": ("until", "until:06:00"),
}


def _bare(word: str, name: str) -> tuple[str, str]:
    """A word with no name of a field before it: a part of a file's name, unless it looks like a slip."""
    if name.isalpha():
        raise QueryError(f"{name}: is not known; there are {' '.join(f'{field}:' for field in _FIELDS)}")
    return "file", word


def _value(name: str, value: str, now: datetime, zone: tzinfo | None) -> object:
    if name in _TIMES:
        try:
            return parse_moment(value, now, zone)
        except ValueError as error:
            raise QueryError(f"{name}: {error}") from error
    if name == "dir":
        return _one_of(name, _DIRECTIONS.get(value, value), get_args(Direction))
    if name == "is":
        return _one_of(name, value, get_args(Outcome))
    return _glob(value) if name == "file" else value


def _glob(name: str) -> str:
    """The pattern of whole paths that is meant by a part of a name, or by a pattern of a name."""
    if not any(wild in name for wild in "*?"):
        return f"*{name}*"
    return name if name.startswith(("/", "*")) else f"*{name}"


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise QueryError(f"{name}:{value} is not known; there are {', '.join(choices)}")
    return value

"""Structs to columns of the same names, and back.

Times are stored as RFC 3339 text in UTC with milliseconds and `Z`, so that they sort and read as they stand; lists and
mappings as JSON text; truth as 0 or 1.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import aiosqlite
import msgspec

from node.store.errors import StoreError

Column = str | int | float | None
Row = TypeVar("Row", bound=msgspec.Struct)

_INTEGER_MAX = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def stamp(moment: datetime) -> str:
    """`2026-11-21T06:00:00.000Z`. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; times in the store are UTC")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def storable(text: str) -> str:
    r"""Text as it can be stored: a byte that was no UTF-8 (surrogateescape) becomes `\xff`, all else stays as it is."""
    if text.isascii():
        return text
    return _SURROGATE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def column(value: object) -> Column:
    """One value as SQLite takes it. An integer beyond 64 bits becomes the nearest one."""
    match value:
        case None | float():
            return value
        case bool():
            return int(value)
        case int():
            return max(-_INTEGER_MAX - 1, min(value, _INTEGER_MAX))
        case str():
            return storable(value)
        case datetime():
            return stamp(value)
        case _:
            return json.dumps(_tidy(msgspec.to_builtins(value)), ensure_ascii=False, separators=(",", ":"))


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_tidy(key): _tidy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    return value


async def upsert(db: aiosqlite.Connection, table: str, rows: Sequence[msgspec.Struct]) -> None:
    """Write each row whole, in place of one with the same key. All rows are of one type."""
    await _insert(db, "INSERT OR REPLACE", table, rows, without=())


async def insert(
    db: aiosqlite.Connection, table: str, rows: Sequence[msgspec.Struct], *, without: Collection[str] = ()
) -> None:
    """Append rows of one type; the columns `without` get the table's own values (an id)."""
    await _insert(db, "INSERT", table, rows, without=without)


async def _insert(
    db: aiosqlite.Connection, verb: str, table: str, rows: Sequence[msgspec.Struct], *, without: Collection[str]
) -> None:
    if not rows:
        return
    names = [name for name in rows[0].__struct_fields__ if name not in without]
    marks = ", ".join("?" * len(names))
    sql = f"{verb} INTO {table} ({_quoted(names)}) VALUES ({marks})"
    await db.executemany(sql, [[column(getattr(row, name)) for name in names] for row in rows])


def columns(type_: type[msgspec.Struct], *, without: Collection[str] = ()) -> str:
    """The fields of a struct as the column list of a SELECT; those in `without` are no columns."""
    return _quoted(name for name in type_.__struct_fields__ if name not in without)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


async def select(
    db: aiosqlite.Connection, type_: type[Row], sql: str, params: Sequence[object] | Mapping[str, object] = ()
) -> list[Row]:
    """The rows of a query as structs; its columns are named as their fields.

    Raises StoreError when a row does not fit the struct, as after somebody wrote to the database by hand.
    """
    found = await db.execute_fetchall(sql, _bound(params))
    shape = _shape(type_)
    try:
        return [shape.struct(dict(row)) for row in found]
    except (msgspec.ValidationError, ValueError) as error:
        message = f"cannot read a {type_.__name__} from the database: {error}; was it edited by hand?"
        raise StoreError(message) from error


async def value(db: aiosqlite.Connection, sql: str, params: Sequence[object] = ()) -> Any:
    """The first column of the first row; None when there is no row."""
    found = list(await db.execute_fetchall(sql, _bound(params)))
    return found[0][0] if found else None


def _bound(params: Sequence[object] | Mapping[str, object]) -> Any:
    if isinstance(params, Mapping):
        return {name: column(item) for name, item in params.items()}
    return [column(item) for item in params]


@dataclass(frozen=True, slots=True)
class _Shape:
    type_: type[msgspec.Struct]
    booleans: tuple[str, ...]
    documents: tuple[str, ...]

    def struct(self, values: dict[str, Any]) -> Any:
        for name in self.booleans:
            if values.get(name) is not None:
                values[name] = bool(values[name])
        for name in self.documents:
            if values.get(name) is not None:
                values[name] = json.loads(values[name])
        return msgspec.convert(values, self.type_, str_keys=True)


@lru_cache(maxsize=64)
def _shape(type_: type[msgspec.Struct]) -> _Shape:
    info = cast("msgspec.inspect.StructType", msgspec.inspect.type_info(type_))
    booleans, documents = [], []
    for field in info.fields:
        kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        if any(isinstance(kind, msgspec.inspect.BoolType) for kind in kinds):
            booleans.append(field.name)
        elif any(isinstance(kind, _DOCUMENT) for kind in kinds):
            documents.append(field.name)
    return _Shape(type_, tuple(booleans), tuple(documents))


_DOCUMENT = (
    msgspec.inspect.CollectionType,
    msgspec.inspect.TupleType,
    msgspec.inspect.DictType,
    msgspec.inspect.StructType,
    msgspec.inspect.AnyType,
)

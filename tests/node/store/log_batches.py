"""Batches of log lines for tests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiosqlite
import msgspec

from etlmon.contract.logs import Log
from node.sources.tail_types import Chunk, Place
from node.store import logs
from node.store.database import Database
from node.store.logs import LogBatch
from tests.node.store.opened import START

PATH = "/var/log/app.log"


def log(name: str = "app", **fields: Any) -> Log:
    return msgspec.structs.replace(Log(name=name, path=PATH, collected_at=START), **fields)


def batch(
    *lines: str,
    name: str = "app",
    path: str = PATH,
    at: datetime = START,
    severities: Mapping[int, int] | None = None,
    inode: int = 7,
    **fields: Any,
) -> LogBatch:
    """A batch of one chunk, or of none without lines; `fields` are those of LogBatch."""
    chunk = Chunk(key=1, path=path, inode=inode, lines=list(lines))
    fields.setdefault("row", log(name, collected_at=at))
    return LogBatch(name=name, at=at, chunks=[(chunk, severities or {})] if lines else [], **fields)


def numbered(count: int, first: int = 1) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


def place(key: int = 1, offset: int = 0, **fields: Any) -> Place:
    return msgspec.structs.replace(Place(key=key, path=PATH, inode=7, offset=offset, head="ab", anchor="cd"), **fields)


async def put(database: Database, *batches: LogBatch) -> None:
    """Store each batch in a transaction of its own."""
    for one in batches:

        async def work(db: aiosqlite.Connection, rows: Sequence[LogBatch] = (one,)) -> None:
            await logs.record(db, rows)

        await database.write(work)

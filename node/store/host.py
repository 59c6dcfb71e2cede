"""host: the machine as it was seen last, for the time between a start and the first look after it."""

from collections.abc import Sequence

import aiosqlite
import msgspec

from etlmon.contract.host import Host
from node.store.errors import StoreError
from node.store.rows import column, value


async def record(db: aiosqlite.Connection, rows: Sequence[Host]) -> None:
    """Keep the last of `rows`, and nothing else."""
    for host in rows[-1:]:
        sql = "INSERT OR REPLACE INTO host (id, collected_at, seen) VALUES (1, ?, ?)"
        await db.execute_fetchall(sql, (column(host.collected_at), column(host)))


async def host(db: aiosqlite.Connection) -> Host | None:
    """What was recorded last; None when nothing was. Raises StoreError when it does not fit."""
    text = await value(db, "SELECT seen FROM host")
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Host)
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"cannot read the host from the database: {error}; was it edited by hand?") from error


async def forget(db: aiosqlite.Connection) -> None:
    """Forget it: the host is not watched any more."""
    await db.execute_fetchall("DELETE FROM host")

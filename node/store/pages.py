"""Pages of tables whose rows are only added, by id."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Collection, Mapping, Sequence

import aiosqlite

from etlmon.contract.endpoint import RowPage
from node.store.rows import Row, columns, select


async def page(
    db: aiosqlite.Connection,
    type_: type[Row],
    table: str,
    query: RowPage,
    *,
    equal: Mapping[str, str | None],
    where: Sequence[tuple[str, object]] = (),
    without: Collection[str] = (),
) -> list[Row]:
    """One page of a table with the column `id`, newest first.

    With `after`, the rows that come next after it; they too are given newest first. `equal` maps columns to the values
    they must have, None being any; `where` are further conditions with their one parameter each. The fields
    `without` are no columns, and stay at their defaults.
    """
    wanted: list[tuple[str, object]] = [(f'"{name}" = ?', item) for name, item in equal.items() if item is not None]
    wanted += where
    if query.before is not None:
        wanted.append(("id < ?", query.before))
    if query.after is not None:
        wanted.append(("id > ?", query.after))
    conditions = " AND ".join(condition for condition, _ in wanted) or "1"
    order = "ASC" if query.after is not None and query.before is None else "DESC"
    sql = f"SELECT {columns(type_, without=without)} FROM {table} WHERE {conditions} ORDER BY id {order} LIMIT ?"
    found = await select(db, type_, sql, [*(item for _, item in wanted), query.limit])
    return found if order == "DESC" else found[::-1]

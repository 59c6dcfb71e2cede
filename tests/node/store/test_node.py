import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from etlmon.contract.node import AuditEntry, AuditQuery, Event, EventQuery
from node.store import node
from node.store.database import Database, StoreError
from tests.node.store.opened import after, opened


def event(number: int, domain: str = "fs", key: str = "/data") -> Event:
    return Event(at=after(number), domain=domain, key=key, kind="mount_stuck", severity="critical", message=f"{number}")


def entry(action: str = "paths.scan") -> AuditEntry:
    return AuditEntry(
        at=after(0),
        who="ops",
        address="10.0.0.7",
        action=action,
        target="/data/in",
        params={"paths": ["/data/in"], "n": 3, "deep": {"yes": True, "no": None}},
        result="refused",
        status=429,
        message="too often",
    )


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def messages(database: Database, query: EventQuery) -> list[int]:
    return [int(found.message) for found in await database.read(node.events, query)]


def test_events_come_newest_first_in_pages_either_way(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: node.add_events(db, [event(number) for number in range(1, 11)]))
        assert await messages(database, EventQuery()) == list(range(10, 0, -1))
        assert await messages(database, EventQuery(limit=3)) == [10, 9, 8]
        assert await messages(database, EventQuery(limit=3, before=8)) == [7, 6, 5]
        assert await messages(database, EventQuery(limit=3, after=2)) == [5, 4, 3], "those that come next"
        assert await messages(database, EventQuery(after=3, before=6)) == [5, 4]
        [newest] = await database.read(node.events, EventQuery(limit=1))
        assert newest == msgspec.structs.replace(event(10), id=10)

    with_database(tmp_path, scenario)


def test_events_can_be_of_one_domain_or_key(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        rows = [event(1, "fs", "/a"), event(2, "paths", "/a"), event(3, "fs", "/b"), event(4, "fs", "' OR 1=1 --")]
        await database.write(lambda db: node.add_events(db, rows))
        assert await messages(database, EventQuery(domain="fs")) == [4, 3, 1]
        assert await messages(database, EventQuery(key="/a")) == [2, 1]
        assert await messages(database, EventQuery(domain="paths", key="/a", before=3)) == [2]
        assert await messages(database, EventQuery(key="' OR 1=1 --")) == [4]

    with_database(tmp_path, scenario)


def test_no_id_is_given_twice_even_after_all_events_are_gone(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: node.add_events(db, [event(1), event(2)]))
        await database.write(lambda db: db.execute("DELETE FROM events"))
        await database.write(lambda db: node.add_events(db, [event(3)]))
        assert [found.id for found in await database.read(node.events, EventQuery())] == [3]

    with_database(tmp_path, scenario)


def test_the_audit_keeps_every_attempt_as_it_was(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: node.add_audit(db, entry()))
        await database.write(lambda db: node.add_audit(db, entry("admin.reload")))
        found = await database.read(node.audit, AuditQuery())
        assert found == [
            msgspec.structs.replace(entry("admin.reload"), id=2),
            msgspec.structs.replace(entry(), id=1),
        ]
        assert [row.id for row in await database.read(node.audit, AuditQuery(action="paths.scan"))] == [1]

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET who = 'nobody'",
        "UPDATE OR IGNORE audit SET result = 'done' WHERE id = 1",
        "INSERT OR REPLACE INTO audit SELECT id, at, 'nobody', address, action, target, params, result, status, message"
        " FROM audit",
    ],
)
def test_no_statement_changes_an_audit_row(tmp_path: Path, sql: str) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: node.add_audit(db, entry()))
        with pytest.raises(StoreError, match="audit rows are never changed"):
            await database.write(lambda db: db.execute(sql))
        other = sqlite3.connect(database.path)
        with pytest.raises(sqlite3.IntegrityError, match="audit rows are never changed"):
            other.execute(sql)
        other.close()
        [row] = await database.read(node.audit, AuditQuery())
        assert row.who == "ops"

    with_database(tmp_path, scenario)

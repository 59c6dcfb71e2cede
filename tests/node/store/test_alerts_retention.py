"""What is over of the alerts goes when it is old; what is open, waits or is in force stays however old it is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from etlmon.contract.alerts_rules import Silence
from etlmon.units import Duration
from node.settings import History, Keep, Retention
from node.store import alerts_deliveries, alerts_rules
from node.store import retention as retention_module
from node.store.database import Database
from node.store.retention import Retention as Keeper
from tests.node.store.alert_rows import change, notice, save
from tests.node.store.opened import START, after, fetch, opened

FOR_EVER = Retention(events=Keep(max_age=Duration(0), max_rows=0))
DAY = 86400


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def shorten(database: Database, now: float, kept: float = 30 * DAY) -> None:
    keeper = Keeper(database, FOR_EVER, History(), alerts=Duration(kept))
    steps = 0
    while await keeper.step(after(now)):
        steps += 1
        assert steps < 100, "it never ends"


async def rules(database: Database) -> list[str]:
    return [row[0] for row in await database.read(fetch, "SELECT rule FROM alerts ORDER BY id")]


def test_alerts_go_when_they_were_resolved_long_ago(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await save(database, change("old"), change("old", state="resolved", resolved_at=START))
        await save(database, change("young"), change("young", state="resolved", resolved_at=after(2 * DAY)))
        await save(database, change("open"))
        await shorten(database, 31 * DAY)
        assert await rules(database) == ["young", "open"]
        await shorten(database, 1000 * DAY, kept=0)
        assert await rules(database) == ["young", "open"]
        await shorten(database, 1000 * DAY)
        assert await rules(database) == ["open"]

    with_database(tmp_path, scenario)


def test_notices_that_wait_stay_and_those_that_ended_go_with_their_content(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for channel in ("sent", "waits"):
            await database.write(
                lambda db, name=channel: alerts_deliveries.enqueue(db, name, [notice(1)], at=START, send_at=START)  # type: ignore[misc]
            )
        (sent,) = await database.read(fetch, "SELECT id FROM alert_deliveries WHERE channel = 'sent'")
        await database.write(lambda db: alerts_deliveries.mark_sent(db, sent[0], after(60)))
        await database.write(lambda db: alerts_deliveries.suppress(db, "quiet", [notice(1)], at=START, reason="r"))
        await shorten(database, 31 * DAY)
        assert await database.read(fetch, "SELECT channel FROM alert_deliveries") == [("waits",)]
        assert await database.read(fetch, "SELECT count(*) FROM alert_notices") == [(1,)]

    with_database(tmp_path, scenario)


def test_silences_go_long_after_they_ended(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for ends in (60, 365 * DAY):
            row = Silence(id=0, reason="r", created_by="kim", created_at=START, starts_at=START, ends_at=after(ends))
            await database.write(lambda db, row=row: alerts_rules.add_silence(db, row))  # type: ignore[misc]
        await shorten(database, 31 * DAY)
        assert await database.read(fetch, "SELECT count(*) FROM alert_silences") == [(1,)]

    with_database(tmp_path, scenario)


def test_a_number_that_comes_and_goes_fills_no_disk_and_costs_no_open_alert(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await save(database, change("open"))
        for second in range(30):
            await save(database, change(), change(state="resolved", resolved_at=after(second)))
        keeper = Keeper(database, FOR_EVER, History())
        keeper._appends = tuple(
            retention_module._Append(one.table, Keep(max_age=one.keep.max_age, max_rows=10), one.at)
            for one in keeper._appends
            if one.table == "alerts"
        )
        while await keeper.step(after(60)):
            pass
        found = await rules(database)
        assert (found[0], len(found)) == ("open", 11)

    with_database(tmp_path, scenario)

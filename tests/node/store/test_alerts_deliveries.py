"""The queue of notices: what comes before the first try goes together, what was tried stays as it is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.alerts import DeliveryQuery
from node.store import alerts_deliveries as store
from node.store.alerts_deliveries import QueuedDelivery, QueuedNotice
from node.store.database import Database
from tests.node.store.alert_rows import change, notice, save
from tests.node.store.opened import START, after, fetch, opened

Scenario = Callable[[Database], Awaitable[None]]


def with_database(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def enqueue(database: Database, channel: str, *notices: QueuedNotice, at: datetime = START) -> None:
    await database.write(lambda db: store.enqueue(db, channel, notices, at=at, send_at=after(30)))


async def due(database: Database, channel: str = "mail", at: datetime | None = None) -> QueuedDelivery:
    found = await database.read(store.due, channel, at or after(30))
    assert found is not None
    return found


async def begin(database: Database, delivery: QueuedDelivery, at: datetime) -> bool:
    return await database.write(lambda db: store.begin_try(db, delivery.id, at, "firing", "told"))


def told(delivery: QueuedDelivery) -> Sequence[tuple[str, int]]:
    return [(one.kind, one.alert.id) for one in delivery.notices]


def test_what_comes_before_the_first_try_goes_into_one_delivery(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1, "resolved"))
        assert await database.read(store.due, "mail", after(29)) is None
        await enqueue(database, "mail", notice(2), notice(1), at=after(20))
        delivery = await due(database)
        assert told(delivery) == [("firing", 1), ("resolved", 1), ("firing", 2)]
        assert (delivery.alerts, delivery.kind, delivery.title) == ([1, 2], "firing", "number 2 and 1 more")
        assert delivery.next_try_at == after(30)
        assert await database.read(store.due, "chat", after(60)) is None

    with_database(tmp_path, scenario)


def test_a_delivery_that_was_tried_says_the_same_again_and_later_ones_wait_behind_it(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1))
        first = await due(database)
        assert await begin(database, first, after(30))
        await enqueue(database, "mail", notice(2), at=after(31))
        await database.write(lambda db: store.mark_failed(db, first.id, after(32), "refused", next_try_at=after(90)))
        assert await database.read(store.due, "mail", after(60)) is None
        again = await due(database, at=after(90))
        assert (again.id, again.key, told(again), again.attempts) == (first.id, first.key, [("firing", 1)], 1)
        assert await database.read(store.next_due_at, "mail") == after(90)
        await database.write(lambda db: store.mark_sent(db, first.id, after(91)))
        second = await due(database, at=after(91))
        assert second.key != first.key
        assert told(second) == [("firing", 2)]

    with_database(tmp_path, scenario)


def test_a_try_that_was_begun_and_not_ended_is_due_again_under_its_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await enqueue(database, "mail", notice(1))
            first = await due(database)
            assert await begin(database, first, after(30))
        async with opened(tmp_path / "etlmon.db") as database:
            again = await due(database, at=after(31))
            assert (again.key, again.attempts, told(again)) == (first.key, 1, [("firing", 1)])

    asyncio.run(scenario())


def test_what_was_sent_is_counted_by_its_alerts_and_leaves_no_content(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        (row,) = await save(database, change())
        await enqueue(database, "mail", notice(row.id), notice(row.id, "resolved"))
        delivery = await due(database)
        await begin(database, delivery, after(30))
        await database.write(lambda db: store.mark_sent(db, delivery.id, after(31)))
        await database.write(lambda db: store.mark_sent(db, delivery.id, after(32)))
        assert await database.read(fetch, "SELECT notices FROM alerts") == [(1,)]
        assert await database.read(fetch, "SELECT count(*) FROM alert_notices") == [(0,)]
        (sent,) = await database.read(store.deliveries, DeliveryQuery(state="sent"))
        assert (sent.attempts, sent.sent_at, sent.title, sent.next_try_at) == (1, after(31), "told", None)
        assert await begin(database, delivery, after(33)) is False

    with_database(tmp_path, scenario)


def test_a_delivery_that_is_given_up_stays_visible_with_its_reason(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1))
        delivery = await due(database)
        await begin(database, delivery, after(30))
        await database.write(
            lambda db: store.mark_failed(db, delivery.id, after(31), "550 no", next_try_at=None, is_permanent=True)
        )
        (failed,) = await database.read(store.deliveries, DeliveryQuery(channel="mail"))
        assert (failed.state, failed.error, failed.is_permanent) == ("failed", "550 no", True)
        assert await database.read(store.due, "mail", after(9999)) is None
        assert await database.read(store.next_due_at, "mail") is None

    with_database(tmp_path, scenario)


def test_what_was_suppressed_is_written_down_and_never_due(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: store.suppress(db, "mail", [notice(1), notice(2)], at=START, reason="silence"))
        (row,) = await database.read(store.deliveries, DeliveryQuery(state="suppressed"))
        assert (row.alerts, row.error, row.title) == ([1, 2], "silence", "number 1 and 1 more")
        assert await database.read(store.due, "mail", after(9999)) is None

    with_database(tmp_path, scenario)


async def waiting(database: Database) -> list[QueuedDelivery]:
    """All that waits for the mail, the oldest first; it is sent by that."""
    found = []
    while (delivery := await database.read(store.due, "mail", after(30))) is not None:
        found.append(delivery)
        await database.write(lambda db, number=delivery.id: store.mark_sent(db, number, after(30)))  # type: ignore[misc]
    return found


def test_a_storm_that_is_too_much_for_a_delivery_goes_into_several(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        many = [notice(number) for number in range(1, 2 * store.LARGEST_CONTENT + 51)]
        await enqueue(database, "mail", *many)
        await enqueue(database, "mail", notice(9999))
        found = await waiting(database)
        assert [len(one.alerts) for one in found] == [store.LARGEST_CONTENT, store.LARGEST_CONTENT, 51]
        assert [one.title for one in found] == [
            "number 1 and 999 more",
            "number 1001 and 999 more",
            "number 2001 and 50 more",
        ]
        assert [one for delivery in found for one in delivery.notices] == [*many, notice(9999)]

    with_database(tmp_path, scenario)


def test_an_end_finds_room_beside_its_beginning_and_another_end_in_the_next_delivery(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(9999))
        first = await due(database)
        await begin(database, first, after(30))
        numbers = range(1, store.LARGEST_CONTENT + 1)
        await enqueue(database, "mail", *(notice(number) for number in numbers))
        await enqueue(database, "mail", notice(9999, "resolved"), *(notice(number, "resolved") for number in numbers))
        _, storm, rest = await waiting(database)
        assert sorted(told(storm)) == [(kind, number) for kind in ("firing", "resolved") for number in numbers]
        assert (storm.kind, storm.title) == ("resolved", "number 1 and 999 more")
        assert told(rest) == [("resolved", 9999)]

    with_database(tmp_path, scenario)


def test_what_waits_for_a_channel_has_a_limit_beyond_which_it_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LARGEST_CONTENT", 2)
    monkeypatch.setattr(store, "MOST_WAITING", 3)

    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", *(notice(number) for number in range(1, 8)))
        await enqueue(database, "mail", notice(8), notice(6, "resolved"))
        found = await waiting(database)
        assert [one.alerts for one in found] == [[1, 2], [3, 4], [5, 6, 7, 8]]
        assert told(found[-1]) == [("firing", 5), ("firing", 6), ("resolved", 6)]
        assert found[-1].title == "number 5 and 3 more"

    with_database(tmp_path, scenario)


def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1), at=START)
        assert (await due(database, at=after(-3600))).alerts == [1]
        delivery = await due(database)
        await begin(database, delivery, after(30))
        await database.write(lambda db: store.mark_failed(db, delivery.id, after(31), "down", next_try_at=after(600)))
        assert await database.read(store.due, "mail", after(500)) is None
        assert (await due(database, at=after(-3600))).alerts == [1]

    with_database(tmp_path, scenario)


def test_what_waits_for_a_channel_that_is_gone_is_given_up(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1))
        await enqueue(database, "old", notice(1))
        lost = await database.write(lambda db: store.give_up_others(db, ["mail", "chat"], after(5)))
        assert [(row.channel, row.state) for row in lost] == [("old", "waiting")]
        rows = await database.read(store.deliveries, DeliveryQuery())
        assert {row.channel: (row.state, row.error) for row in rows} == {
            "mail": ("waiting", None),
            "old": ("failed", store.NOT_CONFIGURED),
        }

    with_database(tmp_path, scenario)


def test_a_channel_says_how_it_fares_and_forgets_an_error_once_something_arrived(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1))
        first = await due(database)
        await begin(database, first, after(30))
        await database.write(lambda db: store.mark_failed(db, first.id, after(31), "down", next_try_at=after(60)))
        record = (await database.read(store.channel_records))["mail"]
        assert (record.waiting, record.last_error, record.last_error_at) == (1, "down", after(31))
        assert record.next_try_at == after(60)
        await database.write(lambda db: store.mark_failed(db, first.id, after(61), "still", next_try_at=None))
        await enqueue(database, "mail", notice(2), at=after(62))
        second = await due(database, at=after(99))
        await begin(database, second, after(99))
        await database.write(lambda db: store.mark_sent(db, second.id, after(100)))
        record = (await database.read(store.channel_records))["mail"]
        assert (record.waiting, record.failed, record.last_error, record.last_sent_at) == (0, 1, None, after(100))

    with_database(tmp_path, scenario)


def test_deleting_a_delivery_takes_its_content_along(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await enqueue(database, "mail", notice(1))
        await database.write(lambda db: db.execute_fetchall("DELETE FROM alert_deliveries"))
        assert await database.read(fetch, "SELECT count(*) FROM alert_notices") == [(0,)]

    with_database(tmp_path, scenario)

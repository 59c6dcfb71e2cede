"""The alerts in the store: one open row for each rule and label set, what was told of it, and what stays of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from etlmon.contract.alerts import AlertHistoryQuery, AlertQuery
from etlmon.contract.alerts_rules import AlertRule, Silence
from etlmon.units import Duration
from node.store import alerts as store
from node.store import alerts_rules
from node.store.database import Database
from tests.node.store.alert_rows import change, save
from tests.node.store.opened import START, after, fetch, opened

Scenario = Callable[[Database], Awaitable[None]]


def with_database(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def only(database: Database) -> store.StoredAlert:
    (row,) = await database.read(store.open_alerts)
    return row


def test_an_alert_keeps_its_row_while_it_is_open_and_gets_a_new_one_the_next_time(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        (first,) = await save(database, change(state="triggered", active_at=None))
        (active,) = await save(database, change(value=13000.0, updated_at=after(60)))
        assert (active.id, active.state, active.value) == (first.id, "active", 13000.0)
        (over,) = await save(
            database, change(state="resolved", resolved_at=after(90), resolved_because="7000 is not above 10000")
        )
        assert (over.id, over.resolved_because) == (first.id, "7000 is not above 10000")
        assert await database.read(store.open_alerts) == []
        (again,) = await save(database, change(triggered_at=after(120)))
        assert again.id > first.id

    with_database(tmp_path, scenario)


def test_alerts_of_one_rule_differ_by_their_labels(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        one, same, other = await save(
            database,
            change(labels={"a": "1", "b": "2"}),
            change(labels={"a": "1", "b": "2"}),
            change(labels={"a": "1"}),
        )
        assert same.id == one.id != other.id
        assert one.labels == {"a": "1", "b": "2"}

    with_database(tmp_path, scenario)


def test_the_engine_gets_back_what_it_said(tmp_path: Path) -> None:
    told = change(labels={"a": "한글", "b": "2"}, channels=("mail",), told_at=after(1), value=None, active_at=after(1))
    quiet = change("quiet", channels=(), labels={"z": ""})

    async def scenario(database: Database) -> None:
        rows = await save(database, told, quiet)
        assert [row.remembered for row in rows] == [told.alert, quiet.alert]
        await database.write(lambda db: store.acknowledge(db, rows[0].id, START, "kim", ""))
        assert [row.remembered.acknowledged for row in await database.read(store.open_alerts)] == [True, False]

    with_database(tmp_path, scenario)


def test_nothing_stays_of_an_alert_that_was_over_before_it_counted(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await save(database, change(state="triggered", active_at=None))
        assert await save(database, change(state="resolved", active_at=None, resolved_at=after(5))) == []
        assert await database.read(fetch, "SELECT count(*) FROM alerts") == [(0,)]

    with_database(tmp_path, scenario)


def test_a_look_leaves_who_acknowledged_and_who_was_told(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        (row,) = await save(database, change())
        await database.write(lambda db: store.acknowledge(db, row.id, after(10), "kim", "on it"))
        await database.write(lambda db: store.mark_told(db, [(row, ["mail", "chat"])]))
        told = await only(database)
        await database.write(lambda db: store.mark_told(db, [(told, ["chat", "hook"])]))
        await save(database, change(value=15000.0, updated_at=after(30)))
        now = await only(database)
        assert (now.acknowledged_by, now.comment, now.acknowledged_at) == ("kim", "on it", after(10))
        assert (now.told, now.value) == (["mail", "chat", "hook"], 15000.0)

    with_database(tmp_path, scenario)


def test_not_heard_by_all_is_what_was_given_out_and_lasts_until_every_channel_was_told(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        names = ("waits", "half", "told", "known", "over", "quiet")
        rows = await save(database, *(change(name, told_at=None if name == "quiet" else START) for name in names))
        ids = {row.rule: row for row in rows}
        told = [(ids["half"], ["mail"]), (ids["told"], ["mail", "chat", "old"])]
        await database.write(lambda db: store.mark_told(db, told))
        await database.write(lambda db: store.acknowledge(db, ids["known"].id, START, "kim", ""))
        await save(database, change("over", state="resolved", resolved_at=after(5), told_at=START))

        async def behind(*channels: str) -> list[str]:
            return [row.rule for row in await database.read(store.not_heard_by_all, channels)]

        assert await behind("chat", "mail") == ["waits", "half"]
        assert await behind("mail") == ["waits"]
        assert await behind("new") == ["waits", "half", "told"]
        assert await behind() == []

    with_database(tmp_path, scenario)


def test_the_worst_open_alert_comes_first_and_pages_fit_together(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await save(
            database,
            change("old"),
            change("new", triggered_at=after(60)),
            change("soon", severity="critical", state="triggered", active_at=None),
            change("bad", severity="critical"),
            change("note", severity="info"),
            change("gone", severity="critical", state="resolved", resolved_at=after(1)),
        )
        page, total = await database.read(store.page_of_open, AlertQuery())
        assert ([row.rule for row in page], total) == (["bad", "soon", "new", "old", "note"], 5)
        page, total = await database.read(store.page_of_open, AlertQuery(severity="warning", limit=1, offset=1))
        assert ([row.rule for row in page], total) == (["old"], 2)
        page, total = await database.read(store.page_of_open, AlertQuery(rule="note"))
        assert ([row.rule for row in page], total) == (["note"], 1)

    with_database(tmp_path, scenario)


def test_history_holds_what_was_open_since_then_newest_first(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await save(database, change("early"), change("early", state="resolved", resolved_at=after(60)))
        await save(database, change("late"), change("late", state="resolved", resolved_at=after(3600)))
        await save(database, change("now"))

        async def rules(**query: object) -> list[str]:
            found = await database.read(store.history, AlertHistoryQuery(**query))  # type: ignore[arg-type]
            return [row.rule for row in found]

        assert await rules() == ["now", "late", "early"]
        assert await rules(since=after(1800)) == ["now", "late"]
        assert await rules(rule="early", severity="warning") == ["early"]
        assert await rules(limit=1, before=3) == ["late"]

    with_database(tmp_path, scenario)


def test_the_last_told_resolution_of_each_label_set_is_found_again(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        async def over(rule: str, at: float, told: Sequence[str]) -> None:
            (row,) = await save(database, change(rule, told_at=START))
            await database.write(lambda db: store.mark_told(db, [(row, told)]))
            await save(database, change(rule, state="resolved", resolved_at=after(at), told_at=START))

        await over("backlog", 10, ["mail"])
        await over("backlog", 200, ["mail"])
        await over("backlog", 300, [])
        await over("old", 20, ["mail"])
        found = await database.read(store.told_and_resolved, after(100))
        assert [(row.rule, row.resolved_at) for row in found] == [("backlog", after(200))]

    with_database(tmp_path, scenario)


def test_hostile_text_comes_back_as_text(tmp_path: Path) -> None:
    nasty = "\x1b[31m'; DROP TABLE alerts; --\x00 \udcff 한글 [bold]"

    async def scenario(database: Database) -> None:
        (row,) = await save(database, change(nasty, labels={"path": nasty}, summary=nasty))
        assert row.summary == nasty.replace("\udcff", "\\xff")
        (same,) = await save(database, change(nasty, labels={"path": nasty}, value=1.0))
        assert same.id == row.id

    with_database(tmp_path, scenario)


RULE = AlertRule(name="deep", metric="m", condition="> 1", for_=Duration(300), channels=[], nodes=["a"])


def test_a_rule_of_the_api_comes_back_as_it_was_put(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await database.write(lambda db: alerts_rules.put_rule(db, RULE, START, "kim"))
        assert await database.read(alerts_rules.rules) == ([RULE], [])
        second = AlertRule(name="deep", metric="m", condition="> 2")
        await database.write(lambda db: alerts_rules.put_rule(db, second, after(60), "lee"))
        assert await database.read(alerts_rules.rules) == ([second], [])
        stored = await database.read(fetch, "SELECT created_by, updated_by FROM alert_rules")
        assert stored == [("kim", "lee")]
        assert await database.write(lambda db: alerts_rules.remove_rule(db, "deep")) is True
        assert await database.write(lambda db: alerts_rules.remove_rule(db, "deep")) is False

    with_database(tmp_path, scenario)


def test_a_rule_that_was_edited_by_hand_is_named_and_costs_the_others_nothing(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for rule in (RULE, AlertRule(name="fine", metric="m", condition="> 1")):
            await database.write(lambda db, rule=rule: alerts_rules.put_rule(db, rule, START, "kim"))  # type: ignore[misc]
        broken = "UPDATE alert_rules SET rule = '{\"name\": 7}' WHERE name = 'deep'"
        await database.write(lambda db: db.execute_fetchall(broken))
        found, unread = await database.read(alerts_rules.rules)
        assert ([rule.name for rule in found], unread) == (["fine"], ["deep"])

    with_database(tmp_path, scenario)


def silence(starts: float, ends: float) -> Silence:
    return Silence(
        id=0,
        labels={"path": "~/in.*"},
        reason="moved",
        created_by="kim",
        created_at=START,
        starts_at=after(starts),
        ends_at=after(ends),
    )


def test_a_silence_is_listed_until_it_is_over_and_says_whether_it_began(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        now = await database.write(lambda db: alerts_rules.add_silence(db, silence(0, 100)))
        later = await database.write(lambda db: alerts_rules.add_silence(db, silence(50, 200)))
        listed = await database.read(alerts_rules.silences, after(10))
        assert [(row.id, row.active, row.labels) for row in listed] == [
            (now, True, {"path": "~/in.*"}),
            (later, False, {"path": "~/in.*"}),
        ]
        assert [row.id for row in await database.read(alerts_rules.silences, after(100))] == [later]

    with_database(tmp_path, scenario)


def test_ending_a_silence_keeps_its_row_and_taking_one_back_does_not(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        now = await database.write(lambda db: alerts_rules.add_silence(db, silence(0, 100)))
        later = await database.write(lambda db: alerts_rules.add_silence(db, silence(50, 200)))
        for number in (now, later):
            assert await database.write(lambda db, n=number: alerts_rules.end_silence(db, n, after(20)))  # type: ignore[misc]
            assert not await database.write(lambda db, n=number: alerts_rules.end_silence(db, n, after(20)))  # type: ignore[misc]
        assert await database.read(fetch, "SELECT id, ends_at FROM alert_silences") == [
            (now, "2026-11-21T06:00:20.000Z")
        ]

    with_database(tmp_path, scenario)


def test_a_silence_that_was_ended_stays_over_when_the_clock_is_set_back(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        ended = await database.write(lambda db: alerts_rules.add_silence(db, silence(0, 100)))
        lasting = await database.write(lambda db: alerts_rules.add_silence(db, silence(0, 100)))
        await database.write(lambda db: alerts_rules.end_silence(db, ended, after(50)))
        assert [row.id for row in await database.read(alerts_rules.silences, after(20))] == [lasting]
        assert not await database.write(lambda db: alerts_rules.end_silence(db, ended, after(20)))
        assert [row.id for row in await database.read(alerts_rules.unsaid_silences, after(60))] == [ended, lasting]

    with_database(tmp_path, scenario)


def test_each_event_of_a_silence_is_due_once(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        number = await database.write(lambda db: alerts_rules.add_silence(db, silence(10, 100)))
        assert await database.read(alerts_rules.unsaid_silences, after(5)) == []
        assert [row.said for row in await database.read(alerts_rules.unsaid_silences, after(20))] == [""]
        await database.write(lambda db: alerts_rules.mark_said(db, [number], "began"))
        assert await database.read(alerts_rules.unsaid_silences, after(99)) == []
        assert [row.said for row in await database.read(alerts_rules.unsaid_silences, after(100))] == ["began"]
        await database.write(lambda db: alerts_rules.mark_said(db, [number], "ended"))
        assert await database.read(alerts_rules.unsaid_silences, after(200)) == []

    with_database(tmp_path, scenario)

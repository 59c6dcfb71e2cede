"""The task that looks: what it stores, whom it tells, and that nothing is told twice or lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
import pytest

from etlmon.units import Duration
from node.alerts import watch as watch_module
from node.alerts.record import record
from node.collector import Sample
from node.settings_alerts import AlertChannel
from node.store import alerts, samples
from node.store.database import StoreError
from tests.node.alerts.watching import CHAT, LEVEL, MAIL, Stage, collector, stage
from tests.node.collecting import until
from tests.node.store.opened import fetch

Play = Callable[[Stage], Awaitable[None]]


def on_stage(folder: Path, play: Play, *rules: dict[str, Any], **fields: Any) -> None:
    async def run() -> None:
        async with stage(folder, *rules, **fields) as one:
            await play(one)

    asyncio.run(run())


def test_a_beginning_and_an_end_are_stored_and_told_once(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=5, b=12)
        await one.look(15, a=5, b=13)
        (alert,) = await one.open()
        assert (alert.rule, alert.labels, alert.state) == ("level", {"tank": "b"}, "active")
        assert await one.sent() == [("firing", "b is at 12")]
        await one.look(15, a=5, b=9)
        await one.look(15, a=5, b=9)
        assert await one.open() == []
        assert await one.sent() == [("resolved", "b is at 12")]
        assert [(row.resolved_because, row.notices) for row in await one.history()] == [
            ("it does not hold any more", 2)
        ]
        assert await one.events() == [
            ("alert_active", "b is at 12"),
            ("alert_resolved", "over: b is at 12 (it does not hold any more)"),
        ]
        assert one.queued == 2

    on_stage(tmp_path, play)


def test_a_look_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        before = one.database.generation
        for _ in range(3):
            await one.look(5, a=12)
        assert one.database.generation == before

    on_stage(tmp_path, play)


def test_each_channel_hears_what_it_wants(tmp_path: Path) -> None:
    quiet = AlertChannel(name="pager", type="webhook", url="http://127.0.0.1:1/", min_severity="critical")

    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert [await one.sent(name) for name in ("mail", "chat", "pager")] == [
            [("firing", "a is at 12")],
            [("firing", "a is at 12")],
            [],
        ]
        await one.look(15, a=1)
        assert [await one.sent(name) for name in ("mail", "chat", "pager")] == [[("resolved", "a is at 12")], [], []]

    on_stage(tmp_path, play, channels=(MAIL, CHAT, quiet))


def test_a_rule_may_name_its_channels_or_none(tmp_path: Path) -> None:
    rules = [{**LEVEL, "channels": ["chat"]}, {**LEVEL, "name": "silent", "channels": []}]

    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert await one.told("mail") == []
        assert await one.told("chat") == [("firing", "a is at 12")]
        assert len(await one.open()) == 2

    on_stage(tmp_path, play, *rules, channels=(MAIL, CHAT))


def test_a_restart_tells_nothing_twice_and_goes_on_waiting_from_when_it_began(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12, b=5)
        assert await one.sent() == []
        one.restart()
        await one.look(299, a=12, b=5)
        assert await one.sent() == []
        one.restart()
        await one.look(1, a=12, b=5)
        assert await one.sent() == [("firing", "a is at 12")]
        one.restart()
        await one.look(60, a=12, b=5)
        await one.look(60, a=1, b=5)
        one.restart()
        await one.look(60, a=1, b=5)
        assert await one.sent() == [("resolved", "a is at 12")]
        assert len(await one.deliveries()) == 2

    on_stage(tmp_path, play, {**LEVEL, "for": "5m"})


def test_a_cooldown_outlasts_a_restart(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        await one.look(60, a=1)
        assert len(await one.sent()) == 2
        one.restart()
        await one.look(60, a=12)
        await one.look(60, a=1)
        assert await one.sent() == []
        await one.look(900, a=12)
        assert await one.sent() == [("firing", "a is at 12")]

    on_stage(tmp_path, play)


def test_what_cannot_be_stored_is_told_once_the_store_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    async def play(one: Stage) -> None:
        monkeypatch.setattr(watch_module, "record", full)
        await one.look(0, a=12)
        await one.look(15, a=12)
        assert await one.open() == []
        monkeypatch.setattr(watch_module, "record", record)
        await one.look(15, a=12)
        await one.look(15, a=12)
        assert await one.sent() == [("firing", "a is at 12")]
        monkeypatch.setattr(watch_module, "record", full)
        await one.look(15, a=1)
        monkeypatch.setattr(watch_module, "record", record)
        await one.look(15, a=1)
        assert await one.sent() == [("resolved", "a is at 12")]

    on_stage(tmp_path, play)
    told = [entry.message for entry in caplog.records if entry.name == watch_module.__name__]
    assert told == [
        "alerts are not told, because they cannot be stored: the disk is full",
        "alerts are stored again, after 2 attempts",
        "alerts are not told, because they cannot be stored: the disk is full",
        "alerts are stored again, after 1 attempts",
    ]


def test_a_look_is_stored_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise StoreError("no more room")

    async def play(one: Stage) -> None:
        await one.watch.rules()
        with monkeypatch.context() as patched:
            patched.setattr("node.store.alerts_deliveries.enqueue", broken)
            await one.look(0, a=12)
        assert await one.open() == []
        assert await one.events() == []
        await one.look(15, a=12)
        assert await one.told() == [("firing", "a is at 12")]
        assert len(await one.open()) == 1

    on_stage(tmp_path, play)


def test_an_alert_stays_while_who_states_its_number_fails_and_ends_when_the_number_is_gone(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12, b=1)
        one.collecting.collectors = [collector(status="failing", consecutive_failures=2)]
        one.collecting.samples.replace("tanks", [], one.now)
        await one.look(600)
        assert len(await one.open()) == 1
        one.collecting.collectors = [collector()]
        await one.look(15, b=1)
        await one.look(600, b=1)
        assert [row.resolved_because for row in await one.history()] == ["its number is gone"]

    on_stage(tmp_path, play)


def test_a_silenced_alert_is_seen_and_not_told_and_its_end_neither(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(3600, rule="level", labels={"tank": "~a|b"})
        await one.look(0, a=12, c=12)
        assert await one.sent() == [("firing", "c is at 12")]
        (row,) = await one.deliveries(state="suppressed")
        assert (row.channel, row.title, row.error) == ("mail", "a is at 12", "silenced by kim: new pump")
        await one.look(60, a=1, c=12)
        assert await one.sent() == []
        assert len(await one.history()) == 2

    on_stage(tmp_path, play)


def test_what_a_silence_kept_back_is_told_when_it_ends_and_the_alert_does_not(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(600)
        await one.look(0, a=12)
        one.restart()
        await one.look(599, a=12)
        assert await one.told() == []
        await one.look(1, a=12)
        await one.look(15, a=12)
        assert await one.sent() == [("firing", "a is at 12")]
        assert len(await one.deliveries(state="suppressed")) == 1
        await one.look(15, a=1)
        assert await one.sent() == [("resolved", "a is at 12")]

    on_stage(tmp_path, play)


def test_the_end_of_what_was_told_is_told_also_during_a_silence(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert len(await one.sent()) == 1
        await one.silence(3600)
        await one.look(15, a=1)
        assert await one.sent() == [("resolved", "a is at 12")]

    on_stage(tmp_path, play)


def test_a_maintenance_window_counts_from_its_beginning_and_says_so(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(600, starts_sec=60, rule="level", labels={"tank": "a"})
        await one.look(0, a=12)
        assert len(await one.sent()) == 1
        assert await one.events() == [("alert_active", "a is at 12")]
        await one.look(60, a=12)
        await one.look(600, a=12)
        await one.look(600, a=12)
        assert (await one.events())[1:] == [
            ("silence_began", "nobody is told of alerts of level with tank=a: new pump (kim)"),
            ("silence_ended", "alerts of level with tank=a are told again"),
        ]

    on_stage(tmp_path, play)


def test_an_acknowledged_alert_is_not_repeated_and_its_end_is_told(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert len(await one.sent()) == 1
        await one.look(3600, a=12)
        assert await one.sent() == [("firing", "a is at 12")]
        (row,) = await one.open()

        async def write() -> Any:
            await one.database.write(lambda db: alerts.acknowledge(db, row.id, one.now, "kim", "on it"))
            return row.remembered.key

        await one.watch.acknowledge(write)
        await one.look(7200, a=12)
        one.restart()
        await one.look(7200, a=12)
        assert await one.sent() == []
        await one.look(15, a=1)
        assert [kind for kind, _ in await one.sent()] == ["resolved"]

    on_stage(tmp_path, play, repeat_interval=3600)


def test_an_acknowledgement_waits_for_the_look_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, leave = asyncio.Event(), asyncio.Event()

    async def slow(db: aiosqlite.Connection, *rest: Any) -> None:
        begun.set()
        await leave.wait()
        await record(db, *rest)

    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        (row,) = await one.open()
        monkeypatch.setattr(watch_module, "record", slow)
        looking = asyncio.create_task(one.look(60, a=12, b=12))
        await begun.wait()

        async def write() -> Any:
            await one.database.write(lambda db: alerts.acknowledge(db, row.id, one.now, "kim", ""))
            return row.remembered.key

        acknowledging = asyncio.create_task(one.watch.acknowledge(write))
        leave.set()
        await asyncio.gather(looking, acknowledging)
        monkeypatch.setattr(watch_module, "record", record)
        await one.look(15, a=12, b=12)
        assert [summary for _, summary in await one.sent()] == ["a is at 12", "b is at 12"]

    on_stage(tmp_path, play)


def test_rules_of_the_configuration_the_file_and_the_api_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: in_file, metric: level, condition: '< 0'}]\n", encoding="utf-8")

    async def play(one: Stage) -> None:
        await one.put_rule(name="added")
        await one.put_rule(name="level")
        await one.look(0, a=12)
        found = [(info.rule.name, info.origin, info.state) for info in await one.watch.rules()]
        assert found == [
            ("level", "config", "firing"),
            ("in_file", "file", "ok"),
            ("added", "api", "ok"),
            ("level", "api", "invalid"),
        ]
        (twice,) = [info for info in await one.watch.rules() if info.state == "invalid"]
        assert twice.error is not None
        assert '"level" stands in alerts.rules' in twice.error

    on_stage(tmp_path, play, LEVEL, rules_file=str(file))


def test_a_broken_rules_file_costs_its_own_rules_and_is_seen_in_the_health(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: in_file, metric: level, condition: 'about 7'}]\n", encoding="utf-8")

    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert [info.rule.name for info in await one.watch.rules()] == ["level"]
        await one.put_rule(name="added")
        (problem,) = one.watch.problems
        assert problem.startswith(f"alerts.rules_file is not used: {file}:1: rules[0].condition")
        file.write_text("rules: [{name: in_file, metric: level, condition: '> 7'}]\n", encoding="utf-8")
        await one.watch.use(await one.watch.read(one.settings))
        assert (len(await one.watch.rules()), one.watch.problems) == (3, [])

    on_stage(tmp_path, play, LEVEL, rules_file=str(file))


def test_a_rule_that_is_removed_ends_its_alerts(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert len(await one.sent()) == 1
        await one.watch.use(await one.watch.read(one.reconfigure(rules=())))
        await one.look(15, a=12)
        assert [row.resolved_because for row in await one.history()] == ["the rule was removed"]
        assert [kind for kind, _ in await one.sent()] == ["resolved"]

    on_stage(tmp_path, play)


def test_alerts_that_are_switched_off_end_without_a_word(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert len(await one.sent()) == 1
        await one.watch.use(await one.watch.read(one.reconfigure(enabled=False)))
        await one.look(15, a=12)
        assert await one.open() == []
        assert await one.sent() == []
        assert await one.watch.rules() == []

    on_stage(tmp_path, play)


def test_a_node_that_is_renamed_judges_the_rules_of_its_new_name(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert await one.open() == []
        named = msgspec.structs.replace(one.settings.node, node_name="etl02")
        one.settings = msgspec.structs.replace(one.settings, node=named)
        await one.watch.use(await one.watch.read(one.settings))
        await one.look(15, a=12)
        assert len(await one.open()) == 1

    on_stage(tmp_path, play, {**LEVEL, "nodes": ["etl02"]})


def test_the_alerts_themselves_are_numbers(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12, b=13)
        stated = one.collecting.samples
        counts = {dict(row.labels)["severity"]: row.value for row in stated if row.name == "etlmon_alerts"}
        assert counts == {"critical": 0.0, "warning": 2.0, "info": 0.0}
        took = stated.find("etlmon_alert_evaluation_seconds")
        assert took is not None
        assert 0 < took.value < 10

    on_stage(tmp_path, play)


def test_labels_that_are_no_unicode_make_the_same_alert_after_a_restart(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        one.collecting.samples.replace("tanks", [Sample("level", 12, {"tank": "t\udcff"})], one.now)
        await one.look()
        assert len(await one.sent()) == 1
        one.restart()
        await one.look(400)
        assert await one.sent() == []
        assert await one.database.read(fetch, "SELECT count(*) FROM alerts") == [(1,)]

    on_stage(tmp_path, play)


def test_a_rate_is_told_from_the_stored_past_right_after_a_restart(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        begin = one.now - timedelta(minutes=6)
        points = [
            samples.Point("lost_total", {"log": "app"}, begin + timedelta(seconds=15 * step), float(step // 20))
            for step in range(25)
        ]
        for point in points:
            await one.database.write(lambda db, point=point: samples.record(db, [point]))  # type: ignore[misc]
        one.collecting.samples.replace("tanks", [Sample("lost_total", 1, {"log": "app"})], one.now)
        await one.look()
        assert [row.rule for row in await one.open()] == ["lost"]

    on_stage(tmp_path, play, {"name": "lost", "metric": "lost_total", "condition": "rate(5m) > 0"})


@pytest.mark.parametrize("rest", [timedelta(minutes=4), timedelta(minutes=6), timedelta(hours=40)])
@pytest.mark.parametrize(("now", "is_told"), [(3, True), (2, False)])
def test_what_a_counter_grew_by_while_the_node_was_down_is_told(
    tmp_path: Path, rest: timedelta, now: float, is_told: bool
) -> None:
    async def play(one: Stage) -> None:
        for step, value in enumerate((0, 2, 2)):
            point = samples.Point("lost_total", {"log": "app"}, one.now + timedelta(hours=step), float(value))
            await one.database.write(lambda db, point=point: samples.record(db, [point]))  # type: ignore[misc]
        one.now += timedelta(hours=2) + rest
        await one.look()  # nobody stated anything yet
        one.now += timedelta(minutes=1)
        one.collecting.samples.replace("tanks", [Sample("lost_total", now, {"log": "app"})], one.now)
        await one.look()
        assert [row.rule for row in await one.open()] == ["lost"] * is_told

    on_stage(tmp_path, play, {"name": "lost", "metric": "lost_total", "condition": "rate(5m) > 0"})


def test_it_goes_on_looking_and_looks_at_once_when_it_is_woken(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        going = asyncio.create_task(one.watch.go_on())
        await until(lambda: one.collecting.samples.find("etlmon_alerts", {"severity": "info"}) is not None)
        one.state(a=12)
        one.watch.wake()
        await until(lambda: one.queued == 1)
        assert len(await one.open()) == 1
        going.cancel()
        await asyncio.wait({going})

    on_stage(tmp_path, play, evaluation_interval=3600)


def test_a_watch_that_breaks_is_seen_in_the_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async def play(one: Stage) -> None:
        monkeypatch.setattr(watch_module, "sources_of", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            await one.watch.go_on()
        assert (one.watch.is_alive, one.watch.problems) == (False, [watch_module.ENDED])
        await one.put_rule(name="added")
        await one.watch.use(await one.watch.read(one.settings))
        assert (one.watch.is_alive, one.watch.problems) == (False, [watch_module.ENDED])

    on_stage(tmp_path, play)


def test_a_rule_that_is_added_while_the_configuration_is_read_is_in_force(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        assert one.watch.is_alive
        await one.look(0, a=12)
        read = await one.watch.read(one.reconfigure(repeat_interval=Duration(600)))
        await one.put_rule(name="added", condition="> 7")
        await one.watch.use(read)
        await one.look(15, a=12)
        assert [info.rule.name for info in await one.watch.rules()] == ["level", "added"]
        assert [row.rule for row in await one.open()] == ["level", "added"]

    on_stage(tmp_path, play)


def test_a_configuration_is_in_force_when_the_rules_of_the_api_cannot_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise StoreError("the disk is gone")

    async def play(one: Stage) -> None:
        await one.put_rule(name="added")
        await one.look(0, a=12)
        read = await one.watch.read(one.reconfigure(rules=()))
        with monkeypatch.context() as patched:
            patched.setattr("node.store.alerts_rules.rules", broken)
            await one.watch.use(read)
        assert [info.rule.name for info in await one.watch.rules()] == ["added"]

    on_stage(tmp_path, play)


def test_a_repetition_that_is_due_when_a_silence_ends_is_told_once(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(3600)
        await one.look(0, a=12)
        await one.look(1800, a=12)
        assert await one.told() == []
        await one.look(1800, a=12)
        assert await one.sent() == [("firing", "a is at 12")]
        assert len(await one.deliveries(state="suppressed")) == 1

    on_stage(tmp_path, play, repeat_interval=3600)

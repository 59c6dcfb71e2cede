"""What is owed to channels arrives: once, in order, whatever the channel does, and each channel for itself."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.units import Duration
from node.alerts.channels.channel import ChannelError
from node.alerts.courier import FEWEST_TRIES, retry_sec
from node.alerts.delivery import ENDED, address
from node.alerts.notices import Message, compose
from node.settings import NodeSettings
from node.settings_alerts import AlertChannel, AlertRetries
from tests.fakes.receiver import Reply, receiver
from tests.node.alerts.delivering import Stage, hook, keys, running, settings, stage
from tests.node.alerts.told import alert, over
from tests.node.collecting import until

Scenario = Callable[[Stage], Awaitable[None]]


def play(folder: Path, configured: NodeSettings, scenario: Scenario) -> None:
    async def main() -> None:
        async with stage(folder, configured) as on:
            await scenario(on)

    asyncio.run(main())


def test_what_is_owed_arrives_once_and_is_written_down(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "sent") == 1)
            deliverer.wake()
            await on.owe("ops", over())
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 2)
        first, second = await on.deliveries()
        assert (first.state, first.attempts, first.kind, first.error) == ("sent", 1, "firing", None)
        assert first.sent_at is not None
        assert (second.state, second.kind) == ("sent", "resolved")
        assert second.title == "resolved: /data/in1 holds 12017 files"
        assert [one.key for one in taken.received] == keys([first, second])

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_what_comes_within_the_window_goes_in_one_message(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        async with running(on.deliverer()) as deliverer:
            for number in (1, 2):
                await on.owe("ops", alert(number), in_sec=60)
                deliverer.wake()
            await on.owe("ops", over(1), in_sec=60)
            on.shift = timedelta(seconds=61)
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)
        assert [(one["status"], one["id"]) for one in taken.received[0].json["alerts"]] == [
            ("firing", 1),
            ("resolved", 1),
            ("firing", 2),
        ]
        assert len(taken.received) == 1

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_a_storm_is_one_digest(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        critical = [alert(number, severity="critical") for number in range(1, 4)]
        await on.owe("ops", *[alert(number) for number in range(4, 300)], *critical)
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "sent") == 1)
        (one,) = await on.deliveries()
        body = taken.received[0].json
        assert (one.kind, len(one.alerts), len(taken.received)) == ("digest", 299, 1)
        assert (body["kind"], len(body["alerts"]) + body["more"]) == ("digest", 299)
        assert body["title"] == one.title

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url), storm=10), scenario)


def test_a_message_is_put_together_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = []

    def noted(*arguments: Any, **given: Any) -> Message:
        where.append(threading.current_thread())
        return compose(*arguments, **given)

    monkeypatch.setattr("node.alerts.courier.compose", noted)

    async def scenario(on: Stage) -> None:
        await on.owe("ops", *map(alert, range(1, 1001)))
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "sent") == 1)

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url)), scenario)
    assert len(where) == 1
    assert where[0] is not threading.main_thread()


def test_a_failure_is_tried_again_under_the_same_key_with_the_same_words(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "retried") == 1)
            # It was tried: this one does not join it, and waits for its turn.
            await on.owe("ops", over())
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 2)
        first, second = await on.deliveries()
        assert [one.key for one in taken.received] == [first.key] * 3 + [second.key]
        assert len({one.body for one in taken.received[:3]}) == 1
        assert (first.attempts, second.attempts) == (3, 1)

    with receiver() as taken:
        taken.replies += [Reply(status=500), Reply(status=429)]
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_whoever_asks_for_time_is_left_alone_so_long(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "retried") == 1)
            (one,) = await on.deliveries()
            assert one.next_try_at is not None
            assert timedelta(seconds=100) < one.next_try_at - on.clock() <= timedelta(seconds=120)
            assert (await deliverer.channels())[0].next_try_at == one.next_try_at
            on.shift = timedelta(seconds=121)
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)

    with receiver() as taken:
        taken.replies += [Reply(status=429, headers={"Retry-After": "120"})]
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_what_is_refused_for_good_is_given_up_at_once_and_the_next_one_is_sent(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "failed") == 1)
            await on.owe("ops", over())
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)
            (info,) = await deliverer.channels()
        lost, _ = await on.deliveries()
        (event,) = await on.events()
        assert (lost.state, lost.is_permanent, lost.attempts) == ("failed", True, 1)
        assert lost.error == "404 no_service"
        assert (event.kind, event.key, event.severity) == ("notice_failed", "ops", "warning")
        assert "ops was not told, tried once: 404 no_service" in event.message
        assert (info.failed, info.waiting, info.target) == (1, 0, f"{taken.url}/***")

    with receiver() as taken:
        taken.replies += [Reply(status=404, body=b"no_service")]
        play(tmp_path, settings(hook("ops", f"{taken.url}/T1/secret")), scenario)


def test_what_fails_for_too_long_is_given_up(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "failed") == 1)
        (lost,) = await on.deliveries()
        (event,) = await on.events()
        assert (lost.state, lost.is_permanent) == ("failed", False)
        assert lost.attempts > 1
        assert f"tried {lost.attempts} times" in event.message

    retries = AlertRetries(initial=Duration(0.05), max=Duration(0.1), give_up=Duration(0.5))
    with receiver() as taken:
        taken.usual = Reply(status=503)
        play(tmp_path, settings(hook("ops", taken.url), retries=retries), scenario)


def test_a_clock_that_is_set_forward_gives_nothing_up(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        on.shift = timedelta(days=-20_000)
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "retried") == 1)
            on.shift = timedelta(0)
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)
        assert [(one.state, one.attempts) for one in await on.deliveries()] == [("sent", 3)]

    with receiver() as taken:
        taken.replies += [Reply(status=500)] * 2
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_nothing_is_given_up_after_fewer_than_three_tries(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "failed") == 1)
        assert [(one.state, one.attempts) for one in await on.deliveries()] == [("failed", FEWEST_TRIES)]

    retries = AlertRetries(initial=Duration(0.05), max=Duration(0.1), give_up=Duration(0.01))
    with receiver() as taken:
        taken.usual = Reply(status=503)
        play(tmp_path, settings(hook("ops", taken.url), retries=retries), scenario)


def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        for name in ("hangs", "ops"):
            await on.owe(name, alert())
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "sent") == 1 and len(stuck.received) == 1)
            assert on.counted("hangs", "sent") == 0
        assert await on.states() == ["waiting", "sent"]

    with receiver() as taken, receiver() as stuck:
        stuck.usual = Reply(hang=True)
        play(tmp_path, settings(hook("hangs", stuck.url), hook("ops", taken.url)), scenario)


def test_one_who_delivers_ended_in_the_middle_and_the_next_sends_the_same(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: len(taken.received) == 1)
        taken.usual = Reply()
        await on.owe("ops", over())
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "sent") == 2)
        assert len(taken.received) == 3
        assert keys(await on.deliveries()) == list(taken.once)
        assert taken.received[0].body == taken.received[1].body

    with receiver() as taken:
        taken.usual = Reply(hang=True)
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_a_message_on_its_way_is_let_through_when_the_node_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.alerts.courier.LET_GO_SEC", 30.0)

    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: len(taken.received) == 1)
        assert await on.states() == ["sent"]

    with receiver() as taken:
        taken.usual = Reply(body=b"1234", drip_sec=0.02)
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_what_became_of_a_message_is_stored_also_when_the_node_stops_just_then(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        held, gate = asyncio.Event(), asyncio.Event()

        async def hold(_: object) -> None:
            held.set()
            await gate.wait()

        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: len(taken.received) == 1)
            holding = asyncio.create_task(on.database.write(hold))
            await held.wait()
            taken.done.set()
            await until(lambda: any(task.get_name() == "ops: settle" for task in asyncio.all_tasks()))
            asyncio.get_running_loop().call_later(0.2, gate.set)
        await holding
        assert await on.states() == ["sent"]

    with receiver() as taken:
        taken.usual = Reply(hold=True)
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_a_database_that_takes_nothing_makes_nobody_hear_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.alerts.courier.STORE_WAIT_SEC", 0.1)

    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()):
            await until(lambda: len(taken.received) == 1)
            other = sqlite3.connect(tmp_path / "etlmon.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            taken.done.set()
            await until(lambda: on.database.health().error is not None)
            assert await on.states() == ["waiting"]
            other.execute("ROLLBACK")
            other.close()
            await until(lambda: on.counted("ops", "sent") == 1)
        assert len(taken.received) == 1
        assert await on.states() == ["sent"]

    with receiver() as taken:
        taken.usual = Reply(hold=True)
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_a_database_that_takes_nothing_holds_up_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.alerts.courier.LET_GO_SEC", 30.0)

    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: len(taken.received) == 1)
            other = sqlite3.connect(tmp_path / "etlmon.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            # Another configuration ends the courier while its message is on its way.
            on.settings = settings(hook("ops", f"{taken.url}/moved"))
            deliverer.wake()
            taken.done.set()
            await until(lambda: on.database.health().error is not None)
            taken.usual = Reply()
            other.execute("ROLLBACK")
            other.close()
            await until(lambda: on.counted("ops", "sent") == 2)
        assert [one.path for one in taken.received] == ["/", "/moved"]
        assert len(taken.once) == 1

    with receiver() as taken:
        taken.usual = Reply(hold=True)
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_a_clock_that_is_set_back_keeps_nothing_waiting(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        on.shift = timedelta(days=1)
        await on.owe("ops", alert(), in_sec=30)
        on.shift = timedelta(0)
        async with running(on.deliverer()):
            await until(lambda: on.counted("ops", "sent") == 1)

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


def test_new_settings_hold_from_the_next_message_on(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("gone", alert(), in_sec=60)
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("gone", "sent") == 0)
            on.settings = settings(hook("ops", second.url))
            await on.owe("ops", alert(2))
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)
            assert on.counted("gone", "sent") is None
            assert on.counted("gone", "failed") == 1
        lost, _ = await on.deliveries()
        (event,) = await on.events()
        assert (lost.state, lost.error) == ("failed", "the channel is not configured any more")
        assert (event.kind, event.key) == ("notice_failed", "gone")
        assert event.message == f"gone was not told: the channel is not configured any more ({lost.title})"
        assert first.received == []

    with receiver() as first, receiver() as second:
        play(tmp_path, settings(hook("gone", first.url), hook("ops", first.url)), scenario)


def test_alerts_that_are_switched_off_are_told_to_nobody(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: on.counted("ops", "sent") == 0)
            assert await on.states() == ["waiting"]
            on.settings = settings(hook("ops", taken.url))
            deliverer.wake()
            await until(lambda: on.counted("ops", "sent") == 1)

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url), enabled=False), scenario)


def test_an_error_of_the_program_itself_is_visible_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("nobody expects this")

    monkeypatch.setattr("node.alerts.channels.webhook.document", broken)

    async def scenario(on: Stage) -> None:
        await on.owe("ops", alert())
        async with running(on.deliverer()) as deliverer:
            await until(lambda: (on.counted("ops", "retried") or 0) > 1)
            assert (await deliverer.channels())[0].last_error == "an error of etlmon: KeyError"
        assert await on.states() == ["waiting"]

    with receiver() as taken:
        play(tmp_path, settings(hook("ops", taken.url)), scenario)


@pytest.mark.parametrize(
    ("broken_part", "problem"),
    [
        (
            "node.alerts.courier.Courier.go_on",
            "the channel ops of alerts does not work at the moment: the log says why",
        ),
        ("node.alerts.delivery.Deliverer._align", ENDED),
    ],
)
def test_a_part_that_has_ended_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_part: str, problem: str
) -> None:
    async def broken(_: object) -> None:
        raise KeyError("nobody expects this")

    monkeypatch.setattr(broken_part, broken)

    async def scenario(on: Stage) -> None:
        deliverer = on.deliverer()
        assert (deliverer.is_alive, deliverer.problems) == (True, [])
        task = asyncio.create_task(deliverer.go_on())
        await until(lambda: not deliverer.is_alive)
        assert deliverer.problems == [problem]
        task.cancel()
        await asyncio.wait({task})

    play(tmp_path, settings(hook("ops", "http://127.0.0.1:1")), scenario)


def test_a_channel_is_tried_out_past_the_queue(tmp_path: Path) -> None:
    async def scenario(on: Stage) -> None:
        deliverer = on.deliverer()
        good = await deliverer.test("ops")
        bad = await deliverer.test("away")
        with pytest.raises(KeyError):
            await deliverer.test("nobody")
        assert (good.delivered, good.message, good.duration_ms > 0) == (True, "200 ok", True)
        assert (bad.delivered, bad.message) == (False, "404 ok")
        assert taken.received[0].json["kind"] == "test"
        assert taken.received[0].json["title"] == "a test of the channel ops; nothing is wrong"
        assert await on.deliveries() == []

    with receiver() as taken, receiver() as away:
        away.usual = Reply(status=404)
        play(tmp_path, settings(hook("ops", taken.url), hook("away", away.url)), scenario)


def test_an_alertmanager_is_told_again_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.alerts.courier.REPEAT_SEC", 0.2)

    async def scenario(on: Stage) -> None:
        await on.put_open(alert(1), told=["am"])
        await on.put_open(alert(2), told=["ops"])
        await on.put_open(over(3), told=["am"])
        async with running(on.deliverer()):
            await until(lambda: len(taken.received) >= 3)
        for one in taken.received:
            (repeated,) = one.json
            assert repeated["labels"]["path"] == "/data/in1"
            assert datetime.fromisoformat(repeated["endsAt"]) > datetime.now(UTC)
        assert await on.deliveries() == []

    with receiver() as taken:
        am = AlertChannel(name="am", type="alertmanager", url=taken.url, timeout=Duration(10))
        play(tmp_path, settings(am, hook("ops", "http://127.0.0.1:9")), scenario)


@pytest.mark.parametrize(("attempts", "wait_sec"), [(1, 5.0), (2, 10.0), (3, 20.0), (8, 600.0), (10_000, 600.0)])
def test_the_waits_between_tries_double_up_to_the_longest(attempts: int, wait_sec: float) -> None:
    exact = retry_sec(AlertRetries(), attempts, ChannelError("no"), lambda low, high: (low + high) / 2)
    shortest = retry_sec(AlertRetries(), attempts, ChannelError("no"), lambda low, _: low)
    longest = retry_sec(AlertRetries(), attempts, ChannelError("no"), lambda _, high: high)
    assert exact == wait_sec
    assert 0 < shortest < exact < longest
    assert retry_sec(AlertRetries(), attempts, ChannelError("no", retry_after_sec=1000), lambda low, _: low) == 1000


@pytest.mark.parametrize(
    ("listen", "reached"),
    [
        ("127.0.0.1:8080", ""),
        ("localhost:8080", ""),
        ("[::1]:8080", ""),
        ("unix:/run/etlmon.sock", ""),
        ("192.0.2.1:0", ""),
        ("192.0.2.1:8080", "http://192.0.2.1:8080"),
        ("0.0.0.0:8080", "http://etl01:8080"),
        ("[::]:8080", "http://etl01:8080"),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_a_message_links_to_the_node_where_others_reach_it(listen: str, reached: str) -> None:
    assert address(listen, "etl01") == reached

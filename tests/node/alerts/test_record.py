"""Who is told when rules, channels and silences change while an alert is open."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.settings_alerts import AlertChannel
from node.store import alerts
from tests.node.alerts.watching import CHAT, LEVEL, MAIL, Stage, stage

Play = Callable[[Stage], Awaitable[None]]

PAGER = AlertChannel(name="pager", type="webhook", url="http://127.0.0.1:1/", min_severity="critical")
BEGUN, OVER = [("firing", "a is at 12")], [("resolved", "a is at 12")]


def on_stage(folder: Path, play: Play, *rules: dict[str, Any], **fields: Any) -> None:
    async def run() -> None:
        async with stage(folder, *rules, **fields) as one:
            await play(one)

    asyncio.run(run())


async def change(one: Stage, **fields: Any) -> None:
    """Another configuration is in force."""
    await one.watch.use(await one.watch.read(one.reconfigure(**fields)))


async def heard(one: Stage, *channels: str) -> list[list[tuple[str, str]]]:
    return [await one.sent(channel) for channel in channels]


def test_an_end_that_nobody_was_told_of_begins_no_cooldown(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(3600)
        await one.look(3000, a=12)
        await one.look(540, a=1)
        await one.look(120, a=12)
        assert await one.sent() == BEGUN
        await one.look(60, a=1)
        assert await one.sent() == OVER

    on_stage(tmp_path, play, {**LEVEL, "cooldown": "15m"})


def test_an_end_that_nobody_was_told_of_begins_no_cooldown_after_a_restart_either(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.silence(3600)
        await one.look(3000, a=12)
        await one.look(540, a=1)
        one.restart()
        await one.look(120, a=12)
        assert await one.sent() == BEGUN

    on_stage(tmp_path, play, {**LEVEL, "cooldown": "15m"})


def test_a_silenced_alert_does_not_shorten_the_cooldown_of_one_that_was_told(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        await one.look(60, a=1)
        assert len(await one.sent()) == 2
        await one.silence(120)
        await one.look(60, a=12)
        await one.look(30, a=1)
        await one.look(120, a=12)
        assert await one.sent() == []
        await one.look(900, a=12)
        assert await one.sent() == BEGUN

    on_stage(tmp_path, play, {**LEVEL, "cooldown": "15m"})


def test_who_heard_of_a_beginning_hears_of_the_end_whatever_the_rule_says_by_then(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert await heard(one, "mail", "pager", "chat") == [BEGUN, BEGUN, BEGUN]
        await change(one, rules=({**LEVEL, "severity": "warning", "channels": ["pager"]},))
        await one.look(15, a=12)
        await one.look(15, a=1)
        assert await heard(one, "mail", "pager", "chat") == [OVER, OVER, []]

    on_stage(tmp_path, play, {**LEVEL, "severity": "critical"}, channels=(MAIL, PAGER, CHAT))


def test_an_alert_that_becomes_graver_is_told_at_once_to_those_whom_it_concerns_now(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert await heard(one, "mail", "pager") == [BEGUN, []]
        await change(one, rules=({**LEVEL, "severity": "critical"},))
        await one.look(1, a=12)
        await one.look(15, a=12)
        assert await heard(one, "mail", "pager") == [[], BEGUN]
        one.restart()
        await one.look(15, a=12)
        await one.look(15, a=1)
        assert await heard(one, "mail", "pager") == [OVER, OVER]

    on_stage(tmp_path, play, LEVEL, channels=(MAIL, PAGER))


def test_a_channel_that_a_rule_names_later_is_told_once(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        await change(one, rules=({**LEVEL, "channels": ["mail", "chat"]},))
        for _ in range(3):
            await one.look(15, a=12)
        assert await heard(one, "mail", "chat") == [BEGUN, BEGUN]

    on_stage(tmp_path, play, {**LEVEL, "channels": ["mail"]}, channels=(MAIL, CHAT))


def test_a_channel_that_is_new_or_has_another_name_is_told_what_is_open(tmp_path: Path) -> None:
    renamed = msgspec.structs.replace(MAIL, name="post")

    async def play(one: Stage) -> None:
        await one.look(0, a=12, b=1)
        assert await one.sent() == BEGUN
        await change(one, channels=(renamed, CHAT))
        await one.look(15, a=12, b=12)
        both = [*BEGUN, ("firing", "b is at 12")]
        assert await heard(one, "mail", "post", "chat") == [[], both, both]
        await one.look(15, a=1, b=12)
        assert await heard(one, "mail", "post", "chat") == [[], OVER, []]

    on_stage(tmp_path, play, LEVEL, channels=(MAIL,))


def test_a_new_channel_is_not_told_what_somebody_looks_after_what_waits_or_what_is_silenced(tmp_path: Path) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12, b=12, c=1)
        (known,) = [row for row in await one.open() if row.labels["tank"] == "a"]

        async def write() -> Any:
            await one.database.write(lambda db: alerts.acknowledge(db, known.id, one.now, "kim", "on it"))
            return known.remembered.key

        await one.watch.acknowledge(write)
        await one.look(15, a=12, b=12, c=12)
        await one.look(15, a=12, b=12, c=1)
        await one.silence(600, labels={"tank": "b"})
        await change(one, channels=(MAIL, CHAT))
        await one.look(15, a=12, b=12, c=12)
        assert await one.sent("chat") == []
        before = one.database.generation
        await one.look(5, a=12, b=12, c=12)
        assert one.database.generation == before
        await one.look(600, a=12, b=12, c=12)
        assert await one.sent("chat") == [("firing", "b is at 12")]

    on_stage(tmp_path, play, {**LEVEL, "cooldown": "1h"}, channels=(MAIL,))


@pytest.mark.parametrize("restarts", [False, True])
def test_alerts_that_are_switched_off_and_on_again_tell_nothing_within_their_cooldown(
    tmp_path: Path, restarts: bool
) -> None:
    async def play(one: Stage) -> None:
        await one.look(0, a=12)
        assert await one.sent() == BEGUN
        await change(one, enabled=False)
        await one.look(15, a=12)
        assert [alert.resolved_because for alert in await one.history()] == ["the rule was removed"]
        if restarts:
            one.restart()
            await one.look(15, a=12)
        await change(one, enabled=True)
        await one.look(15, a=12)
        one.restart()
        await one.look(15, a=12)
        assert await one.sent() == []
        await one.look(900, a=12)
        assert await one.sent() == BEGUN

    on_stage(tmp_path, play, {**LEVEL, "cooldown": "15m"})

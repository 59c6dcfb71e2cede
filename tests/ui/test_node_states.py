"""Nodes that are gone, slow, strange, another one, and back again, as the operator sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from etlmon.contract.fs import FS
from tests.fakes.nodes import FakeNode, closed_port, hanging_up, not_json, slow, web_page, well
from tests.ui.hosts import mount, says
from tests.ui.looking import NOW, Looking, looking
from ui.settings import Ui
from ui.views.rows_table import RowsTable

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode], Awaitable[None]]


def play(scene: Scene, *, ui: Ui = QUICK) -> None:
    """One node that is well, and someone who looks at its mounts."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)], ui=ui) as eye:
                await eye.press("2")
                await eye.until_shown("/home")
                await scene(eye, fake)

    asyncio.run(main())


async def goes(eye: Looking, fake: FakeNode, behave: Any) -> None:
    fake.behave = behave
    await eye.until(lambda: eye.app.fleet.live("web1").up is False, "the node to be seen as down")


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (hanging_up, "closed it without an answer"),
        (web_page, "not an etlmon node"),
        (not_json, "another shape than agreed"),
    ],
)
def test_a_node_that_fails_is_named_with_the_reason_and_its_values_stay_with_their_age(
    behave: Any, reason: str
) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await goes(eye, fake, behave)
        eye.clock.advance(240)
        eye.app.paint()
        await eye.until_shown("✕ 1 down", "retry in", "#", "old values of 4 min ago", "/home")
        assert reason in eye.app.fleet.live("web1").reason
        await eye.press("1")
        await eye.until_shown("✕ DOWN", "node offline")

    play(scene)


def test_old_values_are_dim_and_fresh_ones_are_not() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        table = eye.app.view.query_one(RowsTable)
        assert {table._rows.line(index).tone for index in range(2)} == {None}
        await goes(eye, fake, web_page)
        await eye.until(lambda: {table._rows.line(index).tone for index in range(2)} == {"dim"}, "dim rows")
        fake.behave = well
        await eye.press("r")
        await eye.until(lambda: {table._rows.line(index).tone for index in range(2)} == {None}, "fresh rows")

    play(scene)


def test_a_node_that_is_back_is_shown_with_its_new_values_at_once() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await goes(eye, fake, hanging_up)
        fake.answers[FS.path] = [mount("/new", 3)]
        fake.behave = well
        await eye.press("r")
        await eye.until_shown("/new", "● 1 up")
        assert "down" not in eye.screen

    play(scene)


def test_acts_on_a_silent_node_are_refused_with_the_reason() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("3")
        await eye.until_shown("/data/in")
        await goes(eye, fake, hanging_up)
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "the refusal")
        assert "not done: web1 does not answer" in eye.notices[0]
        assert all(method == "GET" for method, _ in fake.requests)

    play(scene)


def test_another_node_behind_the_tunnel_is_named_and_nothing_is_done_to_it_until_it_is_trusted() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("3")
        await eye.until_shown("/data/in")
        fake.node_id = "id-9"
        says(fake, "web9")
        fake.answers[FS.path] = [mount("/of-web9", 3)]
        await eye.until_shown("another node answers: web9 on web9")
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "the refusal")
        assert "another node answers" in eye.notices[0]
        await eye.press("2")
        assert "/of-web9" not in eye.screen
        assert "/home" in eye.screen
        eye.app.trust("web1")
        await eye.until_shown("Trust web1", "Cancel")
        await eye.press("enter")
        assert eye.app.fleet.live("web1").changed
        eye.app.trust("web1")
        await eye.until_shown("Trust web1", "Cancel")
        await eye.press("tab", "enter")
        await eye.until_shown("/of-web9")
        assert not eye.app.fleet.live("web1").changed

    play(scene)


def test_a_name_that_promises_another_host_is_contradicted_in_the_header() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        says(fake, "prod-etl-07", hostname="etl07")
        await eye.until_shown("web1 on prod-etl-07 (etl07)")

    play(scene)


def test_a_clock_that_is_off_is_told_and_ages_go_by_the_node_s_own() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        fake.headers["Date"] = (NOW + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        fake.answers[FS.path] = [mount("/", 23, collected_at=NOW + timedelta(minutes=59))]
        await eye.until_shown("clock +3600 s")
        await eye.press("enter")
        await eye.until_shown("measured  1 min ago")

    play(scene)


def test_a_slow_node_does_not_make_the_keys_slow() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        fake.behave = slow(1.0)
        for keys in ("3", "2", "1", "2"):
            await eye.press(keys)
            assert eye.app.view.number == keys
        assert "/home" in eye.screen

    play(scene)


def test_with_no_node_configured_and_none_here_the_screen_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = closed_port()
    monkeypatch.setattr("ui.session.DEFAULT_ADDRESS", nowhere)

    async def main() -> None:
        async with looking([]) as eye:
            await eye.until_shown(
                "No node is configured, and nothing answers", "etlmon node", "etlmon ui --node", "ssh -L", "ui.yaml"
            )

    asyncio.run(main())


def test_a_node_never_reached_says_so_in_every_view() -> None:
    async def main() -> None:
        async with looking([("gone", closed_port())]) as eye:
            await eye.until_shown("✕ DOWN")
            for number in "23":
                await eye.press(number)
                assert "gone does not answer at http://127.0.0.1" in eye.screen
                assert "connection refused" in eye.screen

    asyncio.run(main())


def test_two_names_for_one_node_are_found_out() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url), ("also", fake.url)]) as eye:
                await eye.until_shown("same node as also")

    asyncio.run(main())

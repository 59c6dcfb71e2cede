"""Ending a process from the screen: the right one or none, never on one key, and always with words."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import pytest
from aiohttp import web
from textual.widgets import Button, Input

from etlmon.contract.errors import Conflict, Forbidden, NotFound
from etlmon.contract.node import NODE_ID_HEADER
from etlmon.contract.processes import PROCESS, PROCESS_KILL, PROCESS_WATCHES, PROCESSES, Killed
from tests.fakes.nodes import FakeNode, hanging_up, well
from tests.ui.hosts import says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.running import STARTED, absent, looked, process, watch
from tests.ui.textsnap import screen_widths
from ui.dialogs.kill import KillDialog
from ui.problems.processes import WATCHES
from ui.settings import Ui
from ui.views.rows_table import RowsTable

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]
PID = 12357


@dataclass
class Kills:
    """What was sent to the node, and what the node says of each signal."""

    results: list[Literal["exited", "still_alive"]] = field(default_factory=lambda: ["exited"])
    sent: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    note: str | None = None

    async def __call__(self, request: web.Request) -> Killed:
        body = json.loads(await request.text())
        self.sent.append((request.path, body, request.headers.get(NODE_ID_HEADER)))
        if self.gate is not None:
            await self.gate.wait()
        result = self.results[len(self.sent) - 1]
        return Killed(pid=PID, signal=body["signal"], result=result, waited_ms=3000, note=self.note)


@dataclass
class Stage:
    eye: Looking
    fake: FakeNode
    kills: Kills

    @property
    def dialog(self) -> KillDialog:
        screen = self.eye.app.screen
        assert isinstance(screen, KillDialog), self.eye.screen
        return screen

    @property
    def send(self) -> Button:
        return self.dialog.query_one("#do", Button)

    @property
    def focused(self) -> str | None:
        return None if self.dialog.focused is None else self.dialog.focused.id

    async def ask(self) -> None:
        """Put the cursor on the process and press d; wait until the node has told of its children."""
        keys = self.eye.app.view.query_one(RowsTable).keys
        self.eye.app.view.query_one(RowsTable).move_to(next(key for key in keys if f" {PID} " in key))
        await self.eye.press("d")
        await self.eye.until(lambda: "looking for" not in self.eye.screen, "the children")

    async def confirm(self) -> None:
        """Go to the button that sends, and press it."""
        await self.eye.until(lambda: not self.send.disabled, "the button")
        await self.eye.press("tab")
        assert self.focused == "do"
        await self.eye.press("enter")


Scene = Callable[[Stage], Awaitable[None]]


def play(
    scene: Scene, *, size: tuple[int, int] = (120, 36), ui: Ui = QUICK, read_only: bool = False, children: int = 3
) -> None:
    """A node with three processes, of which one is to be ended."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            says(fake, "web1")
            kills = Kills()
            fake.answers[PROCESSES.path] = [process(11), process(PID), process(99)]
            fake.answers[PROCESS_WATCHES.path] = [watch(running=3)]
            fake.answers[PROCESS.path] = looked(PID, children)
            fake.answers[PROCESS_KILL.path] = kills
            async with looking([("web1", fake.url)], size=size, ui=ui, read_only=read_only) as eye:
                await eye.press("5")
                await eye.until(lambda: len(eye.app.view.query_one(RowsTable).keys) == 3, "the rows")
                await eye.until(lambda: eye.app.fleet.live("web1").info is not None, "the node")
                eye.app.paint()
                await scene(Stage(eye, fake, kills))

    asyncio.run(main())


def order(stage: Stage) -> list[str]:
    return [key.split()[2] for key in stage.eye.app.view.query_one(RowsTable).keys]


def test_what_will_be_hit_is_spelled_out_and_enter_alone_cancels() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        await stage.eye.until_shown(
            "Kill process",
            "pid 12357   user etl   node web1",
            "started 2026-11-20 04:53:27 UTC   running 1d 01:07:03",
            "name python3   watch etl_worker",
            "python3 /opt/etl/bin/worker.py --job load_7 --shard 1",
            "3 children, which get no signal: sqlldr 12358",
            "signal SIGTERM — ask it to stop (it can clean up)",
            "esc cancel · ^t TERM · ^k KILL",
        )
        assert stage.focused == "cancel"
        assert not stage.dialog.query_one(Input).display
        await stage.eye.press("enter")
        assert len(stage.eye.app.screen_stack) == 1
        assert stage.kills.sent == []

    play(scene)


@pytest.mark.parametrize("keys", [("escape",), ("q",), ("ctrl+c",), ("d", "d", "escape"), ("y", "space", "enter")])
def test_no_other_key_sends_anything(keys: tuple[str, ...]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        await stage.eye.press(*keys)
        assert len(stage.eye.app.screen_stack) == 1
        assert stage.kills.sent == []

    play(scene)


def test_the_signal_goes_to_the_process_under_the_cursor_with_its_start_and_to_the_node_that_told_of_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("SIGTERM was sent: it ended after 3 s.", "Close")
        body = {"signal": "SIGTERM", "confirm": True, "start_time": f"{STARTED:%Y-%m-%dT%H:%M:%SZ}"}
        assert stage.kills.sent == [(f"/api/v1/processes/{PID}/kill", body, "id-1")]
        await stage.eye.press("enter")
        assert len(stage.eye.app.screen_stack) == 1

    play(scene)


def test_rows_that_change_places_between_the_key_and_the_confirmation_do_not_change_the_target() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        before = order(stage)
        held = stage.eye.app.fleet.live("web1").answers
        # What stands first, what the pids are, and which of them ails: all of it is another now.
        stage.fake.answers[PROCESSES.path] = [
            process(5, state="zombie"),
            process(6, "aaa", start_time=STARTED - timedelta(days=3)),
            process(99, state="zombie"),
            process(PID, process_name="renamed", cmdline="another command line"),
        ]
        await stage.eye.until(lambda: stage.eye.app.fleet.live("web1").answers is not held, "other rows")
        stage.eye.clock.advance(30)
        await stage.eye.until(
            lambda: len(stage.eye.app.fleet.live("web1").answer(stage.eye.app.view.question) or ()) == 4,  # type: ignore[attr-defined]
            "the other rows",
        )
        stage.eye.app.paint()
        assert order(stage) == before, "the table moved under the question"
        assert "name python3   watch etl_worker" in stage.eye.screen
        await stage.confirm()
        await stage.eye.until_shown("it ended after")
        ((path, body, _),) = stage.kills.sent
        assert (path, body["start_time"]) == (f"/api/v1/processes/{PID}/kill", f"{STARTED:%Y-%m-%dT%H:%M:%SZ}")
        await stage.eye.press("escape")
        await stage.eye.until(lambda: order(stage)[:2] == ["5", "99"], "the new order")

    play(scene)


def test_a_process_that_ends_meanwhile_is_not_followed_by_another_one() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        stage.fake.answers[PROCESSES.path] = [process(11), process(PID, start_time=NOW), process(99)]
        await stage.eye.until_shown("it has ended meanwhile: there is nothing to end")
        assert stage.send.disabled
        await stage.eye.press("tab", "enter", "ctrl+k", *str(PID), "enter", "enter")
        assert stage.kills.sent == []

    play(scene)


def test_a_pid_that_was_given_to_another_process_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        stage.fake.answers[PROCESS.path] = looked(PID, start_time=NOW)
        await stage.eye.until_shown("pid 12357 belongs to another process now")
        assert stage.send.disabled

    play(scene)


def test_when_sigterm_was_not_enough_sigkill_is_a_question_of_its_own_and_the_pid_is_typed() -> None:
    async def scene(stage: Stage) -> None:
        stage.kills.results = ["still_alive", "exited"]
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("after 3 s it still runs", "SIGKILL — end it at once", "type 12357 to confirm")
        assert (stage.focused, stage.send.disabled) == ("cancel", True)
        await stage.eye.press(*"1235")
        assert stage.send.disabled
        await stage.eye.press("enter")
        assert len(stage.kills.sent) == 1
        await stage.eye.press("7", "enter")
        assert (stage.focused, len(stage.kills.sent)) == ("do", 1)
        await stage.eye.press("enter")
        await stage.eye.until_shown("SIGKILL was sent: it ended after 3 s.")
        assert [body["signal"] for _, body, _ in stage.kills.sent] == ["SIGTERM", "SIGKILL"]
        assert {path for path, *_ in stage.kills.sent} == {f"/api/v1/processes/{PID}/kill"}

    play(scene)


def test_one_that_ends_a_little_later_needs_no_sigkill() -> None:
    async def scene(stage: Stage) -> None:
        stage.kills.results = ["still_alive"]
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("it still runs")
        stage.fake.answers[PROCESSES.path] = [process(11), process(99)]
        await stage.eye.until_shown("SIGTERM was sent, and it has ended.")
        assert not stage.send.display
        await stage.eye.press("ctrl+k")
        assert "SIGKILL" not in stage.eye.screen

    play(scene)


def test_one_that_survives_sigkill_is_told_with_the_reason() -> None:
    async def scene(stage: Stage) -> None:
        stage.kills.results = ["still_alive", "still_alive"]
        await stage.ask()
        await stage.eye.press("ctrl+k", *str(PID), "enter", "enter")
        await stage.eye.until_shown("SIGKILL was sent; after 3 s it is still there", "lets go of it")
        assert not stage.send.display

    play(scene)


def test_the_signal_can_be_chosen_before_and_sigkill_never_goes_without_the_pid() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        await stage.eye.press("ctrl+k")
        assert "SIGKILL — end it at once" in stage.eye.screen
        assert (stage.focused, stage.send.disabled) == ("cancel", True)
        await stage.eye.press("9", "9", "tab", "tab", "enter")
        assert stage.kills.sent == []
        await stage.eye.press("ctrl+t")
        assert "SIGTERM — ask it to stop" in stage.eye.screen
        assert not stage.dialog.query_one(Input).display
        await stage.eye.press("ctrl+k")
        assert stage.dialog.query_one(Input).value == ""

    play(scene)


def test_a_process_with_many_children_takes_its_pid_for_sigterm_too() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        await stage.eye.until_shown("10 children, which get no signal", ", ...", "type 12357 to confirm")
        assert stage.send.disabled
        await stage.eye.press(*str(PID), "enter", "enter")
        await stage.eye.until_shown("SIGTERM was sent: it ended")

    play(scene, children=10)


def test_while_nobody_knows_the_children_nothing_is_sent_and_if_nobody_can_tell_the_pid_is_typed() -> None:
    async def scene(stage: Stage) -> None:
        gate = asyncio.Event()

        async def slowly(_: web.Request) -> Any:
            await gate.wait()
            return Forbidden("it cannot be looked at", reason="denied")

        stage.fake.answers[PROCESS.path] = slowly
        await stage.eye.press("j", "d")
        await stage.eye.until_shown("looking for its children ...")
        assert stage.send.disabled
        gate.set()
        await stage.eye.until_shown("children not known: it cannot be looked at", "type 12357 to confirm")
        await stage.eye.press(*str(PID), "enter", "enter")
        await stage.eye.until_shown("it ended after")

    play(scene)


def test_a_policy_that_says_no_is_told_before_anything_is_sent() -> None:
    async def scene(stage: Stage) -> None:
        why = "12357 python3 is not ended: kill.protect names python3"
        stage.fake.answers[PROCESS.path] = looked(PID, refusal=why, refusal_reason="protected")
        await stage.ask()
        await stage.eye.until_shown("kill.protect names python3")
        assert stage.send.disabled
        assert stage.kills.sent == []

    play(scene)


def test_a_watch_that_is_not_to_be_touched_is_told_even_when_the_process_cannot_be_looked_at() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[PROCESS.path] = Forbidden("it cannot be looked at", reason="denied")
        stage.fake.answers[PROCESS_WATCHES.path] = [watch(running=3, may_kill=False)]
        held = stage.eye.app.fleet.live("web1").answer(WATCHES)
        await stage.eye.until(lambda: stage.eye.app.fleet.live("web1").answer(WATCHES) != held, "the watch")
        await stage.ask()
        await stage.eye.until_shown("the node does not let processes of etl_worker be ended")
        assert stage.send.disabled

    play(scene)


def test_a_policy_that_allows_one_signal_alone_allows_that_one() -> None:
    async def scene(stage: Stage) -> None:
        why = "12357 python3 is not ended: kill.signals allows SIGKILL, and not SIGTERM"
        stage.fake.answers[PROCESS.path] = looked(PID, refusal=why, signals=["SIGKILL"])
        await stage.ask()
        await stage.eye.until_shown("kill.signals allows SIGKILL")
        assert stage.send.disabled
        await stage.eye.press("ctrl+k", *str(PID), "enter", "enter")
        await stage.eye.until_shown("SIGKILL was sent: it ended")

    play(scene)


def test_sigkill_is_not_offered_where_it_is_not_allowed() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[PROCESS.path] = looked(PID, signals=["SIGTERM"])
        stage.kills.results = ["still_alive"]
        stage.kills.note = "it ignores SIGTERM"
        await stage.ask()
        await stage.eye.press("ctrl+k")
        await stage.eye.until_shown("the node allows SIGTERM alone")
        await stage.eye.press("ctrl+t")
        await stage.confirm()
        await stage.eye.until_shown("after 3 s it still runs: it ignores", "Close")
        assert "SIGKILL" not in stage.eye.screen

    play(scene)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Conflict("the pid is that of another process now", reason="identity_changed"), "(409"),
        (NotFound("there is no process 12357", reason="gone"), "(404"),
        (Forbidden("kill.signals allows SIGTERM, and not SIGKILL", reason="signal_not_allowed"), "kill.signals allows"),
    ],
)
def test_a_refusal_of_the_node_is_shown_in_words_and_ends_the_question(problem: Any, words: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[PROCESS_KILL.path] = problem
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("not done:", words, "Close")
        assert not stage.send.display
        assert stage.focused == "cancel"

    play(scene)


def test_a_node_that_breaks_off_leaves_it_open_whether_it_was_done() -> None:
    async def scene(stage: Stage) -> None:
        async def breaking_off(fake: FakeNode, request: web.Request) -> web.StreamResponse:
            return await (hanging_up if request.method == "POST" else well)(fake, request)

        stage.fake.behave = breaking_off
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("it is not known whether it was done")

    play(scene)


def test_the_answer_of_a_closed_dialog_comes_as_a_notice_and_polling_goes_on_meanwhile() -> None:
    async def scene(stage: Stage) -> None:
        stage.kills.gate = asyncio.Event()
        await stage.ask()
        await stage.confirm()
        await stage.eye.until_shown("SIGTERM is sent; waiting for its end ...")
        asked = len(stage.fake.requests)
        await stage.eye.until(lambda: len(stage.fake.requests) > asked + 5, "the polling")
        await stage.eye.press("enter", "escape")
        assert len(stage.eye.app.screen_stack) == 1
        stage.kills.gate.set()
        await stage.eye.until(lambda: bool(stage.eye.notices), "the notice")
        assert stage.eye.notices == ["python3 12357 on web1: SIGTERM was sent: it ended after 3 s."]
        assert len(stage.kills.sent) == 1

    play(scene)


def test_a_row_of_which_nothing_runs_has_nothing_to_end() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[PROCESSES.path] = [absent("etl_worker")]
        stage.fake.answers[PROCESS_WATCHES.path] = [watch(running=0, state="too_few")]
        await stage.eye.until_shown("STOPPED")
        await stage.eye.press("d")
        assert stage.eye.notices == ["Nothing of etl_worker runs: there is nothing to end."]
        assert len(stage.eye.app.screen_stack) == 1

    play(scene)


# When nothing may be sent at all


async def refused(stage: Stage, words: str) -> None:
    """d opens no question, and says why."""
    await stage.eye.press("d")
    await stage.eye.until(lambda: bool(stage.eye.notices), "the refusal")
    assert words in stage.eye.notices[-1]
    assert len(stage.eye.app.screen_stack) == 1
    assert all(method == "GET" for method, _ in stage.fake.requests)


def test_a_read_only_ui_asks_no_such_question() -> None:
    async def scene(stage: Stage) -> None:
        await refused(stage, "python3 11 is not ended: this UI was started read-only")

    play(scene, read_only=True)


def test_a_node_that_takes_no_commands_says_so_at_once() -> None:
    async def scene(stage: Stage) -> None:
        says(stage.fake, "web1", commands_refused="commands from another host need a token")
        await stage.eye.until(lambda: bool(stage.eye.app.fleet.live("web1").refuses_acts()), "the news")
        stage.eye.app.paint()
        await refused(stage, "commands from another host need a token")

    play(scene)


def test_nothing_is_sent_to_a_silent_node() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.behave = hanging_up
        await stage.eye.until(lambda: stage.eye.app.fleet.live("web1").up is False, "silence")
        stage.eye.app.paint()
        await refused(stage, "web1 does not answer")

    play(scene)


def test_nothing_is_sent_to_another_node_behind_the_address() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.node_id = "id-9"
        await stage.eye.until(lambda: stage.eye.app.fleet.live("web1").changed, "the stranger")
        stage.eye.app.paint()
        await refused(stage, "another node answers")

    play(scene)


def test_nothing_is_sent_by_a_picture_that_stands_still() -> None:
    async def scene(stage: Stage) -> None:
        await stage.eye.press("p")
        await refused(stage, "the screen is paused")
        await stage.eye.press("1", "5")
        await refused(stage, "the screen is paused")

    play(scene)


def test_nothing_is_sent_by_values_that_are_old_because_nobody_looks_any_more() -> None:
    async def scene(stage: Stage) -> None:
        stage.eye.clock.advance(180)
        stage.fake.headers["Date"] = (NOW + timedelta(seconds=180)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        await stage.eye.until(lambda: not stage.eye.app.fleet.live("web1").skew, "the clock")
        stage.eye.app.paint()
        await refused(stage, "what is known of it is 3m old: web1 does not look at its processes any more")

    play(scene)


def test_a_node_that_falls_silent_while_the_question_is_open_gets_no_signal() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        assert not stage.send.disabled
        await stage.eye.press("tab")
        stage.fake.behave = hanging_up
        await stage.eye.until_shown("web1 does not answer")
        assert (stage.focused, stage.send.disabled) == ("cancel", True)
        stage.fake.behave = well
        await stage.eye.press("enter")
        assert stage.kills.sent == []

    play(scene)


def test_another_node_that_comes_while_the_question_is_open_gets_no_signal() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        stage.fake.node_id = "id-9"
        await stage.eye.until_shown("another node answers at", ":trust web1")
        assert stage.send.disabled
        assert stage.kills.sent == []

    play(scene)


def test_another_node_that_the_ui_has_not_noticed_yet_refuses_the_command_itself() -> None:
    slow = Ui(refresh_interval=30, health_interval=30)  # type: ignore[arg-type]

    async def scene(stage: Stage) -> None:
        await stage.ask()
        stage.fake.node_id = "id-9"
        await stage.confirm()
        await stage.eye.until_shown("not done: this is another node than the one that is meant")
        assert stage.kills.sent == []

    play(scene, ui=slow)


def test_hostile_text_stays_in_its_place() -> None:
    hostile = "x\x1b]52;c;aGFja2Vk\x07[/red][@click=app.exit]y[/]\u202e한글 " * 9

    async def scene(stage: Stage) -> None:
        stage.fake.answers[PROCESSES.path] = [
            process(PID, hostile, process_name=hostile, cmdline=hostile, user=hostile, error_message=hostile)
        ]
        stage.fake.answers[PROCESS_WATCHES.path] = [watch(hostile, looks_for=hostile)]
        stage.fake.answers[PROCESS.path] = looked(PID, 2, cwd=hostile, exe=hostile, files=[hostile])
        stage.fake.answers[PROCESS_KILL.path] = Conflict(hostile)
        await stage.eye.until_shown("x·]52")
        for keys in (("enter",), ("escape", "d"), ("tab", "enter")):
            await stage.eye.press(*keys)
            await stage.eye.until(lambda: "looking for" not in stage.eye.screen, "the children")
            if "tab" in keys:
                await stage.eye.until_shown("not done:", "Close", "x·]52")
            assert "\x1b" not in stage.eye.screen
            assert "\u202e" not in stage.eye.screen
            assert screen_widths(stage.eye.app) == {120}
        assert stage.eye.app.is_running

    play(scene)


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 15), (40, 10), (20, 5)])
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
def test_no_size_of_the_terminal_breaks_the_question(size: tuple[int, int], ascii_only: bool) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask()
        for keys in ((), ("ctrl+k",), ("1",)):
            await stage.eye.press(*keys)
            assert screen_widths(stage.eye.app) == {size[0]}
            assert stage.send.region.bottom <= size[1]
            if ascii_only:
                assert {char for char in stage.eye.screen if not char.isascii()} == set()
        await stage.eye.press("escape")
        assert len(stage.eye.app.screen_stack) == 1

    play(scene, size=size, ui=Ui(ascii=ascii_only, refresh_interval=0.1))  # type: ignore[arg-type]

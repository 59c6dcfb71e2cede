"""The Log view on a screen, with real servers behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from etlmon.contract.logs import LOG_PAUSE
from tests.fakes.nodes import FakeNode, slow
from tests.fakes.nodes import well as answering
from tests.ui.logbook import entry, in_trouble, well
from tests.ui.looking import PATIENCE_SEC, Looking, looking
from tests.ui.textsnap import screen_lines, screen_styles, screen_widths
from ui.settings import Ui
from ui.views.logs import LogsView
from ui.widgets.loglines import LogLines

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode, FakeNode], Awaitable[None]]


def play(
    scene: Scene,
    *,
    size: tuple[int, int] = (120, 36),
    ui: Ui = QUICK,
    read_only: bool = False,
    patience_sec: float = PATIENCE_SEC,
) -> None:
    """Two nodes, web1 that is well and web2 in trouble; web1 is chosen, and the logs are on the screen."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("web1", well(one, "web1").url), ("web2", in_trouble(two, "web2").url)]
            async with looking(nodes, size=size, ui=ui, read_only=read_only, patience_sec=patience_sec) as eye:
                await eye.press("4")
                await eye.until_shown("Logs · web1", "app", "loader")
                await scene(eye, one, two)

    asyncio.run(main())


def shown(eye: Looking) -> list[str]:
    """The lines of the log on the screen, without the frame and the scroll bar."""
    return [line.partition("││")[2].rstrip(" │▁▂▃▄▅▆▇█") for line in screen_lines(eye.app) if "worker" in line]


def lines_of(eye: Looking) -> LogLines:
    return eye.app.view.query_one(LogLines)


def cursor(eye: Looking) -> int:
    key = lines_of(eye).current_key
    return 0 if key is None else key.seq


async def opened(eye: Looking, *keys: str) -> None:
    """Open the first log, and press these keys in it."""
    await eye.press("enter")
    await eye.until_shown("FOLLOW · 400 lines", entry(400)[:60])
    await eye.press(*keys)


# The list


def test_the_logs_in_trouble_stand_first_with_what_is_wrong() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("right_square_bracket")
        await eye.until_shown("Logs · web2", "no such file", "paused", "3 logs")
        rows = [line for line in screen_lines(eye.app) if any(name in line for name in ("app ", "loader", "nightly"))]
        assert [row.split("│")[3].split()[0] for row in rows] == ["nightly", "app", "loader"]
        assert "▲ lines may be miss" in rows[1]

    play(scene)


def test_enter_opens_the_log_at_its_end_and_esc_leads_back_to_the_list() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye)
        assert "Log · app · web1 · /var/log/app.log" in eye.screen
        assert cursor(eye) == 400
        one.logs["app"].write("INFO one more")
        await eye.until_shown("401 INFO one more", "FOLLOW · 401 lines")
        await eye.press("escape")
        await eye.until_shown("Logs · web1", "sort severity")
        assert one.logs["app"].streams <= 1
        await eye.until(lambda: one.logs["app"].streams == 0, "the stream to end")

    play(scene)


def test_the_keys_after_enter_are_for_the_log_also_in_one_burst() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        for name in ("enter", "k", "k", "m", "slash", *"job=", "enter", "k"):
            eye.app.post_message(events.Key(name, name if len(name) == 1 else None))
        await eye.until_shown("search /job=/")
        await eye.until(lambda: cursor(eye) == 397, "all keys")
        assert list(lines_of(eye).marks) == [(398, 0, "web1", "app")]

    play(scene)


# Following


def test_scrolling_up_pauses_and_counts_and_f_follows_again() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "k")
        await eye.until_shown("⏸ PAUSED · 400 lines (f follow)")
        before = shown(eye)
        one.logs["app"].write(*(f"new {number}" for number in range(1204)))
        await eye.until_shown("⏸ PAUSED · 1,204 new (f follow)")
        assert shown(eye) == before
        await eye.press("f")
        await eye.until_shown("▶ FOLLOW · 1,604 lines", "1604 new 1203")

    play(scene)


def test_the_paused_screen_stands_still_and_goes_on_following_afterwards() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "p")
        before = shown(eye)
        one.logs["app"].write("while paused")
        await eye.until_shown("PAUSED · 1 new")
        assert shown(eye) == before
        await eye.press("p")
        await eye.until_shown("while paused", "FOLLOW · 401 lines")

    play(scene)


def test_the_lines_on_the_screen_stay_when_retention_takes_the_oldest() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "pageup", "pageup")
        before = shown(eye)
        one.logs["app"].drop(200)
        await eye.until_shown("200 lines (f follow)")
        assert shown(eye) == before

    play(scene)


def test_a_lost_stream_and_a_silent_node_are_told_and_healed() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye)
        one.logs["app"].hang_up()
        await eye.until_shown("◆ app: not followed for 0s: the node ended the stream")
        one.logs["app"].write("after the break")
        await eye.until_shown("after the break")
        await eye.until(lambda: "not followed" not in eye.screen, "the stream to be taken up")
        one.behave = slow(30)
        await eye.until_shown("✕ web1 does not answer, these are old lines", "retry in")
        row = next(y for y, line in enumerate(screen_lines(eye.app)) if "after the break" in line)
        colors = {color for text, color, _, _ in screen_styles(eye.app, row - 1) if "worker" in text}
        assert colors == {"#66708f"}
        one.behave = answering
        await eye.press("r")
        await eye.until(lambda: "does not answer" not in eye.screen, "the node to be back")

    play(scene, patience_sec=3.0)


# Searching


def test_a_search_marks_what_matches_and_n_goes_through_it() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "slash", *"worker-7", "enter")
        await eye.until_shown("search /worker-7/  31 of 400")
        found = [number for number in range(1, 401) if number % 13 == 7]
        await eye.until(lambda: cursor(eye) == found[-1], "the newest match")
        await eye.press("N", "N", "n", "N")
        await eye.until(lambda: cursor(eye) == found[-3], "the matches before")
        row = next(y for y, line in enumerate(screen_lines(eye.app)) if f" {found[-2]} " in line)
        assert [color for text, color, _, _ in screen_styles(eye.app, row) if text == "worker-7"] == ["#e0af68"]
        await eye.press("n", "n", "n")
        await eye.until(lambda: "No line matches after this one." in eye.notices, "the end")
        assert cursor(eye) == found[-1]
        await eye.press("escape")
        assert "search /" not in eye.screen

    play(scene)


def test_keep_and_leave_out_filter_on_the_node_and_esc_takes_them_off() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "ampersand", *"error|warn", "enter")
        await eye.until_shown("keep /error|warn/  100 of 400", "FOLLOW · 100 lines")
        await eye.press("x", *"WARN", "enter")
        await eye.until_shown("not /WARN/  50 of 400", "FOLLOW · 50 lines")
        one.logs["app"].write("ERROR of just now", "INFO of just now")
        await eye.until_shown("ERROR of just now", "51 of 402")
        assert "INFO of just now" not in eye.screen
        await eye.press("escape")
        await eye.until_shown("INFO of just now", "FOLLOW · 402 lines")

    play(scene)


def test_clearing_a_filter_leads_to_what_stands_around_the_line() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "ampersand", *"job=7919 ", "enter")
        await eye.until_shown("1 of 400")
        await eye.press("k", "backslash")
        await eye.until_shown("PAUSED · 400 lines", " 2 INFO")
        assert cursor(eye) == 1

    play(scene)


def test_what_is_no_expression_says_why_and_can_be_mended() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "ampersand", *"(x", "enter")
        await eye.until_shown("not a regular expression: missing )")
        assert eye.app.view.is_typing
        await eye.press("backspace", "backspace", *"worker-7", "enter")
        await eye.until_shown("keep /worker-7/  31 of 400")

    play(scene)


def test_while_something_is_typed_every_key_only_types_and_esc_changes_nothing() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        for opener in ("slash", "ampersand", "x", "J"):
            await opened(eye, opener) if opener == "slash" else await eye.press(opener)
            typed = eye.app.view.query_one("#answer", Input)
            await eye.press(*"fFGgjkhlwmx&/eEnNPJ'qa47", "question_mark")
            assert typed.value == "fFGgjkhlwmx&/eEnNPJ'qa47?"
            await eye.press("escape")
            assert not eye.app.view.is_typing
        assert "400 lines" in eye.screen
        assert eye.app.view.view == "logs"

    play(scene)


def test_errors_are_jumped_through_and_keys_that_come_fast_are_not_lost() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye)
        errors = [number for number in range(1, 401) if number % 8 == 6]
        for name in "EEEEEeEk":
            eye.app.post_message(events.Key(name, name))
        await eye.until(lambda: cursor(eye) == errors[-5] - 1, "the line before the fifth error from the end")
        assert not lines_of(eye).following

    play(scene)


def test_a_time_is_jumped_to_from_the_line_and_from_the_palette() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "J", *"05:58", "enter")
        await eye.until(lambda: cursor(eye) == 270, "05:58:00")
        await eye.press("J", *"yesterday", "enter")
        await eye.until_shown("not a time; write for example 05:30")
        await eye.press("escape")
        await eye.command("jump -1m")
        await eye.until(lambda: cursor(eye) == 360, "a minute ago")
        await eye.press("escape")
        await eye.command("jump 05:58")
        await eye.until(lambda: "Open a log first: a time is a place in a log." in eye.notices, "the reason")

    play(scene)


def test_a_log_is_opened_from_the_palette() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.command("logs loader")
        await eye.until_shown("Log · loader · web1", "loader 40 done")

    play(scene)


# One line


def test_enter_opens_the_whole_line_with_what_other_logs_said_then() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "k", "enter")
        await eye.until_shown("app ─ line 399", entry(399), "2 s before and after", "loader 39 done")
        assert "loader 36 done" not in eye.screen
        await eye.press("y")
        assert "Copied the line. (The terminal must allow OSC 52.)" in eye.notices
        await eye.press("escape")
        await eye.until_shown("PAUSED")
        assert cursor(eye) == 399

    play(scene)


def test_a_record_is_one_line_in_the_log_and_several_when_it_is_opened() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("right_square_bracket", "j", "enter")
        await eye.until_shown(
            "Traceback⏎", "── gap: the file was truncated", "↻  401 INFO", "·[31mred·[0m [/x] ·gnp.exe"
        )
        assert screen_widths(eye.app) == {120}
        await eye.press("k", "k", "enter")
        await eye.until_shown("ERROR [main] Traceback", "  at load.py:7", "  at main.py:1")

    play(scene)


# Taking along


def test_marked_lines_are_copied_and_saved_and_without_marks_what_is_filtered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def saved(pattern: str) -> str:
        file = next(tmp_path.glob(f"etlmon/{pattern}"))
        text = file.read_text()
        file.unlink()
        return text

    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "m", "k", "k", "m", "y")
        await eye.until_shown("2 marked")
        assert eye.app.clipboard == f"{entry(398)}\n{entry(400)}"
        await eye.press("o")
        await eye.until(lambda: len(list(tmp_path.glob("etlmon/*.log"))) == 1, "the file")
        assert saved("logs-web1-app-*.log") == f"{entry(398)}\n{entry(400)}\n"
        await eye.press("apostrophe", "m", "apostrophe", "m", "ampersand", *"worker-7", "enter")
        await eye.until_shown("31 of 400")
        await eye.press("o")
        await eye.until(lambda: any("Saved to" in notice for notice in eye.notices[-1:]), "the file")
        assert saved("logs-web1-app-*.log") == "".join(
            f"{entry(number)}\n" for number in range(1, 401) if number % 13 == 7
        )

    play(scene)


# Several


def test_marked_logs_open_as_one_by_time() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("space", "space", "enter")
        await eye.until_shown("Log · app + loader · web1", "loader 40 done")
        names = [line.split("│")[3].split()[0] for line in screen_lines(eye.app) if "worker" in line or "done" in line]
        assert names[-4:] == ["app", "loader", "app", "loader"]

    play(scene)


def test_a_shows_the_log_of_all_nodes_and_brackets_that_of_the_next() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "a")
        await eye.until_shown("Log · app · 2 nodes", "web1", "web2 ")
        await eye.press("a", "right_square_bracket")
        await eye.until_shown("Log · app · web2", "Traceback⏎")
        await eye.press("escape", "left_square_bracket")
        await eye.until_shown("Logs · web1")

    play(scene)


def test_a_log_the_next_node_does_not_have_leads_back_to_the_list() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        one.logs["own"] = one.logs.pop("app")
        one.logs["own"].name = "own"
        await eye.until_shown("own")
        await eye.press("G", "enter")
        await eye.until_shown("Log · own · web1")
        await eye.press("right_square_bracket")
        await eye.until_shown("Logs · web2", "nightly")

    play(scene)


# Acting


def test_pausing_a_log_is_asked_done_on_the_node_and_taken_back() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "P")
        await eye.until_shown("Pause app", "app on web1", "its place is kept")
        await eye.press("enter")
        assert not one.logs["app"].paused
        await eye.press("P", "tab", "enter")
        await eye.until(lambda: one.logs["app"].paused, "the pause")
        assert ("POST", LOG_PAUSE.path.format(name="app")) in one.requests
        await eye.until_shown("▲ app: paused: lines are not read until it is resumed (P resumes)")
        await eye.press("P", "tab", "enter")
        await eye.until(lambda: not one.logs["app"].paused, "the end of it")

    play(scene)


def test_nothing_is_paused_by_a_read_only_ui_nor_on_a_silent_node() -> None:
    async def refused(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "P")
        assert eye.notices == ["not done: this UI was started read-only"]
        assert "Pause app" not in eye.screen

    async def silent(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        one.behave = slow(30)
        await eye.until_shown("old values of")
        await eye.press("P")
        assert eye.notices[-1].startswith("not done: web1 does not answer")

    play(refused, read_only=True)
    play(silent, patience_sec=3.0)


# Looks


def test_t_shows_no_times_then_relative_local_and_utc_ones() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye)
        heads = []
        for _ in range(5):
            line = next(line for line in screen_lines(eye.app) if "│" in line and " 400 " in line)
            heads.append(line.split(" 400 ")[1].split(entry(400)[:5])[0].strip())
            await eye.press("t")
        assert heads == ["", "20s", "11-21 06:00:10", "11-21 06:00:10", ""]

    play(scene)


def test_leaving_the_view_and_coming_back_shows_the_log_where_it_was() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "k", "k", "2")
        await eye.until(lambda: one.logs["app"].streams == 0, "the stream to end")
        await eye.press("4")
        assert isinstance(eye.app.view, LogsView)
        assert cursor(eye) == 398
        await eye.until(lambda: one.logs["app"].streams == 1, "the stream to begin")
        assert cursor(eye) == 398

    play(scene)

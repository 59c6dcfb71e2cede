"""The whole app on a screen, with real servers behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from etlmon.contract.errors import Conflict
from etlmon.contract.fs import FS
from etlmon.contract.paths import PATH_SCAN, PATHS, ScanAccepted, ScanSkipped
from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, mount, path, says
from tests.ui.looking import Looking, looking
from tests.ui.textsnap import screen_styles, screen_widths
from ui.problems import QUESTIONS
from ui.settings import Ui
from ui.views import VIEWS
from ui.views.rows_table import RowsTable

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode, FakeNode], Awaitable[None]]


def play(scene: Scene, *, size: tuple[int, int] = (120, 36), ui: Ui = QUICK, read_only: bool = False) -> None:
    """Two nodes, one well and one in trouble, and someone who looks at them; the one in trouble is chosen."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("web1", says(one, "web1").url), ("web2", in_trouble(two, "web2").url)]
            async with looking(nodes, size=size, ui=ui, read_only=read_only) as eye:
                eye.app.choose("web2")
                await eye.until(lambda: all(known(eye, name) for name in eye.app.fleet.names), "all answers")
                eye.app.paint()
                await scene(eye, one, two)

    asyncio.run(main())


def known(eye: Looking, name: str) -> bool:
    return all(eye.app.fleet.live(name).held(question) is not None for question in QUESTIONS)


def table(eye: Looking) -> RowsTable:
    return eye.app.view.query_one(RowsTable)


def cursor(eye: Looking) -> str:
    return (table(eye).cursor_key or "").partition("\n")[2]


def test_the_node_to_start_with_is_the_chosen_one() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until_shown("Filesystems · web2", "/mnt/hung")

    play(scene, ui=Ui(default_node="web2"))


def test_the_node_under_the_cursor_of_the_overview_is_the_one_the_other_views_show() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("G")
        await eye.until(lambda: eye.app.fleet.chosen == "web1", "web1")
        await eye.press("2")
        await eye.until_shown("Filesystems · web1", "/home")

    play(scene)


def test_brackets_choose_the_node_and_the_view_shows_it_at_once() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2", "right_square_bracket")
        assert "Filesystems · web1" in eye.screen
        assert "/home" in eye.screen
        await eye.press("left_square_bracket")
        assert "Filesystems · web2" in eye.screen

    play(scene)


def test_a_shows_all_nodes_with_a_column_for_the_node_and_again_this_node() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2", "j", "j")
        before = cursor(eye)
        await eye.press("a")
        await eye.until_shown("all nodes", "NODE", "/home", "/mnt/hung")
        assert cursor(eye) == before
        await eye.press("a")
        assert "/home" not in eye.screen
        assert cursor(eye) == before

    play(scene)


def test_the_picker_chooses_a_node_and_esc_leaves_it_as_it_was() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2", "H")
        await eye.press("escape")
        assert eye.app.fleet.chosen == "web2"
        await eye.press("H", "k", "enter")
        assert eye.app.fleet.chosen == "web1"
        assert "Filesystems · web1" in eye.screen

    play(scene)


def test_the_worst_stands_first_and_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        order = [key.partition("\n")[2] for key in table(eye).keys]
        assert order == ["/data", "/mnt/hung", "/backup", "/var/spool", "/nfs/in", "/", "/data/서울-지점"]
        await eye.press("G")
        two.answers[FS.path] = [mount("/", 71), mount("/data/서울-지점", 99), mount("/data", 10)]
        await eye.until(lambda: len(table(eye).keys) == 3, "the change")
        assert [key.partition("\n")[2] for key in table(eye).keys] == ["/data/서울-지점", "/", "/data"]
        assert cursor(eye) == "/data/서울-지점"

    play(scene)


def test_s_sorts_by_the_next_column_and_capital_s_turns_it_round() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("s")
        assert "sort mount" in eye.screen
        assert table(eye).keys[0].endswith("\n/")
        await eye.press("s")
        assert "sort used%" in eye.screen
        assert table(eye).keys[0].endswith("\n/data")
        assert table(eye).keys[-1].endswith("\n/backup")
        await eye.press("S")
        assert table(eye).keys[0].endswith("\n/var/spool")
        assert table(eye).keys[-1].endswith("\n/backup")

    play(scene)


def test_the_filter_takes_every_key_and_esc_goes_from_input_to_filter_to_view() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("slash", *"aqr2:", "question_mark")
        typed = eye.app.view.query_one(Input)
        assert typed.value == "aqr2:?"
        assert eye.app.view.view == "fs"
        assert "No row matches the filter" in eye.screen
        typed.value = "data"
        await eye.until(lambda: len(table(eye).keys) == 2, "the matches")
        await eye.press("escape")
        assert not typed.has_focus
        assert len(table(eye).keys) == 2
        assert "2 of 7 mounts" in eye.screen
        await eye.press("n")
        assert cursor(eye) == "/data/서울-지점"
        await eye.press("n")
        assert cursor(eye) == "/data"
        await eye.press("escape")
        assert len(table(eye).keys) == 7

    play(scene)


def test_enter_opens_the_detail_which_follows_the_node_and_esc_closes_it() -> None:
    async def scene(eye: Looking, one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("G", "k", "enter")
        await eye.until_shown("web2 · /", "Deleted files", "etl_loader")
        one.answers[FS.path] = [mount("/", 5, device="/dev/of-web1")]
        await eye.press("left_square_bracket")
        await eye.until_shown("web1 · /", "/dev/of-web1")
        await eye.press("escape")
        assert "Deleted files" not in eye.screen

    play(scene)


def test_a_detail_of_what_the_other_node_does_not_have_closes() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("enter", "left_square_bracket")
        assert "Filesystems · web1 ─" in eye.screen

    play(scene)


def test_the_screen_stands_still_while_paused_and_the_badge_counts_what_waits() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("p")
        two.answers[FS.path] = [mount("/new", 1)]
        eye.clock.advance(34)
        await eye.until(lambda: eye.app.fleet.waiting > 3, "updates")
        eye.app.paint()
        await eye.until_shown("PAUSED 34s +")
        assert "/mnt/hung" in eye.screen
        assert "/new" not in eye.screen
        await eye.press("1", "2")
        assert "/new" not in eye.screen
        await eye.press("ㅔ")
        await eye.until_shown("/new")
        assert "PAUSED" not in eye.screen

    play(scene)


def test_a_scan_is_asked_for_on_the_node_and_its_answer_is_told() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PATH_SCAN.path] = ScanAccepted(
            accepted=["/data/in"], skipped=[ScanSkipped(path="/data/logs", reason="a scan is running")]
        )
        await eye.press("3")
        await eye.until(lambda: len(table(eye).keys) == 6, "the paths")
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "the answer")
        assert eye.notices == ["web2: scanning /data/in; /data/logs not started: a scan is running"]
        assert ("POST", PATH_SCAN.path) in two.requests
        two.answers[PATH_SCAN.path] = Conflict("a scan is running")
        await eye.press("ㄲ")
        await eye.until(lambda: any("not done" in notice for notice in eye.notices), "the refusal")
        assert "a scan is running" in eye.notices[-1]

    play(scene)


def test_a_read_only_ui_asks_for_nothing_and_says_why() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        assert "READ-ONLY" in eye.screen
        await eye.press("3")
        await eye.until(lambda: len(table(eye).keys) == 6, "the paths")
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "the refusal")
        assert "read-only" in eye.notices[0]
        assert all(method == "GET" for method, _ in two.requests)

    play(scene, read_only=True)


def test_copy_gives_the_row_or_the_marked_rows_to_the_clipboard() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("y")
        assert eye.app.clipboard.startswith("/data\t")
        await eye.press("space", "space", "y")
        assert [line.split("\t")[0] for line in eye.app.clipboard.splitlines()] == ["/data", "/mnt/hung"]
        await eye.press("enter")
        await eye.press("y")
        assert "Processes that wait for it" in eye.app.clipboard

    play(scene)


def test_save_writes_every_field_to_a_new_private_file_and_tells_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until(lambda: len(table(eye).keys) == 7, "the mounts")
        await eye.press("o", "o")
        files = sorted((tmp_path / "etlmon").iterdir())
        assert len(files) == 2
        assert any(str(files[0]) in notice for notice in eye.notices)
        lines = files[0].read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("node,mount_point,total_bytes,")
        assert len(lines) == 8
        assert files[0].stat().st_mode & 0o777 == 0o600

    play(scene)


def test_a_file_that_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etlmon").write_text("a file where the directory should be", encoding="utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("o")
        assert "Not saved" in eye.notices[0]

    play(scene)


def test_the_palette_goes_to_a_node_and_to_a_view() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        for command in ("node web1", "paths"):
            await eye.command(command)
        await eye.until_shown("Paths · web1")

    play(scene)


def test_ctrl_c_closes_the_input_then_the_dialog_then_the_program() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("slash", "x", "ctrl+c")
        assert not eye.app.view.query_one(Input).has_focus
        await eye.press("question_mark", "ctrl+c")
        assert len(eye.app.screen_stack) == 1
        await eye.press("question_mark", "q")
        assert len(eye.app.screen_stack) == 1
        assert eye.app.is_running
        await eye.press("ctrl+c")
        assert eye.app._exit

    play(scene)


def test_times_are_shown_relative_local_or_utc() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("enter")
        await eye.until_shown("s ago")
        await eye.press("t", "t")
        assert "2026-11-21 06:00:25 UTC" in eye.screen
        assert "06:00:30Z" in eye.screen

    play(scene, size=(120, 90))


def test_tab_goes_from_view_to_view_and_a_click_on_a_tab_opens_it() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("tab")
        assert eye.app.view.view == "fs"
        await eye.press("shift+tab", "shift+tab")
        assert eye.app.view.view == VIEWS[-1].view
        await eye.pilot.click("TabLine", offset=(4, 0))
        await eye.pilot.pause()
        assert eye.app.view.view == "overview"

    play(scene)


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 15), (40, 10), (20, 5)])
def test_no_size_of_the_terminal_breaks_a_line_or_the_program(size: tuple[int, int]) -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        for keys in (
            ("2",),
            ("enter",),
            ("escape", "3"),
            ("enter",),
            ("escape", "slash", "d"),
            ("escape", "1", "enter"),
        ):
            await eye.press(*keys)
            assert screen_widths(eye.app) == {size[0]}
        await eye.press("question_mark")
        await eye.pilot.resize_terminal(120, 30)
        await eye.pilot.pause()
        assert screen_widths(eye.app) == {120}

    play(scene, size=size)


def test_in_ascii_no_other_character_is_drawn() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[FS.path] = [mount("/data", 93), mount("/nfs", 84, state="stuck")]
        two.answers[PATHS.path] = [path("/in", 7, complete=False, state="incomplete")]
        for keys in (("2",), ("enter",), ("escape", "3"), ("question_mark",), ("escape", "H")):
            await eye.press(*keys)
            await eye.until(lambda: "서울" not in eye.screen, "the change")
            odd = {char for char in eye.screen if not char.isascii()}
            assert odd == set()

    play(scene, ui=Ui(ascii=True, refresh_interval=0.1))  # type: ignore[arg-type]


def test_hostile_text_is_shown_harmlessly_everywhere() -> None:
    hostile = "in\x1b]52;c;aGFja2Vk\x07[/red][@click=app.exit]x[/]‮한글"

    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[FS.path] = [mount(f"/{hostile}", 95, error_message=hostile, device=hostile)]
        two.answers[PATHS.path] = [path(f"/{hostile}", 7, status="ERROR", error_message=hostile, state="missing")]
        two.answers[PATH_SCAN.path] = Conflict(hostile)
        await eye.until_shown("/in·]52")
        for keys in (("2",), ("enter",), ("y", "escape", "3"), ("enter",), ("escape", "R"), ("1", "enter")):
            await eye.press(*keys)
            await eye.until_shown("in·]52" if "enter" not in keys or "1" not in keys else "web2")
            assert "\x1b" not in eye.screen
            assert "‮" not in eye.screen
            assert screen_widths(eye.app) == {120}
        assert "\x1b" not in eye.app.clipboard

    play(scene)


def test_a_state_is_told_by_word_and_symbol_and_by_colour() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until_shown("◆ CRIT", "▲ WARN", "● OK", "◆ stuck 4m", "◆ not mounted")
        lines = eye.screen.splitlines()
        colors = {}
        for word in ("◆ CRIT", "▲ WARN", "● OK"):
            y = next(index for index, line in enumerate(lines) if word in line and "│" in line)
            colors[word] = next(color for text, color, *_ in screen_styles(eye.app, y) if word in text)
        assert len(set(colors.values())) == 3

    play(scene)


def test_no_color_leaves_only_greys_and_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2")
        await eye.until_shown("◆ CRIT", "▲ WARN", "● OK")

    play(scene)


@pytest.mark.parametrize("theme", ["nord", "textual-light", "ansi-dark", "solarized-light"])
def test_every_theme_can_be_chosen(theme: str) -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        assert eye.app.theme == theme
        await eye.press("2", "enter")
        await eye.until_shown("web2 · /data")

    play(scene, ui=Ui(theme=theme))


def test_a_tab_or_a_view_that_is_not_asked_for_is_not_mounted() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        assert [view.view for view in eye.app.switcher.children] == ["overview"]  # type: ignore[attr-defined]
        await eye.press("2", "1", "2")
        assert [view.view for view in eye.app.switcher.children] == ["overview", "fs"]  # type: ignore[attr-defined]

    play(scene)


def test_the_key_line_says_what_works_now_while_typing_in_a_dialog_and_after() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        def line() -> str:
            return eye.screen.splitlines()[-1]

        await eye.until(lambda: "? Help" in line(), "the help key")
        await eye.press("question_mark", "escape")
        await eye.until(lambda: "? Help" in line(), "the help key after the help")
        await eye.press("slash")
        await eye.until(lambda: "? Help" not in line(), "no help key while typing")
        await eye.press("enter")
        await eye.until(lambda: "? Help" in line(), "the help key after typing")
        await eye.press("enter")
        await eye.until(lambda: "/ Filter" not in line(), "no filter in the detail")

    play(scene)


def test_a_filter_that_comes_in_one_burst_is_typed_and_none_of_its_letters_acts() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("3")
        await eye.until(lambda: len(table(eye).keys) == 6, "the paths")
        for character in "/landq2R":
            eye.app.post_message(events.Key("slash" if character == "/" else character, character))
        await eye.until(lambda: eye.app.view.query_one(Input).value == "landq2R", "all letters")
        assert eye.app.view.view == "paths"
        assert eye.notices == []
        assert eye.app.is_running

    play(scene)


def test_keys_behind_the_enter_that_ends_a_filter_act_on_the_rows() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("2", "slash", *"data")
        await eye.until(lambda: len(table(eye).keys) == 2, "the matches")
        for name in ("enter", "j", "y", "3"):
            eye.app.post_message(events.Key(name, name if len(name) == 1 else None))
        await eye.until(lambda: eye.app.view.view == "paths", "the last key")
        assert eye.app.clipboard.startswith("/data/서울-지점")
        await eye.press("2")
        assert eye.app.view.query_one(Input).value == "data"

    play(scene)

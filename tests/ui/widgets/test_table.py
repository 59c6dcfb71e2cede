import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.geometry import Region
from textual.pilot import Pilot

from tests.ui.textsnap import screen_lines, screen_styles, screen_text, screen_widths
from tests.ui.widgets.stage import HOSTILE, Stage, play
from ui.glyphs import ASCII
from ui.widgets.table import Cell, Column, KeyedTable

COLUMNS = (
    Column("mount", "MOUNT", 12, flex=True),
    Column("used", "USED%", 8, right=True),
    Column("total", "TOTAL", 6, right=True, priority=1),
)
CURSOR, CURSOR_BLUR = "#2b3a67", "#1d2438"


class Watched(KeyedTable):
    """A table that remembers what it asked to have painted."""

    def __init__(self, columns: Sequence[Column] = COLUMNS, **options: bool | str) -> None:
        super().__init__(columns, **options)  # type: ignore[arg-type]
        self.painted: list[Region] = []
        self.whole = 0

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> "Watched":
        if hasattr(self, "painted"):
            self.painted += regions
            self.whole += not regions
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


def fill(table: KeyedTable, keys: Sequence[str], total: str = "4.0T") -> None:
    table.set_rows(list(keys), [(key, ("93%", "crit"), total) for key in keys])


def keys_of(count: int) -> list[str]:
    return [f"/data/{number}" for number in range(count)]


def cursor_row(stage: Stage) -> str:
    rows = [y for y in range(stage.size.height) if screen_styles(stage, y)[0][2] in (CURSOR, CURSOR_BLUR)]
    assert len(rows) <= 1
    return screen_lines(stage)[rows[0]].split()[0] if rows else ""


async def painted(stage: Stage, pilot: Pilot[None], row: str) -> None:
    """Return when the cursor stands on this row on the screen, too; painting may be late on a busy machine."""
    end = time.monotonic() + 20
    while cursor_row(stage) != row:
        assert time.monotonic() < end, f"{cursor_row(stage)!r} is not {row!r}"
        await pilot.pause(0.02)


def test_rows_stand_under_their_heads_with_numbers_at_the_right() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        table.set_rows(["a", "b"], [("/data", ("93%", "crit"), "4.0T"), ("/서울", [("█", "ok"), " 5%"], "930M")])
        await pilot.pause()
        assert screen_text(stage).splitlines()[:3] == [
            "MOUNT           USED%  TOTAL",
            "/data             93%   4.0T",
            "/서울            █ 5%   930M",
        ]
        assert ("93%", "#f7768e", CURSOR, True) in screen_styles(stage, 1)

    play(table, act=act, size=(28, 5))


def test_an_empty_table_says_what_is_not_there() -> None:
    table = KeyedTable(COLUMNS, empty="No mounts yet: the node has not answered. [b]r[/x] asks again.")

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert "No mounts yet: the node has\n not answered. [b]r[/x] asks\n again." in screen_text(stage)
        table.set_empty("No row matches.")
        await pilot.pause()
        assert "No row matches." in screen_text(stage)
        await pilot.press("j", "enter", "space", "G", "ctrl+d")
        assert (table.cursor_key, stage.told) == (None, [])

    play(table, act=act, size=(30, 8))


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (["j"], 1), (["ㅓ"], 1), (["down", "down", "k"], 1), (["j", "j", "ㅏ"], 1), (["G"], 49), (["end"], 49),
        (["G", "g"], 0), (["G", "ㅎ"], 0), (["G", "home"], 0), (["ctrl+d"], 4), (["ctrl+d", "ctrl+u"], 0),
        (["pagedown"], 8), (["pagedown", "pagedown", "pageup"], 8), (["k"], 0), (["G", "j"], 49),
    ],
)  # fmt: skip
def test_each_movement_key_moves_the_cursor_and_keeps_it_in_sight(keys: list[str], row: int) -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(50))
        await pilot.press(*keys)
        await pilot.pause()
        assert table.cursor_key == f"/data/{row}"
        await painted(stage, pilot, f"/data/{row}")

    play(table, act=act, size=(40, 10))


def test_keys_can_be_remapped_by_their_ids() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        stage.set_keymap({"move_down": "x", "move_bottom": "z"})
        fill(table, keys_of(9))
        await pilot.press("x", "j")
        assert table.cursor_key == "/data/1"
        await pilot.press("z")
        assert table.cursor_key == "/data/8"

    play(table, act=act)


@pytest.mark.parametrize("left", range(1, 15))
def test_no_row_is_hidden_for_which_there_is_room(left: int) -> None:
    table = KeyedTable(COLUMNS)

    async def act(_: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(15))
        await pilot.press("G")
        assert table.scroll_offset.y == 4
        fill(table, keys_of(left))
        await pilot.pause()
        assert table.scroll_offset.y == max(0, left - 11)

    play(table, act=act, size=(40, 12))


@pytest.mark.timeout(400)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_cursor_follows_its_key_and_the_screen_tells_the_truth(data: st.DataObject) -> None:
    table = KeyedTable(COLUMNS)
    pool = keys_of(40)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        for _ in range(6):
            keys = data.draw(st.lists(st.sampled_from(pool), unique=True))
            key, top = table.cursor_key, table.scroll_offset.y
            fill(table, keys, data.draw(st.sampled_from(["4.0T", "930M"])))
            await pilot.pause()
            assert table.cursor_key == key or key not in keys
            assert table.scroll_offset.y == min(top, max(0, len(keys) - 11))
            shown = screen_text(stage).splitlines()[1:]
            visible = keys[table.scroll_offset.y : table.scroll_offset.y + 11]
            assert [line.split()[0] for line in shown if "T" in line or "M" in line] == (visible)
            # New rows never scroll the table: only a key brings a cursor that they pushed out of sight back into it.
            pressed = data.draw(st.lists(st.sampled_from(["j", "k", "G", "g", "pagedown", "space"]), max_size=4))
            await pilot.press(*pressed, "j")
            await pilot.pause()
            await painted(stage, pilot, table.cursor_key or "")

    play(table, act=act, size=(40, 12))


def test_only_cells_that_changed_are_painted() -> None:
    table = Watched(empty="nothing")

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        keys = keys_of(50)
        fill(table, keys)
        await pilot.pause()
        table.painted, table.whole = [], 0
        fill(table, keys)
        assert (table.painted, table.whole) == ([], 0)
        rows = [(key, ("93%", "crit"), "5.0T" if number in (3, 40) else "4.0T") for number, key in enumerate(keys)]
        table.set_rows(keys, rows)
        assert table.painted == [Region(33, 4, 6, 1)]
        table.painted = []
        table.set_rows(keys, rows, ["dim" if number == 2 else None for number in range(50)])
        assert table.painted == [Region(0, 3, 39, 1)]
        table.painted = []
        await pilot.press("j")
        assert table.painted == [Region(0, 1, 39, 1), Region(0, 2, 39, 1)]
        assert table.whole == 0

    play(table, act=act, size=(40, 10))


def test_a_stale_row_is_dim_throughout() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        table.set_rows(["a", "b"], [("/a", ("93%", "crit"), "4T")] * 2, [None, "dim"])
        await pilot.pause()
        assert {run[1] for run in screen_styles(stage, 2) if run[0].strip()} == {"#66708f"}

    play(table, act=act)


def test_the_mouse_chooses_sorts_and_scrolls() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(50))
        await pilot.pause()
        await pilot.click(table, offset=(3, 4))
        assert table.cursor_key == "/data/3"
        await pilot.click(table, offset=(36, 0))
        await pilot.double_click(table, offset=(3, 5))
        table.post_message(_wheel(table))
        await pilot.pause()
        assert table.scroll_offset.y > 0
        assert table.cursor_key == "/data/4"

    told = play(table, act=act, size=(40, 10)).told
    assert [one.column_key for one in told if isinstance(one, KeyedTable.SortRequested)] == ["total"]
    assert [one.key for one in told if type(one) is KeyedTable.Selected] == ["/data/4"]
    assert [one.key for one in told if type(one) is KeyedTable.CursorMoved] == ["/data/0", "/data/3", "/data/4"]


def _wheel(table: KeyedTable) -> events.MouseScrollDown:
    return events.MouseScrollDown(table, 3, 3, 0, 0, 0, False, False, False, 3, 3)


def test_the_sorted_column_is_marked() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(2))
        table.sort_mark("total", descending=True)
        await pilot.pause()
        assert screen_lines(stage)[0] == "MOUNT           USED% TOTAL▼"
        table.sort_mark("mount")
        await pilot.pause()
        assert screen_lines(stage)[0].startswith("MOUNT△ ")

    play(table, act=act, size=(28, 5))


def test_marks_are_shown_and_told() -> None:
    table = KeyedTable(COLUMNS, markable=True)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(5))
        await pilot.press("space", "j", "space")
        await pilot.pause()
        assert table.marked == {"/data/0", "/data/2"}
        assert [line[0] for line in screen_lines(stage)[1:6]] == ["+", " ", "+", " ", " "]
        fill(table, ["/data/1", "/data/2"])
        await pilot.pause()
        assert table.marked == {"/data/2"}
        assert [line[0] for line in screen_lines(stage)[1:3]] == [" ", "+"]

    play(table, act=act, glyphs=ASCII)


def test_narrow_screens_drop_columns_and_wide_ones_bring_them_back() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(30))
        await pilot.press("G")
        for width, heads in ((24, ["MOUNT", "USED%"]), (60, ["MOUNT", "USED%", "TOTAL"])):
            await pilot.resize_terminal(width, 8)
            await pilot.pause()
            assert screen_lines(stage)[0].split() == heads
            await painted(stage, pilot, "/data/29")

    play(table, act=act, size=(40, 20))


def test_other_columns_come_with_their_rows() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(3))
        await pilot.press("j")
        table.set_rows(["/data/1"], [("node1", "/data/1")], columns=[Column("node", "NODE", 8), COLUMNS[0]])
        await pilot.pause()
        assert screen_lines(stage)[0].split() == ["NODE", "MOUNT"]
        assert table.cursor_key == "/data/1"
        assert table.move_to("/data/0") is False

    play(table, act=act)


def test_hostile_text_is_shown_harmlessly_and_in_line() -> None:
    table = KeyedTable(
        [Column("a", "\x1b[31m[/x]A", 12, flex=True), Column("b", "B", 10, right=True)], empty="".join(HOSTILE)
    )

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert "\x1b" not in screen_text(stage)
        rows: list[list[Cell]] = [[text, [(text, "warn"), text]] for text in HOSTILE]
        table.set_rows([str(number) for number in range(len(HOSTILE))], rows)
        await pilot.pause()
        assert screen_widths(stage) == {60}
        shown = screen_text(stage)
        assert "[/x]" in shown
        assert "[@click=app.quit]x[/]" in shown
        assert not set("\x1b\x9b\x00\u202e\u200d\ufeff\r\t") & set(shown)
        await pilot.click(table, offset=(14, 5))
        assert stage.is_running

    play(table, act=act, size=(60, 24))


def test_every_theme_can_be_chosen_and_shows_the_cursor() -> None:
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(3))
        for name in stage.available_themes:
            stage.theme = name
            await pilot.pause()
            segment = stage.screen._compositor.render_strips()[1]._segments[0]
            below = stage.screen._compositor.render_strips()[2]._segments[0]
            assert segment.style != below.style, name

    play(table, act=act)


def test_in_sixteen_colours_the_cursor_is_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("COLORTERM")
    table = KeyedTable(COLUMNS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        fill(table, keys_of(3))
        await pilot.pause()
        styles = [stage.screen._compositor.render_strips()[y]._segments[0].style for y in (1, 2)]
        assert [bool(style and style.reverse) for style in styles] == [True, False]

    play(table, act=act)

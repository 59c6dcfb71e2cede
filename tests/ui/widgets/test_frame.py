"""The lines around the views, the panels, the list of nodes: each by itself, and together as the operator sees them."""

from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.pilot import Pilot
from textual.widgets import Label

from tests.ui.textsnap import assert_looks_like, screen_lines, screen_styles, screen_text, screen_widths
from tests.ui.widgets.stage import HOSTILE, Stage, play, play_on
from ui import format as fmt
from ui.glyphs import ASCII, UNICODE, Glyphs, State
from ui.widgets.bar import bar, blocks
from ui.widgets.cells import Cell
from ui.widgets.chart import Chart
from ui.widgets.footer import KeyLine
from ui.widgets.header import HeaderInfo, HeaderLine
from ui.widgets.nodelist import NodeItem, NodeList
from ui.widgets.panel import Panel, edge_runs
from ui.widgets.table import Column, KeyedTable
from ui.widgets.tabs import Tab, TabLine

SCREENS = Path(__file__).parent / "screens"
INFO = HeaderInfo(
    up=6, warn=1, crit=1, down=1, node="prod-etl-01", host="web2", state="ok", latency_ms=4, age_sec=1.2,
    critical=2, warnings=3, clock="06:09:36",
)  # fmt: skip
TABS = [Tab("overview", "1", "Overview", "Over"), Tab("fs", "2", "FS", "FS"), Tab("paths", "3", "Path", "Path")]
NODES = [
    NodeItem(name="prod-etl-01", state="ok", latency_ms=4),
    NodeItem(name="서울-수집-01", state="warn", latency_ms=41),
    NodeItem(name="dw-load-02", state="crit", latency_ms=12),
    NodeItem(name="stg-etl-01", state="down"),
]
MOUNTS = [("/data", 93, 3.7e12), ("/nfs/in", 84.2, 1.1e13), ("/data/서울-지점", 52, 1.1e12), ("/home", 0.3, 5e9)]


class WholeScreen(Stage):
    """Every widget at its place, with values in it."""

    CSS = "#side { width: 24; } .-narrow #side { display: none; } #charts { height: 8; }"

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        yield TabLine()
        columns = [
            Column("mount", "MOUNT", 16, flex=True),
            Column("used", "USED%", 20),
            Column("hour", "1 h", 10, priority=1),
            Column("total", "TOTAL", 7, right=True),
        ]
        with Horizontal():
            yield Panel(NodeList(), title="Nodes", id="side")
            with Vertical():
                yield Panel(KeyedTable(columns, id="mounts"), title="Filesystems · prod-etl-01", id="main")
                with Horizontal(id="charts"):
                    yield Panel(Chart(warn=70, critical=90, id="cpu"), title="CPU %")
                    yield Panel(Chart(0, 1000, mode="line", unit="", id="net"), title="NET MB/s")
        yield KeyLine()

    def fill(self) -> None:
        self.query_one(HeaderLine).show(INFO)
        self.query_one(TabLine).show(TABS, "fs")
        self.query_one(NodeList).show(NODES, "prod-etl-01")
        table = self.query_one("#mounts", KeyedTable)
        table.set_rows([mount for mount, _, _ in MOUNTS], [self.row(*mount) for mount in MOUNTS])
        table.sort_mark("used", descending=True)
        table.focus()
        self.query_one("#main", Panel).show(foot="4 of 12 · sort USED%▼")
        self.query_one("#cpu", Chart).show([(one * 7) % 100 if one % 23 > 2 else None for one in range(120)])
        self.query_one("#net", Chart).show([500 + 400 * (one % 40 - 20) / 20 for one in range(120)])

    def row(self, mount: str, used: float, size: float) -> list[Cell]:
        filled: Cell = [(bar(used, 12, self.glyphs), "crit" if used > 90 else "ok"), f" {fmt.used_percent(used):>4}"]
        return [mount, filled, blocks([used - 9, used, None, used + 5], 10, glyphs=self.glyphs), fmt.size(size)]


@pytest.mark.parametrize(
    ("size", "glyphs", "name"),
    [((80, 24), UNICODE, "80x24"), ((120, 36), UNICODE, "120x36"), ((120, 36), ASCII, "120x36-ascii")],
)
def test_the_screen_looks_as_it_should(size: tuple[int, int], glyphs: Glyphs, name: str) -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert isinstance(stage, WholeScreen)
        stage.fill()
        await pilot.pause()
        assert screen_widths(stage) == {size[0]}
        assert_looks_like(stage, SCREENS / f"{name}.txt")
        if glyphs is ASCII:
            assert screen_text(stage).replace("서울-수집-01", "").replace("서울-지점", "").isascii()

    play_on(WholeScreen(glyphs=glyphs), act=act, size=size)


def test_a_panel_goes_from_wide_to_narrow_and_back() -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert isinstance(stage, WholeScreen)
        stage.fill()
        for size in ((80, 24), (120, 36)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert_looks_like(stage, SCREENS / f"{size[0]}x{size[1]}.txt")

    play_on(WholeScreen(), act=act, size=(120, 36))


def header_text(info: HeaderInfo, width: int, glyphs: Glyphs = UNICODE) -> str:
    header = HeaderLine()
    seen: list[str] = []

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        header.show(info)
        await pilot.pause()
        seen.append(screen_lines(stage)[0])

    play(header, act=act, size=(width, 2), glyphs=glyphs)
    return seen[0]


def test_the_header_keeps_the_counts_and_the_clock_and_drops_the_rest() -> None:
    wide = header_text(INFO, 120)
    assert wide.startswith(" etlmon  ● 6 up ▲ 1 ◆ 1 ✕ 1 down ")
    assert " prod-etl-01 on web2 4 ms · updated 1 s ago " in wide
    assert wide.endswith(" 2 crit 3 warn  06:09:36 ")
    narrow = header_text(INFO, 80)
    assert " prod-etl-01 4 ms " in narrow
    assert "updated" not in narrow
    assert narrow.endswith(" 2 crit 3 warn  06:09:36 ")
    assert header_text(INFO, 62).split()[:4] == ["etlmon", "●", "6", "up"]
    assert len(header_text(INFO, 30)) == 30


def test_the_header_says_that_the_node_is_down_and_that_the_screen_stands_still() -> None:
    info = HeaderInfo(
        node="web2", state="down", problem="connection refused", badges=[("PAUSED 12 s", "warn")], clock="06:00:00"
    )
    shown = header_text(info, 100, ASCII)
    assert "web2 x connection refused" in shown
    assert "PAUSED 12 s" in shown


@pytest.mark.parametrize(
    ("alerts", "state", "said", "tone"),
    [(0, "ok", "", None), (1, "crit", "1 alert", "crit"), (6, "warn", "6 alerts", "warn"), (2, "ok", "2 alerts", "dim"),
     (3, "unknown", "3 alerts", "dim")],
)  # fmt: skip
def test_the_header_counts_alerts_in_the_tone_of_the_worst_that_nobody_looks_after(
    alerts: int, state: State, said: str, tone: str | None
) -> None:
    header = HeaderLine()
    header.info = HeaderInfo(alerts=alerts, alerts_state=state, clock="06:00:00")
    found = [run for run in header._right() if "alert" in run[0]]
    assert found == ([(said, tone)] if said else [])
    assert header_text(header.info, 80).endswith(f" {said}  06:00:00 " if said else " 06:00:00 ")


def test_tabs_have_long_names_short_names_or_keys_alone() -> None:
    tabs = TabLine()

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        tabs.show(TABS, "fs")
        for width, line in ((40, "  1 Overview  2 FS  3 Path"), (24, "  1 Over  2 FS  3 Path"), (12, "  1  2  3")):
            await pilot.resize_terminal(width, 3)
            await pilot.pause()
            assert screen_lines(stage)[0].rstrip() == line
        assert [run[0] for run in screen_styles(stage, 0) if run[3]] == [" 2 "]
        await pilot.click(tabs, offset=(8, 0))

    told = play(tabs, act=act, size=(40, 3)).told
    assert [one.tab_id for one in told if isinstance(one, TabLine.Chosen)] == ["paths"]


class Keys(Stage):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ㅂ", "leave", "Quit"),
        Binding("x", "hidden", "Hidden", show=False),
        Binding("r", "again('[/x]')", "[/x]Refresh"),
        Binding("z", "off", "Off"),
    ]
    left = 0

    def action_leave(self) -> None:
        self.left += 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "off"


def test_the_footer_shows_the_live_keys_and_a_click_presses_one() -> None:
    keys = KeyLine()

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert screen_lines(stage)[1].rstrip() == " q Quit r [/x]Refresh"
        keys.show_status("FOLLOW", "ok")
        await pilot.pause()
        assert screen_lines(stage)[1] == " q Quit r [/x]Refresh          FOLLOW "
        await pilot.click(keys, offset=(3, 0))
        await pilot.resize_terminal(20, 2)
        await pilot.pause()
        assert screen_lines(stage)[1] == " q Quit      FOLLOW "

    stage = Keys(Label("\n"), keys)
    play_on(stage, act=act, size=(38, 2))
    assert stage.left == 1


def test_the_footer_follows_the_focus() -> None:
    table, keys = KeyedTable([Column("a", "A", 5)]), KeyLine()

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert "Detail" in screen_lines(stage)[5]
        stage.set_focus(None)
        await pilot.pause()
        assert "Detail" not in screen_lines(stage)[5]

    play(table, keys, act=act, size=(40, 6))


def test_the_list_of_nodes_says_how_each_is_in_symbol_and_colour() -> None:
    nodes = NodeList()

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert "ui.yaml" in screen_text(stage)
        nodes.show(NODES, "prod-etl-01")
        await pilot.pause()
        lines = [line.rstrip() for line in screen_lines(stage)[:5]]
        assert lines == [
            "  node              ms",
            "●▸prod-etl-01        4",
            "▲ 서울-수집-01      41",
            "◆ dw-load-02        12",
            "✕ stg-etl-01       off",
        ]
        assert [screen_styles(stage, y)[0][1] for y in range(1, 5)] == ["#73daca", "#e0af68", "#f7768e", "#f7768e"]
        await pilot.double_click(nodes, offset=(4, 3))

    told = play(nodes, act=act, size=(22, 8)).told
    assert [one.key for one in told if type(one) is KeyedTable.Selected] == ["dw-load-02"]


def test_hostile_text_in_the_frame_is_shown_harmlessly_and_in_line() -> None:
    header, tabs, nodes, keys = HeaderLine(), TabLine(), NodeList(), KeyLine()
    panel = Panel(nodes)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        for text in HOSTILE:
            header.show(
                HeaderInfo(
                    node=text, host=text, state="down", problem=text, badges=[(text[:20], "warn")], clock=text[:9]
                )
            )
            tabs.show([Tab("a", "1", text, text), Tab("b", "2", text, text[:5])], "a")
            nodes.show([NodeItem(name=text, state="ok")], text)
            panel.show(title=text, right=text, foot=text)
            keys.show_status(text)
            await pilot.pause()
            assert screen_widths(stage) == {120}
            assert not set("\x1b\x9b\x00\u202e\u200d\ufeff") & set(screen_text(stage))
            await pilot.click(tabs, offset=(4, 0))
            await pilot.click(keys, offset=(4, 0))
        assert stage.is_running

    play(header, tabs, panel, keys, act=act, size=(120, 10))


def test_an_edge_gives_up_its_right_text_before_its_left_one() -> None:
    def edge(left: str, right: str, width: int) -> str:
        return "".join(text for text, _ in edge_runs(left, right, ("╭", "╮"), "─", width))

    assert edge("Nodes", "3 of 9", 24) == "╭─ Nodes ───── 3 of 9 ─╮"
    assert edge("Nodes", "3 of 9", 18) == "╭─ Nodes ────────╮"
    assert edge("Filesystems", "", 12) == "╭─ Filesy…─╮"
    assert edge("Nodes", "9", 5) == "╭───╮"

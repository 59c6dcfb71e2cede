from textual.app import ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot

from tests.ui.textsnap import screen_lines, screen_text
from tests.ui.widgets.stage import HOSTILE, Stage, play_on
from ui.filter import Filter, FilterError
from ui.widgets.filterbar import FilterBar
from ui.widgets.table import Column, KeyedTable

PLACES = ["/data", "/data/in", "/nfs/in", "/서울"]


class Filtered(Stage):
    """A table with a filter, as a view wires them."""

    BINDINGS = [Binding("slash", "filter", "Filter"), Binding("q", "quit", "Quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield FilterBar()
        yield KeyedTable([Column("place", "PLACE", 20)], empty="No row matches.")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(FilterBar).query_one("#filter").cursor_blink = False  # type: ignore[attr-defined]
        self.query_one(KeyedTable).focus()
        self.draw(Filter())

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def on_filter_bar_left(self) -> None:
        self.query_one(KeyedTable).focus()

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.draw(event.filter)

    def draw(self, chosen: Filter) -> None:
        bar = self.query_one(FilterBar)
        try:
            found = [PLACES[index] for index in chosen.select(PLACES)]
        except FilterError as error:
            bar.complain(str(error))
            return
        self.query_one(KeyedTable).set_rows(found, [(place,) for place in found])
        bar.show(len(found), len(PLACES))


def rows(stage: Stage) -> list[str]:
    return list(stage.query_one(KeyedTable).keys)


def test_typing_filters_as_one_types_and_says_how_many_are_left() -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert screen_lines(stage)[0].startswith("PLACE")
        await pilot.press("slash", "i", "n")
        await pilot.pause()
        assert rows(stage) == ["/data/in", "/nfs/in"]
        assert screen_lines(stage)[0].split() == ["filter", "in", "2", "of", "4"]
        await pilot.press("q")
        await pilot.pause()
        assert rows(stage) == []
        assert "No row matches." in screen_text(stage)
        assert stage.is_running

    play_on(Filtered(), act=act, size=(60, 8))


def test_a_filter_that_is_none_says_why_and_the_last_rows_stay() -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"/nfs")
        await pilot.press(*"(")
        await pilot.pause()
        assert rows(stage) == ["/nfs/in"]
        assert "no regular expression" in screen_lines(stage)[0]
        await pilot.press("backspace")
        await pilot.pause()
        assert screen_lines(stage)[0].split()[-3:] == ["1", "of", "4"]

    play_on(Filtered(), act=act, size=(80, 8))


def test_leaving_keeps_the_filter_and_an_empty_one_hides_itself() -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        bar, table = stage.query_one(FilterBar), stage.query_one(KeyedTable)
        for leave in ("enter", "escape", "down"):
            await pilot.press("slash", *"in", leave)
            await pilot.pause()
            assert table.has_focus
            assert len(rows(stage)) == 2
            assert bar.display
            bar.clear()
            await pilot.pause()
            assert len(rows(stage)) == 4
            assert not bar.display
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert not bar.display
        assert bar.filter.text == ""

    play_on(Filtered(), act=act, size=(60, 8))


def test_what_is_pasted_is_made_harmless_and_never_markup() -> None:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        bar = stage.query_one(FilterBar)
        bar.open()
        for text in HOSTILE[:-1]:
            bar._input.value = text
            await pilot.pause()
            bar.complain(text)
            await pilot.pause()
            assert not set("\x1b\x9b\x00\u202e\u200d\ufeff") & set(screen_text(stage)), repr(text)
        assert stage.is_running

    play_on(Filtered(), act=act, size=(60, 8))

"""The bar of what scrolls stands where it scrolled to."""

from textual.pilot import Pilot

from tests.ui.widgets.stage import Stage, play
from tests.ui.widgets.test_loglines import LOOK, many
from ui.widgets.loglines import LogLines
from ui.widgets.scrolling import Scrolling


def bar(widget: Scrolling) -> tuple[bool, float, int]:
    """Whether it is shown, where, and of how many rows."""
    shown = widget.vertical_scrollbar
    return widget.show_vertical_scrollbar, shown.position, shown.window_virtual_size


def test_it_is_right_also_when_the_first_rows_came_before_it_was_there() -> None:
    lines = LogLines()

    async def act(_: Stage, pilot: Pilot[None]) -> None:
        # It follows: the newest row is the last of the ten on the screen.
        for rows, first in ((100, 90), (0, 0), (28, 18), (40, 30)):
            lines.show(many(rows), LOOK)
            await pilot.pause()
            assert bar(lines) == (True, first, rows) or not rows

    play(lines, act=act, size=(40, 10))

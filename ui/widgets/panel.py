"""A frame around a part of the screen: what it is on top, how many and how sorted at the bottom."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget

from ui.widgets.cells import Run, fit_runs, plain, width_of
from ui.widgets.paint import Painter

_LEAST_FOR_TEXT = 6


class Edge(Widget):
    """The upper or lower line of a frame, with a text at its left and one at its right."""

    DEFAULT_CSS = "Edge { height: 1; width: 1fr; }"

    def __init__(self, side: Literal["top", "bottom"]) -> None:
        super().__init__(classes=f"-{side}")
        self.painter = Painter(self)
        self._side = side
        self._texts = ("", "")

    def show(self, left: str, right: str) -> None:
        if self._texts != (left, right):
            self._texts = (left, right)
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()

    def render_line(self, y: int) -> Strip:
        glyphs, width = self.painter.glyphs, self.size.width
        top = self._side == "top"
        corners = (glyphs.top_left, glyphs.top_right) if top else (glyphs.bottom_left, glyphs.bottom_right)
        if self.screen.has_class("-narrow"):
            corners = ("", "")
        return self.painter.strip(edge_runs(*self._texts, corners, glyphs.horizontal, width), width)


def edge_runs(left: str, right: str, corners: tuple[str, str], line: str, width: int) -> list[Run]:
    """The runs of an edge; the right text goes first when there is no room for both, then the left one is cut."""
    room = width - len(corners[0]) - len(corners[1]) - 2 * len(line)
    left, right = (f" {plain(text)} " if text else "" for text in (left, right))
    if width_of(left) + width_of(right) > room:
        right = ""
    texts: list[Run] = [(left, "title")] if room >= _LEAST_FOR_TEXT else []
    if texts and width_of(left) > room:
        texts = fit_runs(texts, room)
    if not texts:
        right = ""
    used = sum(width_of(text) for text, _ in texts) + width_of(right)
    return [(corners[0] + line, None), *texts, (line * (room - used), None), (right, "dim"), (line + corners[1], None)]


class Panel(Vertical):
    """A frame with a rounded line. Whether something in it has the focus is shown by the colour of the line alone.

    On a narrow screen (class `-narrow` of the screen) the upper line is all that is left of it, and it takes over what
    the lower one said.
    """

    DEFAULT_CSS = """
    Panel { height: 1fr; background: $surface; color: $tone-faint; }
    Panel:focus-within { color: $tone-accent; }
    Panel > Edge { background: $surface; color: $tone-faint; }
    Panel:focus-within > Edge { color: $tone-accent; }
    Panel > .panel--body { height: 1fr; border-left: round $tone-faint; border-right: round $tone-faint; }
    Panel:focus-within > .panel--body { border-left: round $tone-accent; border-right: round $tone-accent; }
    Panel.-ascii > .panel--body { border-left: ascii $tone-faint; border-right: ascii $tone-faint; }
    Panel.-ascii:focus-within > .panel--body { border-left: ascii $tone-accent; border-right: ascii $tone-accent; }
    .-narrow Panel > .panel--body { border: none; }
    .-narrow Panel > Edge.-bottom { display: none; }
    """
    # The rules for a narrow screen start above the panel.
    SCOPED_CSS: ClassVar[bool] = False
    ALLOW_MAXIMIZE: ClassVar[bool | None] = True

    def __init__(
        self,
        *children: Widget,
        title: str = "",
        id: str | None = None,  # noqa: A002 (Textual's name)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._body = Vertical(*children, classes="panel--body")
        self._top, self._bottom = Edge("top"), Edge("bottom")
        self._title, self._right, self._foot = title, "", ""

    def compose(self) -> ComposeResult:
        yield self._top
        yield self._body
        yield self._bottom

    def on_mount(self) -> None:
        self.set_class(self._top.painter.glyphs.is_ascii, "-ascii")
        self._show()

    def on_resize(self) -> None:
        self._show()

    def show(self, *, title: str | None = None, right: str | None = None, foot: str | None = None) -> None:
        """Change what stands in the frame: `title` top left, `right` top right, `foot` (count and sort) below.

        None leaves a text as it is.
        """
        self._title = self._title if title is None else title
        self._right = self._right if right is None else right
        self._foot = self._foot if foot is None else foot
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        narrow = self.screen.has_class("-narrow")
        self._top.show(self._title, (self._foot or self._right) if narrow else self._right)
        self._bottom.show("", self._foot)

"""Runs of text in the colours of the theme: what every widget here draws its lines with."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from ui.glyphs import Glyphs, glyphs_of
from ui.widgets.cells import Run, Tone, fit_runs, plain

Look = Literal["plain", "header", "cursor", "cursor-blur"]

_BOLD: frozenset[Tone] = frozenset({"crit", "down", "title"})


class Painter:
    """Draws runs for one widget. `forget()` it when the theme changes (`Widget.notify_style_update`)."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[Look, Tone | None], Style] = {}

    @property
    def glyphs(self) -> Glyphs:
        return glyphs_of(self._widget.app)

    def forget(self) -> None:
        self._styles.clear()

    def style(self, tone: Tone | None = None, look: Look = "plain") -> Style:
        """The style of a tone on a line of some look, over the widget's own colours."""
        style = self._styles.get((look, tone))
        if style is None:
            style = self._widget.rich_style + self._background(look)
            if tone == "active":
                style += Style(color=self._color("tone-accent"), reverse=True, bold=True)
            elif tone == "hit":
                style += Style(color=self._color("tone-warn"), reverse=True)
            elif tone == "error":
                # A whole line of it: the colour of what is critical without its weight.
                style += Style(color=self._color("tone-crit"))
            elif tone is not None:
                style += Style(color=self._color(f"tone-{tone}"), bold=True if tone in _BOLD else None)
            self._styles[look, tone] = style
        return style

    def strip(self, runs: Iterable[Run], width: int, look: Look = "plain") -> Strip:
        """One line of exactly `width` cells. The runs are plain text already (`cells.plain`)."""
        glyphs = self.glyphs
        segments: list[Segment] = []
        text, style = "", self.style(None, look)
        for part, tone in fit_runs(list(runs), width, ellipsis=glyphs.ellipsis):
            next_style = self.style(tone, look)
            if next_style is not style:
                if text:
                    segments.append(Segment(text, style))
                text, style = "", next_style
            text += glyphs.text(part)
        if text:
            segments.append(Segment(text, style))
        return Strip(segments, width)

    def blank(self, width: int) -> Strip:
        return Strip.blank(width, self.style())

    def _background(self, look: Look) -> Style:
        if look == "plain":
            return Style.null()
        if look == "header":
            return Style(color=self._color("tone-dim"), bgcolor=self._color("panel"), bold=True)
        if self._few_colors:
            # Sixteen colours have no quiet one to lay under text of any other colour.
            return Style(reverse=True, bold=look == "cursor")
        return Style(bgcolor=self._color(look), bold=True if look == "cursor" else None)

    @property
    def _few_colors(self) -> bool:
        app = self._widget.app
        return app.current_theme.ansi or app.console.color_system == "standard"

    def _color(self, variable: str) -> RichColor | None:
        """The theme's colour as Rich names it; None where the app knows no such variable."""
        value = self._widget.app.theme_variables.get(variable)
        if value is None:
            return None
        color = Color.parse(value)
        return None if color.a == 0 else color.rich_color


class OneLine(Widget):
    """A line of the frame (header, tabs, keys). A subclass says what stands in it, for a given width."""

    DEFAULT_CSS = "OneLine { height: 1; width: 1fr; background: $background; color: $foreground; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self.painter = Painter(self)
        self._drawn: tuple[int, Sequence[Run]] = (-1, ())

    def runs(self, width: int) -> list[Run]:
        """What stands in the line; it is cut or padded to `width` cells."""
        raise NotImplementedError

    def changed(self) -> None:
        """Draw again, unless the line would look the same."""
        width = self.size.width
        if self._drawn != (width, self.runs(width)):
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        runs = self.runs(width)
        self._drawn = (width, runs)
        return self.painter.strip([(plain(text), tone) for text, tone in runs], width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()

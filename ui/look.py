"""How the program looks on this terminal: theme, symbols, scroll bars."""

from typing import ClassVar

from textual.app import App, InvalidThemeError
from textual.scrollbar import ScrollBar, ScrollBarRender

from ui.glyphs import ASCII, UNICODE, Glyphs
from ui.settings import Ui
from ui.theme import ETLMON


class PlainBar(ScrollBarRender):
    """A scroll bar that is colour alone, without the partial blocks at its ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def dress(app: App[object], settings: Ui) -> Glyphs:
    """Give the app its theme and return its symbols. Raises InvalidThemeError when there is no such theme."""
    app.register_theme(ETLMON)
    if settings.theme not in app.available_themes:
        known = ", ".join(sorted(app.available_themes))
        raise InvalidThemeError(f"ui.theme: {settings.theme!r} is no theme; there are {known}")
    app.theme = settings.theme
    # One program, one terminal: Textual keeps the renderer for all scroll bars.
    ScrollBar.renderer = PlainBar if settings.ascii else ScrollBarRender
    return ASCII if settings.ascii else UNICODE

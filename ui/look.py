"""How the program looks on this terminal: theme, symbols, scroll bars."""

from typing import ClassVar

from textual.app import App
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.theme import BUILTIN_THEMES

from ui.glyphs import ASCII, UNICODE, Glyphs
from ui.settings import Ui
from ui.theme import ETLMON

THEMES = frozenset({*BUILTIN_THEMES, ETLMON.name})
"""What `ui.theme` may be."""


class PlainBar(ScrollBarRender):
    """A scroll bar that is colour alone, without the partial blocks at its ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def dress(app: App[object], settings: Ui) -> Glyphs:
    """Give the app its theme, one of THEMES, and return its symbols."""
    app.register_theme(ETLMON)
    app.theme = settings.theme
    # One program, one terminal: Textual keeps the renderer for all scroll bars.
    ScrollBar.renderer = PlainBar if settings.ascii else ScrollBarRender
    return ASCII if settings.ascii else UNICODE

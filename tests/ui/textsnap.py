"""A screen as text: what a person sees, in a form that can be read in a review."""

import os
from pathlib import Path
from typing import Any

from rich.style import Style
from textual.app import App
from textual.strip import Strip

from ui.widgets.cells import width_of


def _strips(app: App[Any]) -> list[Strip]:
    return app.screen._compositor.render_strips()


def screen_text(app: App[Any]) -> str:
    """The lines of the screen, without the blanks at their ends."""
    return "\n".join(strip.text.rstrip() for strip in _strips(app))


def screen_lines(app: App[Any]) -> list[str]:
    """The lines of the screen in full width."""
    return [strip.text for strip in _strips(app)]


def screen_widths(app: App[Any]) -> set[int]:
    """How many cells the lines take, character by character: one number when nothing is out of line."""
    return {width_of(strip.text) for strip in _strips(app)}


def screen_styles(app: App[Any], y: int) -> list[tuple[str, str | None, str | None, bool]]:
    """The runs of one line: text, colour, background, bold."""
    runs = []
    for segment in _strips(app)[y]:
        style = segment.style or Style.null()
        color = style.color.name if style.color else None
        background = style.bgcolor.name if style.bgcolor else None
        runs.append((segment.text, color, background, bool(style.bold)))
    return runs


def is_alike(app: App[Any], expected: Path) -> bool:
    """Whether the screen is the one in the file, or the file is only now written."""
    return _writes() or not expected.exists() or screen_text(app) + "\n" == expected.read_text()


def _writes() -> bool:
    return os.environ.get("ETLMON_WRITE_SNAPSHOTS") == "1"


def assert_looks_like(app: App[Any], expected: Path) -> None:
    """The screen is the one in the file. With ETLMON_WRITE_SNAPSHOTS=1 the file is written instead."""
    shown = screen_text(app) + "\n"
    if _writes():
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(shown)
    assert shown == expected.read_text(), f"the screen is not as in {expected}:\n{shown}"

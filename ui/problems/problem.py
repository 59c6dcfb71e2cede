"""One thing that is wrong, and the order of how bad things are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ui.glyphs import SEVERITY, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `view` and `key` lead to the row it is about; `since` is by the UI's clock."""

    level: State
    node: str
    text: str
    since: datetime | None = None
    view: str = "overview"
    key: str = ""


def rank(level: State) -> int:
    """0 for the worst."""
    return SEVERITY.index(level)


def worst(levels: Iterable[State]) -> State:
    return min(levels, key=rank, default="ok")

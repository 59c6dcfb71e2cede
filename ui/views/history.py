"""Histories for charts: which one to ask for, and its points as evenly spaced values. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from ui.state import NodeState, Question

P = TypeVar("P")

DAY_SEC = 600
YOUNG_SEC = 30
_FEW = 12
_COLUMNS = 144

AskHistory = Callable[[int], Question[list[P]]]
"""The question for a history with points so many seconds apart."""


def history_questions(node: NodeState, ask: AskHistory[P]) -> tuple[Question[list[P]], ...]:
    """The history of a day; while there is little of it (a node just set up), a finer one as well."""
    day = ask(DAY_SEC)
    return (day, ask(YOUNG_SEC)) if node.held(day) is not None and _is_young(node, ask) else (day,)


def history_values(
    node: NodeState,
    ask: AskHistory[P],
    at: Callable[[P], datetime],
    value: Callable[[P], float | None],
    now: datetime,
) -> tuple[list[float | None], int]:
    """The values of the finest history held, one for each step back from `now`, and the seconds of a step.

    A step without a point is a gap (None). Empty while nothing is held.
    """
    for step in (YOUNG_SEC, DAY_SEC):
        points = node.answer(ask(step))
        if points and (step == DAY_SEC or _is_young(node, ask)):
            return even([(at(point), value(point)) for point in points], step, now), step
    return [], DAY_SEC


def _is_young(node: NodeState, ask: AskHistory[P]) -> bool:
    day = node.answer(ask(DAY_SEC))
    return day is None or len(day) < _FEW


def even(points: Sequence[tuple[datetime, float | None]], step_sec: int, now: datetime) -> list[float | None]:
    """Points as values one step apart, the last one now; of two in one step the later counts."""
    values: list[float | None] = [None] * _COLUMNS
    for at, value in points:
        back = int((now - at).total_seconds() // step_sec)
        if 0 <= back < _COLUMNS:
            values[_COLUMNS - 1 - back] = value
    first = next((index for index, value in enumerate(values) if value is not None), len(values))
    return values[first:]

"""Histories for charts: which one to ask for, and its points as evenly spaced values. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from ui.state import Question
from ui.views.rows import Row


class HasTime(Protocol):
    @property
    def at(self) -> datetime: ...


P = TypeVar("P", bound=HasTime)

STEPS_SEC = (600, 30, 3)
"""A column of the chart is ten minutes (a day in all); less while there is little history: a node just set up."""

_COLUMNS = 144
_FILLED = 80

AskHistory = Callable[[int], Question[list[P]]]
"""The question for a history with points so many seconds apart."""


def history_questions(row: Row[Any], ask: AskHistory[P]) -> tuple[Question[list[P]], ...]:
    """The history of a day; and finer ones as long as they fill the chart."""
    return tuple(ask(step) for step in _steps(row, ask))


def history_values(
    row: Row[Any], ask: AskHistory[P], value: Callable[[P], float | None], *, hold_sec: float
) -> tuple[list[float | None], int]:
    """The values of the finest history held, one for each step back from now, and the seconds of a step.

    A point holds until the next one, for `hold_sec` at the most; then there is a gap (None). Empty while nothing is
    held.
    """
    for step in reversed(tuple(_steps(row, ask))):
        if points := row.node.answer(ask(step)):
            return even([(point.at, value(point)) for point in points], step, row.now, hold_sec), step
    return [], STEPS_SEC[0]


def _steps(row: Row[Any], ask: AskHistory[P]) -> Iterator[int]:
    """The steps to ask for, the widest first."""
    yield STEPS_SEC[0]
    for wide, fine in pairwise(STEPS_SEC):
        points = row.node.answer(ask(wide))
        if not points or (row.now - points[0].at).total_seconds() > fine * _FILLED:
            return
        yield fine


def even(
    points: Sequence[tuple[datetime, float | None]], step_sec: int, now: datetime, hold_sec: float
) -> list[float | None]:
    """Points as values one step apart, the last one now; of two in one step the later counts."""
    values: list[float | None] = [None] * _COLUMNS
    for at, value in points:
        back = int((now - at).total_seconds() // step_sec)
        if 0 <= back < _COLUMNS:
            values[_COLUMNS - 1 - back] = value
    first = next((index for index, value in enumerate(values) if value is not None), len(values))
    return held(values[first:], int(hold_sec // step_sec))


def held(values: Sequence[float | None], steps: int) -> list[float | None]:
    """Each value also stands for the gap behind it, up to so many steps of it."""
    filled: list[float | None] = []
    last, left = None, 0
    for value in values:
        if value is not None:
            last, left = value, steps
        elif left:
            left -= 1
        else:
            last = None
        filled.append(last)
    return filled


def ceiling(largest: float, *, least: float = 10.0) -> float:
    """The end of an axis for values up to `largest`: 1, 2 or 5 times a power of ten, which is at least `least`."""
    end = least
    while True:
        for factor in (1, 2, 5):
            if largest <= end * factor:
                return end * factor
        end *= 10

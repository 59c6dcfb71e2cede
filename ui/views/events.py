"""What happened, as lines of a detail."""

from collections.abc import Sequence
from typing import Any

from etlmon.contract.node import EVENTS, Event, EventQuery, Severity
from ui.state import Question
from ui.views.detail import Section
from ui.views.rows import Row
from ui.widgets.cells import Tone
from ui.widgets.lines import Line, grid

_TONES: dict[Severity, Tone | None] = {"info": None, "warning": "warn", "critical": "crit"}
_SHOWN = 20


def events_question(domain: str | None = None, key: str | None = None) -> Question[list[Event]]:
    """The latest events, of everything or of one thing."""
    return Question(EVENTS, EventQuery(limit=_SHOWN, domain=domain, key=key), pace="slow")


def events_section(row: Row[Any], question: Question[list[Event]]) -> Section:
    """The events held for a question, newest first."""
    events = row.node.answer(question)
    nothing = "Nothing has happened yet." if events is not None else "Not answered yet."
    return Section("Events", _lines(row, events or ()), row.node.refusals.get(question.key, nothing))


def _lines(row: Row[Any], events: Sequence[Event]) -> list[Line]:
    return grid(
        [
            ((row.when(event.at), "dim"), (event.severity.upper(), _TONES[event.severity]), event.message)
            for event in events
        ]
    )

"""What the silence dialog asks for, what is wrong with it, and what it comes to. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Literal, get_args

from etlmon.contract.alerts_rules import NewSilence, Silence
from etlmon.contract.errors import ErrorBody
from etlmon.labels import read_labels, write_labels
from etlmon.units import Duration
from ui import format as fmt
from ui.format import TimeStyle
from ui.moments import EXAMPLES_AHEAD, is_duration, parse_ahead
from ui.widgets.lines import Line

Name = Literal["rule", "labels", "starts", "ends", "reason"]
"""The fields of the form, in their order."""

NAMES: Final[tuple[Name, ...]] = get_args(Name)
USUAL = "2h"

_OF_DETAILS: Final[Mapping[str, Name]] = {"starts_at": "starts", "ends_at": "ends", "duration": "ends"}
"""Where the node calls a field otherwise."""

_SIGNS = ("!", "~")


class FormError(Exception):
    """Why a field cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that was typed. An empty rule is every rule, no labels are all alerts, an empty start is now."""

    rule: str = ""
    labels: str = ""
    starts: str = ""
    ends: str = USUAL
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How the operator reads and writes times: what is now, in which zone, and in which style."""

    now: Callable[[], datetime]
    zone: tzinfo | None = None
    style: TimeStyle = "relative"


def form_of(rule: str = "", labels: Mapping[str, str] | None = None) -> Form:
    """The form for alerts of a rule with these labels, each as it is."""
    return Form(rule=rule, labels=write_labels({name: _exactly(value) for name, value in (labels or {}).items()}))


def form_again(silence: Silence) -> Form:
    """The form for a silence like this one."""
    return Form(rule=silence.rule, labels=write_labels(silence.labels), reason=silence.reason)


def parse_labels(text: str) -> dict[str, str]:
    """The matchers that were typed. Raises FormError."""
    try:
        return read_labels(text)
    except ValueError as error:
        raise FormError(str(error)) from error


def _exactly(value: str) -> str:
    """The matcher that this very value fits: a sign at its beginning would mean something else."""
    return f"~{re.escape(value)}" if value.startswith(_SIGNS) else value


def starts_at(form: Form, clocks: Clocks) -> datetime | None:
    """When it begins; None for now. Raises FormError."""
    if form.starts.strip() in ("", "now"):
        return None
    return _moment(form.starts, clocks.now(), clocks.zone)


def ends_at(form: Form, clocks: Clocks) -> datetime:
    """When it ends: a duration counts from its beginning. Raises FormError."""
    now = clocks.now()
    begins = starts_at(form, clocks) or now
    if not form.ends.strip():
        raise FormError(f"it must end; {EXAMPLES_AHEAD}")
    ends = _moment(form.ends, begins, clocks.zone)
    if ends <= begins:
        raise FormError("it would end before it begins")
    if ends <= now:
        raise FormError("that is over already")
    return ends


def _moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    try:
        return parse_ahead(text, now, zone)
    except ValueError as error:
        raise FormError(str(error)) from error


def wrong(form: Form, clocks: Clocks) -> dict[Name, str]:
    """What is plainly wrong with the form, by field; the node looks at it more closely."""
    found: dict[Name, str] = {}
    checks: tuple[tuple[Name, Callable[[], object]], ...] = (
        ("labels", lambda: parse_labels(form.labels)),
        ("starts", lambda: starts_at(form, clocks)),
        ("ends", lambda: ends_at(form, clocks)),
    )
    for name, check in checks:
        if name == "ends" and "starts" in found:
            continue
        try:
            check()
        except FormError as error:
            found[name] = str(error)
    if not form.reason.strip():
        found["reason"] = "say why, for those who wonder"
    return found


def body_of(form: Form, clocks: Clocks) -> NewSilence:
    """What is sent. What begins now is timed by the node's own clock. Raises FormError."""
    begins, ends = starts_at(form, clocks), ends_at(form, clocks)
    by_length = is_duration(form.ends)
    return NewSilence(
        rule=form.rule.strip(),
        labels=parse_labels(form.labels),
        reason=form.reason.strip(),
        starts_at=begins,
        ends_at=None if by_length else ends,
        duration=str(Duration.parse(form.ends.strip())) if by_length else None,
    )


def preview(form: Form, clocks: Clocks, node: str) -> list[Line]:
    """What it would come to, as far as it can be told: which alerts, from when to when."""
    lines: list[Line] = []
    if not form.rule.strip() and not form.labels.strip():
        lines.append([(f"Nobody is told of any alert of {node}.", "warn")])
    try:
        begins, ends = starts_at(form, clocks), ends_at(form, clocks)
    except FormError:
        return lines
    now = clocks.now()
    style: TimeStyle = "utc" if clocks.style == "utc" else "local"
    length = fmt.duration((ends - (begins or now)) / timedelta(seconds=1))
    since = "now" if begins is None or begins <= now else fmt.stamp(begins, style, now, clocks.zone)
    until = fmt.stamp(ends, style, now, clocks.zone)
    return [*lines, [(f"from {since} to {until} ({length})", "dim")]]


def field_of(refusal: ErrorBody) -> Name | None:
    """The field of the form that a refusal is about; None when it is about none."""
    details: Mapping[str, Any] = refusal.details or {}
    said = re.split(r"[.\[]", str(details.get("field", "")))[0]
    return _OF_DETAILS.get(said) or next((name for name in NAMES if name == said), None)


def words_of(refusal: ErrorBody) -> str:
    """The refusal as it is said below the field that it is about."""
    return refusal.message.removeprefix(f"the field {(refusal.details or {}).get('field', '')} is wrong: ")

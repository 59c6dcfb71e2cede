"""The summary and description of a rule: text with `{{ labels.path }}`, `{{ value }}`, `{{ node }}` in it.

Known are `node`, `rule`, `metric`, `severity`, `condition`, `threshold`, `value`, `labels` and `labels.NAME`; a `$`
may stand before each. `value` and `threshold` take a unit: `{{ value | bytes }}`, `{{ value | duration }}`. What is put
in is never looked at again, and hostile characters of it are made visible.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from etlmon.clean import clean
from etlmon.contract.alerts_rules import LONGEST_TEXT
from etlmon.units import Duration
from node.rules.errors import RuleError

LONGEST_VALUE = 300
"""Of what is put in for one name."""

_PLACE = re.compile(r"\{\{\s*\$?(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*(?:\|\s*(?P<unit>\w+)\s*)?\}\}", re.ASCII)
_NUMBERS = ("value", "threshold")
_TEXTS = ("node", "rule", "metric", "severity", "condition", "labels")
_EXACT = 1e15
_SIZES = ("KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to be put in."""

    node: str
    rule: str
    metric: str
    severity: str
    condition: str
    threshold: float
    value: float | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """A text that was checked."""

    text: str

    def render(self, facts: Facts) -> str:
        """The text about one alert, of bounded length."""
        return _PLACE.sub(lambda place: _filled(place, facts), self.text)[:LONGEST_TEXT]


def parse_template(text: str, key: str) -> Template:
    """Raises RuleError for a name or a unit that is not known, and for braces that hold no name."""
    if len(text) > LONGEST_TEXT:
        raise RuleError(f"has {len(text)} characters; {LONGEST_TEXT} are allowed", key)
    for place in _PLACE.finditer(text):
        name, unit = place["name"], place["unit"]
        if name not in (*_NUMBERS, *_TEXTS) and not name.startswith("labels."):
            known = ", ".join((*_NUMBERS, *_TEXTS, "labels.NAME"))
            raise RuleError(f"{place[0]} names nothing; known are {known}", key)
        if unit is not None and (name not in _NUMBERS or unit not in _UNITS):
            raise RuleError(f"{place[0]}: {' and '.join(_NUMBERS)} alone take a unit, {' or '.join(_UNITS)}", key)
    rest = _PLACE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise RuleError("holds {{ or }} that belongs to no name; write for example {{ labels.path }}", key)
    return Template(text)


def number(value: float) -> str:
    """A number for people: whole when it is, else with two digits behind the point, more when it is small."""
    if abs(value) < _EXACT and value == int(value):
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if 0.01 <= abs(value) < _EXACT else f"{value:.3g}"


def size(value: float) -> str:
    """Bytes for people: `512 B`, `3.4 GiB`."""
    if abs(value) < 1024:
        return f"{number(value)} B"
    for unit in _SIZES:
        value /= 1024
        if abs(value) < 1024 or unit == _SIZES[-1]:
            break
    return f"{value:.1f} {unit}"


def duration(value: float) -> str:
    """Seconds for people: `1h30m`, whole from a minute on."""
    if not math.isfinite(value):
        return number(value)
    exact = round(abs(value)) if abs(value) >= 60 else abs(value)
    return f"{'-' if value < 0 else ''}{Duration(exact)}"


_UNITS: Mapping[str, Callable[[float], str]] = MappingProxyType({"bytes": size, "duration": duration})


def _filled(place: re.Match[str], facts: Facts) -> str:
    name, unit = place["name"], place["unit"]
    if name.startswith("labels."):
        label = name.removeprefix("labels.")
        text = facts.labels.get(label) or f"(no {label})"
    elif name in _NUMBERS:
        given = facts.value if name == "value" else facts.threshold
        text = "nothing" if given is None else _UNITS.get(unit or "", number)(given)
    elif name == "labels":
        text = ", ".join(f"{label}={value}" for label, value in facts.labels.items()) or "no labels"
    else:
        text = str(getattr(facts, name))
    text = clean(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"

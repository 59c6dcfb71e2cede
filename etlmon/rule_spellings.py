"""Other ways to write a rule, brought to the one that AlertRule knows.

`metric_name`, `label_selector`, `condition: {operator, threshold}`, `for_duration_minutes`, `cooldown_minutes` and
`annotations: {summary, description}` are taken as they are.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from etlmon.clean import clean

LONGEST_SELECTOR = 2000
"""Of labels in one line, in characters."""

LONGEST_SHOWN = 60
"""Of a value that is wrong."""

ALIASES = {
    "metric_name": "metric",
    "label_selector": "labels",
    "for_duration_minutes": "for",
    "cooldown_minutes": "cooldown",
}
"""The other key, and what AlertRule calls it."""

_MINUTES = ("for_duration_minutes", "cooldown_minutes")
_ANNOTATIONS = ("summary", "description")
_SELECTOR = re.compile(r"\s*(?P<label>[^=!~\s]+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>\"[^\"]*\"|[^,]*?)\s*(?:,|$)")
_MARKS = {"=": "", "!=": "!", "=~": "~", "!~": "!~"}
_AS_EXPRESSION = {"=": "~", "!=": "!~"}
_SELECTOR_EXAMPLE = "write for example {path: /data} or path=/data"
_OPERATORS = (">", "<", ">=", "<=", "==", "!=")


class SpellingError(ValueError):
    """A part of a rule that cannot be read. `key` is where it stands, as it is written (`condition.threshold`)."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


def is_other(raw: Mapping[str, Any]) -> bool:
    """Whether a rule is written in one of the other ways."""
    return not raw.keys().isdisjoint((*ALIASES, "annotations")) or isinstance(raw.get("condition"), Mapping)


def shown(value: object) -> str:
    """A value as a message shows it: harmless, and of bounded length."""
    text = clean(f'"{value}"' if isinstance(value, str) else str(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


class Spelled:
    """A rule as it was written, under the names of AlertRule.

    `values` are the values, `written` says for each key where it stands, `problems` is what cannot be read.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = {}
        self.written: dict[str, str] = {}
        self.problems: list[SpellingError] = []
        for key, place, value in _flat(raw):
            if key in self.values:
                message = f"says the same as {self.written[key]}; keep one of them"
                self.problems.append(SpellingError(message, place))
                continue
            # The operator of a condition that is taken apart is checked here: what else is wrong is the threshold.
            is_apart = key == "condition" and isinstance(value, Mapping)
            self.written[key] = f"{place}.threshold" if is_apart else place
            try:
                self.values[key] = _read(key, place, value)
            except SpellingError as error:
                self.problems.append(error)
                self.values[key] = None


def _flat(raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each value: the key it belongs to, where it stands, and what it is."""
    for key, value in raw.items():
        if key == "annotations" and isinstance(value, Mapping):
            for name, text in value.items():
                # What else is noted there is for people and tools beyond this one.
                if name in _ANNOTATIONS:
                    yield name, f"annotations.{name}", text
        elif value is not None:
            yield ALIASES.get(key, key), key, value


def _read(key: str, place: str, value: Any) -> Any:
    if place in _MINUTES:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise SpellingError(f"{shown(value)} is not a number of minutes", place)
        return value * 60
    if key == "annotations":
        raise SpellingError(f"{shown(value)} is not a mapping; known in it: {' and '.join(_ANNOTATIONS)}", place)
    if key == "labels":
        return _labels(value, place)
    if key == "condition" and isinstance(value, Mapping):
        return _condition(value, place)
    return value


def _labels(value: Any, place: str) -> Any:
    """Label values are text, also where YAML sees a number; a selector may be written in one line."""
    if isinstance(value, str):
        return _selector(value, place)
    if not isinstance(value, Mapping):
        return value
    return {label: _as_text(text) for label, text in value.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _selector(text: str, place: str) -> dict[str, str]:
    """`path="/data", device!=sda, mode=~"user|system"`, in braces or not."""
    if len(text) > LONGEST_SELECTOR:
        raise SpellingError(f"has {len(text):,} characters; {LONGEST_SELECTOR:,} are allowed", place)
    inner = text.strip().removeprefix("{").removesuffix("}").strip()
    labels: dict[str, str] = {}
    position = 0
    while position < len(inner):
        match = _SELECTOR.match(inner, position)
        if match is None or match.end() == position:
            raise SpellingError(f"{shown(text)} is no list of labels; {_SELECTOR_EXAMPLE}", place)
        labels[match["label"]] = _matcher(match["operator"], match["value"].strip('"'))
        position = match.end()
    return labels


def _matcher(operator: str, value: str) -> str:
    """As AlertRule writes it. A value that begins as an expression does there becomes one that fits it alone."""
    if operator in _AS_EXPRESSION and value.startswith(("~", "!")):
        return _AS_EXPRESSION[operator] + re.escape(value)
    return _MARKS[operator] + value


def _condition(value: Mapping[str, Any], place: str) -> str:
    for key in value:
        if key not in ("operator", "threshold"):
            raise SpellingError("unknown key; known here: operator, threshold", f"{place}.{key}")
    for key in ("operator", "threshold"):
        if value.get(key) is None:
            raise SpellingError("is missing", f"{place}.{key}")
    operator, threshold = value["operator"], value["threshold"]
    if operator not in _OPERATORS:
        raise SpellingError(f"{shown(operator)} is not one of {' '.join(_OPERATORS)}", f"{place}.operator")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | str):
        raise SpellingError(f"{shown(threshold)} is not a number", f"{place}.threshold")
    return f"{operator} {threshold}"

"""The labels of a number as people and addresses write them: `device=sda,mode=user`."""

import re
from collections.abc import Mapping

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted, so that equal label sets compare equal."""

_PAIR = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(?:\s*"((?:[^"\\]|\\.)*)"\s*|([^",]*))(?:,|$)', re.DOTALL)
_PLAIN = re.compile(r'[^\s",](?:[^",\n]*[^\s",])?')
_SHOWN = 60
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def write_labels(labels: Mapping[str, str]) -> str:
    """Every label, by name. A value that would not read as it stands is put in double quotes, as in `/metrics`."""
    return ",".join(f"{name}={_written(labels[name])}" for name in sorted(labels))


def read_labels(text: str) -> dict[str, str]:
    """What `write_labels` wrote, or what stands in `/metrics`, with or without its braces.

    Raises ValueError that says what to write.
    """
    text = text.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    text = text.rstrip().removesuffix(",")
    labels: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            raise ValueError(
                f"{text[place : place + _SHOWN]!r} does not read as labels; write name=value, with commas between "
                "them, and a value that holds a comma or a quote in double quotes"
            )
        name, quoted, plain = match.groups()
        if name in labels:
            raise ValueError(f"the label {name} is given twice")
        labels[name] = _ESCAPE.sub(_unescaped, quoted) if quoted is not None else plain.strip()
        place = match.end()
    return labels


def _written(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]

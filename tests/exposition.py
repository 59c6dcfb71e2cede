"""A strict reader of Prometheus' text format 0.0.4, which knows nothing of how the node writes it.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\})')
_ESCAPE = re.compile(r'\\([\\"n])')
_VALUE = re.compile(r"NaN|\+Inf|-Inf|-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")

Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    """All series of one name."""

    kind: str = ""
    help: str = ""
    series: dict[Labels, float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        return self.series[frozenset(labels.items())]


def parse(body: bytes) -> dict[str, Family]:
    """The families in their order. Fails at whatever the format, or its readers, do not allow."""
    text = body.decode("utf-8")
    assert not text or text.endswith("\n")
    families: dict[str, Family] = {}
    for line in text.split("\n")[:-1]:
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            _comment(families, word, name, rest)
        else:
            _sample(families, line)
    return families


def _comment(families: dict[str, Family], word: str, name: str, rest: str) -> None:
    assert word in ("HELP", "TYPE"), word
    latest = list(families)[-1:]
    assert name not in families or [name] == latest, f"{name} is not all in one place"
    family = families.setdefault(name, Family())
    assert not family.series, f"{word} of {name} comes after its series"
    if word == "HELP":
        assert not family.help, f"{name} has two HELP"
        family.help = rest
    else:
        assert not family.kind, f"{name} has two TYPE"
        assert rest in ("gauge", "counter", "untyped"), rest
        family.kind = rest


def _sample(families: dict[str, Family], line: str) -> None:
    match = _NAME.match(line)
    assert match, line
    name, at, labels = match[0], match.end(), {}
    assert [name] == list(families)[-1:], f"{name} has no TYPE before it"
    if line[at] == "{":
        at += 1
        more = True
        while more:
            label = _LABEL.match(line, at)
            assert label, line[at:]
            assert label[1] not in labels, f"{label[1]} stands twice in {line}"
            labels[label[1]] = _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], label[2])
            at, more = label.end(), label[3] == ","
    assert line[at] == " ", line
    assert _VALUE.fullmatch(line, at + 1), line
    series = frozenset(labels.items())
    assert series not in families[name].series, f"{line} is there twice"
    families[name].series[series] = float(line[at + 1 :])

"""Commands that first ask whether they are to do anything: `test -x /usr/sbin/anacron || ...`.

Such a line is started like any other, and does nothing on a host where its condition says so.
"""

import re
from collections.abc import Mapping

from node.sources.file_reader import Seen

_TEST = (
    r"(?:test\s+(?P<not{0}>!\s+)?-(?P<kind{0}>[defrsx])\s+(?P<path{0}>/[\w./+@-]+)"
    r"|\[\s+(?P<not{1}>!\s+)?-(?P<kind{1}>[defrsx])\s+(?P<path{1}>/[\w./+@-]+)\s+\])"
)
_JOINED = re.compile(rf"\s*{_TEST.format('', 2)}\s*(?P<join>\|\||&&)\s*(?P<rest>.+)", re.DOTALL)
_IF = re.compile(rf"\s*if\s+{_TEST.format('', 2)}\s*;\s*then\s+(?P<rest>.+?);?\s*fi\s*;?\s*", re.DOTALL)
_GROUP = re.compile(r"\{[^{}]*\}", re.DOTALL)
_WHOLE = re.compile(r"\{[^{}]*\}|\([^()]*\)|if\s((?!\bfi\b|\belse\b|\belif\b).)*\bfi", re.DOTALL)
_REDIRECTION = re.compile(r"[0-9]*>&[0-9-]|&>>?")
_THERE: Mapping[str, tuple[str, str]] = {
    "d": ("a directory", "no directory"),
    "x": ("executable", "not executable"),
    "s": ("not empty", "empty or not there"),
}


class Guard:
    """The conditions in front of a command."""

    def __init__(self, command: str) -> None:
        self._steps: list[_Step] = []
        self.rest = command.strip()
        """What follows when all of them hold."""
        while (found := _next(self.rest)) is not None:
            step, self.rest = found
            self._steps.append(step)

    @property
    def paths(self) -> list[str]:
        """What it asks for."""
        return [step.path for step in self._steps]

    def idle(self, seen: Mapping[str, Seen]) -> str | None:
        """Why the command does nothing on a host that looks like this, in words; None when it does or may."""
        for step in self._steps:
            found = seen.get(step.path)
            if found is None or found.stuck or found.is_denied:
                return None
            holds = _holds(step.kind, found)
            if holds is not step.must_hold:
                words = _THERE.get(step.kind, ("there", "not there"))
                return f"it does nothing here, because {step.path} is {words[0] if holds else words[1]}"
        return None


class _Step:
    def __init__(self, kind: str, path: str, *, must_hold: bool) -> None:
        self.kind = kind
        self.path = path
        self.must_hold = must_hold


def _next(command: str) -> tuple[_Step, str] | None:
    """A condition without which nothing happens, and what follows it; None when that is not sure any more."""
    if found := _IF.fullmatch(command):
        if re.search(r"\b(else|elif|fi)\b", found["rest"]):
            return None
        step = _step(found, when=True)
    elif (found := _JOINED.fullmatch(command)) and _is_one(found["rest"], found["join"]):
        step = _step(found, when=found["join"] == "&&")
    else:
        return None
    rest = found["rest"].strip()
    return step, rest[1:-1].strip().removesuffix(";") if _GROUP.fullmatch(rest) else rest


def _step(found: re.Match[str], *, when: bool) -> _Step:
    negated = bool(found["not"] or found["not2"])
    return _Step(found["kind"] or found["kind2"], found["path"] or found["path2"], must_hold=when is not negated)


def _is_one(rest: str, join: str) -> bool:
    """Whether the shell passes over all of `rest` when the condition before `join` says so."""
    if _WHOLE.fullmatch(rest.strip()):
        return True
    plain = _REDIRECTION.sub("", rest)
    if join == "&&":
        plain = plain.replace("&&", " ")
    return not re.search(r"[;&\n]|\|\|", plain)


def _holds(kind: str, found: Seen) -> bool:
    status = found.status
    if status is None:
        return False
    if kind == "x":  # root, and nobody else runs these lines, may run what anybody may run
        return status.is_directory or bool(status.mode & 0o111)
    return {"d": status.is_directory, "f": status.is_file, "s": status.size > 0}.get(kind, True)

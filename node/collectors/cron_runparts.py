"""`run-parts DIRECTORY`: which scripts it runs, in its order, and which it passes over though they look like scripts.

Two programs have that name. That of Debian (debianutils, run-parts(8)) takes names of A-Z a-z 0-9 _ - alone, unless
told otherwise. That of Red Hat (crontabs, a shell script) takes all but copies, and obeys jobs.allow and jobs.deny.
"""

import fnmatch
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from node.collectors.cron_rules import is_placeholder, is_set_aside
from node.sources.file_reader import Names, Seen
from node.sources.patterns import PatternError, compile_pattern

_PROGRAMS = ("run-parts", "/usr/bin/run-parts", "/bin/run-parts")
_WITH_VALUE = ("-a", "-u", "--arg", "--umask", "--regex")
_NO_RUN = ("--list", "--test")
_MATCH_SEC = 0.05

_DEBIAN_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LSB_NAME = re.compile(r"_?([a-z0-9_.]+-)+[a-z0-9]+|[a-z0-9][a-z0-9-]*")
_LSB_SET_ASIDE = re.compile(r"[a-z0-9-].*\.dpkg-(old|dist|new|tmp)")
_RED_HAT_COPY = re.compile(r"\..*|.*[~,]|.*\.(cfsaved|rpmsave|rpmorig|rpmnew|swp)|.*,v")
_RED_HAT_LISTS = ("jobs.allow", "jobs.deny")
_POSIX_CLASS = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:space:]": r"\s",
    "[:punct:]": r"!-/:-@\[-`{-~",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParts:
    """A call of run-parts in a command."""

    directory: str
    regex: str | None = None
    lsb: bool = False
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """What a call runs, and what there is to say about it."""

    names: Sequence[str] = ()
    warning: str | None = None


@dataclass(slots=True)
class _Sorted:
    runs: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    not_executable: list[str] = field(default_factory=list)


def run_parts_in(command: str) -> RunParts | None:
    """The first call of run-parts with a directory from the root in a command of the shell, or None."""
    words = _words(command)
    starts = [index for index, word in enumerate(words) if word in _PROGRAMS]
    return next(filter(None, (_call(words[start + 1 :]) for start in starts)), None)


def scripts_of(call: RunParts, there: Names, seen: Mapping[str, Seen], *, red_hat: bool) -> Scripts:
    """What it runs in a directory that holds `there`; `seen` are these files and, of Red Hat, the lists' contents."""
    if there.reason is not None:
        return Scripts(warning=f"{call.directory}: {there.reason}")
    sorted_ = _Sorted()
    try:
        takes = _red_hat_names(call, seen) if red_hat else _debian_names(call)
        for name in there.names:
            _sort(name, seen.get(f"{call.directory}/{name}"), takes, sorted_)
    except (PatternError, TimeoutError) as error:
        return Scripts(warning=f"which names fit --regex={call.regex} is not known here: {error}")
    if red_hat:  # what it passes over for the name is a copy
        sorted_.misnamed = []
    names = sorted_.runs[::-1] if call.reverse and not red_hat else sorted_.runs
    return Scripts(names=names, warning=_warning(sorted_))


def lists_of(call: RunParts) -> list[str]:
    """Files that the run-parts of Red Hat reads in the directory."""
    return [f"{call.directory}/{name}" for name in _RED_HAT_LISTS]


class _Takes:
    """Which names run-parts takes."""

    def __init__(self, fits: Callable[[str], bool]) -> None:
        self.name = fits
        self.allow: Sequence[str] | None = None
        self.deny: Sequence[str] = ()

    def listed(self, name: str) -> bool:
        """Whether jobs.allow and jobs.deny let it run; both hold patterns of the shell."""
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.deny):
            return False
        return self.allow is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in self.allow)


def _debian_names(call: RunParts) -> _Takes:
    """Raises PatternError."""
    if call.regex is not None:
        text = call.regex
        for name, members in _POSIX_CLASS.items():
            text = text.replace(name, members)
        pattern = compile_pattern(text)
        return _Takes(lambda name: pattern.search(name, _MATCH_SEC))
    if call.lsb:
        return _Takes(lambda name: bool(_LSB_NAME.fullmatch(name)) and not _LSB_SET_ASIDE.fullmatch(name))
    return _Takes(lambda name: _DEBIAN_NAME.fullmatch(name) is not None)


def _red_hat_names(call: RunParts, seen: Mapping[str, Seen]) -> _Takes:
    takes = _Takes(lambda name: _RED_HAT_COPY.fullmatch(name) is None)
    allow, deny = (seen.get(path) for path in lists_of(call))
    if allow is not None and allow.data is not None:
        takes.allow = _patterns(allow.data)
    if deny is not None and deny.data is not None:
        takes.deny = _patterns(deny.data)
    return takes


def _patterns(data: bytes) -> list[str]:
    return [line.strip() for line in data.decode("utf-8", "surrogateescape").splitlines() if line.strip()]


def _sort(name: str, found: Seen | None, takes: _Takes, into: _Sorted) -> None:
    if found is None or found.status is None or not found.status.is_file:
        return
    executable = bool(found.status.mode & 0o111)
    if takes.name(name):
        if not executable:
            if name not in _RED_HAT_LISTS:
                into.not_executable.append(name)
        elif takes.listed(name):
            into.runs.append(name)
    elif executable and not is_set_aside(name) and not is_placeholder(name):
        into.misnamed.append(name)


def _warning(found: _Sorted) -> str | None:
    parts = []
    if found.misnamed:
        parts.append(f"run-parts passes over {_listed(found.misnamed)} for the name; rename it to A-Z a-z 0-9 _ -")
    if found.not_executable:
        parts.append(f"run-parts does not run {_listed(found.not_executable)}: not executable")
    return "; ".join(parts) or None


def _listed(names: Sequence[str]) -> str:
    most = 5
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _call(words: Sequence[str]) -> RunParts | None:
    regex, lsb, reverse = None, False, False
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-"):
            directory = word.rstrip("/") or "/"
            return RunParts(directory=directory, regex=regex, lsb=lsb, reverse=reverse) if word[:1] == "/" else None
        if word in _NO_RUN:
            return None
        if word == "--":
            index += 1
            continue
        if word.startswith("--regex="):
            regex = word.partition("=")[2]
        elif word == "--regex":
            regex = words[index + 1] if index + 1 < len(words) else None
        lsb = lsb or word == "--lsbsysinit"
        reverse = reverse or word == "--reverse"
        index += 2 if word in _WITH_VALUE else 1
    return None


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that does not end
        return []

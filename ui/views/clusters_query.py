"""Which clusters, jobs, templates and policies are to be shown, as the operator types it. Pure.

    state:running project:data-* region:asia label:env=prod is:idle

A word without a name is a part of the cluster's name. `:` takes a part of the value, or `*` and `?` for what is not
known of it; `=` takes the whole value. Capitals do not count. Quotes keep blanks: `name:"a b"`.
"""

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ui.views.clusters_listed import Words
from ui.views.queried import QueryError, words_of

EXAMPLE = "state:running  project:data-*  region:asia  kind:pve  label:env=prod  is:idle"

_NAMES: Final = ("name", "kind", "state", "project", "region", "zone", "version", "account", "policy", "label", "is")
_FLAGS: Final = ("ill", "error", "stuck", "idle", "old", "gone")
_WORD = re.compile(r"([a-z]+)([:=])(.*)", re.DOTALL)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: under which name which pattern (with `*` and `?`) is looked for."""

    name: str
    pattern: str

    def fits(self, words: Words) -> bool:
        return any(fnmatchcase(value.casefold(), self.pattern) for value in words.get(self.name, ()) if value)


@dataclass(frozen=True, slots=True)
class ClusterQuery:
    """All of the words must fit. An empty query lets everything through."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def fits(self, words: Words) -> bool:
        return all(term.fits(words) for term in self.terms)

    @property
    def wants_gone(self) -> bool:
        """Whether those that are gone are looked for."""
        return Term("is", "gone") in self.terms


def parse_query(text: str) -> ClusterQuery:
    """The query that is meant. Raises QueryError when it cannot be understood."""
    if len(text) > _LONGEST:
        raise QueryError(f"longer than {_LONGEST} characters")
    return ClusterQuery(tuple(map(_term, words_of(text))))


def exactly(name: str, value: str) -> str:
    """The word that takes this very value, as it may be typed."""
    return shlex.quote(f"{name}={value}") if not re.fullmatch(r"[\w./-]*", value) else f"{name}={value}"


def _term(word: str) -> Term:
    match = _WORD.fullmatch(word)
    if match is None:
        return Term("name", _part(word))
    name, sign, value = match.groups()
    if name not in _NAMES:
        raise QueryError(f"{name}{sign} is not known; there are {' '.join(f'{known}:' for known in _NAMES)}")
    if not value:
        raise QueryError(f"{name}{sign} says nothing; write for example {EXAMPLE.split()[0]}")
    if name == "is":
        if value not in _FLAGS:
            raise QueryError(f"is:{value} is not known; there are {', '.join(_FLAGS)}")
        return Term(name, value)
    return Term(name, _whole(value) if sign == "=" else _part(value))


def _part(value: str) -> str:
    """The pattern of a part of a value, or the one that was typed."""
    is_pattern = any(wild in value for wild in "*?")
    text = value.casefold().replace("[", "[[]")
    return text if is_pattern else f"*{text}*"


def _whole(value: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", value.casefold())

"""A configuration as it was written: text, lists and mappings that know where they stand."""

import json
import re
from dataclasses import dataclass, field

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_UNQUOTED_WORD = re.compile(r"[-+]?[0-9][0-9_.eE+-]*|true|false|yes|no|on|off", re.IGNORECASE)
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file with its line, or the name of an environment variable."""

    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as text. `quoted` text is never taken for a number, a truth value or null."""

    text: str
    quoted: bool
    place: Place


@dataclass(slots=True)
class Sequence:
    """A list of values."""

    place: Place
    items: "list[Tree]" = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One value of a mapping, and where its key stands."""

    key_place: Place
    value: "Tree"


@dataclass(slots=True)
class Mapping:
    """Values by key, in the order of the file."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)


Tree = Scalar | Sequence | Mapping


def is_null(tree: Tree) -> bool:
    """Whether nothing is written there (`key:`, `key: ~`, `key: null`)."""
    return isinstance(tree, Scalar) and not tree.quoted and tree.text in _NULL


def is_blank(tree: Tree) -> bool:
    """Whether it says nothing at all: null, an empty list or an empty mapping."""
    if isinstance(tree, Scalar):
        return is_null(tree)
    return not (tree.items if isinstance(tree, Sequence) else tree.entries)


def shown(tree: Tree) -> str:
    """The value as a message names it; long ones are cut."""
    if isinstance(tree, Sequence):
        return "a list"
    if isinstance(tree, Mapping):
        return "a mapping"
    if is_null(tree):
        return "nothing"
    text = tree.text if len(tree.text) <= _LONGEST_SHOWN else tree.text[:_LONGEST_SHOWN] + "..."
    return text if not tree.quoted and _UNQUOTED_WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def join(key_path: str, key: str) -> str:
    """The path of a key below a path; an absurdly long key is cut."""
    short = key if len(key) <= _LONGEST_SHOWN else key[:_LONGEST_SHOWN] + "..."
    return f"{key_path}.{short}" if key_path else short


def locate(root: Tree, key_path: str) -> Place:
    """Where `paths[1].name` stands, or the nearest place above it that was written."""
    place, tree = root.place, root
    for part in re.findall(r"[^.\[\]]+", key_path):
        if isinstance(tree, Mapping) and part in tree.entries:
            tree = tree.entries[part].value
        elif isinstance(tree, Sequence) and part.isdecimal() and int(part) < len(tree.items):
            tree = tree.items[int(part)]
        else:
            break
        place = tree.place
    return place

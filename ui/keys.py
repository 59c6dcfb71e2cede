"""Key bindings: made with their Korean twins, remapped by `ui.keys`, and told to the operator.

On a Korean keyboard a letter key sends its jamo while the input method is on (two-set layout, KS X 5002): each
letter here works as that jamo, too, so that nobody has to switch first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import combinations

from textual.binding import Binding
from textual.keys import Keys, _character_to_key, format_key

_LETTERS = "qwertyuiopasdfghjklzxcvbnm"
JAMO = dict(zip(_LETTERS, "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ", strict=True)) | dict(
    # Only these have a jamo of their own with shift.
    zip("QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ", strict=True)
)
_TWINS = frozenset(JAMO.values())
_CHORD = re.compile(r"(?:(?:ctrl|shift|alt|super)\+)+.+")
_NAMED = frozenset(key.value for key in Keys)


class KeysError(Exception):
    """`ui.keys` cannot be used. `problems` lists all that is wrong: (key path, what is wrong and what to do)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {message}" for path, message in problems))
        self.problems = problems


def key(
    keys: str,
    action: str,
    description: str,
    *,
    id: str,  # noqa: A002 (Textual's name)
    show: bool = False,
    priority: bool = False,
) -> Binding:
    """A binding that can be remapped by its id. `keys` are separated by commas; letters bring their jamo along."""
    return Binding(with_jamo(keys), action, description, id=id, show=show, priority=priority)


def with_jamo(keys: str) -> str:
    """`q,ctrl+c` -> `q,ㅂ,ctrl+c`."""
    return ",".join(twin for name in keys.split(",") for twin in ([name, JAMO[name]] if name in JAMO else [name]))


def bindings_of(*classes: type) -> list[Binding]:
    """Every binding these classes and their bases in this program declare, a derived class's own first.

    A key that a derived class binds does no longer what its base bound it to.
    """
    found: list[Binding] = []
    for cls in classes:
        taken: set[str] = set()
        for base in cls.__mro__:
            if base.__module__.startswith("ui."):
                own = [binding for binding in vars(base).get("BINDINGS", ()) if isinstance(binding, Binding)]
                found += [replace(one, key=",".join(left)) for one in own if (left := _without(one.key, taken))]
                taken.update(name for binding in own for name in _split(binding.key))
    return found


def keymap(wanted: Mapping[str, str], scopes: Mapping[str, Sequence[Binding]]) -> dict[str, str]:
    """`ui.keys` (id -> keys) as Textual's keymap. `scopes` are the bindings that are live together.

    Raises KeysError when an id or a key does not exist, or when two actions of one scope would share a key.
    """
    ids = {binding.id: binding for bindings in scopes.values() for binding in bindings if binding.id}
    problems: list[tuple[str, str]] = []
    for name, keys in wanted.items():
        if name not in ids:
            problems.append((f"ui.keys.{name}", f"there is no such action; there are {', '.join(sorted(ids))}"))
        problems += [
            (f"ui.keys.{name}", f"{one!r} is no key; write for example x, ctrl+x or f5")
            for one in _split(keys)
            if not _is_key(one)
        ]
    remapped = {name: with_jamo(keys) for name, keys in wanted.items()}
    problems += _clashes(remapped, scopes)
    if problems:
        raise KeysError(problems)
    return remapped


def _clashes(remapped: Mapping[str, str], scopes: Mapping[str, Sequence[Binding]]) -> Iterator[tuple[str, str]]:
    """What two remapped actions would share, once for each two: in the first scope where they do."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for scope, bindings in scopes.items() if remapped else ():
        for first, second, shared in collisions(bindings, remapped):
            place, keys = found.setdefault((first, second), (scope, []))
            if place == scope:
                keys.append(shared)
    for (first, second), (scope, keys) in found.items():
        if name := next((one for one in (first, second) if one in remapped), None):
            # Of a letter and its jamo the letter is enough.
            which = shown(keys) or ", ".join(keys)
            yield f"ui.keys.{name}", f"in {scope} the key {which} would mean both {first} and {second}"


def collisions(bindings: Iterable[Binding], remapped: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """The pairs of actions (by id) that share a key, and the key."""
    keys_of: dict[str, set[str]] = {}
    for binding in bindings:
        name = binding.id or binding.action
        keys_of.setdefault(name, set()).update(map(_normal, _split(remapped.get(name, binding.key))))
    for first, second in combinations(keys_of, 2):
        for shared in sorted(keys_of[first] & keys_of[second]):
            yield first, second, shared


def shown(keys: Iterable[str]) -> str:
    """Keys as a person reads them, without the jamo: `q, ctrl+c`, `enter`."""
    names = (one if one == "enter" else format_key(_normal(one)) for one in keys if one not in _TWINS)
    return ", ".join(dict.fromkeys(names))


def _without(keys: str, taken: Set[str]) -> list[str]:
    return [one for one in _split(keys) if one not in taken]


def _split(keys: str) -> list[str]:
    return [one.strip() for one in keys.split(",")]


def _normal(name: str) -> str:
    return _character_to_key(name) if len(name) == 1 else name


def _is_key(name: str) -> bool:
    return len(name) == 1 or name in _NAMED or bool(_CHORD.fullmatch(name))

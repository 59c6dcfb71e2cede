"""How large a regular expression becomes when it is compiled, told before that is done.

The `regex` package writes out what must be repeated: `(?:a{100}){100}` becomes ten thousand times `a`, and each `+`
around a group doubles it. So an expression of a few characters could take all memory there is, at once, and long
before a search that has a time limit begins.
"""

import re

LARGEST = 10_000
"""Characters, sets and groups of an expression when all that must be repeated is written out; some megabytes."""

_LEAF_CHARS = 32
"""A set of so many characters weighs about as much as one character does."""

_COUNT = r"\{(?P<least>[0-9]*)(?P<comma>,?)(?P<most>[0-9]*)(?<=[0-9,])\}"
_POSIX = r"\[:\^?[A-Za-z0-9 &_.-]*(?:[:=][A-Za-z0-9 &_./-]*)?:\]"
_TOKENS = (
    r"(?P<call>\(\?(?:P[=>]\w+|&\w+|R|[+-]?[0-9]+)\))"
    r"|(?P<flags>\(\?[a-wyzA-UW-Z]*(?:-[a-wyz]+)?\))|(?P<comment>\(\?\#(?:\\.|[^)\\])*\))"
    r"|(?P<open>\((?:\?(?:P?<[^\W\d]\w*>|<?[=!]|[:>|]|[a-wyzA-UW-Z]*(?:-[a-wyz]+)?:)|(?![?*])))"
    r"|(?P<close>\))|(?P<either>\|)"
    rf"|(?P<repeat>(?:[*?]|(?P<plus>\+)|{_COUNT})[+?]?)"
    rf"|(?P<set>\[\^?\]?(?:\\.|{_POSIX}|[^\\\]])*\])"
    r"|(?P<escape>\\[pPN]\{[^{}]*\}|\\.)"
    r"|(?P<char>\{(?!\s*[deis0-9,\#])|[^({\[\\])"
)
_TOKEN = re.compile(_TOKENS, re.DOTALL)
_SPACED_TOKEN = re.compile(rf"(?P<space>\s+|\#[^\n]*)|{_TOKENS}", re.DOTALL)
_SPACED = re.compile(r"\(\?[a-wyz]*x[a-wyz]*\)")
"""With it an expression may be written over several lines, with spaces and remarks."""

_ANY_REPEAT = re.compile(r"(?P<plus>\+)|\{(?:\s|#[^\n]*\n)*(?P<least>(?:[0-9]|\s|#[^\n]*\n)+)(?P<comma>,?)")
_NO_DIGIT = re.compile(r"#[^\n]*\n|\s")


def check_size(pattern: str) -> None:
    """Raises ValueError for an expression that would become larger than LARGEST."""
    size = _size(pattern)
    if (_size_at_most(pattern) if size is None else size) > LARGEST:
        raise ValueError(f"it repeats too much: written out it has more than {LARGEST:,} parts")


def _size(pattern: str) -> int | None:
    """The parts when all is written out; None when there is something in it that is rarely used and not read here."""
    spaced = _SPACED.match(pattern)
    token_at, place = (_TOKEN.match, 0) if spaced is None else (_SPACED_TOKEN.match, spaced.end())
    groups, last = [0], 0  # the parts of each group that is not closed yet, without those of the last element
    while place < len(pattern):
        token = token_at(pattern, place)
        if token is None:
            return None
        place = token.end()
        match token.lastgroup:
            case "repeat":
                last *= _copies(token)
            case "open":
                groups[-1] += last
                groups.append(1)
                last = 0
            case "close" if len(groups) > 1:
                last += groups.pop()
            case "flags" | "comment" | "space":
                pass
            case _:
                groups[-1] += last
                last = 1 + len(token[0]) // _LEAF_CHARS
    return sum(groups) + last


def _copies(repeat: "re.Match[str]") -> int:
    """How often the package writes out what is repeated: as often as it must be there, and once for the rest."""
    if repeat["plus"]:
        return 2
    least = int(repeat["least"] or 0)
    is_exact = not repeat["comma"] or repeat["least"] == repeat["most"]
    return max(1, least if is_exact else least + bool(least))


def _size_at_most(pattern: str) -> int:
    """As if all that repeats a group stood around all the rest."""
    around = most = 1
    for repeat in _ANY_REPEAT.finditer(pattern):
        digits = _NO_DIGIT.sub("", repeat["least"] or "")
        copies = 2 if repeat["plus"] else int(digits or 0) + 1
        before = pattern[repeat.start() - 1 : repeat.start()]
        if before in (")", "}") or before.isspace():
            around *= copies
        else:
            most = max(most, copies)
    return len(pattern) * most * around

"""Hostile text made visible: characters that drive a terminal, or that the eye cannot see, become a middle dot.

Covered: C0 and C1 controls (ESC among them), DEL, bidirectional marks and overrides, zero-width and other invisible
characters, line and paragraph separators, tag characters, lone surrogates. A joiner inside an emoji counts, too: a
name must not look like another name.
"""

import re

MARK = "·"

_C0 = r"\x00-\x1f"
_BEYOND_C0 = (
    r"\x7f-\x9f"  # DEL and C1
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"  # zero-width, bidi, separators
    r"\ud800-\udfff"  # lone surrogates
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # invisible musical marks, tags
)
_HOSTILE = re.compile(f"[{_C0}{_BEYOND_C0}]")

# The same characters as UTF-8, a little too wide and never too narrow, and any escape but of a quote, a solidus or a
# backslash. Bytes without a match need no second look, which is nearly every answer.
_SUSPECT = re.compile(
    rb'\\[^"/\\]|\x7f|\xc2[\x80-\x9f\xad]|\xcd\x8f|\xd8\x9c|\xe1[\x85\x9e\xa0]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81'
    rb"|\xe3\x85\xa4|\xef\xbb\xbf|\xef\xbe\xa0|\xef\xbf|\xf0\x9d\x85|\xf3\xa0"
)
_HEX = "[0-9a-fA-F]"
_IN_JSON = re.compile(
    rf"\\u([dD][89abAB]{_HEX}{{2}})\\u([dD][c-fC-F]{_HEX}{{2}})|\\u({_HEX}{{4}})|\\(.)|[{_BEYOND_C0}]", re.DOTALL
)
_LAYOUT = frozenset((r"\n", r"\t", r"\u000a", r"\u0009"))


def clean(text: str) -> str:
    """The text with each dangerous character shown as one `·`."""
    return _HOSTILE.sub(MARK, text)


def clean_json(raw: bytes, *, keep_layout: bool = False) -> bytes:
    """A JSON document with every string and key in it cleaned, escaped characters included; the layout stays.

    With `keep_layout` so do the line feeds and tabs in the strings. Raises UnicodeDecodeError when the bytes are not
    UTF-8. Whether they are JSON is for the decoder to say.
    """
    if not _SUSPECT.search(raw):
        return raw
    return _IN_JSON.sub(_shown_with_layout if keep_layout else _shown, raw.decode()).encode()


def _shown_with_layout(match: re.Match[str]) -> str:
    return match[0] if match[0].lower() in _LAYOUT else _shown(match)


def _shown(match: re.Match[str]) -> str:
    high, low, unit, letter = match.groups()
    if high:
        character = chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    elif unit:
        character = chr(int(unit, 16))
    elif letter:
        return MARK if letter in "bfnrt" else match[0]
    else:
        return MARK
    return MARK if _HOSTILE.match(character) else match[0]

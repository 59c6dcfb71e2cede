"""What a text must have in it to match a regular expression at all: found faster than the expression itself.

Only expressions in a row are understood: characters, classes, escapes, anchors and repetitions, without groups and
alternatives. Of any other nothing is said, which is always true.
"""

import re

SHORTEST = 3
"""Shorter parts stand in too many lines to be worth a look of their own."""

_TOKEN = re.compile(
    r"(?P<literal>[^\\\[\](){}*+?|.^$]|\\[^A-Za-z0-9\s])"
    r"|(?P<repetition>[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})"
    r"|(?P<other>[.^$]|\\[bBdDwWsSnrtAZ]|\[\^?\]?(?:\\[^A-Za-z0-9\s]|\\[dDwWsSnrt]|[^\]\\\[])+\])"
)


def required_texts(pattern: str) -> tuple[str, ...]:
    """Texts that all stand in whatever matches; none when none can be told, or none that is worth it."""
    runs, place = [""], 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None:
            return ()
        place = token.end()
        if token["literal"]:
            runs[-1] += token[0][-1]
        else:
            if token["repetition"] and token[0] != "+":
                runs[-1] = runs[-1][:-1]
            runs.append("")
    return tuple(dict.fromkeys(run for run in runs if len(run) >= SHORTEST))

"""The condition of a rule: `> 90`, `<= 5`, `== 0`, `!= 1`, `absent`, `rate(5m) > 10`, `delta(1h) < -100`.

A threshold may be written as a size that ends in B (`> 10GiB`) or as a duration (`> 2h`): it is bytes or seconds then.
A percent sign (`> 90%`, `> 90 %`) says nothing.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from etlmon.units import Duration, Size

Of = Literal["value", "rate", "delta", "absent"]
"""What is compared: the number itself, its growth a second, its change, or that there is none."""

LONGEST_WINDOW = Duration(86400)
SHORTEST_WINDOW = Duration(1)

OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        ">": operator.gt,
        "<": operator.lt,
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
    }
)

_EXAMPLES = "write for example > 90, <= 5, == 0, absent, rate(5m) > 10 or delta(1h) < -100"
_CONDITION = re.compile(
    r"(?:(?P<of>rate|delta)\s*\(\s*(?P<window>[^()]*?)\s*\)\s*)?(?P<operator>>=|<=|==|!=|>|<)\s*(?P<threshold>[^<>=!]+)"
)
_NUMBER = re.compile(r"(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a number must not be; `text` is how it is shown. Without meaning for `absent`: operator and threshold."""

    of: Of
    operator: str
    threshold: float
    window_sec: float
    text: str

    @property
    def compare(self) -> Callable[[float, float], bool]:
        return OPERATORS[self.operator]

    def holds(self, value: float) -> bool:
        """Whether a number is what it must not be. Nothing can be said of NaN."""
        return value == value and self.compare(value, self.threshold)

    def is_worse(self, value: float, than: float) -> bool:
        """Whether a number is further beyond the threshold than another; of `==` and `!=` none is."""
        if self.operator in (">", ">="):
            return value > than
        return self.operator in ("<", "<=") and value < than


def parse_condition(text: str) -> Condition:
    """Raises ValueError with an example."""
    words = text.strip()
    if words == "absent":
        return Condition("absent", "==", 0.0, 0.0, "absent")
    match = _CONDITION.fullmatch(words)
    if match is None:
        raise ValueError(f'"{text}" is no condition; {_EXAMPLES}')
    threshold = _threshold(match["threshold"])
    comparison = f"{match['operator']} {match['threshold'].strip()}"
    if match["of"] is None:
        return Condition("value", match["operator"], threshold, 0.0, comparison)
    window = _window(match["window"])
    of: Of = "rate" if match["of"] == "rate" else "delta"
    return Condition(of, match["operator"], threshold, float(window), f"{of}({window}) {comparison}")


def _threshold(text: str) -> float:
    """A number, a size that ends in B (in bytes), or a duration (in seconds). Raises ValueError."""
    words = text.strip()
    sign = -1.0 if words.startswith("-") else 1.0
    digits = words[1:].strip() if words[:1] in ("-", "+") else words
    number = digits.removesuffix("%").rstrip()
    value = math.nan
    if _NUMBER.fullmatch(number):
        value = float(number)
    elif digits[:1].isdigit():
        try:
            value = float(Size.parse(digits) if digits.endswith("B") else Duration.parse(digits))
        except ValueError:
            value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'"{words}" is no number to compare with; write for example 90, 1.5e6, 10GiB or 2h')
    return sign * value


def _window(text: str) -> Duration:
    """Raises ValueError."""
    try:
        window = Duration.parse(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is no time to look back; write for example rate(5m) or delta(1h)') from error
    if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        raise ValueError(f"looks back {window}; it may be {SHORTEST_WINDOW} to {LONGEST_WINDOW}")
    return window

"""Durations and sizes as people write them in a configuration: parsed and printed, nothing else."""

import math
import re
from decimal import Decimal
from typing import ClassVar, Self

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
_EXPONENT = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_LONGEST_SEC = 36_525 * 86_400.0  # a hundred years: any time of a calendar can be moved by it
_LARGEST = 2**63 - 1  # what SQLite and the wire can hold


class Duration(float):
    """Seconds, written `15s`, `1h30m`, `250ms`, `7d`; a bare number is seconds. At most a hundred years."""

    expected: ClassVar[str] = "a duration; write for example 15s, 5m, 1h30m or 7d"

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises ValueError with an example when the value is no duration."""
        seconds = math.nan
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value
        elif isinstance(value, str):
            text = value.strip().replace(" ", "")
            parts = _DURATION.findall(text)
            if parts and "".join(number + unit for number, unit in parts) == text:
                seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
            elif re.fullmatch(r"\d+(?:\.\d+)?", text):
                seconds = float(text)
        if 0 <= seconds <= _LONGEST_SEC:
            return cls(seconds)
        raise ValueError(f"{value!r} is not {cls.expected}")

    def __str__(self) -> str:
        rest = round(float(self) * 1000)
        if rest == 0:
            return "0s"
        text = ""
        for unit in ("d", "h", "m", "s", "ms"):
            size = round(_SECONDS[unit] * 1000)
            count, rest = divmod(rest, size)
            if count:
                text += f"{count}{unit}"
        return text


class Size(int):
    """Bytes, written `2GiB` (1024) or `2GB` (1000); a bare number is bytes. At most 2**63 - 1."""

    expected: ClassVar[str] = "a size; write for example 512KiB, 1MiB or 2GB"

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises ValueError with an example when the value is no size."""
        size = -1
        if isinstance(value, int) and not isinstance(value, bool):
            size = value
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            number, prefix, binary = match.groups()
            size = int(Decimal(number) * (1024 if binary else 1000) ** _EXPONENT[prefix.upper()])
        if 0 <= size <= _LARGEST:
            return cls(size)
        raise ValueError(f"{value!r} is not {cls.expected}")

    def __str__(self) -> str:
        for prefix in ("P", "T", "G", "M", "K"):
            unit = 1024 ** _EXPONENT[prefix]
            if self and int(self) % unit == 0:
                return f"{int(self) // unit}{prefix}iB"
        return f"{int(self)}B"

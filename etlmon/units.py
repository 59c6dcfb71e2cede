"""Durations and sizes as people write them in a configuration: parsed and printed, nothing else."""

import re
from typing import Self

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
_EXPONENT = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


class Duration(float):
    """Seconds, written `15s`, `1h30m`, `250ms`, `7d`; a bare number is seconds."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises ValueError with an example when the value is no duration."""
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str):
            text = value.strip().replace(" ", "")
            parts = _DURATION.findall(text)
            if parts and "".join(number + unit for number, unit in parts) == text:
                return cls(sum(float(number) * _SECONDS[unit] for number, unit in parts))
            if re.fullmatch(r"\d+(?:\.\d+)?", text):
                return cls(text)
        raise ValueError(f"{value!r} is not a duration; write for example 15s, 5m, 1h30m or 7d")

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
    """Bytes, written `2GiB` (1024) or `2GB` (1000); a bare number is bytes."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises ValueError with an example when the value is no size."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            number, prefix, binary = match.groups()
            return cls(float(number) * (1024 if binary else 1000) ** _EXPONENT[prefix.upper()])
        raise ValueError(f"{value!r} is not a size; write for example 512KiB, 1MiB or 2GB")

    def __str__(self) -> str:
        for prefix in ("P", "T", "G", "M", "K"):
            unit = 1024 ** _EXPONENT[prefix]
            if self and int(self) % unit == 0:
                return f"{int(self) // unit}{prefix}iB"
        return f"{int(self)}B"

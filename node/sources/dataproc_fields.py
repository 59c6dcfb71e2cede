"""Single fields of the API's messages as plain values: enumerations as text, times aware, durations in seconds."""

from datetime import UTC, datetime
from typing import Any


class ShapeError(ValueError):
    """Something came that cannot be told: what, and of whom."""


def enum(message: Any, field: str) -> str:
    """The name of a value, empty when nothing is specified; the number of one that is newer than the library."""
    return _value_name(message.DESCRIPTOR.fields_by_name[field].enum_type, getattr(message, field))


def enums(message: Any, field: str) -> list[str]:
    """The same for a repeated field, without what is not specified."""
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type
    return [name for value in getattr(message, field) if (name := _value_name(kind, value))]


def is_new(message: Any, field: str) -> bool:
    """Whether the value has no name in the library."""
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type
    return getattr(message, field) not in kind.values_by_number


def moment(message: Any, field: str) -> datetime | None:
    """A time, to the microsecond; None when there is none.

    Raises ShapeError for one beyond the years 1 to 9999.
    """
    if not has(message, field):
        return None
    try:
        return getattr(message, field).ToDatetime(tzinfo=UTC)  # type: ignore[no-any-return]  # messages are untyped
    except (ValueError, OverflowError) as error:
        raise ShapeError(f"{field} is no time: {error}") from error


def seconds(message: Any, field: str) -> float | None:
    """A duration; None when there is none."""
    if not has(message, field):
        return None
    duration = getattr(message, field)
    return float(duration.seconds + duration.nanos / 1e9)


def has(message: Any, field: str) -> bool:
    """Whether it is set; never for one that the installed library does not know yet."""
    return field in message.DESCRIPTOR.fields_by_name and message.HasField(field)


def number(message: Any, field: str) -> int:
    """A number that an older library may not know: 0 then."""
    return int(getattr(message, field, 0))


def _value_name(kind: Any, value: int) -> str:
    known = kind.values_by_number.get(value)
    if known is None:
        return str(value)
    return "" if known.name.endswith("UNSPECIFIED") else str(known.name)

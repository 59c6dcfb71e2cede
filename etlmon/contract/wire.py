"""How values of our own types stand in JSON: a duration as `5m`; where one is read, a number of seconds will do."""

from typing import Any

from etlmon.units import Duration


def encode_custom(value: object) -> object:
    """For msgspec's `enc_hook`. Raises TypeError for what has no place on the wire."""
    if isinstance(value, Duration):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def decode_custom(type_: type[Any], value: object) -> object:
    """For msgspec's `dec_hook`. Raises ValueError, which msgspec names with its place."""
    if type_ is Duration:
        return Duration.parse(value)
    raise TypeError(f"{type_.__name__} has no form in JSON")


def schema_of_custom(type_: type[Any]) -> dict[str, Any]:
    """For msgspec's `schema_hook`. Raises NotImplementedError for every other type."""
    if type_ is Duration:
        return {
            "type": ["string", "number"],
            "description": "a duration: `15s`, `5m`, `1h30m`, `7d`, or a number of seconds",
            "examples": ["5m"],
        }
    raise NotImplementedError(type_)

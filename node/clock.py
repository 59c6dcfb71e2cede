"""The time as the node tells it: aware, UTC, whole milliseconds. Whoever needs it is given it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The host's time, cut to the millisecond: what is stored and what is answered then compare equal."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)

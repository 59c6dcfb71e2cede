"""Calls with an end: each within its time, tried a few times, no more of them a minute than a project may get."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from node.settings_dataproc import DataprocRetries
from node.sources.dataproc_errors import ApiError
from node.sources.dataproc_says import Tally

T = TypeVar("T")

_MINUTE_SEC = 60.0


class Budget:
    """The calls that one project got within the last minute. Several threads may use it at once."""

    def __init__(self, per_minute: int, earlier_sec: Iterable[float] = (), *, project: str = "") -> None:
        """`per_minute` 0 is no limit. `earlier_sec`: how long ago each call of earlier runs was."""
        self._per_minute = per_minute
        self._project = project
        now = time.monotonic()
        self._at = deque(sorted(now - ago for ago in earlier_sec if 0 <= ago < _MINUTE_SEC))
        self._most = 0
        self._lock = threading.Lock()

    @property
    def most_percent(self) -> float:
        """The most calls within a minute so far, of those that the project may get."""
        return 100.0 * self._most / self._per_minute if self._per_minute else 0.0

    def recent(self) -> list[float]:
        """How many seconds ago each call of the last minute was, the latest last."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            return [round(now - at, 3) for at in self._at]

    def take(self, until: float, stopping: threading.Event) -> None:
        """Wait until one more call may be made. Raises ApiError when that is not before `until`."""
        while (wait_sec := self._took()) > 0:
            if time.monotonic() + wait_sec >= until:
                raise ApiError(
                    "BUDGET",
                    f"{self._project} got the {self._per_minute} calls within a minute that dataproc.quota allows",
                )
            if stopping.wait(wait_sec):
                raise ApiError("CANCELLED")

    def _took(self) -> float:
        """Take one if there is one: 0; else how long it takes until there is."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            if self._per_minute and len(self._at) >= self._per_minute:
                return self._at[0] + _MINUTE_SEC - now
            self._at.append(now)
            self._most = max(self._most, len(self._at))
        return 0.0

    def _forget(self, now: float) -> None:
        while self._at and self._at[0] <= now - _MINUTE_SEC:
            self._at.popleft()


class Calls:
    """Makes calls, and makes them again after a pause when that may help."""

    def __init__(self, retries: DataprocRetries, stopping: threading.Event) -> None:
        """When `stopping` is set nobody waits any more."""
        self._retries = retries
        self._stopping = stopping

    def make(
        self,
        ask: Callable[[float], T],
        *,
        attempts: int,
        until: float,
        tally: Tally,
        budget: Budget | None = None,
    ) -> T:
        """What `ask` returns, which is told how many seconds it has. Raises the last ApiError.

        `until` is the end of all attempts together, by time.monotonic().
        """
        attempt = 1
        while True:
            if budget is not None:
                budget.take(until, self._stopping)
            left_sec = until - time.monotonic()
            if left_sec <= 0 or self._stopping.is_set():
                raise ApiError("DEADLINE_EXCEEDED" if left_sec <= 0 else "CANCELLED")
            tally.calls += 1
            try:
                return ask(left_sec)
            except ApiError as error:
                pause_sec = self._pause(attempt, error.wait_sec)
                if not error.is_temporary or attempt >= attempts or time.monotonic() + pause_sec >= until:
                    raise
            if self._stopping.wait(pause_sec):
                raise ApiError("CANCELLED")
            tally.retries += 1
            attempt += 1

    def _pause(self, attempt: int, asked_sec: float | None) -> float:
        """Longer each time, no two callers alike, and no shorter than the server asks for."""
        given = self._retries
        backoff_sec = min(float(given.max), float(given.initial) * given.multiplier ** min(attempt - 1, 50))
        jittered_sec = backoff_sec * random.uniform(0.5, 1.0)  # noqa: S311 - nobody is kept from guessing it
        return jittered_sec if asked_sec is None else asked_sec + jittered_sec / 10

"""When a collector runs: a fixed grid of ticks with jitter, overruns and back-off. Pure arithmetic on given times."""

import math
from collections.abc import Callable

JITTER = 0.05
"""Each tick moves by up to this part of the interval either way, so two runs are 90 to 110 % of an interval apart."""

LONGEST_BACKOFF_INTERVALS = 10
LONGEST_BACKOFF_SEC = 300.0


def backoff_sec(interval_sec: float, failures: int) -> float:
    """From the start of a run to the next one: the interval, doubled by each failure in a row.

    It stops at 10 intervals or 5 minutes, whichever is less, and is never shorter than the interval.
    """
    longest = max(interval_sec, min(LONGEST_BACKOFF_INTERVALS * interval_sec, LONGEST_BACKOFF_SEC))
    return min(math.ldexp(interval_sec, min(failures, 32)), longest)


class Schedule:
    """The ticks of one collector. Times are seconds of a clock that never goes back.

    Ticks stand on a grid counted from the first one; the jitter is added to each anew, so it never adds up to drift.
    A run that was asked for (`restart`) begins a new grid.
    """

    def __init__(self, interval_sec: float, first: float, *, spread: Callable[[float, float], float]) -> None:
        """`spread(low, high)` gives a number between the two: random.uniform."""
        self.interval_sec = interval_sec
        self.overruns = 0
        self.due = first
        self._tick = first
        self._spread = spread

    def restart(self, now: float) -> None:
        """A run begins now, out of turn."""
        self._tick = self.due = now

    def next_due(self, now: float, *, running: bool) -> float:
        """When the next run begins, as far as it can be told: during a run, the first tick after now."""
        return self._tick + (self.missed(now) + 1) * self.interval_sec if running else self.due

    def missed(self, now: float) -> int:
        """Ticks that came since the tick of the run that is going on."""
        return max(0, math.floor((now - self._tick) / self.interval_sec))

    def finish(self, now: float, failures: int) -> None:
        """The run ended; `failures` is how many failed in a row, this one included."""
        missed = self.missed(now)
        self.overruns += missed
        wait = max(backoff_sec(self.interval_sec, failures), (missed + 1) * self.interval_sec)
        self._tick += wait
        self.due = self._tick + self._spread(-JITTER * self.interval_sec, JITTER * self.interval_sec)

"""The points of one number over a time, few enough to keep: for `rate` and `delta`.

Between two points the number is taken to have changed evenly. A counter that goes back began anew at 0.
"""

from array import array

MOST_POINTS = 60
MOST_NUMBERS = 2000
"""Of which points are kept, by all rules together: about 1.5 kB each."""


class Room:
    """How many numbers more may have points."""

    def __init__(self, most: int = MOST_NUMBERS) -> None:
        self._free = most

    def take(self) -> bool:
        """Room for one more; False when there is none."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    def give_back(self, number: int) -> None:
        self._free += number


class Points:
    """As far back as the window reaches. Times are seconds since the epoch, by the clock of who states the number."""

    def __init__(self, window_sec: float, *, counter: bool) -> None:
        self._window_sec = window_sec
        self._apart_sec = window_sec / (MOST_POINTS - 3)
        self._counter = counter
        self._times = array("d")
        self._levels = array("d")
        self._last = 0.0

    @property
    def newest_at(self) -> float:
        """When it was stated last; 0 while it never was."""
        return self._times[-1] if self._times else 0.0

    def begin_at_zero(self, at: float) -> None:
        """It is known that there was nothing to count before this time."""
        self._times = array("d", (at - self._window_sec, at))
        self._levels = array("d", (0.0, 0.0))
        self._last = 0.0

    def add(self, at: float, value: float) -> None:
        """The number as it is stated at a time; nothing happens when that is known already.

        A time before the newest is a clock that was set back: what is known begins anew.
        """
        times, levels = self._times, self._levels
        if times and at == times[-1]:
            return
        if not times or at < times[-1]:
            self._times, self._levels, self._last = array("d", (at,)), array("d", (value,)), value
            return
        level = value
        if self._counter:
            level = levels[-1] + (value - self._last if value >= self._last else value)
        self._last = value
        if len(times) > 1 and times[-1] - times[-2] < self._apart_sec:
            times[-1], levels[-1] = at, level
        else:
            times.append(at)
            levels.append(level)
        while len(times) > 1 and times[1] <= at - self._window_sec:
            del times[0], levels[0]

    def growth(self) -> float:
        """By how much it changed, or grew, as far as it is known."""
        return self._levels[-1] - self._levels[0] if self._levels else 0.0

    def change(self) -> float | None:
        """By how much it changed, or grew, over the window; None while less than that is known."""
        times, levels = self._times, self._levels
        if len(times) < 2 or times[0] > (start := times[-1] - self._window_sec):
            return None
        share = (start - times[0]) / (times[1] - times[0])
        return levels[-1] - (levels[0] + share * (levels[1] - levels[0]))

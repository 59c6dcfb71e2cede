"""When a file system will be full, from how it filled over the last hours."""

from collections import deque
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median

WINDOW = timedelta(hours=6)
SPACING = timedelta(minutes=5)
SHORTEST = timedelta(minutes=15)
HORIZON = timedelta(days=90)
"""Beyond it a straight line says nothing; the answer is then None."""


class Trend:
    """The used bytes of one file system over the last hours, a point each five minutes, and where they lead."""

    def __init__(self) -> None:
        self._points: deque[tuple[datetime, int]] = deque()
        self._slope: float | None = None
        self._slope_is_old = False

    def add(self, at: datetime, used_bytes: int) -> None:
        """Take a measurement; one that is less than SPACING after the last that counted does not count."""
        while self._points and self._points[-1][0] > at:  # the clock was set back
            self._points.pop()
        if self._points and at - self._points[-1][0] < SPACING:
            return
        self._points.append((at, used_bytes))
        while at - self._points[0][0] > WINDOW:
            self._points.popleft()
        self._slope_is_old = True

    def full_at(self, avail_bytes: int, now: datetime) -> datetime | None:
        """When `avail_bytes` are used up at this pace; None when it does not fill, or cannot be told."""
        if self._slope_is_old:
            self._slope, self._slope_is_old = _bytes_per_sec(list(self._points)), False
        if self._slope is None or self._slope <= 0:
            return None
        left_sec = avail_bytes / self._slope
        if left_sec > HORIZON.total_seconds():
            return None
        return (now + timedelta(seconds=left_sec)).replace(microsecond=0)


def _bytes_per_sec(points: list[tuple[datetime, int]]) -> float | None:
    """The median slope between all pairs of points (Theil-Sen): a purge or a burst does not bend it.

    None for less than SHORTEST. The points are times and bytes, oldest first.
    """
    if not points or points[-1][0] - points[0][0] < SHORTEST:
        return None
    seconds = [((at - points[0][0]).total_seconds(), used) for at, used in points]
    return median(
        (used - before) / (sec - sec_before) for (sec_before, before), (sec, used) in combinations(seconds, 2)
    )

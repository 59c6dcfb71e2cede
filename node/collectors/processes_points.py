"""The history of the watches: a point about every quarter of a minute, of all looks since the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etlmon.contract.processes import ProcessWatch
from node.collectors.processes_known import Known
from node.sources.procfs import TICKS_PER_SEC
from node.store.processes import WatchPoint

EVERY_SEC = 15.0

Io = tuple[int, int]
"""Bytes read and written since the look before."""


@dataclass(slots=True)
class _Sums:
    """Of one watch since its last point."""

    cpu: list[float] = field(default_factory=list)
    read: int = 0
    written: int = 0
    has_io: bool = False


class Points:
    """Gathers looks until a point is due."""

    def __init__(self, interval_sec: float) -> None:
        self._every_sec = EVERY_SEC - interval_sec / 2
        self._sums: dict[str, _Sums] = {}
        self._last_sec: float | None = None

    def add(self, at_sec: float, watches: Sequence[ProcessWatch], io: Mapping[str, Io | None]) -> Sequence[WatchPoint]:
        """Take a look; the points when they are due, else none. A watch that cannot be judged has none.

        `io` is None for a watch whose processes do not tell; the rates of the first point are not known.
        """
        if self._last_sec is None:
            elapsed_sec = None
        else:
            elapsed_sec = at_sec - self._last_sec
            for watch in watches:
                self._gather(watch, io.get(watch.name))
        if elapsed_sec is not None and elapsed_sec < self._every_sec:
            return ()
        points = [self._point(watch, elapsed_sec) for watch in watches if watch.state != "error"]
        self._last_sec, self._sums = at_sec, {}
        return points

    def _gather(self, watch: ProcessWatch, io: Io | None) -> None:
        sums = self._sums.setdefault(watch.name, _Sums())
        if watch.cpu_percent is not None:
            sums.cpu.append(watch.cpu_percent)
        if io is not None:
            sums.read += io[0]
            sums.written += io[1]
            sums.has_io = True

    def _point(self, watch: ProcessWatch, elapsed_sec: float | None) -> WatchPoint:
        sums = self._sums.get(watch.name, _Sums())
        rates: tuple[float | None, float | None] = (None, None)
        if elapsed_sec and sums.has_io:
            rates = (round(sums.read / elapsed_sec, 1), round(sums.written / elapsed_sec, 1))
        return WatchPoint(
            watch=watch.name,
            at=watch.collected_at,
            running=watch.running,
            cpu_percent=round(sum(sums.cpu) / len(sums.cpu), 1) if sums.cpu else watch.cpu_percent,
            mem_rss_bytes=watch.mem_rss_bytes,
            read_bytes_per_sec=rates[0],
            write_bytes_per_sec=rates[1],
        )


def io_since(processes: Sequence[Known], before_sec: float) -> Io | None:
    """What these read and wrote since the look before, at `before_sec`; None when none of them tells.

    A process that started meanwhile has done all it did since.
    """
    if not processes:
        return 0, 0
    read = written = 0
    told = False
    for known in processes:
        if known.io is None:
            continue
        began = (0, 0) if known.start_ticks / TICKS_PER_SEC >= before_sec else known.io
        before = known.io_before if known.io_before is not None else began
        read += max(known.io[0] - before[0], 0)
        written += max(known.io[1] - before[1], 0)
        told = True
    return (read, written) if told else None

"""paths: counts what lies below each watched directory, without ever waiting for it in this process."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import aiosqlite
import msgspec

from etlmon.contract.paths import PathStats, PathTop
from node.collector import Collector, Reading
from node.collectors.paths_order import lies_below, order_for
from node.collectors.paths_rows import events_of, finished, samples_of, scanning, top_of, unmeasured, unreachable
from node.settings import NodeSettings, WatchedPath
from node.sources.mounts import MountEntry, followed, mount_of, normal, read_mounts, readable
from node.sources.walk import Order, Progress, Result, Walker, WalkError
from node.store import paths as store
from node.store.paths import PathScan

SCANS_AT_ONCE = 4
"""In one node, however many paths it watches."""

_SLACK_SEC = 10.0


def name_of(path: str) -> str:
    """The collector of a watched path."""
    return f"paths:{path}"


def build(settings: NodeSettings) -> list["PathCollector"]:
    """One collector for each watched path."""
    return [
        PathCollector(
            watched,
            interval_sec=float(watched.scan_interval or settings.refresh.default_path_scan),
            expected=[normal(expected.mount) for expected in settings.fs.expect],
        )
        for watched in settings.paths
    ]


class PathCollector(Collector[PathScan]):
    """Scans one watched path. `expected` are mounts that must be there; `proc` is where the mounts are read."""

    domain: ClassVar[str] = "paths"

    def __init__(
        self,
        watched: WatchedPath,
        *,
        interval_sec: float,
        expected: Sequence[str] = (),
        proc: Path = Path("/proc"),
    ) -> None:
        self.name = name_of(watched.path)
        self.interval_sec = interval_sec
        self.deadline_sec = watched.timeout + _SLACK_SEC
        self.options = (watched, interval_sec, tuple(expected))
        self._watched = watched
        self._expected = expected
        self._proc = proc
        self._walker = Walker()
        self._row: PathStats | None = None
        self._last_complete: int | None = None
        self._mount_point: str | None = None
        self._recent = b""

    @property
    def hangs(self) -> bool:
        """Whether the child of a scan is still there, if only to hang."""
        return self._walker.pid is not None

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Go on from the last finished scan, so that nothing that was known is reported anew."""
        self._row = await store.latest(db, self._watched.path)
        if self._row is not None and self._row.complete:
            self._last_complete = self._row.file_count

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[PathScan], None]:
        """One scan: a SCANNING row at once and at each progress, then the row of its end."""
        if self.hangs:
            known = self._row if self._row is not None and self._row.state == "stuck" else None
            yield self._ended(known or finished(self._watched, Result(end="stuck"), now, 0.0, None), now)
            return
        mounts = read_mounts(self._proc)
        place = followed(self._watched.path, mounts)
        reason = self._not_mounted(place, mounts)
        if reason is not None:
            yield self._ended(unreachable(self._watched, "not_mounted", reason, now), now)
            return
        async with aclosing(self._scan(order_for(self._watched, place, mounts, self._recent), now)) as readings:
            async for reading in readings:
                yield reading

    async def close(self) -> None:
        await self._walker.close()

    async def _scan(self, order: Order, now: datetime) -> AsyncGenerator[Reading[PathScan], None]:
        clock = asyncio.get_running_loop().time
        started = clock()
        yield self._progress(Progress(), now)
        try:
            async with aclosing(self._walker.walk(order)) as messages:
                async for message in messages:
                    if isinstance(message, Progress):
                        yield self._progress(message, now)
                    else:
                        yield self._result(message, now, clock() - started)
        except WalkError as error:
            row = self._row or unreachable(self._watched, "incomplete", "", now)
            failed = msgspec.structs.replace(
                row, status="ERROR", state="incomplete", complete=False, error_message=str(error)
            )
            yield self._ended(failed, now)
            raise

    def _progress(self, progress: Progress, now: datetime) -> Reading[PathScan]:
        row = scanning(self._watched, self._row, now, self._next_at(now), progress.files)
        return Reading(rows=[PathScan(stats=row)])

    def _result(self, result: Result, now: datetime, duration_sec: float) -> Reading[PathScan]:
        at = now + timedelta(seconds=duration_sec)
        row = finished(self._watched, result, at, duration_sec, self._last_complete)
        if result.end == "done":
            self._last_complete = result.files
            self._recent = result.recent
        return self._ended(row, at, top_of(result))

    def _ended(self, row: PathStats, at: datetime, top: PathTop | None = None) -> Reading[PathScan]:
        before = self._row.state if self._row is not None else None
        self._row = msgspec.structs.replace(row, next_scan_at=self._next_at(at))
        return Reading(
            rows=[PathScan(stats=self._row, top=top)],
            samples=samples_of(self._row),
            events=events_of(before, self._row, at),
            unmeasured=unmeasured(self._row),
        )

    def _next_at(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.interval_sec)

    def _not_mounted(self, place: str, mounts: Sequence[MountEntry]) -> str | None:
        """Why the path, which leads to `place`, is not where it should be: an expected mount above it is not there, or
        the mount that it was on at the scan before is gone. With an automounter there it is fine: the scan mounts it.
        """
        path = readable(self._watched.path)
        there = {entry.mount_point for entry in mounts}
        for mount in self._expected:
            if mount not in there and lies_below(place, mount) and not _is_automounted(mount, mounts):
                return f"{path} lies on {readable(mount)}, which is not mounted; mount it"
        home = mount_of(place, mounts)
        if home is None:
            return None
        known = self._mount_point
        if (
            known is not None
            and lies_below(place, known)
            and len(home.mount_point) < len(known)
            and home.fstype != "autofs"
        ):
            return f"{path} was on {readable(known)}, which is not mounted any more; mount it, or restart the node"
        if home.fstype != "autofs":
            self._mount_point = home.mount_point
        return None


def _is_automounted(mount_point: str, mounts: Sequence[MountEntry]) -> bool:
    """Whether looking at it mounts it: it lies in a directory that an automounter fills."""
    home = mount_of(mount_point, mounts)
    return home is not None and home.fstype == "autofs"

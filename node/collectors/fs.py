"""fs: every mount of the host with how full it is, and what keeps it from answering."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import aiosqlite
import msgspec

from etlmon.contract.fs import FsPoint, Mount
from node.collector import Collector, Reading, Sample
from node.collectors.fs_events import changes, level
from node.collectors.fs_rows import blocked_on, missing, row, same_mount
from node.collectors.fs_trend import WINDOW, Trend
from node.settings import ExpectedMount, Fs, NodeSettings
from node.sources.mounts import MountEntry, mount_of, normal, read_mounts, readable, real_mounts
from node.sources.probe import Outcome, Prober
from node.sources.usage import Usage, local_usage
from node.store import fs as store

_SLACK_SEC = 5.0


def build(settings: NodeSettings) -> Sequence["FsCollector"]:
    return [FsCollector(settings.fs, interval_sec=float(settings.refresh.disk))]


class FsCollector(Collector[Mount]):
    """Looks at all mounts at once, each time: one reading with all of them, stuck ones with their last known sizes."""

    domain: ClassVar[str] = "fs"
    name = "fs"

    def __init__(
        self, settings: Fs, *, interval_sec: float, prober: Prober | None = None, proc: Path = Path("/proc")
    ) -> None:
        self.interval_sec = interval_sec
        self.deadline_sec = 2 * float(settings.probe_timeout) + _SLACK_SEC
        self.options = (settings, interval_sec)
        self._settings = settings
        self._proc = proc
        self._prober = prober or Prober(timeout_sec=float(settings.probe_timeout))
        self._expected = {normal(expected.mount): expected for expected in settings.expect}
        self._before: dict[str, Mount] | None = None
        self._levels: dict[str, int] = {}
        self._trends: dict[str, Trend] = {}

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Take up what the store knows: since when a mount is stuck, its last sizes, and how it filled."""
        known = {mount.mount_point: mount for mount in await store.mounts(db)}
        self._before = known or None
        self._levels = {point: level(mount, 0) for point, mount in known.items()}
        newest = max((mount.collected_at for mount in known.values()), default=None)
        usage = {} if newest is None else await store.recent_usage(db, newest - WINDOW)
        self._trends = {point: _trend(points) for point, points in usage.items()}

    async def readings(self, now: datetime) -> AsyncIterator[Reading[Mount]]:
        entries = read_mounts(self._proc)
        rows = await self._with_blocked(await self._rows(entries, now), entries)
        after = {mount.mount_point: mount for mount in rows}
        there = {readable(entry.mount_point) for entry in entries}
        events = list(changes(self._before, after, self._levels, now, there=there))
        self._before = after
        self._trends = {point: trend for point, trend in self._trends.items() if point in after}
        unmeasured = [{"mount": mount.mount_point} for mount in rows if not _is_measured(mount, now)]
        yield Reading(rows=rows, samples=list(_samples(rows, now)), events=events, unmeasured=unmeasured)

    async def close(self) -> None:
        await self._prober.close()

    async def _rows(self, entries: Sequence[MountEntry], now: datetime) -> list[Mount]:
        chosen = self._chosen(entries)
        outcomes: dict[str, Outcome] = {
            entry.mount_point: local_usage(entry.mount_point) for entry in chosen if not entry.may_hang
        }
        outcomes |= await self._prober.look([entry for entry in chosen if entry.may_hang], now)
        before = self._before or {}
        rows = [missing(expected, now, automount=automount) for expected, automount in self._missing(entries)]
        for entry in chosen:
            outcome, expected = outcomes[entry.mount_point], self._expected.get(entry.mount_point)
            if expected is None and _is_dummy(entry, outcome):
                continue
            mount = row(entry, outcome, now, before.get(readable(entry.mount_point)), expected)
            if mount is not None:
                rows.append(mount)
        judged = []
        for mount in rows:
            judged.append(self._judged(mount, before.get(mount.mount_point), now))
            # A time to full takes most of a millisecond: of hundreds of mounts, others must not wait for all of them.
            await asyncio.sleep(0)
        return sorted(judged, key=lambda mount: mount.mount_point)

    def _chosen(self, entries: Sequence[MountEntry]) -> list[MountEntry]:
        # What is excluded is so under each of its names, so the names are folded first.
        folded = real_mounts(entries, keep=self._expected)
        return [entry for entry in folded if entry.mount_point in self._expected or not self._excluded(entry)]

    def _excluded(self, entry: MountEntry) -> bool:
        return (
            (entry.network and not self._settings.include_network)
            or any(fnmatchcase(entry.fstype, pattern) for pattern in self._settings.exclude_fstypes)
            or any(fnmatchcase(entry.mount_point, pattern) for pattern in self._settings.exclude_mounts)
        )

    def _missing(self, entries: Sequence[MountEntry]) -> Iterator[tuple[ExpectedMount, bool]]:
        """Expected mounts that are not there, and whether an automounter waits at the place."""
        there = {entry.mount_point for entry in entries if entry.fstype != "autofs"}
        for mount_point, expected in self._expected.items():
            if mount_point not in there:
                home = mount_of(mount_point, entries)
                waits = home is not None and home.fstype == "autofs"
                yield msgspec.structs.replace(expected, mount=mount_point), waits

    def _judged(self, mount: Mount, before: Mount | None, now: datetime) -> Mount:
        """The row with the thresholds and the time to full."""
        if before is not None and not same_mount(mount, before):
            self._trends.pop(mount.mount_point, None)
        trend = self._trends.setdefault(mount.mount_point, Trend())
        if mount.state == "ok" and mount.collected_at == now:
            trend.add(now, mount.used_bytes)
        fills = mount.state in ("ok", "stuck") and not mount.read_only
        return msgspec.structs.replace(
            mount,
            full_at=trend.full_at(mount.avail_bytes, mount.collected_at) if fills else None,
            warn_percent=self._settings.warn_percent,
            critical_percent=self._settings.critical_percent,
        )

    async def _with_blocked(self, rows: list[Mount], entries: Sequence[MountEntry]) -> list[Mount]:
        stuck = [mount for mount in rows if mount.state == "stuck"]
        if not stuck:
            return rows
        names = {mount.mount_point for mount in stuck}
        paths = [entry.mount_point for entry in entries if readable(entry.mount_point) in names]
        waiting = blocked_on(stuck, await self._prober.sleepers(paths))
        return [msgspec.structs.replace(mount, blocked=waiting.get(mount.mount_point, [])) for mount in rows]


def _is_dummy(entry: MountEntry, outcome: Outcome) -> bool:
    """A file system of this kernel without any blocks holds nothing; df leaves it out as well."""
    return not entry.network and isinstance(outcome, Usage) and outcome.total_bytes == 0


def _trend(points: Sequence[FsPoint]) -> Trend:
    trend = Trend()
    for point in points:
        trend.add(point.at, point.used_bytes)
    return trend


def _is_measured(mount: Mount, now: datetime) -> bool:
    return mount.state == "ok" and mount.collected_at == now


def _samples(rows: Sequence[Mount], now: datetime) -> Iterator[Sample]:
    """A number that was not measured now is not stated; only that the mount is down is.

    One that may not be looked at is not down: whoever has the right to it may use it all the same.
    """
    for mount in rows:
        labels: Mapping[str, str] = {"mount": mount.mount_point}
        if mount.state != "denied":
            yield Sample("etlmon_fs_up", float(mount.state == "ok"), labels)
        if not _is_measured(mount, now):
            continue
        yield Sample("etlmon_fs_used_percent", mount.used_percent, labels)
        yield Sample("etlmon_fs_used_bytes", float(mount.used_bytes), labels)
        yield Sample("etlmon_fs_avail_bytes", float(mount.avail_bytes), labels)
        if mount.inodes_total:
            yield Sample("etlmon_fs_inodes_used_percent", mount.inodes_used_percent, labels)
        if mount.full_at is not None:
            yield Sample("etlmon_fs_full_seconds", (mount.full_at - now).total_seconds(), labels)

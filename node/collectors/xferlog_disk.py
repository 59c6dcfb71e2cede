"""xferlog: looks on the disk for what was uploaded, without ever waiting for it in this process."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import aiosqlite

from etlmon.contract.node import Event
from etlmon.contract.xferlog import Finding
from node.clock import Clock, utc_now
from node.collector import Collector, Reading, Sample
from node.collectors.xferlog_compare import Comparer
from node.settings import Xferlog
from node.sources.changes import ChangeFinder, Changes
from node.sources.mounts import MountEntry, followed, mount_of, normal, read_mounts, readable
from node.store import xferlog as store
from node.store.xferlog import Comparison, Known

WINDOW = timedelta(hours=24)
"""How far back uploads are looked for."""

MOST_ACTS = 10_000
"""Uploads, deletions and renamings that are looked at; with more of them the window is shorter."""

WITHIN_SEC = 60.0
DEADLINE_SEC = 90.0
SETTLING_SEC = 60.0
"""What a network mount shows of a directory may be so old: acdirmax of nfs(5)."""

MOST_TOLD = 10
"""Findings that are told one by one after a comparison; the others are counted."""

_SLICE_SEC = 0.005
_GONE = (errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENODEV, errno.ENXIO)


class DiskCollector(Collector[Comparison]):
    """Compares the logged uploads with the files below `root`.

    `expected` are mounts that must be there; `proc` is where the mounts are read.
    """

    domain: ClassVar[str] = "xferlog"
    resumes_each_run: ClassVar[bool] = True
    name = "xferlog:disk"

    def __init__(
        self, section: Xferlog, *, expected: Sequence[str] = (), proc: Path = Path("/proc"), clock: Clock = utc_now
    ) -> None:
        self.interval_sec = float(section.reconcile_interval)
        self.deadline_sec = DEADLINE_SEC
        self.options = (section.path, section.root, section.reconcile_interval, tuple(expected))
        self._root = section.root or ""
        self._expected = expected
        self._proc = proc
        self._clock = clock
        self._finder = ChangeFinder(within_sec=WITHIN_SEC)
        self._known = Known()
        self._told = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The child that looks, also when it hangs."""
        return self._finder.pid

    async def resume(self, db: aiosqlite.Connection) -> None:
        """What is compared: read before each run, because transfers come all the while."""
        self._known = await store.known(db, self._root, self._clock() - WINDOW, MOST_ACTS)

    def look_now(self) -> None:
        """There is something to compare."""
        self._told.set()

    async def prompt(self) -> None:
        await self._told.wait()
        self._told.clear()

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[Comparison], None]:
        if self._known.since is None:
            yield Reading(unchanged=True)
            return
        mounts = read_mounts(self._proc)
        place = followed(self._root, mounts)
        home = mount_of(place, mounts)
        reason = self._not_mounted(place, home, mounts)
        if reason is not None:
            yield self._untold(reason, now)
            return
        since = self._known.since - timedelta(seconds=SETTLING_SEC)
        closed = [entry.mount_point for entry in mounts if entry.fstype == "autofs"]
        changes = await self._finder.find(self._root, since.timestamp(), _as_walked(self._root, place, closed))
        if (reason := _useless(self._root, changes)) is not None:
            yield self._untold(reason, now)
            return
        comparer = Comparer(
            self._known,
            changes,
            self._root,
            now,
            quiet_sec=self.interval_sec,
            settling_sec=SETTLING_SEC if _may_hang(place, home, mounts) else 0.0,
        )
        await _in_slices(comparer.steps())
        mount_point = home.mount_point if home is not None and home.fstype != "autofs" else self._known.mount_point
        result = comparer.result
        comparison = Comparison(
            root=self._root,
            at=now,
            mount_point=mount_point,
            error=_partial(self._root, changes),
            on_disk=result.on_disk,
            findings=result.findings,
        )
        yield Reading(
            rows=[comparison],
            samples=_samples(result.findings),
            events=list(_events(self._known.findings, result.findings, now)),
        )

    async def close(self) -> None:
        await self._finder.close()

    def _untold(self, reason: str, now: datetime) -> Reading[Comparison]:
        """Nothing can be told: what was found before may not hold any more."""
        unsure = [act.id for act in self._known.acts if act.on_disk not in (None, "unknown")]
        comparison = Comparison(
            root=self._root,
            at=now,
            mount_point=self._known.mount_point,
            error=reason,
            on_disk={"unknown": unsure} if unsure else {},
        )
        return Reading(rows=[comparison])

    def _not_mounted(self, place: str, home: MountEntry | None, mounts: Sequence[MountEntry]) -> str | None:
        """Why the files below the root are not those that were uploaded; None when they may be."""
        there = {entry.mount_point for entry in mounts}
        for mount in self._expected:
            if mount not in there and (_lies_below(place, mount) or _lies_below(mount, place)):
                return f"{readable(mount)} is not mounted; mount it"
        before = self._known.mount_point
        if before is not None and home is not None and home.fstype != "autofs":
            is_uncovered = _lies_below(place, before) and len(home.mount_point) < len(before)
            if is_uncovered:
                return f"{readable(self._root)} was on {readable(before)}, which is not mounted any more; mount it"
        return None


def _may_hang(place: str, home: MountEntry | None, mounts: Sequence[MountEntry]) -> bool:
    below = (entry for entry in mounts if _lies_below(entry.mount_point, place))
    return home is None or home.may_hang or any(entry.may_hang for entry in below)


def _useless(root: str, changes: Changes) -> str | None:
    """Why nothing can be told at all; None when something can."""
    shown = readable(root)
    if changes.end == "stuck":
        return f"{shown} does not answer; see whether its file system or server is down"
    if changes.end == "unreadable":
        if changes.errno == errno.ENOENT:
            return f"{shown} does not exist; create it, or correct xferlog.root"
        if changes.errno in _GONE:
            return f"{shown} cannot be reached: {os.strerror(changes.errno)}; see whether its server is down"
        return f"{shown} cannot be read: {os.strerror(changes.errno)}; give the node's user permission to read it"
    # A mount point lies empty when nothing is mounted there.
    return f"{shown} is empty; is its file system mounted?" if changes.is_empty else None


def _partial(root: str, changes: Changes) -> str | None:
    """Why not everything can be told; None when it can."""
    shown = readable(root)
    if changes.end == "timeout":
        return f"{shown} was not read within {WITHIN_SEC:.0f} s; no upload is called missing"
    if changes.end == "cut":
        return f"too much changed below {shown} within a day to look at it all; no upload is called missing"
    if changes.first_skipped is not None:
        place, why = changes.first_skipped
        return (
            f"{changes.skipped:,} files or directories below {shown} could not be looked at, one of them "
            f"{readable(place)} ({why}); "
            "no upload is called missing"
        )
    return None


def _samples(findings: Sequence[Finding]) -> list[Sample]:
    kinds = ("missing", "shorter", "unlogged")
    counts = {kind: sum(finding.kind == kind for finding in findings) for kind in kinds}
    return [Sample("etlmon_xferlog_findings", count, {"kind": kind}) for kind, count in counts.items()]


def _events(before: Sequence[Finding], after: Sequence[Finding], now: datetime) -> Iterator[Event]:
    """What was found that was not known; a file without a line is no event, many programs write files."""
    known = {(finding.kind, finding.transfer_id) for finding in before}
    fresh = [one for one in after if one.kind != "unlogged" and (one.kind, one.transfer_id) not in known]
    for finding in fresh[:MOST_TOLD]:
        size = f"{finding.logged_bytes:,} bytes"
        words = (
            f"{finding.filename}, uploaded with {size}, is not on the disk"
            if finding.kind == "missing"
            else f"{finding.filename}, uploaded with {size}, has {finding.disk_bytes:,} on the disk"
        )
        kind = f"upload_{finding.kind}"
        yield Event(at=now, domain="xferlog", key=finding.filename, kind=kind, severity="warning", message=words)
    if len(fresh) > MOST_TOLD:
        words = f"{len(fresh) - MOST_TOLD:,} more uploads are not on the disk as they were logged"
        yield Event(at=now, domain="xferlog", key="", kind="upload_missing", severity="warning", message=words)


def _lies_below(path: str, directory: str) -> bool:
    path, directory = normal(path), normal(directory)
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _as_walked(root: str, place: str, mount_points: Sequence[str]) -> list[str]:
    """The mount points below the place as the search spells them, which starts with the root as it is configured."""
    below = [point for point in mount_points if _lies_below(point, place) and point != place]
    return [root.rstrip("/") + point[len(place.rstrip("/")) :] for point in below]


async def _in_slices(steps: Iterator[None]) -> None:
    """Do the work and let others do theirs in between."""
    clock = asyncio.get_running_loop().time
    until = clock() + _SLICE_SEC
    for _ in steps:
        if clock() >= until:
            await asyncio.sleep(0)
            until = clock() + _SLICE_SEC

"""What a walk gave, in the words of the contract: rows, samples and events. Pure functions."""

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from etlmon.contract.node import Event, Severity
from etlmon.contract.paths import PathState, PathStats, PathTop, TopDirectory, TopFile
from node.collector import Sample
from node.settings import WatchedPath
from node.sources.mounts import readable
from node.sources.walk import Result

_COUNTED = ("ok", "empty", "incomplete")
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENAMETOOLONG)
_GONE = (errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENODEV, errno.ENXIO)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def scanning(
    watched: WatchedPath, previous: PathStats | None, now: datetime, next_at: datetime, files: int
) -> PathStats:
    """The row of a scan that goes on: the one before with how far it is or, on a first scan, what it found so far."""
    if previous is not None:
        return msgspec.structs.replace(previous, status="SCANNING", next_scan_at=next_at, scanned_files=files)
    return PathStats(
        path=watched.path,
        name=watched.name,
        status="SCANNING",
        collected_at=now,
        complete=False,
        file_count=files,
        scanned_files=files,
        next_scan_at=next_at,
    )


def finished(
    watched: WatchedPath, result: Result, at: datetime, duration_sec: float, last_complete: int | None
) -> PathStats:
    """The row of a scan that ended, however. `last_complete` is the file count of the complete scan before."""
    state = _state(result)
    complete = result.end == "done"
    return PathStats(
        path=watched.path,
        name=watched.name,
        file_count=result.files,
        dir_count=result.dirs,
        scan_duration_ms=round(duration_sec * 1000),
        status="OK" if complete else "ERROR",
        error_message=_words(watched, result),
        collected_at=at,
        state=state,
        complete=complete,
        skipped=result.skipped,
        total_bytes=result.total_bytes,
        oldest_mtime=_time(result.oldest),
        newest_mtime=_time(result.newest),
        arriving_count=result.arriving,
        ready_count=result.files - result.arriving,
        delta_files=result.files - last_complete if complete and last_complete is not None else None,
    )


def unreachable(watched: WatchedPath, state: PathState, words: str, at: datetime) -> PathStats:
    """The row of a path that could not even be tried."""
    return PathStats(
        path=watched.path,
        name=watched.name,
        status="ERROR",
        state=state,
        complete=False,
        error_message=words,
        collected_at=at,
    )


def top_of(result: Result) -> PathTop | None:
    """The largest files and directories of a complete scan that measured sizes."""
    if result.end != "done" or result.total_bytes is None:
        return None
    return PathTop(
        files=[
            TopFile(path=readable(path), bytes=size, mtime=_time(mtime) or _EPOCH)
            for size, path, mtime in result.top_files
        ],
        directories=[
            TopDirectory(path=readable(path) or ".", bytes=size, file_count=files)
            for size, path, files in result.top_dirs
        ],
    )


def samples_of(row: PathStats | None) -> tuple[Sample, ...]:
    """The numbers of a finished scan; a path that could not be counted has no count, rather than 0."""
    if row is None:
        return ()
    about = {
        "etlmon_path_up": float(row.state in _COUNTED),
        "etlmon_path_scan_complete": float(row.complete),
        "etlmon_path_scan_duration_seconds": row.scan_duration_ms / 1000,
    }
    return (
        *(Sample(name, value, {"path": row.path}) for name, value in about.items()),
        *(Sample(name, value, {"path": row.path}, at_least=not row.complete) for name, value in _counts(row)),
    )


def unmeasured(row: PathStats) -> list[dict[str, str]]:
    """The labels of a path of which nobody can tell the numbers."""
    return [] if row.state in _COUNTED else [{"path": row.path}]


def _counts(row: PathStats) -> Iterator[tuple[str, float]]:
    """What was counted; of a scan that was not complete it may be more, and the oldest may be older."""
    if row.state not in _COUNTED:
        return
    yield "etlmon_path_file_count", row.file_count
    yield "etlmon_path_dir_count", row.dir_count
    yield "etlmon_path_arriving_count", row.arriving_count
    if row.total_bytes is not None:
        yield "etlmon_path_bytes", row.total_bytes
    if row.oldest_mtime is not None:
        yield "etlmon_path_oldest_age_seconds", (row.collected_at - row.oldest_mtime).total_seconds()


_KINDS: dict[PathState, tuple[str, Severity]] = {
    "missing": ("path_missing", "warning"),
    "not_mounted": ("path_missing", "critical"),
    "denied": ("path_denied", "warning"),
    "stuck": ("path_stuck", "critical"),
    "incomplete": ("scan_incomplete", "warning"),
}


def events_of(before: PathState | None, row: PathStats, at: datetime) -> tuple[Event, ...]:
    """What happened between the state before (None: nothing is known) and this row."""
    if before == row.state:
        return ()
    happened: list[tuple[str, Severity, str]] = []
    if row.state in _COUNTED and before == "stuck":
        happened.append(("path_recovered", "info", f"{readable(row.path)} answers again"))
    elif row.state in _COUNTED and before in ("missing", "not_mounted", "denied"):
        happened.append(("path_back", "info", f"{readable(row.path)} can be read again"))
    if row.state in _KINDS:
        happened.append((*_KINDS[row.state], row.error_message or row.state))
    return tuple(
        Event(at=at, domain="paths", key=row.path, kind=kind, severity=severity, message=message)
        for kind, severity, message in happened
    )


def _state(result: Result) -> PathState:
    if result.end == "done":
        return "ok" if result.files or result.skipped else "empty"
    if result.end == "stuck":
        return "stuck"
    if result.end in ("limit", "timeout"):
        return "incomplete"
    if result.errno in _NOT_THERE:
        return "missing"
    return "not_mounted" if result.errno in _GONE else "denied"


def _words(watched: WatchedPath, result: Result) -> str | None:
    path = readable(watched.path)
    if result.end == "limit":
        limit = f"{watched.max_files_per_scan:,}"
        return f"there are more than {limit} files below {path}; raise max_files_per_scan to count them all"
    if result.end == "timeout":
        return (
            f"{path} was not counted within {watched.timeout}; "
            "raise timeout or workers, or narrow it with exclude or max_depth"
        )
    if result.end == "stuck":
        place = readable(os.path.join(watched.path, result.blocked_on))  # noqa: PTH118 - surrogates stay as they are
        waited = f" for {result.blocked_sec:.0f} s" if result.blocked_sec else ""
        return f"{place} does not answer{waited}; see whether its file system or server is down"
    if result.end == "unreadable":
        return _unreadable(path, result.errno)
    if result.first_skipped is not None:
        place, reason = result.first_skipped
        return f"{result.skipped:,} directories could not be read, one of them {readable(place)}: {reason}"
    return None


def _unreadable(path: str, number: int) -> str:
    if number == errno.ENOENT:
        return f"{path} does not exist; create it, or take it out of node.yaml"
    if number == errno.ENOTDIR:
        return f"{path} is not a directory; watch the directory that it lies in"
    if number in (errno.EACCES, errno.EPERM):
        return f"{path} may not be read: {os.strerror(number)}; give the node's user permission to read and enter it"
    return f"{path} cannot be read: {os.strerror(number)}; see what is wrong with its file system"


def _time(seconds: float | None) -> datetime | None:
    # A file may claim any time at all; the contract's times end with the year 9999.
    if seconds is None:
        return None
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return _FIRST if seconds < 0 else _LAST

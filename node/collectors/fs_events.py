"""What happened to a mount between two looks, as events."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from etlmon.contract.fs import Mount, MountState
from etlmon.contract.node import Event, Severity
from node.collectors.fs_rows import same_mount

HYSTERESIS_PERCENT = 2.0
"""How far usage must fall below a threshold before passing it again is news."""

_TROUBLE: dict[MountState, tuple[str, Severity, str]] = {
    "stuck": ("mount_stuck", "critical", "does not answer"),
    "not_mounted": ("mount_missing", "critical", "is not mounted"),
    "error": ("mount_failed", "critical", "fails"),
    "denied": ("mount_denied", "warning", "may not be looked at"),
}
_RISEN: dict[int, tuple[str, Severity]] = {1: ("filled_warning", "warning"), 2: ("filled_critical", "critical")}


def level(mount: Mount, before: int) -> int:
    """0 fine, 1 past the warning threshold, 2 past the critical one; it falls only HYSTERESIS_PERCENT below.

    Blocks and inodes count alike: without either nothing can be written.
    """
    percent = max(mount.used_percent, mount.inodes_used_percent)
    for reached, threshold in ((2, mount.critical_percent), (1, mount.warn_percent)):
        if percent >= threshold - (HYSTERESIS_PERCENT if before >= reached else 0.0):
            return reached
    return 0


def changes(
    before: Mapping[str, Mount] | None,
    after: Mapping[str, Mount],
    levels: dict[str, int],
    now: datetime,
    *,
    there: Collection[str] = (),
) -> Iterator[Event]:
    """Events for everything that differs from `before`; None is the first look ever: then only trouble is news.

    `levels` holds the level of each mount by its mount point, and is brought up to date on the way. `there` are mount
    points on which something is mounted, watched or not: one that is no longer watched is no news.
    """
    for mount_point, gone in (before or {}).items():
        if mount_point not in after:
            levels.pop(mount_point, None)
            if gone.state != "not_mounted" and mount_point not in there:
                yield _event(gone, now, "mount_removed", "warning" if gone.network else "info", "is no longer mounted")
    for mount_point, mount in after.items():
        known = (before or {}).get(mount_point)
        if known is None and before is not None and mount.state == "ok":
            yield _event(mount, now, "mount_added", "info", f"is mounted from {mount.device} ({mount.fstype})")
        yield from _state_change(known, mount, now)
        if mount.state == "ok":
            yield from _read_only_change(known, mount, now)
            yield from _level_change(mount, levels, now)


def _state_change(known: Mount | None, mount: Mount, now: datetime) -> Iterator[Event]:
    state_before: MountState = known.state if known is not None else "ok"
    if mount.state == state_before:
        return
    if mount.state in _TROUBLE:
        kind, severity, words = _TROUBLE[mount.state]
        yield _event(mount, now, kind, severity, f"{words}: {mount.error_message}" if mount.error_message else words)
    elif state_before == "not_mounted":
        yield _event(mount, now, "mount_back", "info", "is mounted again")
    elif known is not None and known.stuck_since is not None:
        lasted = max(0, int((now - known.stuck_since).total_seconds()))
        yield _event(mount, now, "mount_recovered", "info", f"answers again after {lasted} s")
    else:
        yield _event(mount, now, "mount_recovered", "info", "answers again")


def _read_only_change(known: Mount | None, mount: Mount, now: datetime) -> Iterator[Event]:
    if known is None or known.read_only == mount.read_only or not same_mount(known, mount):
        return
    if mount.read_only:
        yield _event(mount, now, "turned_read_only", "critical", "turned read-only; see the kernel log for the reason")
    else:
        yield _event(mount, now, "turned_writable", "info", "is writable again")


def _level_change(mount: Mount, levels: dict[str, int], now: datetime) -> Iterator[Event]:
    was = levels.get(mount.mount_point, 0)
    levels[mount.mount_point] = reached = level(mount, was)
    if reached == was:
        return
    kind, severity = _RISEN[reached] if reached > was else ("usage_fell", "info")
    inodes = mount.inodes_used_percent > mount.used_percent
    percent = mount.inodes_used_percent if inodes else mount.used_percent
    yield _event(mount, now, kind, severity, f"uses {percent:.1f}% of its {'inodes' if inodes else 'space'}")


def _event(mount: Mount, now: datetime, kind: str, severity: Severity, words: str) -> Event:
    return Event(
        at=now, domain="fs", key=mount.mount_point, kind=kind, severity=severity, message=f"{mount.mount_point} {words}"
    )

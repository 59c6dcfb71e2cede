"""The host around cron: is the daemon running and what does it log, when did the host boot, is a job's process there.

cron(8) of Debian logs what `-L` says, 1 when it is not given; it is set with EXTRA_OPTS in /etc/default/cron. cronie
has no such option and logs each start, and since 1.5.6 each end, but no exit status.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node.sources import procfs
from node.sources.proc_reader import ProcReader
from node.sources.process_types import Stat

DEBIAN_NAME, CRONIE_NAME = "cron", "crond"
_ANACRON = "anacron"
"""It waits for its jobs itself, and has begun some time before them."""

_NAMES = (DEBIAN_NAME, CRONIE_NAME)

_SAME = timedelta(seconds=5)
"""A job logs its start right after its process began; the kernel's times are by a clock that was set meanwhile."""

_MAY_DIFFER = timedelta(hours=3)
"""For a process whose parent is cron: no other can have its pid unless cron's log says so."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """The cron that runs. `level` is its -L; that of cronie is 1."""

    pid: int
    start_ticks: int
    started_at: datetime
    name: str
    level: int


class CronHost:
    """Looks at /proc. It remembers where the daemon is, and looks for it only when it is not there."""

    def __init__(self, proc: Path = procfs.PROC) -> None:
        self._proc = proc
        self._reader = ProcReader(proc)
        self._daemon: Daemon | None = None
        self.hidden = False
        """The processes of others cannot be seen, so a daemon that is not found may run all the same."""
        self.booted_at = self._instant(0)

    async def daemon(self) -> Daemon | None:
        """The daemon that runs now. Raises OSError when /proc cannot be read."""
        if self._daemon is not None:
            stat = self._stat(self._daemon.pid)
            if stat is not None and stat.start_ticks == self._daemon.start_ticks and not procfs.has_ended(stat):
                return self._daemon
        self.booted_at = self._instant(0)
        scan = await procfs.scan(self._proc)
        self.hidden = scan.hidden
        stats = [procfs.parse_stat(line) for line in scan.lines.values() if _may_be_cron(line)]
        own = _daemons(stats)
        said = await self._reader.read([_arguments_of(stat.pid) for stat in own])
        self._daemon = next((self._described(stat, said) for stat in own if not _is_copy(stat, said)), None)
        return self._daemon

    async def close(self) -> None:
        await self._reader.close()

    def _described(self, stat: Stat, said: Mapping[str, bytes]) -> Daemon:
        level = level_of(_arguments(stat.pid, said)) if stat.name == DEBIAN_NAME else 1
        return Daemon(stat.pid, stat.start_ticks, self._instant(stat.start_ticks), stat.name, level)

    def runs(self, pid: int, since: datetime) -> bool:
        """Whether the process that a job was started as at this time is there."""
        stat = self._stat(pid)
        if stat is None or procfs.has_ended(stat):
            return False
        apart = abs(self._instant(stat.start_ticks) - since)
        if apart <= _SAME or (stat.name == _ANACRON and self._instant(stat.start_ticks) <= since):
            return True
        parent = self._stat(stat.ppid) if apart <= _MAY_DIFFER else None
        return parent is not None and parent.name in _NAMES

    def _stat(self, pid: int) -> Stat | None:
        try:
            return procfs.read_stat(pid, self._proc)
        except OSError:  # it is somebody else's, and hidden
            return None

    def _instant(self, ticks: int) -> datetime:
        sec = procfs.boot_time(self._proc) + ticks / procfs.TICKS_PER_SEC
        return datetime.fromtimestamp(sec, UTC)


def _arguments_of(pid: int) -> str:
    return f"{pid}/cmdline"


def _arguments(pid: int, said: Mapping[str, bytes]) -> list[str]:
    return os.fsdecode(said.get(_arguments_of(pid), b"")).split("\0")


def _is_copy(stat: Stat, said: Mapping[str, bytes]) -> bool:
    """Whether it is what the daemon leaves to run a job: its program's name is in capitals then, cron(8).

    When the daemon ends it goes on, and nobody is above it any more.
    """
    return _arguments(stat.pid, said)[0].rpartition("/")[2].isupper()


def _may_be_cron(line: bytes) -> bool:
    return b"(cron) " in line or b"(crond) " in line


def _daemons(stats: Sequence[Stat]) -> list[Stat]:
    """Those that no other one started, the oldest first: each job has a copy of the daemon above it."""
    pids = {stat.pid for stat in stats}
    own = [stat for stat in stats if stat.ppid not in pids and not procfs.has_ended(stat)]
    return sorted(own, key=lambda stat: stat.start_ticks)


def level_of(arguments: Sequence[str]) -> int:
    """What -L says: `-L 15`, `-L15`, or at the end of other letters `-fL 15`. Of two the later holds."""
    level = 1
    for position, argument in enumerate(arguments):
        if not argument.startswith("-") or "L" not in argument:
            continue
        value = argument.partition("L")[2] or next(iter(arguments[position + 1 :]), "")
        level = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0
    return level


def exit_code_advice(daemon: Daemon) -> str | None:
    """How to make the daemon log more; None when it logs all there is."""
    if daemon.name == CRONIE_NAME:
        return "cronie logs no exit codes; a job that fails is seen to end, and no more"
    if daemon.level & 7 == 7:
        return None
    missing = "that jobs start" if not daemon.level & 1 else "how jobs end"
    return (
        f"cron does not log {missing} (-L {daemon.level}): "
        'write EXTRA_OPTS="-L 15" into /etc/default/cron and restart cron to see exit codes and durations'
    )

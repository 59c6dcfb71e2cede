"""What is known of a process of this host: shapes that the reading of /proc, the collector and the kill share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of /proc/PID/stat: it has no program, and no signal ends it."""


@dataclass(frozen=True, slots=True)
class Stat:
    """/proc/PID/stat as far as it is used. Times are in clock ticks, `start_ticks` since the boot."""

    pid: int
    name: str
    """The kernel's name of it: at most 15 bytes, and the process may change it."""
    state: str
    """The kernel's letter: R S D T t Z X I."""
    ppid: int
    flags: int
    cpu_ticks: int
    threads: int
    start_ticks: int
    rss_bytes: int

    @property
    def is_kernel_thread(self) -> bool:
        return bool(self.flags & KERNEL_THREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A process and the watches it fits. It is the same process as long as pid and `start_ticks` are the same."""

    pid: int
    start_ticks: int
    start_time: datetime
    watches: tuple[str, ...]
    """Titles of the watches, in the order of the configuration; none for a process that is not watched."""
    name: str
    cmdline: str
    """Secrets in it are hidden."""
    uid: int
    user: str
    state: str
    ppid: int
    is_kernel_thread: bool = False


@runtime_checkable
class Targets(Protocol):
    """Who knows the watched processes, and can look at one again."""

    def known(self, pid: int) -> Target | None:
        """The watched process of this pid as of the last look at all of them; None when none is watched."""

    async def look(self, pid: int) -> Target | None:
        """What the pid is now, with the watches it fits now; None when there is no such process.

        Raises TimeoutError when its command line cannot be read in time.
        """

    def ancestors(self, pid: int) -> Sequence[int]:
        """The parent of a process, the parent's parent and so on, read now."""

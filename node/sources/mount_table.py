"""Which paths may hang, known without asking any of them, and cheap enough to ask before each look."""

import os
import select
from pathlib import Path

from node.sources.mounts import MountEntry, followed, mount_of, normal, read_mounts

_MAGIC = frozenset("*?[")


class MountTable:
    """What is mounted now. It is read again when the kernel says that it changed (proc_pid_mountinfo(5), poll(2)).

    It holds a descriptor from the first question until it is closed; after that a question opens it anew.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._descriptor: int | None = None
        self._poll: select.poll | None = None
        self._entries: list[MountEntry] = []
        self._stale = False

    def changed(self) -> bool:
        """Whether something was mounted or unmounted since the last question. Once True, it stays so until the next."""
        self._stale |= self._poll is not None and bool(self._poll.poll(0))
        return self._stale

    def may_hang(self, path: str) -> bool:
        """Whether looking at an absolute path, or at any of those that a glob stands for, may never return.

        A path that does not exist is where its nearest parent is. Raises OSError when the mounts cannot be read.
        """
        entries = self._current()
        fixed, below = fixed_part(path)
        place = followed(normal(fixed), entries)
        home = mount_of(place, entries)
        if home is None or home.may_hang or home.fstype == "autofs":
            return True
        inside = place.rstrip("/") + "/"
        return below and any(_hangs(entry) and entry.mount_point.startswith(inside) for entry in entries)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._poll = None
        self._stale = False

    def _current(self) -> list[MountEntry]:
        if self._poll is None:
            self._descriptor = os.open(self._proc / "self" / "mountinfo", os.O_RDONLY | os.O_CLOEXEC)
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLPRI)
            self._stale = True
        if self.changed():
            self._entries = read_mounts(self._proc)
            self._stale = False
        return self._entries


def fixed_part(path: str) -> tuple[str, bool]:
    """The part of a glob before its first special character, and whether directories below it take part in the match.

    `/var/log/app-*.log` is `/var/log` and False, `/srv/*/log` is `/srv` and True, a plain path is itself and False.
    """
    names = path.split("/")
    for number, name in enumerate(names):
        if not _MAGIC.isdisjoint(name):
            return "/".join(names[:number]) or "/", number < len(names) - 1
    return path, False


def _hangs(entry: MountEntry) -> bool:
    return entry.may_hang or entry.fstype == "autofs"

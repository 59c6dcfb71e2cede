"""What of a watch is found outside the processes: the number of its user, and the pid in its pidfile."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.collectors.processes_match import Conditions
from node.settings import ProcessWatch
from node.sources.mount_table import MountTable
from node.sources.pidfile import PidFile, PidFileError, read_pidfile
from node.sources.procfs import PROC, TICKS_PER_SEC, boot_time, read_stat, uid_of
from node.sources.users import Users


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a watch finds nothing, in words. `is_error`: it cannot be told what runs of it; else none does."""

    message: str
    is_error: bool = True


class Surroundings:
    """Reads them anew for each look."""

    def __init__(self, watches: Sequence[ProcessWatch], users: Users, proc: Path = PROC) -> None:
        self._watches = watches
        self._users = users
        self._mounts = MountTable(proc)
        self._proc = proc

    async def read(self) -> tuple[Conditions, Mapping[int, Trouble]]:
        """The conditions, and the trouble with them by the index of its watch. Raises OSError."""
        names = {watch.user for watch in self._watches if watch.user is not None}
        await self._users.learn(names=names)
        uids: dict[int, int | None] = {}
        pids: dict[int, frozenset[int]] = {}
        troubles: dict[int, Trouble] = {}
        boot_sec = boot_time(self._proc)
        for index, watch in enumerate(self._watches):
            if watch.user is not None:
                uids[index] = self._users.uid(watch.user)
                if uids[index] is None:
                    troubles[index] = Trouble(f"there is no user {watch.user} on this host")
            allowed = {frozenset({watch.pid})} if watch.pid is not None else set()
            if watch.pidfile is not None:
                found = self._in_pidfile(watch.pidfile, boot_sec)
                if isinstance(found, Trouble):
                    troubles[index] = found
                allowed.add(frozenset() if isinstance(found, Trouble) else frozenset({found}))
            if allowed:
                pids[index] = frozenset.intersection(*allowed)
        return Conditions(uids, pids), troubles

    def close(self) -> None:
        self._mounts.close()

    def is_seen(self, watch: ProcessWatch) -> bool:
        """Whether all its processes are seen where those of others are hidden: it looks for this node's own user."""
        return watch.user is not None and self._users.uid(watch.user) == os.geteuid()

    def _in_pidfile(self, path: str, boot_sec: float) -> int | Trouble:
        try:
            file = read_pidfile(path, self._mounts)
        except PidFileError as error:
            return Trouble(str(error), is_error=not error.is_missing)
        return self._believed(file, boot_sec)

    def _believed(self, file: PidFile, boot_sec: float) -> int | Trouble:
        try:
            stat = read_stat(file.pid, self._proc)
        except OSError as error:
            return Trouble(f"{file.path} names pid {file.pid}, which may not be looked at: {error.strerror}")
        uid = uid_of(file.pid, self._proc)
        if stat is None or uid is None:
            return Trouble(f"{file.path} names pid {file.pid}, which does not run", is_error=False)
        if not file.is_trusted_for(uid):
            name, owner = self._users.name(uid), self._users.name(file.owner)
            return Trouble(
                f"{file.path} belongs to {owner} and names pid {file.pid}, which is {name}'s; "
                "it is not believed: let the file belong to root or to the process' user"
            )
        if file.names_another(boot_sec + stat.start_ticks / TICKS_PER_SEC):
            return Trouble(
                f"{file.path} names pid {file.pid}, which is another process by now: it is younger than the file",
                is_error=False,
            )
        return file.pid

"""The host's own numbers on Linux: everything from /proc and /sys, without a library."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from node.sources import host_net, host_proc, host_top, procfs
from node.sources.host_proc import SYS
from node.sources.host_types import Link, Look, Processes
from node.sources.procfs import PROC
from node.sources.users import PASSWD, Users


class LinuxHost:
    """A `HostSource` (host_types.py) over the files below `proc` and `sys`."""

    def __init__(self, *, proc: Path = PROC, sys: Path = SYS, passwd: Path = PASSWD) -> None:
        self._proc = proc
        self._sys = sys
        self._users = Users(passwd)
        self._links = host_net.Links(sys)

    def look(self, exclude_interfaces: Collection[str] = ()) -> Look:
        """See `HostSource`."""
        return host_proc.look(exclude_interfaces, proc=self._proc, sys=self._sys)

    async def processes(self) -> Processes:
        """See `HostSource`."""
        return await host_top.look(self._proc)

    async def owners(self, pids: Collection[int]) -> Mapping[int, str]:
        """See `HostSource`."""
        uids = {pid: uid for pid in pids if (uid := procfs.uid_of(pid, self._proc)) is not None}
        await self._users.learn(uids=set(uids.values()))
        return {pid: self._users.name(uid) for pid, uid in uids.items()}

    async def resident(self, pids: Collection[int]) -> Mapping[int, int]:
        """See `HostSource`: the stat line may be some megabytes off on a large host."""
        found = {}
        for pid in pids:
            with suppress(OSError):
                if (stat := procfs.read_stat(pid, self._proc)) is not None:
                    found[pid] = procfs.resident_bytes(stat, self._proc)
        return found

    async def connections(self) -> Mapping[str, int]:
        """See `HostSource`. The kernel takes some milliseconds for it, in which others may go on."""
        return await asyncio.to_thread(host_net.connections, self._proc)

    async def links(self, names: Collection[str], now_sec: float) -> Mapping[str, Link]:
        """See `HostSource`."""
        return await self._links.look(names, now_sec)

    def booted_at_sec(self) -> float | None:
        """See `HostSource`."""
        try:
            return procfs.boot_time(self._proc)
        except OSError:
            return None

    async def close(self) -> None:
        await asyncio.gather(self._links.close(), self._users.close())

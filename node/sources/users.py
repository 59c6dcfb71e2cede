"""Names of users, told without ever waiting for a directory service in this process.

/etc/passwd is read here; who does not stand in it is asked of getent(1), which may be killed, and not asked again soon.
"""

import asyncio
import os
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from node.sources.command import Commands

PASSWD = Path("/etc/passwd")

_WITHIN_SEC = 1.0
_ASKED_AGAIN_SEC = 600.0


class Users:
    """Who is who. It belongs to the event loop it is used in."""

    def __init__(self, passwd: Path = PASSWD) -> None:
        self._passwd = passwd
        self._commands = Commands()
        self._turn = asyncio.Lock()
        self._version: tuple[int, ...] = ()
        self._local: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._asked: dict[str, float] = {}

    def name(self, uid: int) -> str:
        """The user's name; the number for one without a name, or of whom nothing is known yet."""
        return self._names.get(uid, str(uid))

    def uid(self, name: str) -> int | None:
        """The user's number, from the name or from the number itself; None when there is no such user."""
        found = self._local.get(name, self._elsewhere.get(name))
        return int(name) if found is None and name.isdecimal() else found

    async def learn(self, *, uids: Collection[int] = (), names: Iterable[str] = ()) -> None:
        """Look up those of whom nothing is known. Takes a second at most, whatever the directory service does."""
        self._read_passwd()
        if all(uid in self._names for uid in uids) and all(self.uid(name) is not None for name in names):
            return
        async with self._turn:
            wanted = [str(uid) for uid in uids if uid not in self._names]
            wanted += [name for name in names if self.uid(name) is None]
            now = time.monotonic()
            keys = [key for key in wanted if now - self._asked.get(key, -_ASKED_AGAIN_SEC) >= _ASKED_AGAIN_SEC]
            if not keys:
                return
            self._asked.update(dict.fromkeys(keys, now))
            said = await self._commands.run(["getent", "passwd", "--", *keys], within_sec=_WITHIN_SEC)
            self._elsewhere.update(_entries(said.output))
            self._index()

    async def close(self) -> None:
        await self._commands.close()

    def _read_passwd(self) -> None:
        """Take over what is new in it; one that cannot be read leaves what is known."""
        try:
            seen = os.stat(self._passwd)  # noqa: PTH116 - one call, in each look
            version = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            if version == self._version:
                return
            self._local = dict(_entries(self._passwd.read_bytes()))
        except OSError:
            return
        self._version = version
        self._index()

    def _index(self) -> None:
        # Of several names for one number the first in /etc/passwd is meant, as the C library has it.
        names: dict[int, str] = {}
        for name, uid in [*self._local.items(), *self._elsewhere.items()]:
            names.setdefault(uid, name)
        self._names = names


def _entries(content: bytes) -> Iterator[tuple[str, int]]:
    """(name, number) of each line of passwd(5); what is no such line is left out."""
    for line in content.splitlines():
        fields = line.split(b":")
        if len(fields) > 2 and fields[2].isdigit():
            yield fields[0].decode("utf-8", "backslashreplace"), int(fields[2])

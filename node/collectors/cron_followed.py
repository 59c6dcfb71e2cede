"""The log of runs as it is read over time: which one, from where on, and since when it tells all."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from node.collectors.cron_journal import JournalLog
from node.collectors.cron_run_log import FRESH, JOURNAL, FileLog, LogRead, RunLog, choose, never
from node.settings import Cron
from node.sources.command import Commands
from node.sources.tail_types import Restored
from node.sources.watch import Watcher
from node.sources.zones import zone_of


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered beside the rows, kept as JSON where the cursor of the journal stands.

    `log` is the log that was read, `cursor` up to where when it is the journal. It tells all since `since`, and what
    was due until `judged` has been judged. `latest` is the time of its last line, `began` that of the very first look.
    """

    log: str = ""
    began: datetime | None = None
    cursor: str = ""
    since: datetime | None = None
    judged: datetime | None = None
    latest: datetime | None = None


class Followed:
    """Reads the log that there is, and changes to another one when it tells nothing any more.

    `candidates` and `journals` say where logs may be, `name_of_host` what their lines of this host are marked with.
    """

    def __init__(
        self,
        section: Cron,
        watcher: Watcher,
        *,
        candidates: Sequence[str],
        journals: Sequence[str],
        name_of_host: Callable[[], str],
    ) -> None:
        self.memory = Memory()
        self.last = LogRead()
        self.others = 0
        """Lines of cron on other hosts."""
        self._section = section
        self._watcher = watcher
        self._places = (candidates, journals)
        self._name_of_host = name_of_host
        self._zone = zone_of(section.timezone)
        self._commands = Commands()
        self._restored = Restored()
        self._log: RunLog | None = None

    @property
    def path(self) -> str:
        """A file, JOURNAL, or "" for none."""
        return self._log.path if self._log is not None else ""

    async def restore(self, remembered: str | None, restored: Restored) -> None:
        """Go on where what is stored says; both are of the same moment."""
        await self._leave()
        self.memory, self.last, self._restored = Memory(), LogRead(), restored
        with contextlib.suppress(msgspec.MsgspecError):  # of another version: all begins anew
            self.memory = msgspec.json.decode(remembered or "{}", type=Memory)

    @property
    def remembered(self) -> str:
        """What is to be stored with the last read."""
        return msgspec.json.encode(self.memory).decode()

    async def choose(self, now: datetime) -> None:
        """See which log there is to read; the one that is read stays as long as it tells something."""
        memory, (candidates, journals) = self.memory, self._places
        if memory.began is None:
            memory = self.memory = Memory(began=now)
        is_silent = memory.latest is not None and now - memory.latest > FRESH
        if self._log is not None and self.last.status == "ok" and not is_silent:
            return
        self._watcher.enter(self)
        path = choose(
            self._section.run_log,
            now,
            self._watcher.mounts.may_hang,
            candidates=[*([memory.log] if memory.log in candidates else ()), *candidates],
            journals=journals,
            first_journal=memory.log == JOURNAL,
        )
        if self._log is not None and self._log.path == path:
            return
        await self._leave()
        if path != memory.log:
            self.memory, self._restored = Memory(log=path, began=memory.began, judged=memory.judged), Restored()
        self._log, self.last = self._opened(path), LogRead()

    def _opened(self, path: str) -> RunLog | None:
        if path == JOURNAL:
            return JournalLog(self._commands, self.memory.cursor)
        if not path:
            return None
        host, latest = self._name_of_host(), self.memory.latest
        return FileLog(path, self._watcher, zone=self._zone, host=host, restored=self._restored, latest=latest)

    async def read(self, now: datetime) -> LogRead:
        """Read on. What the read before gave counts as stored."""
        read = self.last = await self._log.read(now) if self._log is not None else LogRead(status="missing")
        since = self.memory.since
        if read.status == "missing":
            since = None
        elif read.first is not None:
            since = read.first
        elif read.status == "ok" and since is None:
            since = now
        self.others += read.others
        latest = max(filter(None, [self.memory.latest, read.latest]), default=None)
        cursor = self._log.cursor if self._log is not None else ""
        self.memory = msgspec.structs.replace(self.memory, since=since, latest=latest, cursor=cursor)
        return read

    def judged(self, until: datetime) -> None:
        """What was due until then has been judged."""
        self.memory = msgspec.structs.replace(self.memory, judged=until)

    async def prompt(self) -> None:
        """Return when a read is worth its while."""
        await (self._log.prompt() if self._log is not None else never())

    async def close(self) -> None:
        await self._leave()
        await self._commands.close()
        self._watcher.leave(self)

    async def _leave(self) -> None:
        if self._log is not None:
            await self._log.close()
            self._log = None

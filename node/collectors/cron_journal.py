"""cron's log in systemd's journal, read with `journalctl -o json` from where the last look ended, journalctl(1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from node.collectors.cron_log import PROGRAMS, Entry, parse
from node.collectors.cron_run_log import JOURNAL, LogRead, never
from node.sources.command import Commands, Ended
from node.sources.tail_types import FileStatus

FIRST_ENTRIES = 20_000
FIRST_SPAN = timedelta(days=7)
"""So much of the journal is read at first: the newest entries of cron, and none that are older."""

_WITHIN_SEC = 20.0
_MOST_BYTES = 4 * 1024 * 1024
_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_SOURCE_REALTIME_TIMESTAMP"
_DENIED = "not seeing messages from other users"
_NO_SUCH_PLACE = "cursor"


class JournalLog:
    """Reads entries once each; `cursor` says up to where."""

    path = JOURNAL

    def __init__(self, commands: Commands, cursor: str = "") -> None:
        self.cursor = cursor
        self._commands = commands
        self._is_new = not cursor

    async def read(self, now: datetime) -> LogRead:
        """What came since the last read."""
        ended = await self._commands.run(self._command(now), within_sec=_WITHIN_SEC, most_bytes=_MOST_BYTES)
        more = ended.end == "too_much"
        if not ended.is_good and not more:
            return self._failed(ended)
        if _DENIED in ended.errors:
            reason = "etlmon may not read the system's journal: add its user to the group systemd-journal"
            return LogRead(status="denied", reason=reason)
        records = list(_records(ended.output))
        if records:
            self.cursor = records[-1].cursor
        first = (records[0].at if records else now) if self._is_new else None
        self._is_new = False
        entries = [entry for record in records if (entry := record.entry()) is not None]
        return LogRead(entries=entries, first=first, latest=now, more=more and bool(records))

    async def prompt(self) -> None:
        """Nobody tells when something is new."""
        await never()

    async def close(self) -> None:
        """Nothing is held."""

    def _command(self, now: datetime) -> list[str]:
        named = [part for program in sorted(PROGRAMS) for part in ("-t", program)]
        base = ["journalctl", "--no-pager", "-o", "json", f"--output-fields={_FIELDS}", *named]
        if self.cursor:
            return [*base, f"--after-cursor={self.cursor}"]
        since = int((now - FIRST_SPAN).timestamp())
        return [*base, f"--since=@{since}", "-n", str(FIRST_ENTRIES)]

    def _failed(self, ended: Ended) -> LogRead:
        if self.cursor and _NO_SUCH_PLACE in ended.errors.lower():
            # The journal was cut shorter than that, or begun anew: what lies between is not told any more.
            self.cursor, self._is_new = "", True
            return LogRead(status="error", reason="the journal does not reach back to where it was read", more=True)
        status: FileStatus = "missing" if ended.end == "missing" else "error"
        return LogRead(status=status, reason=f"the journal cannot be read: {ended.reason}")


class _Record(msgspec.Struct):
    """An entry of the journal, systemd.journal-fields(7). Bytes that are no text stand there as numbers."""

    cursor: str = msgspec.field(name="__CURSOR")
    taken: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    sent: str | None = msgspec.field(default=None, name="_SOURCE_REALTIME_TIMESTAMP")
    message: str | list[int] | None = msgspec.field(default=None, name="MESSAGE")
    program: str = msgspec.field(default="", name="SYSLOG_IDENTIFIER")
    said_pid: str = msgspec.field(default="", name="SYSLOG_PID")
    pid: str = msgspec.field(default="", name="_PID")

    @property
    def at(self) -> datetime:
        """When cron said it: a busy journal takes it later."""
        return datetime.fromtimestamp(int(self.sent or self.taken) / 1e6, UTC)

    def entry(self) -> Entry | None:
        if self.program not in PROGRAMS or self.message is None:
            return None
        message = self.message if isinstance(self.message, str) else _text(self.message)
        pid = self.said_pid or self.pid
        return parse(self.at, self.program, int(pid) if pid.isdecimal() and pid.isascii() else None, message)


def _text(numbers: list[int]) -> str:
    return bytes(number & 0xFF for number in numbers).decode("utf-8", "backslashreplace")


def _records(output: bytes) -> Iterator[_Record]:
    """What stands in whole lines; the last one may be cut."""
    decoder = msgspec.json.Decoder(_Record)
    for line in output.split(b"\n")[:-1]:
        try:
            record = decoder.decode(line)
            if record.at is not None:
                yield record
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):  # a field that is there twice; no time
            continue

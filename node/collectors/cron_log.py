"""What the lines that cron writes about itself say. Pure: text in, an entry or nothing out, whatever the text is.

Debian's cron (cron(8), `-L`) and cronie write `(user) WORD (detail)`; what they run stands there as mkprints() spells
it: a byte that is not printable ASCII as `\\355`, a tab as `^I`, and nothing after the first `%` that is not escaped.

    CRON[34]: (etl) CMD (/opt/load)              -L 1: a start, by the process that becomes the job's shell
    CRON[31]: (etl) CMD ([48] /opt/load)         -L 1+8: by the parent of the job's shell 48
    CRON[31]: (CRON) error (grandchild #48 failed with exit status 3)       -L 4
    CRON[31]: (etl) END ([48] /opt/load)         -L 2+8; without 8 nothing names the shell
    CROND[31]: (etl) CMDEND (/opt/load)          cronie 1.5.6 and newer, by the parent
    anacron[23]: Job `cron.daily' terminated (exit status: 2)

crond of busybox writes `USER etl pid  34 cmd /opt/load`, and no more.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

from node.sources.zones import LineClock

EntryKind = Literal["start", "end", "failed", "ignored", "taken", "trouble"]

PROGRAMS = frozenset({"CRON", "CROND", "cron", "crond", "anacron"})
ANACRON = "anacron"

SIGNAL_BASE = 128
"""A shell says the same of a command that a signal ended."""

_ISO = r"(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d))"
_SHORT = r"(?P<short>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
_STAMP = re.compile(rf"(?:{_ISO}|{_SHORT}) ", re.ASCII)
# host, and with busybox facility.priority; then the program: a word that ends in a colon, or has a pid, is one already
_SENDER = re.compile(
    r"(?:(?P<host>[^\s\[]*[^\s\[:]) )?(?:[a-z]+\d?\.[a-z]+ )?"
    r"(?:\S*/)?(?P<program>CROND?|crond?|anacron)(?:\[(?P<pid>\d{1,9})\])?: ",
    re.ASCII,
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"

_EVENT = re.compile(r"\((?P<user>[^()]*)\) (?P<word>[^()]*?) ?\((?P<detail>.*)", re.DOTALL)
_WITH_PID = re.compile(r"\[(\d{1,9})\] ", re.ASCII)
_FAILED = re.compile(r"grandchild #(\d{1,9}) (?:failed with exit status (\d{1,9})|terminated by signal (\d{1,9}))")
_ANACRON_STARTED = re.compile(r"Job `(.*)' started", re.DOTALL)
_ANACRON_ENDED = re.compile(
    r"Job `(.*)' terminated(?: \(exit status: (\d{1,9})\)| due to signal (\d{1,9})| abnormally)?(?: \(.*\))?", re.DOTALL
)
_BUSYBOX = re.compile(r"USER (\S+) pid +(\d{1,9}) cmd (.*)", re.DOTALL | re.ASCII)

_IGNORES = frozenset({
    "ERROR", "ORPHAN", "CAN'T OPEN", "CAN'T OPEN SYMLINK", "FSTAT FAILED", "LSTAT FAILED", "NOT A REGULAR FILE",
    "NUMBER OF HARD LINKS > 1", "WRONG FILE OWNER", "WRONG SYMLINK OWNER", "BAD FILE MODE", "BAD LINK COUNT",
    "NOT REGULAR", "STAT FAILED", "INSECURE MODE",
})  # fmt: skip
_QUIET = frozenset({"INFO", "info", "STARTUP", "DEATH", "MAIL", "CMDOUT", "NOTE", "LIST", "REPLACE"})


class Entry(NamedTuple):
    """Something that cron said. `at` is an instant in UTC; `pid` is that of the process that said it.

    `command` is spelled as the log does, see `spelled`; `cut`: only its beginning is there. `job_pid` is the job's own
    shell, where the line names it. `exit_code` of a job that a signal ended (`by_signal`) is 128 and the signal's
    number. `detail` is what a line about trouble says; of an `ignored` one `user` is the name cron has for the file.
    """

    at: datetime
    kind: EntryKind
    pid: int | None = None
    user: str = ""
    command: str = ""
    cut: bool = False
    job_pid: int | None = None
    exit_code: int | None = None
    detail: str = ""
    anacron: bool = False
    by_signal: bool = False


def spelled(command: str) -> str:
    """A command as the log has it. `command` is what cron runs, cut at its first `%` already."""
    data = command.encode("utf-8", "surrogateescape")
    return _trimmed("".join(map(_spell, data)))


def _spell(byte: int) -> str:
    if byte < 0x20:
        return f"^{chr(byte + 0x40)}"
    if byte == 0x7F:
        return "^?"
    return chr(byte) if byte < 0x7F else f"\\{byte:03o}"


def _trimmed(command: str) -> str:
    """Without the blanks around it: whether the daemon keeps those before a command depends on its version."""
    while command[:1] == " " or command[:2] == "^I":
        command = command[1:] if command[0] == " " else command[2:]
    return command.rstrip(" ")


class LogLines:
    """Reads the lines of one log in their order.

    `zone` is that of stamps that name none (None: this host's), `host` the first part of this host's name: lines of
    other hosts, in a log that gathers many, are counted and passed over. `latest` is the time of the last line before.
    """

    def __init__(self, zone: tzinfo | None, host: str, latest: datetime | None = None) -> None:
        self.first: datetime | None = None
        """The time of the first line, whatever program wrote it; `latest` is that of the last one."""
        self.others = 0
        self._zone = zone
        self._host = host.partition(".")[0].lower()
        self._clock = LineClock(zone, latest)
        self.latest = latest

    def read(
        self, lines: Sequence[str], now: datetime, written: tuple[datetime, datetime] | None = None
    ) -> Iterator[Entry]:
        """The entries among the lines. `written` is between which times they were, as far as that is known."""
        if self.first is None:
            self.first = next((at for line in lines if (at := self._time(line, now, written)) is not None), None)
        for line in lines:
            # Almost every line of a system's log is somebody else's, and must cost next to nothing.
            if "cron" in line or "CRON" in line:
                entry = self._entry(line, now, written)
                if entry is not None:
                    yield entry
        for line in reversed(lines):
            at = self._time(line, now, written)
            if at is not None:
                self.latest = at
                break

    def _entry(self, line: str, now: datetime, written: tuple[datetime, datetime] | None) -> Entry | None:
        stamp = _STAMP.match(line)
        sender = _SENDER.match(line, stamp.end()) if stamp else None
        if stamp is None or sender is None:
            return None
        if sender["host"] is not None and not self._is_own(sender["host"]):
            self.others += 1
            return None
        at = self._instant(stamp, now, written)
        if at is None:
            return None
        pid = int(sender["pid"]) if sender["pid"] else None
        return parse(at, sender["program"], pid, line[sender.end() :])

    def _is_own(self, host: str) -> bool:
        name = host.partition(".")[0].lower()
        return name in (self._host, "localhost") or not self._host

    def _time(self, line: str, now: datetime, written: tuple[datetime, datetime] | None) -> datetime | None:
        stamp = _STAMP.match(line)
        return self._instant(stamp, now, written) if stamp else None

    def _instant(
        self, stamp: re.Match[str], now: datetime, written: tuple[datetime, datetime] | None
    ) -> datetime | None:
        try:
            if stamp["iso"]:
                return datetime.fromisoformat(stamp["iso"].replace(",", ".")).astimezone(UTC)
            local = _short_time(
                stamp["short"], now.astimezone(self._zone).replace(tzinfo=None, second=0, microsecond=0)
            )
            return None if local is None else self._clock.instant(local, written)
        except (ValueError, OverflowError):  # the 31st of February; a year beyond the calendar
            return None


@lru_cache(maxsize=64)
def _short_time(text: str, here: datetime) -> datetime | None:
    """`Nov 21 05:36:23` (RFC 3164) in the year in which it is nearest to `here`."""
    at_month = _MONTHS.find(text[:3])
    if at_month < 0 or at_month % 4:
        return None
    day, hour, minute, second = int(text[4:6]), int(text[7:9]), int(text[10:12]), min(int(text[13:15]), 59)
    nearest = None
    for year in (here.year, here.year - 1, here.year + 1):
        try:
            moment = datetime(year, at_month // 4 + 1, day, hour, minute, second)  # noqa: DTZ001 - the zone comes later
        except ValueError:
            continue
        if nearest is None or abs(moment - here) < abs(nearest - here):
            nearest = moment
    return nearest


def parse(at: datetime, program: str, pid: int | None, message: str) -> Entry | None:
    """What a message of one of PROGRAMS says; None for what tells nothing of jobs."""
    if program == ANACRON:
        return _anacron(at, pid, message)
    if message.startswith(("pam_", "Error: ")):  # sessions, in another log as a rule; the line before an `ERROR`
        return None
    event = _EVENT.match(message)
    if event is None:
        return _plain(at, program, pid, message)
    user, word, detail = event["user"], event["word"], event["detail"]
    cut = not detail.endswith(")")
    detail = detail if cut else detail[:-1]
    if word == "CMD":
        return _start(at, pid, user, detail, cut)
    if word in ("END", "CMDEND"):
        named = _WITH_PID.match(detail) if word == "END" else None
        job_pid = int(named[1]) if named else None
        command = _trimmed(detail[named.end() :] if named else detail)
        return Entry(at, "end", pid, user, command, cut, job_pid)
    if user == "CRON" and (failed := _FAILED.match(detail)):
        code, by_signal = _code(failed[2], failed[3]), failed[3] is not None
        return Entry(at, "failed", pid, job_pid=int(failed[1]), exit_code=code, by_signal=by_signal)
    is_job = program.isupper()
    return _about(at, pid, user, word, detail, message, is_job=is_job)


def _start(at: datetime, pid: int | None, user: str, detail: str, cut: bool) -> Entry:
    named = _WITH_PID.match(detail)
    command = _trimmed(detail[named.end() :] if named else detail)
    return Entry(at, "start", pid, user, command, cut, int(named[1]) if named else pid)


def _about(
    at: datetime, pid: int | None, user: str, word: str, detail: str, message: str, *, is_job: bool
) -> Entry | None:
    """What the daemon says of a file, or of itself; `is_job`: it is a process of cron that is to run a job."""
    if word == "RELOAD":
        return Entry(at, "taken", pid, user, detail=detail)
    if any(word.startswith(ignores) for ignores in _IGNORES) and not is_job and user != "CRON":
        return Entry(at, "ignored", pid, user, detail=message.partition(") ")[2])
    return None if word in _QUIET else Entry(at, "trouble", pid, user, detail=message)


def _plain(at: datetime, program: str, pid: int | None, message: str) -> Entry | None:
    """A message without an event: crond of busybox, or what a library made a job's process say before it ran."""
    started = _BUSYBOX.match(message)
    if started:
        return Entry(at, "start", pid, started[1], _trimmed(started[3]), job_pid=int(started[2]))
    return Entry(at, "trouble", pid, detail=message) if program in ("CRON", "CROND") else None


def _anacron(at: datetime, pid: int | None, message: str) -> Entry | None:
    if started := _ANACRON_STARTED.fullmatch(message):
        return Entry(at, "start", pid, command=started[1], anacron=True)
    if ended := _ANACRON_ENDED.fullmatch(message):
        abnormal = " abnormally" in message[ended.end(1) :]
        code, by_signal = None if abnormal else _code(ended[2], ended[3]) or 0, ended[3] is not None
        return Entry(at, "end", pid, command=ended[1], exit_code=code, anacron=True, by_signal=by_signal)
    return None


def _code(status: str | None, signal: str | None) -> int | None:
    if status is not None:
        return int(status)
    return SIGNAL_BASE + int(signal) if signal is not None else None

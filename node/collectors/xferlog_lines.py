"""What one line of an FTP server's log says. Pure: text in, a transfer or a reason out, whatever the text is.

Two formats are known. The standard one is that of wu-ftpd, xferlog(5), which vsftpd (`xferlog_std_format=YES`) and
proftpd (`TransferLog`) write too:

    Sat Nov 21 05:10:07 2026 1 127.0.0.1 1500 /in/a.csv b _ i r etl ftp 0 * c

The other is vsftpd's own (vsftpd.conf(5), `vsftpd_log_file`); it also tells of deletions, renamings and directories:

    Sat Nov 21 05:10:07 2026 [pid 12] [etl] OK UPLOAD: Client "127.0.0.1", "/in/a.csv", 1500 bytes, 7512.02Kbyte/sec
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from etlmon.contract.xferlog import Direction, Outcome, TransferStatus, XferFormat

Format = Literal["xferlog", "vsftpd"]
TransferType = Literal["ascii", "binary"]
AccessMode = Literal["anonymous", "guest", "real"]

_DATE_CHARS = 24
_LEFT, _RIGHT = 8, 4
_MOST_DIGITS = 15
_KILOBYTE = 1024
_LAST_YEAR = 9000
_MAPPED = "::ffff:"

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STANDARD_WAYS: dict[str, Direction] = {"i": "upload", "o": "download", "d": "delete"}
_TYPES: dict[str, TransferType] = {"a": "ascii", "b": "binary"}
_MODES: dict[str, AccessMode] = {"a": "anonymous", "g": "guest", "r": "real"}
_OWN_WAYS: dict[str, Direction] = {
    "UPLOAD": "upload",
    "DOWNLOAD": "download",
    "DELETE": "delete",
    "RENAME": "rename",
    "MKDIR": "mkdir",
    "RMDIR": "rmdir",
    "CHMOD": "chmod",
}
_TIMED = ("UPLOAD", "DOWNLOAD")

_OWN_HEAD = re.compile(
    r" \[pid \d+\] (?:\[(?P<user>.*?)\] )?(?P<word>OK|FAIL) (?P<way>[A-Z]+): Client \"(?P<host>[^\"]*)\", \"",
    re.ASCII | re.DOTALL,
)
_OWN_TAIL = re.compile(r"(?:, (?P<bytes>\d+) bytes)?(?:, (?P<rate>\d{1,15}\.\d{1,9})Kbyte/sec)?", re.ASCII)
# The name that somebody tries to log in with may look like the rest of another line.
_OWN_OTHER = re.compile(r"\] (?:CONNECT|FTP command|FTP response|DEBUG|(?:OK|FAIL) LOGIN): Client \"")


class Entry(NamedTuple):
    """A line that tells of a transfer, or of another act on a file. `end` is the server's local time."""

    end: datetime
    host: str
    user: str
    filename: str
    bytes: int
    seconds: float
    direction: Direction
    status: TransferStatus
    outcome: Outcome
    format: Format
    transfer_type: TransferType | None = None
    access_mode: AccessMode | None = None
    service: str = "ftp"
    bytes_per_sec: float | None = None


class Unread(msgspec.Struct, frozen=True):
    """A line that is nothing the server is known to write."""

    reason: str


def parse(line: str, wanted: XferFormat = "auto") -> Entry | Unread | None:
    """What the line says; None for what the server writes besides: connections, logins, commands and responses.

    With `auto` each line may be of either format: a server that is told to write the other one needs nothing here.
    """
    line = line.lstrip("\0").rstrip("\r")
    end = _date(line[:_DATE_CHARS])
    if isinstance(end, Unread):
        return end
    rest = line[_DATE_CHARS:]
    is_own = rest.startswith(" [pid ")
    if is_own != (wanted == "vsftpd") and wanted != "auto":
        return Unread(f"it is a line of the other format, and xferlog.format is {wanted}")
    return _own(end, rest) if is_own else _standard(end, rest)


def peer(host: str) -> str:
    """An address as one writes it: an IPv4 address that was mapped into IPv6 (RFC 4291) is itself again."""
    mapped = host[len(_MAPPED) :]
    return mapped if "." in mapped and host[: len(_MAPPED)].lower() == _MAPPED else host


@lru_cache(maxsize=256)
def _date(text: str) -> datetime | Unread:
    """`Sun Mar  8 01:59:56 2026`, as asctime(3) has it: fixed columns, in English, the day padded with a blank."""
    month, at_month = text[4:7], _MONTHS.find(text[4:7])
    fixed = text[3:4] + text[7:8] + text[10:11] + text[13:14] + text[16:17] + text[19:20]
    if text[:3] not in _DAYS or fixed != "   :: " or len(month) != 3 or at_month % 4:
        return Unread("it does not begin with a date")
    numbers = text[8:10].lstrip(" "), text[11:13], text[14:16], text[17:19], text[20:24]
    if len(text) < _DATE_CHARS or not all(map(_is_number, numbers)):
        return Unread("it does not begin with a date")
    day, hour, minute, second, year = map(int, numbers)
    try:
        # A leap second is the 60th; no date of this language has one.
        end = datetime(year, at_month // 4 + 1, day, hour, minute, min(second, 59))  # noqa: DTZ001 - the zone is added later
    except ValueError:
        return Unread("there is no such date")
    # Beyond these its time in another zone, or of the transfer's start, would leave the calendar.
    return end if 1970 <= year <= _LAST_YEAR else Unread("there is no such date")


def _standard(end: datetime, rest: str) -> Entry | Unread:
    tokens = rest.split(" ")
    if len(tokens) < 1 + _LEFT + _RIGHT or tokens[0]:
        return Unread(f"it has fewer than {_LEFT + _RIGHT} fields after its date")
    _, seconds, host, size, path, kind, _, way, mode = tokens[: 1 + _LEFT]
    service, _, _, status = tokens[-_RIGHT:]
    if not _is_number(seconds) or not _is_number(size):
        return Unread("its seconds or its bytes are no number")
    if kind not in _TYPES or way not in _STANDARD_WAYS or mode not in _MODES or status not in ("c", "i"):
        return Unread("its type, direction, access mode or status is none that is known")
    took, moved = int(seconds), int(size)
    outcome: Outcome = "complete" if status == "c" else "interrupted" if moved else "refused"
    return Entry(
        end=end,
        host=peer(host),
        user=" ".join(tokens[1 + _LEFT : -_RIGHT]),
        filename=path,
        bytes=moved,
        seconds=took,
        direction=_STANDARD_WAYS[way],
        status="complete" if status == "c" else "incomplete",
        outcome=outcome,
        format="xferlog",
        transfer_type=_TYPES[kind],
        access_mode=_MODES[mode],
        service=service,
        bytes_per_sec=moved / took if moved and took else None,
    )


def _own(end: datetime, rest: str) -> Entry | Unread | None:
    # A path may hold quotation marks; what follows it holds none.
    path_end = rest.rfind('"')
    head, tail = _OWN_HEAD.match(rest), _OWN_TAIL.fullmatch(rest[path_end + 1 :])
    way = head["way"] if head else ""
    timed = tail is not None and tail["rate"] is not None
    # Nobody can make a line end in a rate by the name of a file or of a user.
    if not timed and _OWN_OTHER.search(rest):
        return None
    if not head or not tail or way not in _OWN_WAYS or timed != (way in _TIMED) or head.end() > path_end:
        return Unread("it is none of the lines that vsftpd is known to write")
    if not _is_number(size := tail["bytes"] or "0"):
        return Unread("its bytes are no number")
    moved = int(size) if timed else 0
    # Two decimals: what was slower than 5 bytes a second shows as 0.00, and may have taken any time.
    rate = float(tail["rate"]) * _KILOBYTE if moved else 0.0
    is_done = head["word"] == "OK"
    return Entry(
        end=end,
        host=peer(head["host"]),
        user=head["user"] or "",
        filename=rest[head.end() : path_end],
        bytes=moved,
        seconds=moved / rate if rate else 0.0,
        direction=_OWN_WAYS[way],
        status="complete" if is_done else "incomplete",
        outcome="complete" if is_done else "interrupted" if moved else "refused",
        format="vsftpd",
        bytes_per_sec=rate or None,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS

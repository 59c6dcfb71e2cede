"""What the settings of the FTP server keep from being seen, and how to change that. Pure but for reading its files.

The settings and their defaults are those of vsftpd.conf(5), version 3.0.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from etlmon.contract.logs import LogStatus
from etlmon.contract.xferlog import XferFormat
from etlmon.units import Duration

VSFTPD_CONFS = (Path("/etc/vsftpd.conf"), Path("/etc/vsftpd/vsftpd.conf"))
LOGROTATE = (Path("/etc/logrotate.conf"), Path("/etc/logrotate.d"))

LARGE_BYTES = 64 * 2**20
"""A log of this size that nothing rotates is worth a word."""

STANDARD_LOG, OWN_LOG = "/var/log/xferlog", "/var/log/vsftpd.log"
_SKEWED = timedelta(minutes=10)
_QUARTER = timedelta(minutes=15)
_MOST_CONF_BYTES = 2**20


def read_vsftpd(places: Sequence[Path] = VSFTPD_CONFS) -> dict[str, str] | None:
    """The settings of the vsftpd of this host; None where there is none, or its file cannot be read."""
    text = next((text for place in places if (text := _text(place)) is not None), None)
    return None if text is None else parse_vsftpd(text)


def parse_vsftpd(text: str) -> dict[str, str]:
    """`name=value` lines without blanks around the equals sign; of two with one name the later holds."""
    lines = (line.strip().partition("=") for line in text.splitlines())
    return {name: value for name, found, value in lines if found and name and not name.startswith("#")}


def is_rotated(path: str, places: Sequence[Path] = LOGROTATE) -> bool:
    """Whether logrotate is told of the log, by its name or by that of its directory; True when that cannot be told."""
    files = [file for place in places for file in (_files(place) if place.is_dir() else [place])]
    texts = [text for file in files if (text := _text(file)) is not None]
    return not texts or any(path in text or f"{Path(path).parent}/*" in text for text in texts)


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str | None:
    try:
        with file.open("rb") as content:
            return content.read(_MOST_CONF_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def advice(path: str, status: LogStatus, format_: XferFormat, vsftpd: Mapping[str, str] | None) -> Iterator[str]:
    """What to change so that more is seen. `vsftpd` are its settings; None where there is none."""
    if vsftpd is None:
        if status == "missing" and path == STANDARD_LOG:
            yield f"vsftpd as Debian sets it up writes no {path}: set xferlog.path to {OWN_LOG}"
        return
    standard, own = vsftpd.get("xferlog_file", STANDARD_LOG), vsftpd.get("vsftpd_log_file", OWN_LOG)
    if path not in (standard, own):  # another server's
        return
    writes = _written(vsftpd, standard, own)
    if not _is_on(vsftpd, "xferlog_enable"):
        yield "vsftpd logs no transfers: set xferlog_enable=YES in vsftpd.conf"
    if path not in writes:
        setting = "xferlog_std_format=NO" if path == own else "xferlog_std_format=YES"
        yield f"vsftpd writes {writes[0]} and not {path}: set xferlog.path to it, or {setting} in vsftpd.conf"
    elif path == own and _is_on(vsftpd, "syslog_enable"):
        yield f"vsftpd writes to the system log and not to {path}: set syslog_enable=NO in vsftpd.conf"
    elif path == standard and format_ == "xferlog":
        yield (
            "this log tells nothing of deletions, renamings and directories: set dual_log_enable=YES in vsftpd.conf "
            f"and xferlog.path to {own}"
        )
    if path == own and _is_on(vsftpd, "log_ftp_protocol"):
        yield "log_ftp_protocol=YES in vsftpd.conf fills the log with commands, of which none is needed here"


def _written(vsftpd: Mapping[str, str], standard: str, own: str) -> tuple[str, ...]:
    if _is_on(vsftpd, "dual_log_enable"):
        return standard, own
    return (standard,) if _is_on(vsftpd, "xferlog_std_format") else (own,)


def _is_on(vsftpd: Mapping[str, str], name: str) -> bool:
    return vsftpd.get(name, "NO").upper() in ("YES", "TRUE", "1")


def rotation_advice(path: str) -> Iterator[str]:
    """Of a large log that nothing rotates: Debian's own rule for vsftpd names vsftpd.log alone."""
    yield (
        f"nothing rotates {path}: name it in a file of /etc/logrotate.d, for example with "
        "`weekly`, `rotate 4` and `create 640 root adm`"
    )


def zone_advice(ahead: timedelta | None) -> Iterator[str]:
    """`ahead` is by how much a line that was just written is ahead of this host's clock."""
    if ahead is None or abs(ahead) < _SKEWED:
        return
    shown = Duration(round(abs(ahead) / _QUARTER) * _QUARTER.total_seconds())
    side = "ahead of" if ahead > timedelta(0) else "behind"
    yield f"the log's times are {shown} {side} the clock of this host: set xferlog.timezone to the server's zone"

"""A small cron for the demo: it starts the jobs of a user's crontab and logs them as Debian's cron does with -L 15.

`python etlmon/demo_cron.py DIRECTORY -L 15` works until its standard input closes. The crontab lies below
DIRECTORY/cron/crontabs, the log is DIRECTORY/log/cron.log. A job is a process that waits as long as the job takes.
"""

import ctypes
import os
import pwd
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PAST_MINUTES = 120
PR_SET_NAME = 15
_A_WEEK_SEC = 7 * 86400

Entry = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Job:
    """A line of the crontab, and what the demo makes of it. `is_due` is asked once a minute; None: it is forgotten."""

    schedule: str
    command: str
    is_due: Callable[[datetime], bool] | None = None
    lasts_sec: float = 1.0
    exit_code: int = 0


JOBS = (
    Job("* * * * *", "/opt/etl/bin/poll_partner --password not-for-the-screen", lambda at: True, 4.0),
    Job("*/5 * * * *", "/opt/etl/bin/load_landing --queue 정산", lambda at: at.minute % 5 == 0, 40.0),
    Job("*/15 * * * *", "/opt/etl/bin/export_report --to warehouse", lambda at: at.minute % 15 == 0, 6.0, 3),
    Job("30 5 * * *", "/opt/etl/bin/nightly_load --date yesterday", lambda at: (at.hour, at.minute) == (5, 30), 50.0),
    # A cron that forgets a job shows what is said of a run that was missed.
    Job("*/2 * * * *", "/opt/etl/bin/ship_invoices"),
    Job("0 3 31 2 *", "/opt/etl/bin/yearly_close"),
)


def prepare(root: Path) -> None:
    """The crontab, and a log of the last hours."""
    spool = root / "cron" / "crontabs"
    spool.mkdir(parents=True, exist_ok=True)
    crontab = spool / _user()
    crontab.write_text(
        '# The demo\'s jobs.\nMAILTO=""\n' + "".join(f"{job.schedule} {job.command}\n" for job in JOBS),
        encoding="utf-8",
    )
    crontab.chmod(0o600)
    a_week_ago = time.time() - _A_WEEK_SEC
    os.utime(crontab, (a_week_ago, a_week_ago))
    minute = int(time.time()) // 60 * 60
    past: list[Entry] = []
    for start in range(minute - PAST_MINUTES * 60, minute, 60):
        for job in due(start):
            pid = random.randrange(2000, 30000)  # noqa: S311 - it only has to look alive
            past += [*started(start + 1, job, pid), *ended(start + 1 + job.lasts_sec, job, pid)]
    write(root, sorted(entry for entry in past if entry[0] < minute))


def due(minute: float) -> Iterator[Job]:
    at = datetime.fromtimestamp(minute).astimezone()
    return (job for job in JOBS if job.is_due is not None and job.is_due(at))


def started(at: float, job: Job, pid: int) -> list[Entry]:
    """What is logged of a start: the time, and the text behind the host's name."""
    return [(at, f"CRON[{pid - 1}]: ({_user()}) CMD ([{pid}] {_logged(job.command)})")]


def ended(at: float, job: Job, pid: int) -> list[Entry]:
    failed = f"CRON[{pid - 1}]: (CRON) error (grandchild #{pid} failed with exit status {job.exit_code})"
    end = f"CRON[{pid - 1}]: ({_user()}) END ([{pid}] {_logged(job.command)})"
    return [(at, failed), (at, end)] if job.exit_code else [(at, end)]


def write(root: Path, entries: Iterable[Entry]) -> None:
    """Lines as rsyslog writes them by default: an ISO time, the host, the text."""
    path = root / "log" / "cron.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for at, text in entries:
            stamp = datetime.fromtimestamp(at).astimezone().isoformat(timespec="microseconds")
            file.write(f"{stamp} {os.uname().nodename} {text}\n")


def _logged(command: str) -> str:
    """cron writes bytes that are not ASCII in octal."""
    return "".join(chr(byte) if byte < 0x80 else f"\\{byte:03o}" for byte in command.encode())


def _user() -> str:
    """Whose crontab it is; in some containers a user has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def main(root: Path) -> None:
    prepare(root)
    running: list[tuple[Job, subprocess.Popen[bytes]]] = []
    # It is looked for by the name that cron has.
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"cron")
    last_minute = int(time.time()) // 60
    while not select.select([sys.stdin], [], [], 0.5)[0]:
        for job, process in [one for one in running if one[1].poll() is not None]:
            write(root, ended(time.time(), job, process.pid))
            running.remove((job, process))
        minute = int(time.time()) // 60
        if minute != last_minute:
            last_minute = minute
            for job in due(minute * 60):
                process = subprocess.Popen(["/bin/sleep", str(job.lasts_sec)], stdin=subprocess.DEVNULL)
                write(root, started(time.time(), job, process.pid))
                running.append((job, process))
    for _, process in running:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

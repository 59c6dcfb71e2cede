"""Debian's cron at another time, in another zone, on a clock that runs fast: which jobs it starts when.

libfaketime gives the daemon its clock; all else is real. It runs in a mount and a process namespace of its own, with
its own crontab and its own /dev/log. How long after the daemon's own first line a start is logged says which time its
clock shows.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.peers import missing, program, require

RATE = 60
"""So many times as fast as time passes."""
LATE = timedelta(minutes=4)
"""A start that is told later than this was no start of that time; the daemon catches up with less on its own."""

_STARTED = re.compile(rb"CMD \(: (?P<number>\d+)\)")
_START = """
set -e
root="$1"; shift
mount --make-rprivate /
mount --bind "$root/dev" /dev
mount --bind "$root/run" /run
mount --bind "$root/crontab" /etc/crontab
mount --bind "$root/cron.d" /etc/cron.d
mount --bind "$root/spool" /var/spool/cron
exec env "$@"
"""


class ClockStoodError(Exception):
    """This machine was too busy for the fast clock."""


def library() -> Path:
    """The library that changes the clock; skips the test when it is not there."""
    require("faketime")
    return next(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))


def started(root: Path, texts: Sequence[str], zone: str, since: datetime, until: datetime) -> list[list[datetime]]:
    """When the daemon starts a job of each schedule after `since`, when it comes up itself, and before `until`."""
    for attempt in range(3):
        try:
            return _started(root / str(attempt), texts, zone, since, until)
        except ClockStoodError:
            continue
    reason = missing("faketime") or "this machine is too busy for a clock that runs 60 times as fast"
    pytest.fail(reason)


def _started(root: Path, texts: Sequence[str], zone: str, since: datetime, until: datetime) -> list[list[datetime]]:
    log = _prepared(root, ["* * * * *", *texts])
    clock = {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"@{int(since.timestamp())} x{RATE}",
        "FAKETIME_FMT": "%s",
        "FAKETIME_DISABLE_SHM": "1",
        "TZ": zone,
    }
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", _START, "cron", str(root)]
    settings = [f"{name}={value}" for name, value in clock.items()]
    with log, subprocess.Popen([*command, *settings, str(program("cron")), "-f"], start_new_session=True) as running:
        try:
            told = list(_told(log, (until - since) / RATE))
        finally:
            os.killpg(running.pid, signal.SIGKILL)
    found: list[list[datetime]] = [[] for _ in range(len(texts) + 1)]
    for after, number in told:
        found[number].append(since.astimezone(UTC) + after * RATE)
    if any(later - earlier > LATE for earlier, later in pairwise([since, *found[0], until])):
        raise ClockStoodError
    return found[1:]


def _prepared(root: Path, texts: Sequence[str]) -> socket.socket:
    """The files of the namespace; the socket that its programs log to."""
    for name in ("dev", "run", "cron.d", "spool/crontabs"):
        (root / name).mkdir(parents=True)
    for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(root / "dev" / name, 0o20666, os.makedev(1, minor))
    (root / "run/crond.reboot").touch()
    (root / "crontab").write_text("".join(f"{text} root : {number}\n" for number, text in enumerate(texts)))
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    here = os.open(root / "dev", os.O_PATH)  # a socket's path has 107 bytes at most
    try:
        log.bind(f"/proc/self/fd/{here}/log")
    finally:
        os.close(here)
    return log


def _told(log: socket.socket, lasts: timedelta) -> Iterator[tuple[timedelta, int]]:
    """How long after the daemon's first word which job was started."""
    log.settimeout(30)
    log.recv(8192)
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < lasts.total_seconds():
        log.settimeout(lasts.total_seconds() - passed)
        try:
            message = log.recv(8192)
        except TimeoutError:
            return
        if start := _STARTED.search(message):
            yield timedelta(seconds=time.monotonic() - begun), int(start["number"])

"""Debian's cron itself, in a namespace of its own, says which files it takes; what the finder says is held to it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.collectors.cron_places import DATA, NOBODY, CronPlaces
from tests.peers import program

pytestmark = [pytest.mark.peer("root"), pytest.mark.peer("cron"), pytest.mark.peer("unshare")]

_LOADED = b"@reboot jobs"
_VOID = re.compile(r"\((?P<name>[^)]*)\) ERROR \((?:Syntax error, this crontab file|Missing newline before EOF)")
_IGNORED = re.compile(
    r"\((?P<name>[^)]*)\) "
    r"(?:ORPHAN|WRONG (?:FILE|SYMLINK) OWNER|NOT A REGULAR FILE|INSECURE MODE|NUMBER OF HARD LINKS|CAN'T OPEN)"
)
_START = """
set -e
root="$1"; cron="$2"
mount --make-rprivate /
mount --bind "$root/dev" /dev
mount --bind "$root/run" /run
mount --bind "$root/etc/crontab" /etc/crontab
mount --bind "$root/etc/cron.d" /etc/cron.d
mount --bind "$root/var/spool/cron" /var/spool/cron
exec "$cron" -f
"""


def said_by_cron(places: CronPlaces) -> list[str]:
    """What a cron of the host's own logs while it loads these crontabs; it is ended before it starts any job."""
    dev, run = places.root / "dev", places.root / "run"
    for folder in (dev, run):
        folder.mkdir()
    for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(dev / name, 0o20666, os.makedev(1, minor))
    (run / "crond.reboot").touch()  # jobs with @reboot have been started
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        here = os.open(dev, os.O_PATH)  # a socket's path has 107 bytes at most
        try:
            log.bind(f"/proc/self/fd/{here}/log")
        finally:
            os.close(here)
        with _cron(places, program("cron")):
            return list(_heard(log))


@contextlib.contextmanager
def _cron(places: CronPlaces, cron: Path) -> Iterator[None]:
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", _START, "cron"]
    with subprocess.Popen([*command, places.root, cron], stdin=subprocess.DEVNULL, start_new_session=True) as running:
        try:
            yield
        finally:
            os.killpg(running.pid, signal.SIGKILL)


def _heard(log: socket.socket) -> Iterator[str]:
    log.settimeout(60)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        message = log.recv(8192)
        if _LOADED in message:
            return
        yield message.rstrip(b"\0").decode(errors="replace")
    pytest.fail("cron does not come up")


def judged_by_cron(places: CronPlaces) -> dict[str, str]:
    """The paths of what cron ignores or takes for invalid."""
    found = {}
    for line in said_by_cron(places):
        for pattern, state in ((_VOID, "invalid"), (_IGNORED, "skipped")):
            if match := pattern.search(line):
                found[_path(places, match["name"])] = state
    return found


def _path(places: CronPlaces, name: str) -> str:
    """What cron calls a file: `*system*` and its name, or the user."""
    if not name.startswith("*system*"):
        return str(places.spool / name)
    return str(places.cron_d / name.removeprefix("*system*")) if name != "*system*" else str(places.etc / "crontab")


def compare(places: CronPlaces) -> dict[str, str]:
    """What both say; they must agree on every file that cron opens."""
    real = judged_by_cron(places)
    mine = {
        source.path: source.state
        for source in places.find().sources
        if source.state != "ok" and source.kind != "anacron" and "passes over names" not in str(source.reason)
    }
    assert mine == real
    return real


def test_every_kind_of_file_is_taken_or_not_as_cron_does(tmp_path: Path) -> None:
    places = CronPlaces(tmp_path)
    places.copy_data()
    for file in (DATA / "crontabs").iterdir():
        places.user(file.name, file.read_bytes().replace(b"@reboot", b"@yearly"))  # type: ignore[arg-type]
    for path in (places.etc / "crontab", places.cron_d / "good-syntax"):
        assert path.exists()
    places.user("nobody", uid=NOBODY)
    places.user("daemon", mode=0o644, uid=1)
    places.user("sys", uid=NOBODY)
    places.user("tmp.x")
    (places.spool / "bin").symlink_to(places.spool / "root")
    (places.spool / "mail").mkdir()
    for name, mode in (("sticky", 0o1644), ("setuid", 0o4755), ("secret", 0o600), ("none", 0o000)):
        places.packaged(name, mode=mode)
    real = compare(places)
    names = {Path(path).name for path, state in real.items() if state == "skipped"}
    assert {"bad-mode", "bad-owner", "hard1", "hard2", "link-lost", "link-foreign", "directory"} <= names
    assert {"daemon", "sys", "bin", "mail", "ghost"} <= names
    assert {Path(path).name for path, state in real.items() if state == "invalid"} >= {"bad-minute", "bad-no-newline"}


@pytest.mark.parametrize("row", range(2))
def test_lines_void_a_file_when_cron_says_so(tmp_path: Path, row: int) -> None:
    """Each line that was judged by `crontab -n` is a file of its own in cron.d, with a user put in."""
    lines = [line.split("\t") for line in (DATA / "debian-validity.tsv").read_text().splitlines()[1:]]
    places = CronPlaces(tmp_path)
    places.system("")
    for number, (line, *_) in enumerate(lines[row::2]):
        places.packaged(f"line-{number}", f"{line.replace(' c', ' root c')}\n")
    assert 5 < len(compare(places)) < len(lines)

"""A real systemd, booted in a container over a throw-away copy of this host: timers elapse, services run, it logs.

The root is an overlay over `/`, so every program of the host is there and nothing of the host changes. Only what a test
asks for is started, not the daemons that happen to be installed.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peers import missing

TARGET = "etlmon-test.target"
_ROOT = Path(__file__).parents[2]
"""This project: it is seen inside wherever it lies, also below /tmp, which is the container's own."""

_BOOT_SEC = 60.0
_END_SEC = 20.0
_POWER_OFF = signal.SIGRTMIN + 4
"""What systemd(1) takes for poweroff.target."""

_INSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs -o size=256m etlmon-systemd "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay etlmon-systemd -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
(cd "$2" && cp -a . "$1/root/")
exec systemd-nspawn -q -D "$1/root" --register=no --keep-unit --private-network --boot --console=read-only \\
    --machine="$3" --bind="$4:/run/etlmon-test" --bind-ro="$6" "systemd.unit=$5"
"""


@dataclass(frozen=True)
class Systemd:
    """One that is up. Commands run inside it, `shared` is a directory that both sides see."""

    leader: int
    shared: Path

    inside = Path("/run/etlmon-test")
    """Where `shared` is inside."""

    def run(self, *command: str, check: bool = True) -> str:
        """The output of a command inside. Raises OSError with what it said when it fails."""
        done = subprocess.run(
            [*self.entered, *command], capture_output=True, text=True, timeout=_BOOT_SEC, stdin=subprocess.DEVNULL
        )
        if check and done.returncode != 0:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    @property
    def entered(self) -> list[str]:
        """What a command is put behind to run inside, as root."""
        return ["nsenter", "-t", str(self.leader), "-a", "--"]

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """A file inside."""
        place = Path(f"/proc/{self.leader}/root") / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(mode)


@contextlib.contextmanager
def systemd(
    scratch: Path,
    *,
    units: Mapping[str, str] | None = None,
    start: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Iterator[Systemd]:
    """Boot one: with these unit files in /etc/systemd/system and other `files`, and the units `start` running."""
    scratch.mkdir(parents=True, exist_ok=True)
    extra, mount, shared, log = (scratch / name for name in ("extra", "mount", "shared", "nspawn.log"))
    for folder in (extra, mount, shared):
        folder.mkdir()
    target = f"[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\nWants={' '.join(_wanted(start))}\n"
    wanted = {f"etc/systemd/system/{name}": text for name, text in {**(units or {}), TARGET: target}.items()}
    for path, content in {**wanted, **{name.lstrip("/"): text for name, text in (files or {}).items()}}.items():
        (extra / path).parent.mkdir(parents=True, exist_ok=True)
        (extra / path).write_text(content)
    for folder in extra.rglob("*"):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    extra.chmod(0o755)
    machine = f"etlmon-{os.getpid()}-{zlib.crc32(os.fsencode(scratch)):x}"
    arguments = [str(mount), str(extra), machine, str(shared), TARGET, str(_ROOT)]
    with log.open("wb") as said:
        nspawn = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", _INSIDE, "boot", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        up = Systemd(leader=_leader(nspawn, log), shared=shared)
        _wait_until_up(up, nspawn, log)
        yield up
    finally:
        _end(nspawn)


def _wanted(start: Sequence[str]) -> list[str]:
    return ["systemd-journald.service", "dbus.service", *start]


def _leader(nspawn: "subprocess.Popen[bytes]", log: Path) -> int:
    """The pid of the container's systemd: the child of nspawn that is one."""
    deadline = time.monotonic() + _BOOT_SEC
    while time.monotonic() < deadline and nspawn.poll() is None:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
            for child in children:
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        time.sleep(0.02)
    raise OSError(f"no systemd boots: {_said(log)}")


def _wait_until_up(up: Systemd, nspawn: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _BOOT_SEC
    while time.monotonic() < deadline and nspawn.poll() is None:
        if up.run("systemctl", "is-active", TARGET, check=False).strip() == "active":
            return
        time.sleep(0.05)
    raise OSError(f"systemd does not come up: {_said(log)}")


def _end(nspawn: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split():
            os.kill(int(child), _POWER_OFF)
    with contextlib.suppress(subprocess.TimeoutExpired):
        nspawn.wait(_END_SEC)
        return
    os.killpg(nspawn.pid, signal.SIGKILL)
    nspawn.wait()


def _said(log: Path) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))[-2000:].strip()


def why_not(scratch: Path) -> str | None:
    """Why none boots here; None when one does."""
    for part in ("systemd-nspawn", "unshare", "nsenter"):
        if reason := missing(part):
            return reason
    try:
        with systemd(scratch):
            return None
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)

"""What a test needs beyond Python: a privilege, a kind of file system, a real program.

`require(name)` tries the thing for real. Missing, the test is skipped with the reason; with ETLMON_REQUIRE_PEERS=1 it
fails, so that a machine that is meant to prove everything cannot skip in silence.
"""

import contextlib
import importlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

_PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    "alertmanager": (("alertmanager", "prometheus-alertmanager"), "--version"),
    "anacron": (("anacron", "/usr/sbin/anacron"), "-V"),
    "bash": (("bash",), "--version"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "--version"),
    "cron": (("cron", "/usr/sbin/cron"), ""),
    "crontab": (("crontab",), ""),
    "curl": (("curl",), "--version"),
    "df": (("df",), "--version"),
    "du": (("du",), "--version"),
    "faketime": (("faketime",), "--version"),
    "fdfind": (("fdfind", "fd"), "--version"),
    "find": (("find",), "--version"),
    "fish": (("fish",), "--version"),
    "glances": (("glances",), "--version"),
    "htop": (("htop",), "--version"),
    "lftp": (("lftp",), "--version"),
    "lnav": (("lnav",), "-V"),
    "logrotate": (("logrotate", "/usr/sbin/logrotate"), "--version"),
    "mkfs.ext4": (("mkfs.ext4",), "-V"),
    "node_exporter": (("node_exporter", "prometheus-node-exporter"), "--version"),
    "nsenter": (("nsenter",), "--version"),
    "proftpd": (("proftpd", "/opt/etlmon-peers/bin/proftpd"), "--version"),
    "prometheus": (("prometheus",), "--version"),
    "promtool": (("promtool",), "--version"),
    "rsyslogd": (("rsyslogd", "/usr/sbin/rsyslogd"), "-v"),
    "run-parts": (("run-parts",), "--version"),
    "setpriv": (("setpriv",), "--version"),
    "sqlite3": (("sqlite3",), "--version"),
    "ssh-keygen": (("ssh-keygen",), ""),
    "sshd": (("sshd", "/usr/sbin/sshd"), ""),
    "systemd-analyze": (("systemd-analyze",), "--version"),
    "systemd-nspawn": (("systemd-nspawn",), "--version"),
    "tmux": (("tmux",), "-V"),
    "unshare": (("unshare",), "--version"),
    "vsftpd": (("vsftpd", "/usr/sbin/vsftpd"), "-v"),
    "wrk": (("wrk",), ""),
    "zsh": (("zsh",), "--version"),
}
"""Peer -> the names it goes by, and the option that proves it starts ("" when it has none that ends well)."""


def are_required() -> bool:
    """Whether a missing one fails a test: this machine is meant to prove everything."""
    return os.environ.get("ETLMON_REQUIRE_PEERS") == "1"


def require(name: str) -> None:
    """Skip the running test unless the peer is there; fail it instead when ETLMON_REQUIRE_PEERS=1."""
    reason = missing(name)
    if reason is None:
        return
    if are_required():
        pytest.fail(f"needs {name}: {reason}", pytrace=False)
    pytest.skip(f"needs {name}: {reason}")


def program(name: str) -> Path:
    """The file of a peer program, whatever this distribution calls it; skips like require() when it is not there."""
    require(name)
    found = _find(name)
    assert found is not None
    return found


@cache
def missing(name: str) -> str | None:
    """Why the peer cannot be used here, or None when it can."""
    if name in _PROGRAMS:
        return _program_missing(name)
    if name not in _CAPABILITIES:
        raise ValueError(f"no peer is called {name!r}; known are {', '.join(sorted({*_PROGRAMS, *_CAPABILITIES}))}")
    return _CAPABILITIES[name]()


def _find(name: str) -> Path | None:
    found = next(filter(None, map(shutil.which, _PROGRAMS[name][0])), None)
    return Path(found) if found else None


def _program_missing(name: str) -> str | None:
    found, option = _find(name), _PROGRAMS[name][1]
    if found is None:
        return f"no {' or '.join(_PROGRAMS[name][0])} in PATH"
    if not option:
        return None
    try:
        subprocess.run([found, option], check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{found} {option} does not run: {error}"
    return None


def _root_missing() -> str | None:
    return None if os.geteuid() == 0 else f"runs as uid {os.geteuid()}, not as root"


def _tmpfs_missing() -> str | None:
    return _root_missing() or _mount_fails(tmpfs)


def _loop_missing() -> str | None:
    return _root_missing() or missing("mkfs.ext4") or _mount_fails(ext4)


def _fuse_missing() -> str | None:
    if reason := _root_missing():
        return reason
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
        importlib.import_module("mfusepy")
    except (OSError, ImportError) as error:
        return f"FUSE cannot be used: {error}"
    return None


def _sshfs_missing() -> str | None:
    for part in ("sshd", "ssh-keygen"):
        if reason := missing(part):
            return reason
    if shutil.which("sshfs") is None:
        return "no sshfs in PATH"
    return _fuse_missing()


def _systemd_missing() -> str | None:
    if reason := _root_missing():
        return reason
    fake = importlib.import_module("tests.fakes.systemd")  # it asks this module for its parts
    with tempfile.TemporaryDirectory(prefix="etlmon-peer-") as scratch:
        said: str | None = fake.why_not(Path(scratch))
    return said


def _busybox_syslogd_missing() -> str | None:
    try:
        subprocess.run(["busybox", "syslogd", "--help"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return f"busybox has no syslogd: {error}"
    return None


def _mount_fails(kind: "Callable[[Path], contextlib.AbstractContextManager[Path]]") -> str | None:
    with tempfile.TemporaryDirectory(prefix="etlmon-peer-") as scratch:
        try:
            with kind(Path(scratch) / "mount"):
                return None
        except (OSError, subprocess.SubprocessError) as error:
            return f"cannot mount: {error}"


_CAPABILITIES: dict[str, Callable[[], str | None]] = {
    "busybox-syslogd": _busybox_syslogd_missing,
    "fuse": _fuse_missing,
    "loop": _loop_missing,
    "root": _root_missing,
    "sshfs": _sshfs_missing,
    "systemd": _systemd_missing,
    "tmpfs": _tmpfs_missing,
}


def run(*arguments: str | Path) -> str:
    """The output of a program that must succeed."""
    done = subprocess.run([*arguments], check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, arguments))} failed: {done.stderr.strip()}")
    return done.stdout


def unmount(where: Path) -> None:
    """Take a mount away, whatever holds it: patiently first, then lazily."""
    deadline = time.monotonic() + 3
    while is_mounted(where):
        lazily = time.monotonic() > deadline
        subprocess.run(["umount", *(["-l"] if lazily else []), "--", where], check=False, capture_output=True)
        if is_mounted(where):
            time.sleep(0.02)


def is_mounted(where: Path) -> bool:
    """Whether something is mounted at this very path, told without touching it."""
    text = str(where)
    for plain, escaped in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        text = text.replace(plain, escaped)
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return os.fsencode(text) in (line.split(b" ")[4] for line in lines)


@contextlib.contextmanager
def tmpfs(where: Path, options: str = "size=4m") -> Iterator[Path]:
    """A tmpfs mounted at `where` (made when missing) until the block ends."""
    where.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", options, "etlmon-test", where)
    try:
        yield where
    finally:
        unmount(where)


@contextlib.contextmanager
def ext4(where: Path, *, size_mib: int = 8) -> Iterator[Path]:
    """An ext4 with its usual reserve, in an image beside `where`, mounted until the block ends."""
    where.mkdir(parents=True, exist_ok=True)
    image = where.with_name(where.name + ".img")
    with image.open("wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    run("mkfs.ext4", "-q", "-F", image)
    run("mount", "-o", "loop", image, where)
    try:
        yield where
    finally:
        unmount(where)
        image.unlink()


@contextlib.contextmanager
def bind(source: Path, where: Path) -> Iterator[Path]:
    """`source` seen a second time at `where` until the block ends."""
    if source.is_dir():
        where.mkdir(parents=True, exist_ok=True)
    else:
        where.touch()
    run("mount", "--bind", source, where)
    try:
        yield where
    finally:
        unmount(where)

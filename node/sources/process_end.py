"""Why a process that was sent a signal is still there (proc_pid_status(5), signal(7))."""

import os
import signal
from pathlib import Path


def still_here(pid: int, number: signal.Signals, proc: Path = Path("/proc")) -> str | None:
    """What keeps it from ending, in words; None when that cannot be told. Reads nothing that blocks."""
    status = _status(proc / str(pid))
    state = status.get("State", "?")[:1]
    if state == "D":
        where = _line(proc / str(pid) / "wchan")
        place = f" ({where})" if where not in ("", "0") else ""
        return f"it waits in the kernel{place} and ends when that returns"
    if number == signal.SIGKILL:
        return None
    if state in ("T", "t"):
        return f"it is stopped, and takes {number.name} when it goes on (SIGCONT)"
    if _holds(status.get("SigIgn", ""), number):
        return f"it ignores {number.name}"
    if _holds(status.get("SigCgt", ""), number):
        return f"it handles {number.name} itself and may take its time"
    if status.get("NSpid", "").split()[-1:] == ["1"]:
        return f"it is the first process of a container, and those do not end by a {number.name} they do not handle"
    if _holds(status.get("SigBlk", ""), number):
        return f"it holds {number.name} back for now"
    return None


def _status(process: Path) -> dict[str, str]:
    """The fields of its status; none when it cannot be read."""
    lines = (line.partition(":") for line in _read(process / "status").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _line(path: Path) -> str:
    return _read(path).strip()


def _read(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""


def _holds(mask: str, number: int) -> bool:
    """Whether a set of signals, as hexadecimal digits, holds this one."""
    try:
        return bool(int(mask, 16) >> (number - 1) & 1)
    except ValueError:
        return False

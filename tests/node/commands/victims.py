"""Processes that a test may end, and one who knows them: `Targets` over the real /proc, as small as it can be."""

import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node.sources.process_types import KERNEL_THREAD, Target
from tests.node.programs import Program, Programs, command_line, wait_until

_TICKS = os.sysconf("SC_CLK_TCK")


class Victims(Programs):
    """Programs that take signals in different ways; sleepers end at any."""

    def stubborn(self, does: str = "signal.SIG_IGN") -> Program:
        """Does not end at SIGTERM: it ignores it, or does what the Python expression says."""
        return self.minding(f"import signal, time; signal.signal(15, {does}); time.sleep(300)")

    def minding(self, code: str, *arguments: str) -> Program:
        """Runs the code, which ignores or handles SIGTERM; returns when it does so."""
        process = self.python(code, *arguments)
        wait_until(lambda: _minds(process.pid, 15))
        return process


@contextmanager
def victims() -> Iterator[Victims]:
    """All that were started are gone after the block."""
    with ExitStack() as stack:
        yield Victims(stack)


def _minds(pid: int, number: int) -> bool:
    """Whether it ignores or handles this signal by now."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = re.findall(r"^Sig(?:Ign|Cgt):\s+(\w+)", status, re.MULTILINE)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def said_by(pid: int) -> str:
    """The command line with blanks."""
    return command_line(pid).rstrip(b"\0").replace(b"\0", b" ").decode()


def _fields(pid: int) -> tuple[str, Sequence[str]]:
    """Name, and the fields of /proc/PID/stat from the third one on."""
    head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    return head.partition("(")[2], tail.split()


class ProcTargets:
    """Knows what fitted its watches when `look_at` was called. `watches` gives a regular expression for each title."""

    def __init__(self, watches: Mapping[str, str]) -> None:
        self.watches = watches
        self._known: dict[int, Target] = {}
        boot = re.search(r"^btime (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)
        assert boot is not None
        self._boot = datetime.fromtimestamp(int(boot[1]), UTC)

    def look_at(self, *pids: int) -> list[Target]:
        """The look at all processes, as far as these are concerned."""
        self._known = {pid: target for pid in pids if (target := self._read(pid)) is not None and target.watches}
        return list(self._known.values())

    def known(self, pid: int) -> Target | None:
        return self._known.get(pid)

    async def look(self, pid: int) -> Target | None:
        return self._read(pid)

    def ancestors(self, pid: int) -> Sequence[int]:
        found: list[int] = []
        while (pid := int(_fields(pid)[1][1])) > 0:
            found.append(pid)
        return found

    def _read(self, pid: int) -> Target | None:
        try:
            name, fields = _fields(pid)
            command = said_by(pid)
            uid = Path(f"/proc/{pid}").stat().st_uid
        except (FileNotFoundError, ProcessLookupError):
            return None
        ticks = int(fields[19])
        text = command or name
        return Target(
            pid=pid,
            start_ticks=ticks,
            start_time=self._boot + timedelta(seconds=ticks / _TICKS),
            watches=tuple(title for title, pattern in self.watches.items() if re.search(pattern, text)),
            name=name,
            cmdline=command,
            uid=uid,
            user=pwd.getpwuid(uid).pw_name,
            state=fields[0],
            ppid=int(fields[1]),
            is_kernel_thread=bool(int(fields[6]) & KERNEL_THREAD),
        )

"""Another program's answer: run without a shell, in a clean environment, for a limited time, up to a limited size.

It runs in a session of its own, so that whatever it starts ends with it. One that even SIGKILL cannot end (state D) is
left to the kernel, and nobody starts its like again as long as it is there.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for: never in what the caller of the node had in its environment."""

MOST_BYTES = 8 * 1024 * 1024
_MOST_ERROR_BYTES = 4096
_PIPE_BYTES = 65536
_FIRST_LOOK_SEC = 0.002
_SLOWEST_LOOK_SEC = 0.25
_LINGER_SEC = 0.2
"""For what is still in its pipes when it has ended: whatever it left behind may hold them open for ever."""
_KILL_SEC = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a command.

    `end`: it `ended` by itself, was killed because the time did not suffice (`timeout`) or because it said more than
    was asked for (`too_much`), or was not started at all: there is no such program (`missing`), the system let it not
    start (`failed`, see `errors`), or the one before still hangs (`stuck`).
    """

    end: Literal["ended", "timeout", "too_much", "missing", "failed", "stuck"]
    status: int | None = None
    """Its exit status, or minus the signal that ended it."""
    output: bytes = b""
    errors: str = ""
    """The beginning of what it wrote to its standard error."""
    program: str = ""

    @property
    def is_good(self) -> bool:
        return self.end == "ended" and self.status == 0

    @property
    def reason(self) -> str | None:
        """Why its output is not to be relied on, in words; None when all is well."""
        if self.is_good:
            return None
        said = self.errors.strip().splitlines()
        because = f": {said[0]}" if said else ""
        words = {
            "ended": f"{self.program} ends with {_status_text(self.status)}{because}",
            "timeout": f"{self.program} does not end in its time",
            "too_much": f"{self.program} says more than it should",
            "missing": f"there is no {self.program} here",
            "failed": f"{self.program} cannot be started{because}",
            "stuck": f"{self.program} of an earlier look still hangs",
        }
        return words[self.end]


class Commands:
    """Runs programs. It belongs to the event loop it is used in."""

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self._running: set[_Process] = set()

    @property
    def pids(self) -> list[int]:
        """What runs, or hangs, now."""
        return sorted(process.pid for process in self._running if not process.ended)

    async def run(
        self,
        command: Sequence[str],
        *,
        within_sec: float,
        most_bytes: int = MOST_BYTES,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run it and wait for its end. Its input is empty, its environment PATH, LC_ALL=C and what is given."""
        title = command[0].rpartition("/")[2]
        self._running = {process for process in self._running if not process.ended}
        if any(process.title == title for process in self._running):
            return Ended(end="stuck", program=title)
        file = shutil.which(command[0], path=self._path)
        if file is None:
            return Ended(end="missing", program=title)
        variables = {"PATH": self._path, "LC_ALL": "C", **(environment or {})}
        try:
            process = _Process(title, [file, *command[1:]], variables, most_bytes)
        except OSError as error:
            return Ended(end="failed", errors=error.strerror or str(error), program=title)
        self._running.add(process)
        try:
            return await process.wait(within_sec)
        finally:
            process.kill()
            await process.wait_ended(_KILL_SEC)

    async def close(self) -> None:
        """End what runs; what cannot be ended is left to the kernel."""
        for process in self._running:
            process.kill()
        for process in self._running:
            await process.wait_ended(_KILL_SEC)


class _Process:
    """A program that runs: what it says is kept, and its end is noticed."""

    def __init__(self, title: str, command: Sequence[str], variables: Mapping[str, str], most_bytes: int) -> None:
        """Raises OSError when it cannot be started."""
        self.title = title
        self._loop = asyncio.get_running_loop()
        self._most_bytes = most_bytes
        self._said: dict[int, bytearray] = {}
        self._over = asyncio.Event()
        """It ended, or says too much."""
        self._silent = asyncio.Event()
        self._ended = asyncio.Event()
        self._may_collect = self._collected = False
        self._status: int | None = None
        self._too_much = False
        self._look_again_sec = _FIRST_LOOK_SEC
        self._output, self._errors, self.pid = _spawn(command, variables)
        for descriptor in (self._output, self._errors):
            self._said[descriptor] = bytearray()
            self._loop.add_reader(descriptor, self._read, descriptor)
        self._open = {self._output, self._errors}
        self._look()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    async def wait(self, within_sec: float) -> Ended:
        """Its end and what it said, or what came of it when its time is over."""
        in_time = await _within(self._over, within_sec)
        if in_time and not self._too_much:
            await _within(self._silent, _LINGER_SEC)
        end: Literal["too_much", "ended", "timeout"] = (
            "too_much" if self._too_much else "ended" if in_time else "timeout"
        )
        return Ended(
            end=end,
            status=self._status if end == "ended" else None,
            output=bytes(self._said[self._output]),
            errors=bytes(self._said[self._errors]).decode("utf-8", "replace"),
            program=self.title,
        )

    async def wait_ended(self, within_sec: float) -> None:
        await _within(self._ended, within_sec)

    def kill(self) -> None:
        """End it and all it started; close its pipes."""
        for descriptor in list(self._open):
            self._close(descriptor)
        if self._collected:
            return
        # Until it is collected no other process can have its pid, nor the id of its session.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._may_collect = True
        if self._over.is_set():
            self._look()

    def _read(self, descriptor: int) -> None:
        try:
            chunk = os.read(descriptor, _PIPE_BYTES)
        except BlockingIOError:
            return
        said = self._said[descriptor]
        if not chunk:
            self._close(descriptor)
        elif descriptor == self._errors:
            said += chunk[: _MOST_ERROR_BYTES - len(said)]
        else:
            room = self._most_bytes - len(said)
            said += chunk[:room]
            if len(chunk) > room:
                self._too_much = True
                self._over.set()

    def _close(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._open.discard(descriptor)
        if not self._open:
            self._silent.set()

    def _look(self) -> None:
        """Notice its end; collect it once nobody is to be signalled any more."""
        if self._collected:
            return
        keep = 0 if self._may_collect else os.WNOWAIT
        try:
            end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | keep)
        except ChildProcessError:  # somebody else has collected it
            self._collected = True
        else:
            if end is not None:
                self._status = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                self._collected = self._may_collect
        if self._collected or self._status is not None:
            self._over.set()
        if self._collected:
            self._ended.set()
        elif self._status is None:
            self._loop.call_later(self._look_again_sec, self._look)
            self._look_again_sec = min(self._look_again_sec * 2, _SLOWEST_LOOK_SEC)


async def _within(event: asyncio.Event, sec: float) -> bool:
    try:
        async with asyncio.timeout(sec):
            return await event.wait()
    except TimeoutError:
        return False


def _status_text(status: int | None) -> str:
    if status is None:
        return "no exit status"
    return f"exit status {status}" if status >= 0 else f"signal {-status}"


def _spawn(command: Sequence[str], variables: Mapping[str, str]) -> tuple[int, int, int]:
    """Start it: (descriptor of its output, of its errors, pid). Raises OSError."""
    with contextlib.ExitStack() as open_pipes:
        output, output_in = _pipe(open_pipes)
        errors, errors_in = _pipe(open_pipes)
        pid = os.posix_spawn(
            command[0],
            [*command],
            variables,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output_in, 1),
                (os.POSIX_SPAWN_DUP2, errors_in, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
        )
        open_pipes.pop_all()
    for end in (output_in, errors_in):
        os.close(end)
    for end in (output, errors):
        os.set_blocking(end, False)
    return output, errors, pid


def _pipe(open_pipes: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        open_pipes.callback(os.close, end)
    return ends

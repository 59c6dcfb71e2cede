"""A program on a real pseudo-terminal: keys in, bytes out, and when they came."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

WAIT_SEC = 15.0


class PtyScreen:
    """The master's side of the terminal. `output` is every byte so far, `started` when the program was started."""

    def __init__(self, pid: int, descriptor: int, started: float) -> None:
        self.pid = pid
        self.started = started
        self.output = bytearray()
        self._descriptor = descriptor

    def press(self, keys: bytes) -> float:
        """Send the keys; returns when that was."""
        at = time.perf_counter()
        os.write(self._descriptor, keys)
        return at

    def read(self, seconds: float) -> bytes:
        """What comes within the time, as soon as anything does."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:  # the program has gone
            return b""
        self.output += chunk
        return chunk

    def drain(self, seconds: float) -> int:
        """Read for this long; the number of bytes that came."""
        before, end = len(self.output), time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return len(self.output) - before

    def until(self, condition: Callable[[bytes], bool], what: str) -> float:
        """Read until what came from now on meets the condition; returns when it did."""
        start, end = len(self.output), time.perf_counter() + WAIT_SEC
        while not condition(bytes(self.output[start:])):
            if time.perf_counter() > end:
                raise TimeoutError(f"waited {WAIT_SEC:.0f} s for {what}; got {bytes(self.output[start:])[-400:]!r}")
            self.read(0.5)
        return time.perf_counter()

    def cpu_sec(self) -> float:
        """User and system time of the program so far (proc(5))."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(command: Sequence[str], *, width: int = 120, height: int = 36) -> Iterator[PtyScreen]:
    """The program on a terminal of this size; killed at the end."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": "/dev/null"}
    started = time.perf_counter()
    pid, descriptor = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        os.execvpe(command[0], list(command), env)  # noqa: S606 (it must be this process)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    try:
        yield PtyScreen(pid, descriptor, started)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(descriptor)

"""Real processes for tests of the process domain: started by a test, and gone after it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

_NUMBERS = count(1)

Program = subprocess.Popen[bytes]


class Programs:
    """Starts programs. `mark` is a word that stands in no other command line of this host."""

    def __init__(self, stack: ExitStack) -> None:
        self.mark = f"program-{os.getpid()}-{next(_NUMBERS)}"
        self._stack = stack

    def start(self, *command: str, user: int | None = None, new_session: bool = False) -> Program:
        """A program that has begun: it is no longer a copy of this process."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, user=user, start_new_session=new_session)
        self._stack.callback(end, process)
        wait_until(lambda: command[-1].encode() in command_line(process.pid))
        return process

    def sleeper(self, *more: str) -> Program:
        """Does nothing until it is ended."""
        return self.python("import time; time.sleep(600)", *more)

    def of_user(self, user: int) -> Program:
        """One of another user, who may not enter where this Python lies: stopped until it is ended."""
        return self.start("/bin/sh", "-c", "kill -STOP $$; :", "sh", self.mark, user=user)

    def python(self, code: str, *more: str) -> Program:
        """A Python that runs the code; `mark` is its last argument."""
        return self.start(sys.executable, "-I", "-S", "-c", code, *more, self.mark)

    def shell(self, script: str) -> Program:
        """A shell that runs the script; `mark` is its last argument."""
        return self.start("/bin/sh", "-c", script, "sh", self.mark)


@contextmanager
def programs() -> Iterator[Programs]:
    """All that were started are gone after the block."""
    with ExitStack() as stack:
        yield Programs(stack)


def end(process: Program) -> None:
    process.kill()
    process.wait(30)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def state(pid: int) -> str:
    """The kernel's letter; "" when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until(holds: Callable[[], bool], within_sec: float = 30.0) -> None:
    """Return as soon as the condition holds; fail when it does not hold in time."""
    deadline = time.monotonic() + within_sec
    while not holds():
        assert time.monotonic() < deadline, f"did not come about within {within_sec:g} s"
        time.sleep(0.01)

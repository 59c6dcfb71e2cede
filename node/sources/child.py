"""A small Python process that may be lost: asked one thing at a time, and left behind when it never answers.

A thread stuck in a system call keeps the whole process from ending; a child does not. Nothing here blocks: starting is
a posix_spawn, talking goes through non-blocking pipes, and a child that even SIGKILL cannot end (state D) is left to
the kernel, which ends it when its call returns.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("probe_child.py")
_FIRST_LOOK_SEC = 0.005
_SLOWEST_LOOK_SEC = 1.0
_PIPE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child said: `value`, or the `errno` of the call that failed."""

    value: object = None
    errno: int = 0


class Child:
    """One running process with two pipes, in a session of its own. It belongs to the event loop it was made in."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it, by default with an empty environment. Raises OSError when the system has no room for it."""
        self._loop = asyncio.get_running_loop()
        self._requests, self._answers, self.pid = _spawn(command, {**libraries(), **(environment or {})})
        self._look_again_sec = _FIRST_LOOK_SEC
        self._reaped = self._loop.create_future()
        self._ready = self._loop.create_future()
        self._loop.add_reader(self._answers, self._read)

    def abandon(self) -> None:
        """Kill it, close the pipes, and collect its exit status in the background whenever there is one."""
        if self._answers < 0:
            return
        self._loop.remove_reader(self._answers)
        self._loop.remove_writer(self._requests)
        os.close(self._requests)
        os.close(self._answers)
        self._requests = self._answers = -1
        os.kill(self.pid, signal.SIGKILL)
        self._reap()
        self.fell_silent()

    def hear(self, chunk: bytes) -> None:
        """Some bytes of what the child says."""
        raise NotImplementedError

    def fell_silent(self) -> None:
        """It says nothing more: it ended, or was abandoned."""
        raise NotImplementedError

    @property
    def listens(self) -> bool:
        """Whether it can be asked."""
        return self._requests >= 0

    @property
    def ended(self) -> bool:
        """Whether it is gone from the process table; one in state D is not, killed or not."""
        return self._reaped.done()

    async def wait_ready(self, within_sec: float) -> bool:
        """Whether it says within the time that it listens: on a busy host a process is long in starting, and no file
        system is to blame for that.
        """
        await asyncio.wait([self._ready, self._reaped], timeout=within_sec, return_when=asyncio.FIRST_COMPLETED)
        return self._ready.done()

    async def wait_ended(self, within_sec: float) -> bool:
        """Whether it ends within the time given."""
        await asyncio.wait([self._reaped], timeout=within_sec)
        return self.ended

    def _read(self) -> None:
        try:
            chunk = os.read(self._answers, _PIPE_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self.hear(chunk)
        else:
            self.abandon()

    def _reap(self) -> None:
        try:
            pid, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has collected it
            pid = self.pid
        if pid:
            self._reaped.set_result(None)
            return
        self._loop.call_later(self._look_again_sec, self._reap)
        self._look_again_sec = min(self._look_again_sec * 2, _SLOWEST_LOOK_SEC)


class ProbeChild(Child):
    """A running probe_child.py."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(os.getpid())])
        self._answer: asyncio.Future[Answer | None] | None = None
        self._heard = b""

    def ask(self, question: str, request: Mapping[str, object]) -> asyncio.Future[Answer | None]:
        """Put a question; the future is done when the answer comes, with None when the child ends without one."""
        if self._answer is not None and not self._answer.done():
            raise RuntimeError(f"child {self.pid} still has a question to answer")
        answer: asyncio.Future[Answer | None] = self._loop.create_future()
        self._answer = answer
        try:
            # A child with nothing to answer has read all of its pipe, and a pipe holds more than a request.
            os.write(self._requests, json.dumps({"question": question, **request}).encode() + b"\n")
        except OSError:  # it has ended
            self.abandon()
            self.fell_silent()
        return answer

    def hear(self, chunk: bytes) -> None:
        self._heard += chunk
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "ready" in said:
                self._ready.set_result(None)
            elif self._answer is not None and not self._answer.done():
                self._answer.set_result(Answer(value=said.get("answer"), errno=said.get("errno", 0)))

    def fell_silent(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)


def libraries() -> dict[str, str]:
    """The environment of every child: where an interpreter that lies elsewhere finds its libraries."""
    return {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}


def _spawn(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, int, int]:
    """Start it: (descriptor for requests, descriptor of its answers, pid)."""
    with contextlib.ExitStack() as open_pipes:
        requests_out, requests_in = _pipe(open_pipes)
        answers_out, answers_in = _pipe(open_pipes)
        pid = os.posix_spawn(
            command[0],
            [*command],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, requests_out, 0),
                (os.POSIX_SPAWN_DUP2, answers_in, 1),
                # Whoever reads the daemon's standard error must not wait for a child that outlives it.
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        )
        open_pipes.pop_all()
    os.close(requests_out)
    os.close(answers_in)
    os.set_blocking(requests_in, False)
    os.set_blocking(answers_out, False)
    return requests_in, answers_out, pid


def _pipe(open_pipes: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        open_pipes.callback(os.close, end)
    return ends

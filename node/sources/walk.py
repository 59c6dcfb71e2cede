"""Counting what lies below a directory, in a child process that may be lost.

The order and the answers are the structs below; how the child counts stands in walk_tree.py. Nothing here blocks: the
child is started by posix_spawn, heard through non-blocking pipes and seen to end through its pidfd. One that not even
SIGKILL ends (state D: its file system does not answer) is left to the kernel, and no second one is sent after it.
"""

import asyncio
import contextlib
import fnmatch
import marshal
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Literal

import msgspec

from node.sources.mounts import readable

End = Literal["done", "unreadable", "limit", "timeout", "stuck"]

_PACKAGES = str(Path(__file__).parents[2])
_PYTHON = (sys.executable, "-I", "-S", "-X", "utf8", "-c")
_CODE = """
import sys
sys.path.insert(0, sys.argv.pop())
from node.sources.walk_child import main
del sys.path[0]
main()
"""
_GRACE_SEC = 2.0
"""How long after its time a child may take to say how far it came."""
_END_SEC = 1.0
"""How long a child may take to end after its last word, or after SIGKILL, before its file system counts as stuck."""
_CLOSE_SEC = 0.5
_MOST_STDERR = 4096


class WalkError(OSError):
    """The walk could not be made at all: one line of what was attempted, what happened and what to do."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to count. Zeros of `max_depth`, `max_files` and `ops_per_sec` are no limit.

    `exclude_names` and `exclude_paths` are regular expressions over the name and over the path relative to the root;
    `glob_patterns` makes them. Directories in `closed_dirs` (absolute) are counted and not entered.
    On the devices in `leaf_devices` (st_dev) a directory's link count is 2 exactly when no directory lies in it.
    `recent` is the last result's, for the same root.
    """

    root: str
    max_depth: int = 0
    exclude_names: str = ""
    exclude_paths: str = ""
    max_files: int = 0
    timeout_sec: float = 30.0
    ops_per_sec: int = 0
    workers: int = 1
    sizes: bool = False
    top_n: int = 20
    one_file_system: bool = True
    follow_symlinks: bool = False
    arriving_suffixes: tuple[str, ...] = ()
    closed_dirs: tuple[str, ...] = ()
    leaf_devices: tuple[int, ...] = ()
    may_hang: bool = True
    """Whether calls may never return, as on network and FUSE file systems; without that a walk is a little faster."""
    recent: bytes = b""
    progress_sec: float = 1.0
    nice: int = 10
    """The kernel derives the I/O priority from it as well: ioprio_set(2)."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far it is."""

    files: int = 0
    dirs: int = 0
    skipped: int = 0
    arriving: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """What was counted by the end, of whatever kind. Unless `end` is `done`, there are at least so many.

    `files` are all entries but directories, `dirs` the directories below the root, `skipped` those of them that could
    not be read (`first_skipped`: path and reason). `arriving` end in a suffix of the order or, when sizes are measured,
    have another size than at the walk before. `total_bytes` are apparent sizes, `oldest` and `newest` modification
    times (seconds since the epoch). `top_files`: bytes, path, mtime. `top_dirs`: bytes, path and files directly in it.
    All paths are relative to the root. `blocked_on` is the directory of the call that has been open for `blocked_sec`.
    """

    end: End
    files: int = 0
    dirs: int = 0
    skipped: int = 0
    arriving: int = 0
    errno: int = 0
    first_skipped: tuple[str, str] | None = None
    blocked_on: str = ""
    blocked_sec: float = 0.0
    total_bytes: int | None = None
    oldest: float | None = None
    newest: float | None = None
    top_files: list[tuple[int, str, float]] = []
    top_dirs: list[tuple[int, str, int]] = []
    recent: bytes = b""


def glob_patterns(globs: tuple[str, ...]) -> tuple[str, str]:
    """Globs as the two regular expressions of an order: those without a slash are of names, the others of paths.

    The syntax is fnmatch's, whose `*` also matches a slash. A slash at either end means nothing.
    """
    patterns = [glob.strip("/") for glob in globs if glob.strip("/")]
    names = [fnmatch.translate(pattern) for pattern in patterns if "/" not in pattern]
    paths = [fnmatch.translate(pattern) for pattern in patterns if "/" in pattern]
    return "|".join(names), "|".join(paths)


class Walker:
    """Walks one tree, with one child at a time."""

    def __init__(self) -> None:
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The child that is there, also when it hangs."""
        return self._child.pid if self._child is not None and not self._child.ended.is_set() else None

    async def walk(self, order: Order) -> AsyncGenerator[Progress | Result, None]:
        """Yield the latest progress now and then, and at last the result.

        While a child of before still hangs the result is `stuck` at once. Leaving the iteration early kills the child.
        Raises WalkError when the child cannot be started or ends without a result.
        """
        if self.pid is not None:
            yield Result(end="stuck")
            return
        child = self._child = _start(order)
        patience_sec = _END_SEC
        try:
            deadline = asyncio.get_running_loop().time() + order.timeout_sec + _GRACE_SEC
            while await child.news(deadline):
                yield child.progress
            if child.result is None:
                child.kill()
            ended = await child.wait_ended(_END_SEC)
            patience_sec = 0.0
            yield child.verdict(ended)
        finally:
            child.kill()
            await child.wait_ended(patience_sec)
            child.close()

    async def close(self) -> None:
        """Kill the child, if there is one; one that cannot be killed is left to the kernel."""
        if self._child is not None:
            self._child.kill()
            await self._child.wait_ended(_CLOSE_SEC)


class _Child:
    """One running child and what it has said so far; only the latest progress is kept, so nothing piles up."""

    def __init__(self, pid: int, root: str, pipes: tuple[int, int]) -> None:
        self.pid = pid
        self.progress = Progress()
        self.result: Result | None = None
        self.ended = asyncio.Event()
        self._root = root
        self._loop = asyncio.get_running_loop()
        self._pidfd = os.pidfd_open(pid)
        self._answers, self._complaints = pipes
        self._heard = bytearray()
        self._stderr = b""
        self._exit = 0
        self._killed = False
        self._changed = asyncio.Event()
        self._loop.add_reader(self._answers, self._hear)
        self._loop.add_reader(self._complaints, self._note)
        self._loop.add_reader(self._pidfd, self._reap)

    async def news(self, deadline: float) -> bool:
        """True when there is new progress; False at the deadline, or when there will be no more."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return self.result is None and not self.ended.is_set()

    async def wait_ended(self, within_sec: float) -> bool:
        """Whether it is gone within the time, its hanging threads included."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_sec):
                await self.ended.wait()
        return self.ended.is_set()

    def verdict(self, ended: bool) -> Result:
        """The child's own result; without one, what its last progress and its end make of it."""
        if not ended:
            return msgspec.structs.replace(self.result or self._so_far("stuck"), end="stuck")
        while self._hear():
            pass
        if self.result is not None:
            return self.result
        if self._killed:
            return self._so_far("timeout")
        while self._note():
            pass
        said = self._stderr.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
        raise WalkError(
            f"cannot count the files below {readable(self._root)}: the scanner ended with status {self._exit} "
            f"({said or 'it said nothing'}); see whether the host is short of memory or processes"
        )

    def kill(self) -> None:
        if not self.ended.is_set():
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Stop listening. Its end is still waited for."""
        self._loop.remove_reader(self._answers)
        self._loop.remove_reader(self._complaints)
        for descriptor in (self._answers, self._complaints):
            os.close(descriptor)

    def _so_far(self, end: End) -> Result:
        return Result(end=end, **msgspec.structs.asdict(self.progress))

    def _hear(self) -> bool:
        chunk = self._read(self._answers)
        self._heard += chunk
        while len(self._heard) >= 4 and len(self._heard) >= (end := 4 + int.from_bytes(self._heard[:4], "big")):
            frame = marshal.loads(self._heard[4:end])  # noqa: S302 - from our own code in the child
            del self._heard[:end]
            message = msgspec.convert(frame, Progress | Result)
            if isinstance(message, Result):
                self.result = message
            else:
                self.progress = message
            self._changed.set()
        return bool(chunk)

    def _note(self) -> bool:
        chunk = self._read(self._complaints)
        self._stderr = (self._stderr + chunk)[-_MOST_STDERR:]
        return bool(chunk)

    def _read(self, pipe: int) -> bytes:
        try:
            chunk = os.read(pipe, 1 << 16)
        except BlockingIOError:
            return b""
        if not chunk:
            self._loop.remove_reader(pipe)
        return chunk

    def _reap(self) -> None:
        try:
            seen = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # somebody else has collected it
            seen = None
        if seen is not None:
            self._exit = seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.ended.set()
        self._changed.set()


def _start(order: Order) -> _Child:
    """Start the child with its order. Raises WalkError when the system has no room for it."""
    with contextlib.ExitStack() as on_failure:
        try:
            pid, pipes = _spawn(order, on_failure)
        except OSError as error:
            raise WalkError(
                f"cannot count the files below {readable(order.root)}: a process for it cannot be started: "
                f"{error.strerror}; may this user run Python, and are its limits (processes, open files) high enough?"
            ) from error
        on_failure.pop_all()
    return _Child(pid, order.root, pipes)


def _spawn(order: Order, on_failure: contextlib.ExitStack) -> tuple[int, tuple[int, int]]:
    """(pid, (our end of its standard output, of its standard error))."""
    ends = [os.pipe() for _ in range(2)]
    for end in (end for pair in ends for end in pair):
        on_failure.callback(os.close, end)
    (answers, stdout), (complaints, stderr) = ends
    with os.fdopen(os.memfd_create("etlmon-walk"), "wb+") as file:
        # A file and not a pipe: nothing waits for the child to read it.
        marshal.dump({"parent": os.getpid(), **msgspec.to_builtins(order, builtin_types=(bytes,))}, file)
        file.seek(0)
        pid = os.posix_spawn(
            sys.executable,
            [*_PYTHON, _CODE, "etlmon-walk", order.root.replace("\0", "?"), _PACKAGES],
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, stdout, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 3),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        )
    for end in (stdout, stderr):
        os.close(end)
    for end in (answers, complaints):
        os.set_blocking(end, False)
    return pid, (answers, complaints)


def _environment() -> dict[str, str]:
    # A memory arena for each thread, as glibc gives them, costs a short walk a third of its time.
    inherited = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}
    return {**inherited, "MALLOC_ARENA_MAX": "1"}

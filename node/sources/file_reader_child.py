"""The process that reads small files where reading may never return: `python -I -S file_reader_child.py PARENT_PID`.

One JSON list of questions a line on standard input; on standard output one JSON line as each is answered, in their
order, until the input ends. It needs the standard library alone, and dies with its parent. Who asks, and what happens
when no answer comes, is file_reader.py.
"""

# pathlib would cost this process more memory than its own work does.
# ruff: noqa: PTH116, PTH208
import ctypes
import errno
import json
import os
import pwd
import signal
import stat
import sys
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1


def status(path: str) -> list[int]:
    """What lies there, links followed: as `_fields`."""
    return _fields(os.stat(path))


def read(path: str, known: list[int] | None, most_bytes: int) -> dict[str, Any]:
    """A file: `link` is what lies at the path itself, `status` what it leads to, `data` its bytes as Latin-1.

    No `data`: it is no regular file, or its status is `known`, or it may not be read (`errno`).
    """
    link = os.lstat(path)
    answer: dict[str, Any] = {"link": _fields(link)}
    try:
        seen = os.stat(path) if stat.S_ISLNK(link.st_mode) else link
        answer["status"] = _fields(seen)
        # Opening a device or a pipe may set something off.
        if stat.S_ISREG(seen.st_mode) and answer["status"] != known:
            with open(path, "rb", opener=_opener) as file:
                answer["status"] = _fields(os.fstat(file.fileno()))
                answer["data"] = file.read(most_bytes).decode("latin-1")
    except OSError as error:
        answer["errno"] = error.errno or errno.EIO
    return answer


def names(path: str) -> list[str]:
    """What lies in a directory, in the order of their bytes."""
    return sorted(os.listdir(path), key=os.fsencode)


def user(name: str) -> list[int] | None:
    """A user's own ids: user and group; None when there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):  # ValueError: with a NUL
        return None
    return [entry.pw_uid, entry.pw_gid]


def _fields(seen: os.stat_result) -> list[int]:
    return [
        seen.st_mode,
        seen.st_uid,
        seen.st_gid,
        seen.st_nlink,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_dev,
        seen.st_ino,
    ]


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


QUESTIONS: dict[str, Callable[..., Any]] = {"status": status, "read": read, "names": names, "user": user}


def _answer(question: str, *arguments: Any) -> dict[str, Any]:
    try:
        return {"answer": QUESTIONS[question](*arguments)}
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    except ValueError:  # a NUL in the path
        return {"errno": errno.EINVAL}


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(0)


def main() -> None:
    _die_with(int(sys.argv[1]))
    os.chdir("/")  # nobody's directory is kept busy
    _say({"ready": True})
    for line in sys.stdin.buffer:
        for question in json.loads(line):
            _say(_answer(*question))


def _say(words: dict[str, Any]) -> None:
    try:
        sys.stdout.buffer.write(json.dumps(words).encode() + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()

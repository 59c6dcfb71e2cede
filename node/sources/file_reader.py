"""Small files, directories and users, asked of a child that may be lost.

A file may be a link into a file system that does not answer, and a user may stand in a directory service that does not:
whatever keeps silent is stated as `stuck`, and everything else is answered all the same. Nobody asks again for what a
child still hangs in.
"""

import asyncio
import errno
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from node.sources.child import Child

MOST_BYTES = 16 * 1024 * 1024
"""Of one file; the rest of a longer one is left unread."""

_SCRIPT = Path(__file__).with_name("file_reader_child.py")
_READY_SEC = 10.0
_SILENT_BEFORE_SEC = 0.25
_MOST_SILENCES = 4
"""In one call; what stands behind them is not asked for."""
_BATCH_BYTES = 32 * 1024
"""A child with nothing to answer has read all of its pipe, and a pipe holds 64 KiB."""
_END_SEC = 0.5

Question = tuple[Any, ...]
"""The question's name, what it is about, and more that it needs."""


@dataclass(frozen=True, slots=True)
class Status:
    """What stat(2) says, times in nanoseconds since 1970."""

    mode: int
    uid: int
    gid: int
    links: int
    size: int
    modified_ns: int
    changed_ns: int
    device: int
    inode: int

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one question: there is none when `errno` says why, or when it is `stuck`."""

    errno: int = 0
    stuck: bool = False

    @property
    def is_missing(self) -> bool:
        return self.errno in (errno.ENOENT, errno.ENOTDIR)

    @property
    def is_denied(self) -> bool:
        return self.errno in (errno.EACCES, errno.EPERM)

    @property
    def reason(self) -> str | None:
        """Why there is no answer, in words."""
        if self.stuck:
            return "it does not answer; is it on a file system or in a directory service that hangs?"
        return os.strerror(self.errno).lower() if self.errno else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Answer):
    """A path: `link` is what lies there itself, `status` what it leads to. `data` only of a regular file that is not
    as it was known."""

    link: Status | None = None
    status: Status | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names(Answer):
    """What lies in a directory, in the order of their bytes."""

    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Answer):
    """A user's own ids; None when there is no such user."""

    uid: int | None = None
    gid: int | None = None


class FileReader:
    """Asks; one call at a time. It belongs to the event loop it is used in."""

    def __init__(self, *, patience_sec: float = 5.0) -> None:
        """`patience_sec` is how long one answer may take."""
        self._patience_sec = patience_sec
        self._child: _ReaderChild | None = None
        self._lost: dict[tuple[str, str], _ReaderChild] = {}

    @property
    def pids(self) -> list[int]:
        """The children that are there, stuck ones included."""
        children = [*self._lost.values(), *([self._child] if self._child is not None else [])]
        return sorted(child.pid for child in children if not child.ended)

    async def read(self, known: Mapping[str, Status | None]) -> dict[str, Seen]:
        """Each path with its data, or without where it is as it was known. Raises OSError: there is no child."""
        questions = [("read", path, _raw(status), MOST_BYTES) for path, status in known.items()]
        return {path: _seen(said) for path, said in zip(known, await self._ask(questions), strict=True)}

    async def reread(self, paths: Iterable[str], known: Mapping[str, Seen]) -> dict[str, Seen]:
        """Each path with its data; one that is as it was `known` is not read again. Raises OSError: no child."""
        wanted = {path: known[path].status if path in known else None for path in paths}
        seen = await self.read(wanted)
        for path, one in seen.items():
            if one.data is None and one.reason is None and path in known and one.status == known[path].status:
                seen[path] = replace(one, data=known[path].data)
        return seen

    async def statuses(self, paths: Iterable[str]) -> dict[str, Seen]:
        """What each path leads to; never its data. Raises OSError: there is no child."""
        wanted = list(dict.fromkeys(paths))
        said = await self._ask([("status", path) for path in wanted])
        return {
            path: Seen(**_failure(words), status=_status(words.get("answer")))
            for path, words in zip(wanted, said, strict=True)
        }

    async def names(self, paths: Iterable[str]) -> dict[str, Names]:
        """What lies in each directory. Raises OSError: there is no child."""
        wanted = list(dict.fromkeys(paths))
        said = await self._ask([("names", path) for path in wanted])
        return {
            path: Names(**_failure(words), names=words.get("answer", ()))
            for path, words in zip(wanted, said, strict=True)
        }

    async def users(self, names: Iterable[str]) -> dict[str, User]:
        """The ids of each user. Raises OSError: there is no child."""
        wanted = list(dict.fromkeys(names))
        said = await self._ask([("user", name) for name in wanted])
        return {
            name: User(**_failure(words), **dict(zip(("uid", "gid"), words.get("answer") or (), strict=False)))
            for name, words in zip(wanted, said, strict=True)
        }

    async def rest(self) -> None:
        """Send the child away until somebody asks again."""
        child, self._child = self._child, None
        if child is not None:
            child.abandon()
            await child.wait_ended(_END_SEC)

    async def close(self) -> None:
        """End the children; one that cannot be ended is left to the kernel."""
        await self.rest()
        for child in self._lost.values():
            await child.wait_ended(_END_SEC)

    async def _ask(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """What was said to each; `{"stuck": True}` where nothing was."""
        answers: dict[Question, dict[str, Any]] = {}
        waiting = [question for question in questions if not self._hangs(question)]
        silences = 0
        while waiting and silences < _MOST_SILENCES:
            batch = next(_batches(waiting))
            child = await self._free_child()
            said = await self._put(child, batch)
            answers.update(zip(batch, said, strict=False))
            waiting = waiting[len(said) :]
            if len(said) < len(batch):
                self._lose(waiting.pop(0), child)
                silences += 1
        return [answers.get(question, {"stuck": True}) for question in questions]

    def _hangs(self, question: Question) -> bool:
        child = self._lost.get(question[:2])
        return child is not None and not child.ended

    def _lose(self, question: Question, child: "_ReaderChild") -> None:
        child.abandon()
        self._lost[question[:2]], self._child = child, None

    async def _put(self, child: "_ReaderChild", batch: Sequence[Question]) -> Sequence[dict[str, Any]]:
        """What was said to the questions, as far as the child came in its time. Raises OSError when it has ended."""
        child.ask(batch)
        while not child.is_done:
            question = batch[len(child.said)]
            was_silent = self._lost.pop(question[:2], None) is not None
            if not await child.wait_said(_SILENT_BEFORE_SEC if was_silent else self._patience_sec):
                break
        return child.said

    async def _free_child(self) -> "_ReaderChild":
        """Raises OSError: there is no child."""
        if self._child is not None and not (self._child.listens and self._child.is_done):  # a call was given up
            self._child.abandon()
            self._child = None
        if self._child is None:
            self._child = _ReaderChild()
            await self._child.wait_ready(_READY_SEC)
        return self._child


class _ReaderChild(Child):
    """A running file_reader_child.py."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(os.getpid())])
        self.said: list[dict[str, Any]] = []
        self._expected = 0
        self._heard = bytearray()
        self._news = asyncio.Event()

    @property
    def is_done(self) -> bool:
        return len(self.said) >= self._expected

    def ask(self, batch: Sequence[Question]) -> None:
        """Raises OSError when it has ended."""
        self.said, self._expected = [], len(batch)
        if not self.listens:
            raise BrokenPipeError(errno.EPIPE, "the process that reads files has ended")
        os.write(self._requests, json.dumps(batch).encode() + b"\n")

    async def wait_said(self, within_sec: float) -> bool:
        """Whether it says something within the time."""
        self._news.clear()
        return self.listens and await _within(self._news, within_sec) and self.listens

    def hear(self, chunk: bytes) -> None:
        self._heard += chunk
        *lines, rest = self._heard.split(b"\n")
        self._heard = rest
        for line in lines:
            words = json.loads(line)
            if "ready" in words:
                self._ready.set_result(None)
            else:
                self.said.append(words)
        self._news.set()

    def fell_silent(self) -> None:
        self._news.set()


async def _within(event: asyncio.Event, sec: float) -> bool:
    try:
        async with asyncio.timeout(sec):
            return await event.wait()
    except TimeoutError:
        return False


def _batches(questions: Sequence[Question]) -> Iterator[list[Question]]:
    batch: list[Question] = []
    size = 0
    for question in questions:
        size += len(json.dumps(question)) + 2
        if batch and size > _BATCH_BYTES:
            yield batch
            batch, size = [], len(json.dumps(question)) + 2
        batch.append(question)
    if batch:
        yield batch


def _raw(status: Status | None) -> tuple[int, ...] | None:
    return tuple(getattr(status, field.name) for field in fields(Status)) if status is not None else None


def _status(said: Sequence[int] | None) -> Status | None:
    return Status(*said) if said is not None else None


def _failure(words: Mapping[str, Any]) -> dict[str, Any]:
    return {key: words[key] for key in ("errno", "stuck") if key in words}


def _seen(words: Mapping[str, Any]) -> Seen:
    said = words.get("answer", {})
    data = said.get("data")
    return Seen(
        errno=words.get("errno", said.get("errno", 0)),
        stuck=words.get("stuck", False),
        link=_status(said.get("link")),
        status=_status(said.get("status")),
        data=data.encode("latin-1") if data is not None else None,
    )

"""What changed below a directory lately, asked of a child that may be lost.

One child at most is there: while one hangs in a file system that does not answer, nobody is sent after it.
"""

import asyncio
from collections.abc import Collection
from typing import Literal

import msgspec

from node.sources.child import Answer, ProbeChild

MOST_CHANGES = 20_000
_READY_SEC = 10.0
_GRACE_SEC = 2.0
_END_SEC = 0.5


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: path below the root, bytes and modification time (seconds since 1970) of each file, and the
    directories in which something came or went: "" is the root, the paths of others end in a slash.

    `end` is `cut` when there is more than MOST_CHANGES, `timeout` when the time did not suffice, `stuck` when a call
    did not return, `unreadable` (`errno`) when the root itself cannot be read. So many files and directories as
    `skipped` could not be looked at; `first_skipped` is one of them and why. `is_empty`: nothing at all lies in the
    root.
    """

    end: Literal["done", "cut", "timeout", "stuck", "unreadable"]
    files: list[tuple[str, int, float]] = []
    dirs: list[str] = []
    skipped: int = 0
    first_skipped: tuple[str, str] | None = None
    is_empty: bool = False
    errno: int = 0

    @property
    def is_whole(self) -> bool:
        """What is not among the files did not change, or is not there."""
        return self.end == "done" and not self.skipped


class ChangeFinder:
    """Looks through one tree at a time. It belongs to the event loop it is used in."""

    def __init__(self, *, within_sec: float) -> None:
        self._within_sec = within_sec
        self._child: ProbeChild | None = None

    @property
    def pid(self) -> int | None:
        """The child that is there, also when it hangs."""
        return self._child.pid if self._child is not None and not self._child.ended else None

    async def find(self, root: str, since: float, closed: Collection[str] = ()) -> Changes:
        """The files that changed since; directories in `closed` are not entered. Raises OSError: there is no child."""
        if self.pid is not None:
            return Changes(end="stuck")
        child = self._child = ProbeChild()
        try:
            await child.wait_ready(_READY_SEC)
            question = {"root": root, "since": since, "closed": sorted(closed), "most": MOST_CHANGES}
            answer = child.ask("changed", {**question, "within_sec": self._within_sec})
            await asyncio.wait([answer], timeout=self._within_sec + _GRACE_SEC)
            return _changes(answer)
        finally:
            child.abandon()
            await child.wait_ended(_END_SEC)

    async def close(self) -> None:
        """End the child, if there is one; one that cannot be ended is left to the kernel."""
        if self._child is not None:
            self._child.abandon()
            await self._child.wait_ended(_END_SEC)


def _changes(answer: "asyncio.Future[Answer | None]") -> Changes:
    """Raises OSError when the child ended without an answer."""
    if not answer.done():
        return Changes(end="stuck")
    said = answer.result()
    if said is None:
        raise OSError("the process that looks for changed files ended without an answer; is the host short of memory?")
    if said.errno:
        return Changes(end="unreadable", errno=said.errno)
    return msgspec.convert(said.value, Changes)

"""The process that counts what lies below a directory. walk.py starts it, gives it an order, and may lose it.

The order comes on descriptor 3, the answers go to standard output, each with four bytes of length before it. Both ways
carry marshal: the two ends are one program in one interpreter, and importing json would take as long as counting
thirty thousand files.
"""

import gc
import marshal
import os
import sys
import time
from _thread import allocate_lock, start_new_thread

from node.sources.walk_tree import Listing, Tally, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ORDER_FD = 3


class Stack:
    """The directories that wait, the deepest on top, for one worker: each a path and its depth below the root."""

    def __init__(self, root: str) -> None:
        self.items: list[tuple[str, int] | Listing] = [(root, 0)]

    def push(self, items: "Sequence[tuple[str, int] | Listing]") -> None:
        self.items.extend(items)

    def pop(self) -> tuple[str, int] | Listing | None:
        """The next one; None when there will be no more."""
        return self.items.pop() if self.items else None


class SharedStack(Stack):
    """The same for several workers: who finds nothing waits until no other has anything to add."""

    def __init__(self, root: str, workers: int) -> None:
        from threading import Condition

        super().__init__(root)
        self._changed = Condition()
        self._busy = workers

    def push(self, items: "Sequence[tuple[str, int] | Listing]") -> None:
        with self._changed:
            self.items.extend(items)
            self._changed.notify(len(items))

    def pop(self) -> tuple[str, int] | Listing | None:
        with self._changed:
            self._busy -= 1
            while not self.items:
                if not self._busy:
                    self._changed.notify_all()
                    return None
                self._changed.wait()
            self._busy += 1
            return self.items.pop()


class Walk:
    """One walk by a number of workers, of which the main thread is one.

    How it ended is told by the first of: all is counted (`done`), the root cannot be read (`unreadable`), more files
    than allowed (`limit`), the time is over (`timeout`), or one call alone took half of that time (`stuck`).

    Where calls may hang, a thread of its own watches the time. Elsewhere the only worker looks at the clock itself,
    because in a process with a second thread, even an idle one, reading directories takes a tenth longer.
    """

    def __init__(self, order: "dict[str, Any]", started: float) -> None:
        self.timeout_sec: float = order["timeout_sec"]
        self.deadline: float = started + self.timeout_sec
        self.progress_sec: float = order["progress_sec"]
        self.parent: int = order["parent"]
        self.watched: bool = order["may_hang"] or order["workers"] > 1
        self.working: int = order["workers"]
        base = order["root"].rstrip("/")
        self.stack = SharedStack(base, self.working) if self.working > 1 else Stack(base)
        self.tree = Tree(order, self.stack, self.finish)
        self._lock = allocate_lock()
        self._speaking = allocate_lock()

    def run(self) -> None:
        """Never returns: the process ends with the walk."""
        if self.watched:
            start_new_thread(self.watch, ())
        else:
            self.tree.tick, self.tree.next_tick = self.tick, self.next_tick()
        for tally in self.tree.tallies[1:]:
            start_new_thread(self.work, (tally,))
        self.work(self.tree.tallies[0])
        while True:  # until the last of the others is done
            time.sleep(self.timeout_sec)

    def work(self, tally: Tally) -> None:
        """The life of one worker."""
        while (item := self.stack.pop()) is not None:
            self.tree.take(item, tally)
        with self._lock:
            self.working -= 1
            last = not self.working
        if last:
            self.finish("done")

    def watch(self) -> None:
        next_tick = self.next_tick()
        while True:
            time.sleep(max(0.0, next_tick - time.monotonic()))
            next_tick = self.tick()

    def next_tick(self) -> float:
        return min(time.monotonic() + self.progress_sec, self.deadline)

    def tick(self) -> float:
        """Tell the progress, or end the walk at its deadline; when to come again, as a time.monotonic()."""
        if os.getppid() != self.parent:
            os._exit(1)  # nobody is left to tell
        if time.monotonic() >= self.deadline:
            self.finish("stuck" if self.longest()[0] >= self.timeout_sec / 2 else "timeout")
        with self._speaking:
            send({"type": "progress", **self.totals()})
        return self.next_tick()

    def finish(self, end: str) -> None:
        """Tell the result and end the process. The first call wins."""
        self._speaking.acquire()
        send(self.result(end))
        # Without the interpreter's farewell, which would wait for what hangs.
        os._exit(0)

    def longest(self) -> tuple[float, str]:
        """How long the oldest open call has been without an answer, and in which directory."""
        now = time.monotonic()
        asking = [(tally.since, tally.reading) for tally in self.tree.tallies]
        return max([(now - since, reading) for since, reading in asking if reading is not None], default=(0.0, ""))

    def totals(self) -> dict[str, object]:
        tallies = self.tree.tallies
        return {name: sum([getattr(t, name) for t in tallies]) for name in ("files", "dirs", "skipped", "arriving")}

    def result(self, end: str) -> dict[str, object]:
        """The last message. Other workers may go on counting meanwhile; nothing here minds."""
        tree, tallies = self.tree, self.tree.tallies
        blocked_sec, blocked_on = self.longest()
        return {
            "type": "result",
            "end": end,
            **self.totals(),
            "errno": tree.errno,
            "first_skipped": next((t.first_skipped for t in tallies if t.first_skipped), None),
            "blocked_on": tree.relative(blocked_on),
            "blocked_sec": blocked_sec,
            "total_bytes": sum(t.bytes for t in tallies) if tree.sizes else None,
            "oldest": min((t.oldest for t in tallies if t.oldest is not None), default=None),
            "newest": max((t.newest for t in tallies if t.newest is not None), default=None),
            "top_files": sorted([item for t in tallies for item in t.top_files], reverse=True)[: tree.top_n],
            "top_dirs": sorted([item for t in tallies for item in t.top_dirs], reverse=True)[: tree.top_n],
            "recent": marshal.dumps(tree.recent) if tree.sizes else b"",
        }


def send(message: dict[str, object]) -> None:
    payload = marshal.dumps(message)
    sys.stdout.buffer.write(len(payload).to_bytes(4, "big") + payload)
    sys.stdout.buffer.flush()


def _worker_died(what: "sys.UnraisableHookArgs") -> None:
    sys.__unraisablehook__(what)
    os._exit(1)


def main() -> None:
    started = time.monotonic()
    gc.disable()
    sys.unraisablehook = _worker_died
    with os.fdopen(ORDER_FD, "rb") as file:
        order = marshal.load(file)  # noqa: S302 - from walk.py, which started this process
    os.nice(order["nice"])
    os.chdir("/")  # nobody's directory is kept busy
    Walk(order, started).run()

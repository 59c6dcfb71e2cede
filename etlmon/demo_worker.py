"""The demo's worker processes: they use a little of the processor, as loaders between two files do.

`python etlmon/demo_worker.py etl_worker --spool DIRECTORY --queue sales` works until its standard input closes. The
arguments are there to be seen: a watch finds it by them, and what looks like a secret in them is hidden on the way to
the screen.
"""

import random
import select
import subprocess
import sys
import time
from pathlib import Path

QUEUES = ("sales", "stock", "clicks")
ROUND_SEC = 0.5
LARGEST_SHARE = 0.08
AWAY_SEC = 6.0


class Workers:
    """A worker for each queue; one that has ended is started again a while later, as its supervisor would."""

    def __init__(self, root: Path, *, away_sec: float = AWAY_SEC) -> None:
        self._root = root
        self._away_sec = away_sec
        self._running = {queue: _start(root, queue) for queue in QUEUES}
        self._ended: dict[str, float] = {}

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._running.values()]

    def step(self) -> None:
        now = time.monotonic()
        for queue, worker in self._running.items():
            if worker.poll() is None:
                continue
            if now - self._ended.setdefault(queue, now) >= self._away_sec:
                del self._ended[queue]
                _let_go(worker)
                self._running[queue] = _start(self._root, queue)

    def close(self) -> None:
        for worker in self._running.values():
            _let_go(worker)


def _let_go(worker: "subprocess.Popen[bytes]") -> None:
    if worker.stdin is not None:
        worker.stdin.close()
    worker.wait()


def _start(root: Path, queue: str) -> "subprocess.Popen[bytes]":
    # Without the site packages a worker is small.
    options = ["etl_worker", "--spool", str(root), "--queue", queue, "--password", "not-for-the-screen"]
    return subprocess.Popen([sys.executable, "-I", "-S", str(Path(__file__)), *options], stdin=subprocess.PIPE)


def main() -> None:
    chance = random.Random()  # noqa: S311 - it only has to look alive
    busy = 0.0
    while not select.select([sys.stdin], [], [], ROUND_SEC - busy)[0]:
        busy = ROUND_SEC * chance.uniform(0, LARGEST_SHARE)
        end = time.perf_counter() + busy
        while time.perf_counter() < end:
            pass


if __name__ == "__main__":
    main()

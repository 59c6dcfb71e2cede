"""A node that is killed again and again while a log grows and rotates (`make torture`).

`python -m tests.torture.kills [ROUNDS]` prints a verdict; the exit status is 0 when every line is stored exactly once
and in its order.
"""

import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.node.processes import node, wait_until
from tests.torture.following import KEEP_ALL, WriterUnderTest, caught_up, gaps, rename_chain, state, writer
from tests.torture.verdict import SHOWN, Verdict, in_store, judge, over_api
from tests.torture.writer import line

LINES_PER_SEC = 5000
ROUNDS = 200
LONGEST_LIFE_SEC = 1.6
LONGEST_PAUSE_SEC = 0.3
LONGEST_DELAY_SEC = 0.05


@dataclass(frozen=True, slots=True)
class Course:
    """What happened to the node, and what it has to show for it."""

    rounds: int
    kills: int
    rotations_up: int
    rotations_down: int
    gaps: list[str]
    stored: Verdict
    told: Verdict
    seconds: float

    @property
    def perfect(self) -> bool:
        return self.stored.perfect and self.told.perfect and not self.gaps

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.rotations_up} rotations while the node ran and "
            f"{self.rotations_down} while it was down, {self.seconds:.0f} s\n"
            f"store: {self.stored}\nAPI:   {self.told}\ngaps:  {len(self.gaps)} {self.gaps[:SHOWN]}\n"
            f"{'every line exactly once and in order' if self.perfect else 'FAILED'}"
        )


def torture(directory: Path, rounds: int, chance: random.Random) -> Course:
    """Kill the node at a random moment in each round; a rotation comes before that, or while it is down."""
    log = directory / "app.log"
    config = f"node: {{listen: '127.0.0.1:0'}}\nlogs: [{{name: app, path: '{log}', start: beginning}}]\n{KEEP_ALL}"
    began, up = time.monotonic(), 0
    with writer(log, LINES_PER_SEC) as writes:
        with node(directory, config) as started:
            # A file that was rotated away before the node ever saw the log is none of its business.
            wait_until(lambda: state(started, "app").get("lines_total", 0) > 0)
            started.signal(signal.SIGKILL)
        for number in range(rounds):
            while_up = number % 2 == 0
            up += while_up
            with node(directory, config) as started:
                life_sec = chance.uniform(0, LONGEST_LIFE_SEC)
                rotate_after_sec = chance.uniform(0, life_sec)
                time.sleep(rotate_after_sec)
                if while_up:
                    _rotate(writes, chance)
                time.sleep(life_sec - rotate_after_sec)
                started.signal(signal.SIGKILL)
            if not while_up:
                _rotate(writes, chance)
            time.sleep(chance.uniform(0, LONGEST_PAUSE_SEC))
        written = writes.end()
        with node(directory, config) as started:
            caught_up(started, "app", line(written - 1), within_sec=60)
            told = judge(written, over_api(started.address, "app"))
            found = [f"{gap['reason']} at {gap['seq']}: {gap['message']}" for gap in gaps(started, "app")]
    stored = judge(written, in_store(directory / "etlmon.db", "app"))
    return Course(rounds, rounds + 1, up, rounds - up, found, stored, told, time.monotonic() - began)


def _rotate(writes: WriterUnderTest, chance: random.Random) -> None:
    """As logrotate does, but that nothing is deleted; the writer goes on in the old file until it is told."""
    rename_chain(writes.path)
    time.sleep(chance.uniform(0, LONGEST_DELAY_SEC))
    writes.hang_up()


def main(rounds: int) -> int:
    seed = random.randrange(2**32)
    with tempfile.TemporaryDirectory(prefix="etlmon-torture-") as directory:
        course = torture(Path(directory), rounds, random.Random(seed))
    sys.stdout.write(f"{course}\n(random seed {seed})\n")
    return 0 if course.perfect else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))

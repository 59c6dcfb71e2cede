"""A small ETL to look at: files arrive under a temporary name, become ready, are loaded, archived or rejected.

`python -m etlmon.demo_etl DIRECTORY` works below DIRECTORY until its standard input closes, so that it never outlives
whoever started it. It keeps at most a few hundred small files, and logs of what it does in DIRECTORY/log.
"""

import random
import select
import sys
from collections.abc import Iterator
from pathlib import Path

from etlmon.demo_logs import FEEDS, DemoLogs, write_past
from etlmon.demo_worker import Workers

FOLDERS = ("landing", "staging", "archive", "rejected")
TICK_SEC = 0.25
ARRIVAL_CHANCE = 0.6
REJECT_CHANCE = 0.04
ARCHIVE_LIMIT = 400


def prepare(root: Path) -> None:
    """Make the folders, with an archive that already holds some days of files."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for day in range(1, 6):
        directory = root / "archive" / f"day-{day:02}"
        directory.mkdir(exist_ok=True)
        for number in range(40):
            (directory / f"{FEEDS[number % len(FEEDS)]}_{number:04}.csv").write_bytes(b"0" * (512 * day))


class Etl:
    """Moves a few files a step, as a landing zone on a quiet morning does."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root = root
        self.chance = chance
        self.logs = DemoLogs(root / "log", chance)
        self.serial = 0

    def step(self) -> None:
        self._finish_arrivals()
        if self.chance.random() < ARRIVAL_CHANCE:
            self._arrive()
        self._load()
        self._prune()
        self.logs.idle()

    def _arrive(self) -> None:
        self.serial += 1
        name = f"{self.chance.choice(FEEDS)}_{self.serial:06}.csv.part"
        (self.root / "landing" / name).write_bytes(b"1" * self.chance.randrange(1_000, 60_000))

    def _finish_arrivals(self) -> None:
        for part in self._some("landing", "*.part", share=0.25):
            ready = part.rename(part.with_suffix(""))
            self.logs.uploaded(ready.name, ready.stat().st_size)

    def _load(self) -> None:
        for ready in self._some("landing", "*.csv", share=0.2):
            if self.chance.random() < REJECT_CHANCE:
                ready.rename(self.root / "rejected" / ready.name)
                self.logs.rejected(ready.name)
            else:
                self.logs.loading(ready.name)
                ready.rename(self.root / "staging" / ready.name)
        today = self.root / "archive" / "today"
        today.mkdir(exist_ok=True)
        for staged in self._some("staging", "*.csv", share=0.3):
            staged.rename(today / staged.name)
            self.logs.archived(staged.name)

    def _prune(self) -> None:
        for folder in ("archive/today", "rejected"):
            files = sorted((self.root / folder).glob("*.csv"))
            for old in files[: max(0, len(files) - ARCHIVE_LIMIT)]:
                old.unlink()

    def _some(self, folder: str, pattern: str, share: float) -> Iterator[Path]:
        for file in list((self.root / folder).glob(pattern)):
            if self.chance.random() < share:
                yield file


def main(root: Path) -> None:
    prepare(root)
    chance = random.Random()  # noqa: S311 - it only has to look alive
    write_past(root / "log", chance)
    etl, workers = Etl(root, chance), Workers(root)
    while not select.select([sys.stdin], [], [], TICK_SEC)[0]:
        etl.step()
        workers.step()
    workers.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

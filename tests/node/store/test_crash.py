"""A node that is killed at any moment leaves whole transactions, and everything it was told is stored."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.node.store.opened import fetch, opened

WRITER = """
import asyncio, sys
from pathlib import Path
from node.store.database import Database

async def both(db, number):
    await db.execute("INSERT INTO meta VALUES (?, '')", (f"left {number}",))
    await db.execute("INSERT INTO meta VALUES (?, hex(randomblob(2000)))", (f"right {number}",))

async def one(database, number):
    await database.write(lambda db: both(db, number))
    print(number, flush=True)

async def write_on():
    database = await Database.open(Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        await asyncio.gather(*(one(database, number + each) for each in range(7)))
        number += 7

asyncio.run(write_on())
"""
ROUNDS = 8


def kill_at_random(path: Path, first: int, chance: random.Random) -> list[int]:
    """Let it write for a while, then kill -9; returns the numbers of which it said that they are stored."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path, str(first)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(chance.randrange(1, 60))]
        writer.send_signal(signal.SIGKILL)
        return told + [int(line) for line in writer.stdout if line.endswith("\n")]


def test_kill_9_while_writing_leaves_whole_transactions_and_all_that_was_told(tmp_path: Path) -> None:
    path, chance = tmp_path / "etlmon.db", random.Random(7)
    told: set[int] = set()
    for round_ in range(ROUNDS):
        told.update(kill_at_random(path, round_ * 100_000, chance))

    async def scenario() -> None:
        async with opened(path) as database:
            assert await database.read(fetch, "PRAGMA integrity_check") == [("ok",)]
            rows = await database.read(fetch, "SELECT key FROM meta WHERE key GLOB '*t [0-9]*'")
            left = {int(key.split()[1]) for (key,) in rows if key.startswith("left")}
            right = {int(key.split()[1]) for (key,) in rows if key.startswith("right")}
            assert left == right
            assert told <= left
            assert len(told) >= ROUNDS

    asyncio.run(scenario())


def test_kill_9_while_the_database_is_being_made_leaves_one_that_opens(tmp_path: Path) -> None:
    chance = random.Random(7)
    for attempt in range(12):
        path = tmp_path / f"{attempt}.db"
        with subprocess.Popen([sys.executable, "-c", WRITER, path, "0"], stdout=subprocess.DEVNULL) as maker:
            while not path.exists():
                assert maker.poll() is None
            try:
                maker.wait(chance.uniform(0, 0.03))
            except subprocess.TimeoutExpired:
                maker.kill()

        async def scenario(path: Path = path) -> None:
            async with opened(path) as database:
                assert await database.read(fetch, "PRAGMA integrity_check") == [("ok",)]

        asyncio.run(scenario())

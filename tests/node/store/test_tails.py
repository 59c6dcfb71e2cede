"""Where tails are and what may be missing, as the store keeps it."""

import asyncio
from pathlib import Path

from etlmon.contract.endpoint import RowPage
from node.sources.tail_types import Lost
from node.store import tails
from tests.node.store.log_batches import place
from tests.node.store.opened import START, after, fetch, opened


def lost(number: int, lost_bytes: int | None = None) -> Lost:
    return Lost(
        path="/var/log/app.log",
        inode=7,
        offset=number,
        lost_bytes=lost_bytes,
        reason="truncated",
        message=f"gap {number}",
    )


def test_places_come_back_as_they_were_saved_and_replace_those_before(tmp_path: Path) -> None:
    first = [place(1, 10), place(2, 20, rotated=True, ended=True, skipping=True, seen_at=1.5, path="/x\udcff")]
    second = [place(2, 25), place(3, 2**62)]

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: tails.save_places(db, "logs:app", first))
            await database.write(lambda db: tails.save_places(db, "xferlog", [place(1, 5)]))
            found = await database.read(tails.places, "logs:app")
            assert found == [
                first[0],
                place(2, 20, rotated=True, ended=True, skipping=True, seen_at=1.5, path="/x\\xff"),
            ]
            await database.write(lambda db: tails.save_places(db, "logs:app", second))
            assert await database.read(tails.places, "logs:app") == second
            assert await database.read(tails.places, "xferlog") == [place(1, 5)]
            await database.write(lambda db: tails.save_places(db, "logs:app", []))
            assert await database.read(tails.places, "logs:app") == []

    asyncio.run(main())


def test_a_place_that_was_only_seen_again_is_not_written_each_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: tails.save_places(db, "logs:app", [place(seen_at=1000.0)]))
            generation = database.generation
            await database.write(lambda db: tails.save_places(db, "logs:app", [place(seen_at=1010.0)]))
            assert database.generation == generation
            await database.write(lambda db: tails.save_places(db, "logs:app", [place(seen_at=1040.0)]))
            assert [one.seen_at for one in await database.read(tails.places, "logs:app")] == [1040.0]
            await database.write(lambda db: tails.save_places(db, "logs:app", [place(offset=1, seen_at=1041.0)]))
            assert [one.seen_at for one in await database.read(tails.places, "logs:app")] == [1041.0]

    asyncio.run(main())


def test_gaps_are_paged_by_id_and_kept_apart_by_owner(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: tails.add_gaps(db, "logs:app", START, [lost(1), lost(2, 99)], 41))
            await database.write(lambda db: tails.add_gaps(db, "xferlog", START, [lost(3)]))
            await database.write(lambda db: tails.add_gaps(db, "logs:app", after(5), [lost(4)], 50))
            found = await database.read(tails.gaps, "logs:app", RowPage())
            assert [(gap.offset, gap.seq, gap.lost_bytes) for gap in found] == [
                (4, 50, None),
                (2, 41, 99),
                (1, 41, None),
            ]
            assert (found[0].at, found[0].reason, found[0].message, found[0].inode) == (
                after(5),
                "truncated",
                "gap 4",
                7,
            )
            older = await database.read(tails.gaps, "logs:app", RowPage(before=found[0].id, limit=1))
            assert older == [found[1]]
            newer = await database.read(tails.gaps, "logs:app", RowPage(after=found[2].id, limit=1))
            assert newer == [found[1]]
            assert [gap.seq for gap in await database.read(tails.gaps, "xferlog", RowPage())] == [0]

    asyncio.run(main())


def test_a_tail_that_is_forgotten_leaves_nothing_and_the_others_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for owner in ("logs:app", "xferlog"):
                await database.write(lambda db, owner=owner: tails.save_places(db, owner, [place()]))  # type: ignore[misc]
                await database.write(lambda db, owner=owner: tails.add_gaps(db, owner, START, [lost(1)]))  # type: ignore[misc]
            await database.write(lambda db: tails.forget(db, "logs:app"))
            for table in ("tail_places", "tail_gaps"):
                owners = f"SELECT owner FROM {table}"  # noqa: S608
                assert await database.read(fetch, owners) == [("xferlog",)]

    asyncio.run(main())

"""Look-ups in the host itself: shared, and few at a time."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.errors import NotFound
from etlmon.contract.fs import FS_HOLDERS, FsHoldersQuery, Holder
from node.api.lookups import AT_A_TIME, Lookups
from node.sources.mounts import mount_of, read_mounts
from tests.serving import serving


def test_who_asks_the_same_meanwhile_shares_the_look_up_and_later_ones_look_again() -> None:
    async def main() -> None:
        lookups, looked, go_on = Lookups(), 0, asyncio.Event()

        async def look() -> int:
            nonlocal looked
            looked += 1
            await go_on.wait()
            return looked

        asking = [asyncio.create_task(lookups.share("/", look)) for _ in range(10)]
        await asyncio.sleep(0)
        asking[0].cancel()
        go_on.set()
        assert await asyncio.gather(*asking[1:]) == [1] * 9
        assert await lookups.share("/", look) == 2

    asyncio.run(main())


def test_a_failure_reaches_all_who_asked_and_is_not_kept() -> None:
    async def main() -> None:
        lookups = Lookups()

        async def fail() -> None:
            raise NotFound("no such mount")

        results = await asyncio.gather(*(lookups.share("/x", fail) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [NotFound] * 3

        async def work() -> str:
            return "there"

        assert await lookups.share("/x", work) == "there"

    asyncio.run(main())


def test_only_few_go_on_at_a_time() -> None:
    async def main() -> None:
        lookups, running, most = Lookups(), 0, 0

        async def look() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        await asyncio.gather(*(lookups.share(str(number), look) for number in range(20)))
        assert most == AT_A_TIME

    asyncio.run(main())


def test_who_keeps_a_deleted_file_open_is_found_through_the_api(tmp_path: Path) -> None:
    entry = mount_of(str(tmp_path), read_mounts())
    assert entry is not None

    async def main() -> list[list[Holder]]:
        async with serving(tmp_path) as node, NodeClient(node.url, timeout=60) as client:
            question = FsHoldersQuery(mount=entry.mount_point)
            answers = await asyncio.gather(*(client.ask(FS_HOLDERS, query=question) for _ in range(8)))
            with pytest.raises(NodeRefused, match="nothing is mounted at '/nowhere'"):
                await client.ask(FS_HOLDERS, query=FsHoldersQuery(mount="/nowhere"))
            return [answer.unwrap() for answer in answers]

    with tempfile.TemporaryFile(dir=tmp_path) as deleted:
        deleted.write(b"x" * 1_000_000)
        deleted.flush()
        for holders in asyncio.run(main()):
            assert any(holder.deleted_bytes >= 1_000_000 for holder in holders)

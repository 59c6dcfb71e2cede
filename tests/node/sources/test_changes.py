import asyncio
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.sources import changes as module
from node.sources.changes import ChangeFinder, Changes
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until


def find(root: Path, since: float = 0.0, closed: tuple[str, ...] = ()) -> Changes:
    async def main() -> Changes:
        finder = ChangeFinder(within_sec=10)
        try:
            return await finder.find(str(root), since, closed)
        finally:
            await finder.close()
            assert finder.pid is None

    return asyncio.run(main())


def paths(changes: Changes) -> list[str]:
    return sorted(path for path, _, _ in changes.files)


def put(file: Path, content: str = "x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_every_file_comes_with_its_size_and_time(tmp_path: Path) -> None:
    file = put(tmp_path / "in dir/정산.csv", "12345")
    os.utime(file, (1, 1_700_000_000.5))
    put(tmp_path / "b")
    found = find(tmp_path)
    assert ("in dir/정산.csv", 5, 1_700_000_000.5) in found.files
    assert paths(found) == ["b", "in dir/정산.csv"]
    assert sorted(found.dirs) == ["", "in dir/"]
    assert found.is_whole
    assert not found.is_empty


def test_names_that_are_no_utf8_come_as_they_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    put(tmp_path / name)
    assert paths(find(tmp_path)) == [name]


def test_only_what_changed_since_is_given_and_nobody_hides_it_with_an_old_date(tmp_path: Path) -> None:
    put(tmp_path / "old/a")
    later = time.time() + 0.05
    while put(tmp_path / "probe").stat().st_ctime <= later:
        time.sleep(0.005)
    os.utime(put(tmp_path / "new/b"), (1, 1))
    found = find(tmp_path, since=later)
    assert paths(found) == ["new/b", "probe"]
    assert "new/" in found.dirs
    assert "old/" not in found.dirs


def test_a_linked_directory_is_entered_once_and_a_circle_ends(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/a")
    root = tmp_path / "root"
    put(root / "sub/b")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "sub/up").symlink_to(root)
    (root / "broken").symlink_to(root / "nowhere")
    (root / "itself").symlink_to(root / "itself")
    assert paths(find(root)) == ["link/a", "sub/b"]


def test_a_directory_that_is_left_alone_is_said_to_be(tmp_path: Path) -> None:
    put(tmp_path / "auto/a")
    put(tmp_path / "b")
    found = find(tmp_path, closed=(str(tmp_path / "auto"),))
    assert paths(found) == ["b"]
    assert (found.skipped, found.first_skipped) == (1, ("auto/", "it is left to its automounter"))
    assert not found.is_whole


def test_an_empty_root_is_empty_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert find(tmp_path).is_empty
    missing = find(tmp_path / "missing")
    assert (missing.end, missing.errno) == ("unreadable", errno.ENOENT)
    assert find(put(tmp_path / "file")).errno == errno.ENOTDIR


def test_too_much_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 10)
    for number in range(30):
        put(tmp_path / f"{number}")
    found = find(tmp_path)
    assert (found.end, found.is_whole) == ("cut", False)
    assert len(found.files) + len(found.dirs) == 10


def test_what_takes_too_long_ends_with_what_there_is(tmp_path: Path) -> None:
    put(tmp_path / "a")

    async def main() -> Changes:
        return await ChangeFinder(within_sec=0).find(str(tmp_path), 0.0)

    assert asyncio.run(main()).end == "timeout"


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangFs]:
    with hangfs(tmp_path / "mount") as mounted:
        yield mounted


@pytest.mark.peer("fuse")
def test_a_tree_that_hangs_is_stuck_and_nobody_is_sent_after_it(hanging: HangFs) -> None:
    put(hanging.backing / "a")

    async def main() -> None:
        finder = ChangeFinder(within_sec=2.0)
        hanging.hang("readdir")
        assert (await finder.find(str(hanging.mount_point), 0.0)).end == "stuck"
        first = finder.pid
        assert first is not None
        assert (await finder.find(str(hanging.mount_point), 0.0)).end == "stuck"
        assert finder.pid == first
        hanging.release()
        await until(lambda: finder.pid is None)
        assert "a" in paths(await finder.find(str(hanging.mount_point), 0.0))
        await finder.close()

    asyncio.run(main())


def test_a_search_that_is_given_up_leaves_no_child(tmp_path: Path) -> None:
    for number in range(2000):
        put(tmp_path / f"{number}")

    async def main() -> None:
        finder = ChangeFinder(within_sec=10)
        searching = asyncio.create_task(finder.find(str(tmp_path), 0.0))
        await until(lambda: finder.pid is not None)
        searching.cancel()
        await asyncio.wait([searching])
        await until(lambda: finder.pid is None)

    asyncio.run(main())


@pytest.mark.peer("fuse")
def test_what_cannot_be_looked_at_is_not_taken_for_gone(hanging: HangFs) -> None:
    put(hanging.backing / "sub/a")
    hanging.kill_server()
    gone = find(hanging.mount_point)
    assert (gone.end, gone.errno) == ("unreadable", errno.ENOTCONN)
    below = find(hanging.mount_point.parent)
    assert (below.skipped, below.is_whole) == (1, False)
    assert below.first_skipped == (f"{hanging.mount_point.name}/", os.strerror(errno.ENOTCONN))

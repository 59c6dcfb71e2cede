import asyncio
import errno
import os
import pwd
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from node.sources.file_reader import FileReader, Seen, Status, User
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until

T = TypeVar("T")


def with_reader(act: Callable[[FileReader], Awaitable[T]], patience_sec: float = 20.0) -> T:
    async def main() -> T:
        reader = FileReader(patience_sec=patience_sec)
        try:
            return await act(reader)
        finally:
            await reader.close()
            assert reader.pids == []

    return asyncio.run(main())


def read(*paths: Path | str) -> dict[str, Seen]:
    return with_reader(lambda reader: reader.read(dict.fromkeys(map(str, paths))))


def test_a_file_comes_with_its_status_and_every_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 2000
    file = tmp_path / os.fsdecode(b"caf\xe9 \n")
    file.write_bytes(data)
    file.chmod(0o640)
    seen = read(file)[str(file)]
    expected = file.stat()
    assert seen.data == data
    assert seen.status == seen.link
    assert seen.status == Status(
        mode=expected.st_mode,
        uid=expected.st_uid,
        gid=expected.st_gid,
        links=1,
        size=len(data),
        modified_ns=expected.st_mtime_ns,
        changed_ns=expected.st_ctime_ns,
        device=expected.st_dev,
        inode=expected.st_ino,
    )
    assert seen.reason is None


def test_a_file_that_is_as_it_was_known_comes_without_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")

    async def main(reader: FileReader) -> None:
        first = (await reader.read({str(file): None}))[str(file)]
        again = (await reader.read({str(file): first.status}))[str(file)]
        assert (first.data, again.data, again.status) == (b"one", None, first.status)
        file.write_text("two")
        assert (await reader.read({str(file): first.status}))[str(file)].data == b"two"

    with_reader(main)


def test_a_link_is_told_from_what_it_leads_to(tmp_path: Path) -> None:
    file, link, lost = tmp_path / "file", tmp_path / "link", tmp_path / "lost"
    file.write_text("x")
    link.symlink_to(file)
    lost.symlink_to(tmp_path / "nowhere")
    seen = read(link, lost)
    followed, dangling = seen[str(link)], seen[str(lost)]
    assert followed.link is not None
    assert followed.link.is_link
    assert followed.status is not None
    assert followed.status.is_file
    assert followed.data == b"x"
    assert dangling.link is not None
    assert dangling.link.is_link
    assert dangling.is_missing
    assert dangling.reason == "no such file or directory"


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen = read(pipe, tmp_path, "/dev/null")
    assert [one.data for one in seen.values()] == [None, None, None]
    assert [one.errno for one in seen.values()] == [0, 0, 0]
    modes = [one.status.mode for one in seen.values() if one.status is not None]
    assert [stat.S_ISFIFO(modes[0]), stat.S_ISDIR(modes[1]), stat.S_ISCHR(modes[2])] == [True] * 3


def test_what_is_not_there_and_what_cannot_be_a_path_are_errors_of_their_own(tmp_path: Path) -> None:
    seen = read(tmp_path / "no", "with\0nul")
    assert seen[str(tmp_path / "no")].is_missing
    assert seen["with\0nul"].errno == errno.EINVAL


def test_names_of_a_directory_are_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for name in ("b", "B", "a.sh", os.fsdecode(b"\xff"), "é"):
        (tmp_path / name).touch()

    async def main(reader: FileReader) -> None:
        found = await reader.names([str(tmp_path), str(tmp_path / "no"), str(tmp_path / "b")])
        assert list(found[str(tmp_path)].names) == ["B", "a.sh", "b", "é", os.fsdecode(b"\xff")]
        assert found[str(tmp_path / "no")].is_missing
        assert found[str(tmp_path / "b")].is_missing
        assert (await reader.statuses([str(tmp_path / "b")]))[str(tmp_path / "b")].status is not None

    with_reader(main)


def test_users_are_known_or_not() -> None:
    nobody = pwd.getpwnam("nobody")

    async def main(reader: FileReader) -> dict[str, User]:
        return await reader.users(["nobody", "no-such-user", "", "a\0b"])

    found = with_reader(main)
    assert found["nobody"] == User(uid=nobody.pw_uid, gid=nobody.pw_gid)
    assert [found[name].uid for name in ("no-such-user", "", "a\0b")] == [None] * 3


def test_more_questions_than_a_pipe_holds_are_all_answered(tmp_path: Path) -> None:
    paths = [str(tmp_path / ("x" * 200 + str(number))) for number in range(2000)]
    Path(paths[1999]).write_text("last")
    seen = read(*paths)
    assert list(seen) == paths
    assert seen[paths[1999]].data == b"last"
    assert sum(one.is_missing for one in seen.values()) == 1999


@pytest.mark.peer("fuse")
def test_what_hangs_is_stuck_alone_and_nobody_is_sent_after_it(tmp_path: Path) -> None:
    with hangfs(tmp_path / "mount") as hanging:
        (hanging.backing / "dead").write_text("dead")
        (tmp_path / "alive").write_text("alive")
        dead, alive = str(hanging.mount_point / "dead"), str(tmp_path / "alive")

        async def main(reader: FileReader) -> None:
            hanging.hang("getattr")
            for _ in range(3):
                seen = await reader.read({dead: None, alive: None})
                assert seen[dead].stuck
                assert "does not answer" in str(seen[dead].reason)
                assert seen[alive].data == b"alive"
            assert len(reader.pids) == 2
            hanging.release()
            await until(lambda: len(reader.pids) == 1)
            assert (await reader.read({dead: None}))[dead].data == b"dead"

        with_reader(main, patience_sec=3.0)


def test_a_call_that_is_given_up_does_not_answer_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")

    async def main(reader: FileReader) -> None:
        paths = dict.fromkeys(f"{tmp_path}/{number}" for number in range(500))
        call = asyncio.create_task(reader.read(paths))
        await until(lambda: bool(reader.pids))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await reader.read({f"{tmp_path}/a": None}))[f"{tmp_path}/a"].data == b"a"

    with_reader(main)


def test_a_child_that_is_killed_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")

    async def main(reader: FileReader) -> None:
        for _ in range(2):
            assert (await reader.read({f"{tmp_path}/a": None}))[f"{tmp_path}/a"].data == b"a"
            os.kill(reader.pids[0], 9)
            await until(lambda: not reader.pids)

    with_reader(main)


def test_a_reader_at_rest_has_no_process(tmp_path: Path) -> None:
    async def main(reader: FileReader) -> None:
        await reader.names([str(tmp_path)])
        assert len(reader.pids) == 1
        await reader.rest()
        assert reader.pids == []
        assert not (await reader.names([str(tmp_path)]))[str(tmp_path)].errno

    started = time.monotonic()
    with_reader(main)
    assert time.monotonic() - started < 30

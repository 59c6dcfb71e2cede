import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from node.store.database import Database, StoreError
from node.store.place import APPLICATION_ID
from tests.node.store.opened import START, fetch, opened
from tests.peers import bind, program, run, tmpfs, unmount

HOLDER = """
import asyncio, sys
from pathlib import Path
from node.store.database import Database
async def hold():
    database = await Database.open(Path(sys.argv[1]))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await database.close()
asyncio.run(hold())
"""

SILENT_REMOTE = """
import sys, time
import mfusepy
class Silent(mfusepy.Operations):
    def init(self, path):
        print("mounted", flush=True)
    def getattr(self, path, fh=None):
        time.sleep(3600)
mfusepy.FUSE(Silent(), sys.argv[1], foreground=True, fsname="nas:/export", subtype="sshfs")
"""


async def open_and_close(path: Path) -> str:
    async with opened(path) as database:
        return database.node_id


def refusal(path: Path) -> str:
    """The one line with which a database is refused."""
    with pytest.raises(StoreError) as caught:
        asyncio.run(open_and_close(path))
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line or str(path.parent) in line
    return line


def tree(directory: Path) -> dict[str, bytes | None]:
    return {str(file): file.read_bytes() if file.is_file() else None for file in sorted(directory.rglob("*"))}


def test_a_new_database_is_made_for_its_owner_alone_with_the_directories_above_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "etlmon" / "etlmon.db"

    async def scenario() -> None:
        async with opened(path):
            files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert set(files) == {"etlmon.db", "etlmon.db-wal", "etlmon.db-shm", "etlmon.db.lock"}
            assert set(files.values()) == {0o600}
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(scenario())


def test_the_node_keeps_its_identity_over_restarts_and_two_nodes_differ(tmp_path: Path) -> None:
    first = asyncio.run(open_and_close(tmp_path / "one.db"))
    assert asyncio.run(open_and_close(tmp_path / "one.db")) == first
    assert asyncio.run(open_and_close(tmp_path / "two.db")) != first
    assert len(first) == 32


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "100%#1.db", "한글.db", "'quoted\".db", "byte\udcff.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / name) as database:
            await database.write(lambda db: db.execute("INSERT INTO meta VALUES ('a', 'b')"))
            assert await database.read(fetch, "SELECT value FROM meta WHERE key = 'a'") == [("b",)]

    asyncio.run(scenario())
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.lock"}


def test_closing_leaves_no_write_ahead_log_and_can_be_done_twice(tmp_path: Path) -> None:
    async def scenario() -> Database:
        database = await Database.open(tmp_path / "etlmon.db")
        await database.close()
        await database.close()
        with pytest.raises(StoreError, match="the node is stopping"):
            await database.write(lambda db: db.execute("SELECT 1"))
        with pytest.raises(StoreError, match="the node is stopping"):
            await database.read(fetch, "SELECT 1")
        return database

    asyncio.run(scenario())
    assert {file.name for file in tmp_path.iterdir()} == {"etlmon.db", "etlmon.db.lock"}


def test_a_second_node_on_the_same_database_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    (tmp_path / "link.db").symlink_to(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert f"another node (pid {holder.pid}) uses {path}" in refusal(path)
        assert f"pid {holder.pid}" in refusal(tmp_path / "link.db"), "another name of the same file"
        holder.kill()
    asyncio.run(open_and_close(path))


def test_one_process_cannot_open_it_twice_and_the_attempt_takes_no_lock_away(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"

    async def scenario() -> None:
        async with opened(path) as database:
            with pytest.raises(StoreError, match=f"pid {os.getpid()}"):
                await Database.open(path)
            await database.write(lambda db: db.execute("INSERT INTO meta VALUES ('a', 'b')"))
            # Had the first one lost its record locks, this program would take itself for the last user and,
            # leaving, remove the log under the node's feet.
            assert run(program("sqlite3"), path, "SELECT value FROM meta WHERE key = 'a'") == "b\n"
            assert path.with_name("etlmon.db-wal").exists()

    asyncio.run(scenario())


@pytest.mark.parametrize("content", [b"\x00" * 200, b"# notes of mine\n", b"SQLite format 2\x00" * 10])
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "it is not an SQLite file; set node.db_path to another file" in refusal(path)
    assert tree(tmp_path) == {str(path): content}, "not even a lock file is put beside it"


def test_the_database_of_another_application_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = tree(tmp_path)
    assert "it belongs to another application" in refusal(path)
    assert tree(tmp_path) == before


def test_a_database_that_another_application_put_in_the_place_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(open_and_close(path))
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()
    assert "it belongs to another application" in refusal(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    path.touch()
    asyncio.run(open_and_close(path))
    assert path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big") == b"etlm"


def test_a_place_that_holds_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "it is a directory" in refusal(tmp_path)
    assert "it is not a regular file" in refusal(tmp_path / "pipe")
    assert "cannot create" in refusal(tmp_path / "file" / "etlmon.db")
    assert "Too many levels of symbolic links" in refusal(tmp_path / "loop")
    with pytest.raises(StoreError, match="no file name holds a NUL"):
        asyncio.run(open_and_close(tmp_path / "a\0b"))


def test_a_damaged_database_is_refused_with_a_way_out_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(open_and_close(path))
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xa5" * 64
    path.write_bytes(content)
    line = refusal(path)
    assert "damaged" in line or "malformed" in line
    assert "restore a backup" in line
    assert "to start with an empty one" in line
    assert path.read_bytes() == content


def test_a_database_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(open_and_close(path))
    os.truncate(path, 5000)
    assert "restore a backup" in refusal(path)


def test_a_database_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(open_and_close(path))
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO schema_migrations VALUES (9999, 'from_tomorrow', '2030-01-01T00:00:00.000Z')")
    other.close()
    before = path.read_bytes()
    line = refusal(path)
    assert "a newer etlmon wrote it (schema 9999, this version knows" in line
    assert "run that version, or restore the copy" in line
    assert path.read_bytes() == before


@pytest.mark.peer("tmpfs")
def test_a_read_only_place_is_refused(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk") as disk:
        asyncio.run(open_and_close(disk / "etlmon.db"))
        run("mount", "-o", "remount,ro", disk)
        assert "Read-only file system" in refusal(disk / "etlmon.db")
        assert "Read-only file system" in refusal(disk / "new.db")
        assert "Read-only file system" in refusal(disk / "new" / "etlmon.db")


@pytest.mark.peer("root")
def test_a_read_only_file_in_a_directory_that_can_be_written_is_refused(tmp_path: Path) -> None:
    original, path = tmp_path / "original.db", tmp_path / "etlmon.db"
    asyncio.run(open_and_close(original))
    with bind(original, path):
        run("mount", "-o", "remount,bind,ro", path)
        assert f"cannot write to {path}: Read-only file system" in refusal(path)


@pytest.mark.peer("root")
def test_a_directory_of_somebody_else_is_refused() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        private = Path(scratch) / "private"
        private.mkdir(mode=0o700)
        as_nobody = HOLDER.replace(
            "asyncio.run", "import os, aiosqlite; os.setgid(65534); os.setuid(65534); asyncio.run"
        )
        found = subprocess.run(
            [sys.executable, "-c", as_nobody, private / "etlmon.db"], check=False, capture_output=True, text=True
        )
    assert f"cannot read {private}/etlmon.db: Permission denied; look at its permissions" in found.stderr


@pytest.mark.peer("tmpfs")
def test_a_full_place_is_refused_and_works_once_there_is_room(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=64k") as disk:
        path = disk / "etlmon.db"
        line = refusal(path)
        assert "full" in line or "I/O error" in line
        assert "space" in line
        run("mount", "-o", "remount,size=4m", disk)
        asyncio.run(open_and_close(path))


@pytest.mark.peer("fuse")
def test_a_network_file_system_is_refused_without_touching_it(tmp_path: Path) -> None:
    mounted = tmp_path / "remote"
    mounted.mkdir()
    with subprocess.Popen([sys.executable, "-c", SILENT_REMOTE, mounted], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"mounted\n"
            line = refusal(mounted / "etlmon.db")
            assert f"{mounted} is a network file system (fuse.sshfs)" in line
            assert "set node.db_path to a local disk" in line
        finally:
            server.kill()
            unmount(mounted)


def test_the_sqlite_shell_reads_what_the_node_wrote(tmp_path: Path) -> None:
    shell = program("sqlite3")
    path = tmp_path / "etlmon.db"

    async def scenario() -> str:
        async with opened(path, clock=lambda: START):
            return run(shell, "-readonly", path, "SELECT value FROM meta WHERE key = 'created_at'")

    assert asyncio.run(scenario()).strip() == "2026-11-21T06:00:00.000Z"
    assert run(shell, path, "PRAGMA integrity_check").strip() == "ok"
    assert run(shell, path, "PRAGMA auto_vacuum").strip() == "2", "incremental"
    newer = "SELECT datetime(value) > '2026-01-01' FROM meta WHERE key = 'created_at'"
    assert run(shell, path, newer).strip() == "1"


def test_health_tells_when_the_file_was_removed_under_the_node(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"

    async def scenario() -> None:
        async with opened(path) as database:
            health = database.health()
            assert health.error is None
            assert health.db_bytes + health.wal_bytes > 0
            assert health.free_bytes
            path.unlink()
            assert "was removed or replaced while in use" in (database.health().error or "")
            path.write_bytes(b"another")
            assert "restart the node" in (database.health().error or "")

    asyncio.run(scenario())

"""xferlog: what is logged of the uploads, beside the real disk."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.node import EventQuery
from etlmon.contract.xferlog import Finding, FindingQuery, TransferQuery
from etlmon.units import Duration
from node.collector import Reading, Registration
from node.collectors import xferlog
from node.collectors.xferlog import XferlogCollector
from node.collectors.xferlog_disk import MOST_TOLD, DiskCollector
from node.runner import Runner
from node.settings import NodeSettings, Xferlog
from node.store import node as node_store
from node.store import xferlog as store
from node.store.database import Database
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until
from tests.node.collectors.transferring import append, line, own_line, run
from tests.node.store.opened import opened
from tests.peers import tmpfs

NOW = datetime.now(UTC).replace(microsecond=0)


def mountinfo(proc: Path, *mounts: tuple[str, str]) -> None:
    """A /proc whose mounts are these: mount point and kind of file system."""
    (proc / "self").mkdir(parents=True, exist_ok=True)
    lines = [f"{number} 1 8:{number} / {point} rw - {kind} dev rw\n" for number, (point, kind) in enumerate(mounts, 2)]
    (proc / "self/mountinfo").write_text("".join(lines))


class Disk:
    """The log, the root below which uploads lie, and the collector; each look compares once."""

    def __init__(self, folder: Path, database: Database, root: Path, **options: Any) -> None:
        self.database = database
        self.root = root
        self.log = folder / "xferlog"
        section = Xferlog(path=str(self.log), root=str(root), timezone="UTC", reconcile_interval=Duration(60))
        self.reader = XferlogCollector(section, confs=[])
        self.collector = DiskCollector(section, **options)
        self.now = NOW

    def put(self, name: str, size: int, moment: datetime = NOW) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
        os.utime(file, (moment.timestamp(), moment.timestamp()))
        return file

    async def look(self, after_sec: float = 0.0) -> Reading[Any]:
        """What is in the log is read before."""
        self.now += timedelta(seconds=after_sec)
        await self.database.read(self.reader.resume)
        await run(self.reader, self.database, self.now)
        await self.database.read(self.collector.resume)
        (reading,) = await run(self.collector, self.database, self.now)
        return reading

    async def states(self) -> dict[str, str | None]:
        rows = await self.database.read(store.transfers, TransferQuery(limit=1000))
        return {row.filename: row.on_disk for row in reversed(rows)}

    async def findings(self) -> list[Finding]:
        return await self.database.read(store.findings, FindingQuery(limit=1000))

    async def error(self) -> str | None:
        return (await self.database.read(store.source))[0].compare_error


@asynccontextmanager
async def comparing(folder: Path, root: Path, **options: Any) -> AsyncIterator[Disk]:
    async with opened(folder / "etlmon.db") as database:
        disk = Disk(folder, database, root, **options)
        try:
            yield disk
        finally:
            await disk.reader.close()
            await disk.collector.close()


def play(tmp_path: Path, scenario: Callable[[Disk], Awaitable[None]], root: Path | None = None, **options: Any) -> None:
    async def main() -> None:
        async with comparing(tmp_path, root or tmp_path / "srv", **options) as disk:
            await scenario(disk)

    (tmp_path / "srv").mkdir()
    asyncio.run(main())


def test_uploads_are_present_shorter_or_missing_and_files_may_have_no_line(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        disk.put("in dir/정산 마감.csv", 1500)
        disk.put("in dir/short.csv", 10)
        by_hand = disk.put("in dir/by hand.csv", 7, NOW + timedelta(seconds=1))
        append(
            disk.log,
            *(line(f"/in_dir/{name}", NOW) for name in ("??????_??????.csv", "short.csv", "gone.csv")),
            line("/in_dir/refused.csv", NOW, size=0, status="i"),
            line("/in_dir/short.csv", NOW, way="o"),
        )
        reading = await disk.look(3600)
        assert (await disk.states()) == {
            "/in_dir/??????_??????.csv": "present",
            "/in_dir/short.csv": None,  # that of the download, which comes last
            "/in_dir/gone.csv": "missing",
            "/in_dir/refused.csv": None,
        }
        missing, shorter, unlogged = await disk.findings()
        assert (missing.kind, missing.filename, missing.path) == ("missing", "/in_dir/gone.csv", None)
        assert (shorter.kind, shorter.disk_bytes, shorter.logged_bytes) == ("shorter", 10, 1500)
        assert shorter.path == str(tmp_path / "srv/in dir/short.csv")
        assert (unlogged.kind, unlogged.filename, unlogged.path) == ("unlogged", "in dir/by hand.csv", str(by_hand))
        assert {one.labels["kind"]: one.value for one in reading.samples} == {"missing": 1, "shorter": 1, "unlogged": 1}
        assert [(event.kind, event.key, event.severity) for event in reading.events] == [
            ("upload_shorter", "/in_dir/short.csv", "warning"),
            ("upload_missing", "/in_dir/gone.csv", "warning"),
        ]
        assert (await disk.error()) is None

    play(tmp_path, scenario)


def test_a_finding_is_told_once_and_goes_when_the_file_comes(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        disk.put("other", 1)
        append(disk.log, line("/a.csv", NOW))
        assert [event.kind for event in (await disk.look(5)).events] == ["upload_missing"]
        assert (await disk.look(60)).events == []
        assert (await disk.findings())[0].found_at == NOW + timedelta(seconds=5)
        disk.put("a.csv", 1500)
        await disk.look(60)
        assert (await disk.states()) == {"/a.csv": "present"}
        assert [finding.kind for finding in await disk.findings() if finding.kind != "unlogged"] == []

    play(tmp_path, scenario)


def test_many_findings_at_once_are_counted(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        disk.put("in/other", 1)
        append(disk.log, *(line(f"/in/{number}", NOW) for number in range(MOST_TOLD + 5)))
        events = (await disk.look()).events
        assert len(events) == MOST_TOLD + 1
        assert events[-1].message == "5 more uploads are not on the disk as they were logged"

    play(tmp_path, scenario)


def test_a_deletion_and_a_renaming_of_the_log_explain_what_is_not_there(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        disk.put("done/b c.csv", 1500)
        append(disk.log, own_line("/in/a.csv", NOW), own_line("/in/b c.csv", NOW))
        append(disk.log, own_line("/in/a.csv", NOW, act="OK DELETE"))
        append(disk.log, own_line("/in/b c.csv /done/b c.csv", NOW, act="OK RENAME"))
        await disk.look(600)
        assert set((await disk.states()).values()) == {None}
        assert await disk.findings() == []

    play(tmp_path, scenario)


def test_before_the_log_told_of_anything_nothing_is_compared(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        disk.put("a", 1)
        assert (await disk.look(600)).unchanged
        assert (await disk.database.read(store.source))[0].compared_at is None

    play(tmp_path, scenario)


async def seen_then_unsure(disk: Disk, spoil: Callable[[], Any], words: str) -> None:
    """An upload was missing and another one there; once nothing can be told, neither is claimed any more."""
    disk.put("in/a.csv", 1500)
    append(disk.log, line("/in/a.csv", NOW), line("/in/b.csv", NOW))
    await disk.look()
    assert (await disk.states()) == {"/in/a.csv": "present", "/in/b.csv": "missing"}
    spoil()
    reading = await disk.look(60)
    assert (await disk.states()) == {"/in/a.csv": "unknown", "/in/b.csv": "unknown"}
    assert await disk.findings() == []
    assert words in (await disk.error() or "")
    assert reading.samples == ()
    assert reading.events == ()


def test_nothing_is_missing_below_a_root_that_is_gone(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        await seen_then_unsure(disk, lambda: disk.root.rename(tmp_path / "away"), "does not exist; create it, or corr")

    play(tmp_path, scenario)


def test_nothing_is_missing_below_a_root_that_is_empty(tmp_path: Path) -> None:
    async def scenario(disk: Disk) -> None:
        def empty() -> None:
            (disk.root / "in").rename(tmp_path / "away")

        await seen_then_unsure(disk, empty, "is empty; is its file system mounted?")

    play(tmp_path, scenario)


def test_nothing_is_missing_when_the_root_s_mount_is_not_there_any_more(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "srv"

    async def scenario(disk: Disk) -> None:
        words = f"{root} was on {root}, which is not mounted any more; mount it"
        await seen_then_unsure(disk, lambda: mountinfo(proc, ("/", "ext4")), words)
        mountinfo(proc, ("/", "ext4"), (str(root), "ext4"))
        await disk.look(60)
        assert (await disk.states())["/in/a.csv"] == "present"

    mountinfo(proc, ("/", "ext4"), (str(root), "ext4"))
    play(tmp_path, scenario, proc=proc)


@pytest.mark.parametrize("place", ["srv", "srv/in", ""])
def test_nothing_is_missing_when_an_expected_mount_is_not_there(tmp_path: Path, place: str) -> None:
    proc, expected = tmp_path / "proc", str(tmp_path / place)

    async def scenario(disk: Disk) -> None:
        await seen_then_unsure(disk, lambda: mountinfo(proc, ("/", "ext4")), "is not mounted; mount it")

    mountinfo(proc, ("/", "ext4"), (expected, "ext4"))
    play(tmp_path, scenario, proc=proc, expected=[expected])


@pytest.mark.peer("tmpfs")
def test_nothing_is_missing_when_a_real_mount_goes(tmp_path: Path) -> None:
    root = tmp_path / "mounted"

    async def main() -> None:
        async with comparing(tmp_path, root) as disk:
            with tmpfs(root):
                disk.put("in/a.csv", 1500)
                append(disk.log, line("/in/a.csv", NOW))
                await disk.look()
                assert (await disk.states()) == {"/in/a.csv": "present"}
            (root / "in").mkdir()
            await disk.look(60)
            assert (await disk.states()) == {"/in/a.csv": "unknown"}
            assert "not mounted any more" in (await disk.error() or "")

    asyncio.run(main())


def test_an_automounter_below_the_root_is_not_woken(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "srv"

    async def scenario(disk: Disk) -> None:
        disk.put("auto/inside", 1)
        disk.put("in/other", 1)
        append(disk.log, line("/in/a.csv", NOW))
        await disk.look()
        assert (await disk.states()) == {"/in/a.csv": "unknown"}
        assert "auto/ (it is left to its automounter); no upload is called missing" in (await disk.error() or "")

    mountinfo(proc, ("/", "ext4"), (str(root / "auto"), "autofs"))
    play(tmp_path, scenario, proc=proc)


def test_a_network_mount_has_time_to_show_a_new_file(tmp_path: Path) -> None:
    proc = tmp_path / "proc"

    async def scenario(disk: Disk) -> None:
        disk.put("in/other", 1)
        append(disk.log, line("/in/a.csv", NOW))
        await disk.look(30)
        assert (await disk.states()) == {"/in/a.csv": "unknown"}
        await disk.look(31)
        assert (await disk.states()) == {"/in/a.csv": "missing"}

    mountinfo(proc, ("/", "nfs4"))
    play(tmp_path, scenario, proc=proc)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangFs]:
    with hangfs(tmp_path / "mount") as mounted:
        yield mounted


@pytest.mark.peer("fuse")
def test_a_root_that_hangs_costs_one_child_and_no_claim(
    tmp_path: Path, hanging: HangFs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.collectors.xferlog_disk.WITHIN_SEC", 0.2)

    async def main() -> None:
        (hanging.backing / "a.csv").write_bytes(b"x" * 1500)
        async with comparing(tmp_path, hanging.mount_point) as disk:
            append(disk.log, line("/a.csv", NOW))
            await disk.look()
            assert (await disk.states()) == {"/a.csv": "present"}
            hanging.hang("readdir")
            await disk.look(60)
            assert (await disk.states()) == {"/a.csv": "unknown"}
            assert "does not answer; see whether its file system or server is down" in (await disk.error() or "")
            child = disk.collector.pid
            assert child is not None
            await disk.look(60)
            assert disk.collector.pid == child
            hanging.release()
            await until(lambda: disk.collector.pid is None)

            async def is_there_again() -> bool:
                await disk.look(1)
                return await disk.states() == {"/a.csv": "present"}

            await until(is_there_again)
            assert await disk.error() is None

    asyncio.run(main())


def test_a_node_that_starts_compares_as_soon_as_the_log_is_read_and_then_at_each_interval(tmp_path: Path) -> None:
    root, log = tmp_path / "srv", tmp_path / "xferlog"
    root.mkdir()
    (root / "there.csv").write_bytes(b"x" * 1500)
    append(log, line("/there.csv", NOW), line("/gone.csv", NOW))
    registration = Registration("xferlog", xferlog.build, store.record)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, (registration,))
            section = Xferlog(path=str(log), root=str(root), timezone="UTC", reconcile_interval=Duration(3600))
            await runner.start(NodeSettings(xferlog=section))
            try:

                async def kinds() -> list[str]:
                    return [finding.kind for finding in await database.read(store.findings, FindingQuery())]

                async def found() -> bool:
                    return await kinds() == ["missing"]

                await until(found)
                (root / "gone.csv").write_bytes(b"x" * 1500)
                await until(lambda: runner.trigger("xferlog:disk"))

                async def is_well() -> bool:
                    return await kinds() == []

                await until(is_well)
                events = await database.read(node_store.events, EventQuery(domain="xferlog"))
                assert [event.kind for event in events] == ["upload_missing"]
            finally:
                await runner.stop()

    asyncio.run(main())

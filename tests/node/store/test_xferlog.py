import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.contract.endpoint import RowPage
from etlmon.contract.xferlog import (
    Finding,
    FindingQuery,
    SummaryQuery,
    Transfer,
    TransferQuery,
    UnparsedLine,
    XferSource,
)
from node.sources.tail_types import Lost, Place, Restored
from node.store import tails
from node.store import xferlog as store
from node.store.database import Database
from node.store.xferlog import Comparison, XferBatch
from tests.node.store.opened import START, after, fetch, opened

PATH = "/var/log/vsftpd.log"


def transfer(seconds: float = 0, **fields: Any) -> Transfer:
    given: dict[str, Any] = {"remote_host": "10.0.0.7", "filename": "/in/a.csv", "direction": "upload", **fields}
    return Transfer(log_time=after(seconds), **given)


def source(**fields: Any) -> XferSource:
    return XferSource(path=PATH, collected_at=START, **fields)


def place(key: int = 1, offset: int = 100) -> Place:
    return Place(key=key, path=PATH, inode=7, offset=offset)


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def record(database: Database, *rows: XferBatch | Comparison) -> None:
    await database.write(lambda db: store.record(db, rows))


async def put(database: Database, *transfers: Transfer) -> None:
    await record(database, XferBatch(source=source(), transfers=transfers))


async def names(database: Database, **query: Any) -> list[str]:
    return [row.filename for row in await database.read(store.transfers, TransferQuery(**query))]


async def forget(database: Database, path: str, root: str | None) -> None:
    await database.write(lambda db: store.forget(db, path, root))


def test_a_transfer_comes_back_as_it_was_stored_with_an_id(tmp_path: Path) -> None:
    whole = transfer(
        username="이름",
        filename="/in/a \\xff\x1b[31m.csv",
        bytes=2**49,
        transfer_time_sec=0.5,
        status="incomplete",
        transfer_type="ascii",
        access_mode="guest",
        service="sftp",
        outcome="interrupted",
        started_at=after(-1),
        bytes_per_sec=1.5,
    )

    async def scenario(database: Database) -> None:
        await put(database, whole, transfer())
        second, first = await database.read(store.transfers, TransferQuery())
        assert (second.id, first.id) == (2, 1)
        assert first == msgspec.structs.replace(whole, id=1)

    with_database(tmp_path, scenario)


def test_equal_transfers_are_as_many_as_were_logged(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *[transfer()] * 5)
        assert await names(database) == ["/in/a.csv"] * 5

    with_database(tmp_path, scenario)


def test_transfers_come_in_pages_newest_first(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *(transfer(filename=name) for name in "abcde"))
        assert await names(database, limit=2) == ["e", "d"]
        assert await names(database, limit=2, before=4) == ["c", "b"]
        assert await names(database, limit=2, after=1) == ["c", "b"]

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"user": "etl"}, "ac"),
        ({"host": "10.0.0.8"}, "b"),
        ({"direction": "download"}, "c"),
        ({"status": "incomplete"}, "bd"),
        ({"outcome": "refused"}, "d"),
        ({"since": after(10), "until": after(30)}, "bc"),
        ({"user": "etl", "direction": "upload"}, "a"),
        ({"user": "ETL"}, ""),
        ({"host": "10.0.*"}, "abcd"),
        ({"host": "*.8"}, "b"),
        ({"host": "10.0.0.?*"}, ""),
        ({"user": "e*", "direction": "download"}, "c"),
    ],
)
def test_transfers_are_filtered(tmp_path: Path, query: dict[str, Any], found: str) -> None:
    async def scenario(database: Database) -> None:
        await put(
            database,
            transfer(0, filename="a", username="etl"),
            transfer(10, filename="b", remote_host="10.0.0.8", status="incomplete", outcome="interrupted"),
            transfer(20, filename="c", direction="download", username="etl"),
            transfer(30, filename="d", status="incomplete", outcome="refused"),
        )
        assert "".join(reversed(await names(database, **query))) == found

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("/in/sales_*", {"/in/sales_1.csv", "/in/sales_[2].csv"}),
        ("*sales_?.csv", {"/in/sales_1.csv", "/out/SUB/sales_3.csv"}),
        ("*[2]*", {"/in/sales_[2].csv"}),
        ("*[!1]*", set()),
        ("*sub*", set()),
        ("*]*", {"/in/sales_[2].csv"}),
        ("*%*", {"/in/100%_'x'"}),
        ("/in/100%_'x'", {"/in/100%_'x'"}),
        ("", set()),
        ("*", None),
    ],
)
def test_a_glob_has_two_wild_characters_and_no_other(tmp_path: Path, glob: str, found: set[str] | None) -> None:
    every = {"/in/sales_1.csv", "/in/sales_[2].csv", "/out/SUB/sales_3.csv", "/in/100%_'x'"}

    async def scenario(database: Database) -> None:
        await put(database, *(transfer(filename=name) for name in every))
        assert set(await names(database, filename=glob)) == (every if found is None else found)

    with_database(tmp_path, scenario)


def test_users_and_hosts_are_added_up_those_with_the_most_bytes_first(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        timed = {"transfer_time_sec": 2, "bytes_per_sec": 1.0}
        await put(
            database,
            transfer(0, username="a", bytes=100, **timed),
            transfer(5, username="a", bytes=40, direction="download", outcome="interrupted", **timed),
            transfer(6, username="a", direction="download", outcome="refused", transfer_time_sec=1),
            transfer(7, username="a", direction="delete", bytes=7),
            transfer(9, username="b", bytes=1000, remote_host="h"),
        )
        first, second = await database.read(store.summary, SummaryQuery(by="user"))
        assert (first.key, first.transfers, first.upload_bytes, first.bytes_per_sec) == ("b", 1, 1000, None)
        assert second.key == "a"
        assert (second.transfers, second.uploads, second.downloads) == (3, 1, 2)
        assert (second.upload_bytes, second.download_bytes) == (100, 40)
        assert (second.interrupted, second.refused) == (1, 1)
        assert second.bytes_per_sec == 140 / 4
        assert second.last_at == after(6)
        hosts = await database.read(store.summary, SummaryQuery(by="host", limit=1))
        assert [(row.key, row.transfers) for row in hosts] == [("h", 1)]

    with_database(tmp_path, scenario)


def test_hours_are_added_up_the_newest_first(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *(transfer(minutes * 60, bytes=10**15) for minutes in (0, 59, 60, 200)))
        hours = await database.read(store.summary, SummaryQuery(by="hour", since=START, until=after(200 * 60)))
        assert [(row.key, row.uploads, row.upload_bytes) for row in hours] == [
            ("2026-11-21T07:00:00Z", 1, 10**15),
            ("2026-11-21T06:00:00Z", 2, 2 * 10**15),
        ]
        assert datetime.fromisoformat(hours[1].key) == START

    with_database(tmp_path, scenario)


def test_no_sum_is_too_large(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *[transfer(bytes=2**62)] * 4)
        (row,) = await database.read(store.summary, SummaryQuery(by="user"))
        assert row.upload_bytes >= 2**62

    with_database(tmp_path, scenario)


def test_only_the_newest_lines_that_could_not_be_read_are_kept(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for number in range(3):
            lines = [UnparsedLine(at=START, line=f"{number} {row}", reason="why") for row in range(600)]
            await record(database, XferBatch(source=source(), unparsed=lines))
        page = await database.read(store.unparsed, RowPage(limit=2))
        assert [(row.line, row.reason) for row in page] == [("2 599", "why"), ("2 598", "why")]
        kept = await database.read(fetch, "SELECT count(*) FROM xferlog_unparsed")
        assert kept == [(store.UNPARSED_KEPT,)]

    with_database(tmp_path, scenario)


def test_where_the_reading_goes_on_is_stored_with_what_was_read(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        assert await database.read(store.state, PATH) == store.XferState(source=None, restored=Restored())
        stated = source(format="vsftpd", transfers_total=1, advice=["do this"], lost_bytes=3, gaps=1)
        lost = Lost(path=PATH, inode=7, offset=5, lost_bytes=3, reason="truncated", message="it was truncated")
        await record(
            database,
            XferBatch(
                source=stated,
                transfers=[transfer()],
                places=[place()],
                lost=[lost],
                clocks={1: after(5)},
                counts={"upload complete": (1, 10)},
            ),
        )
        state = await database.read(store.state, PATH)
        assert state.source == stated
        assert state.restored == Restored(places=(place(),), known=True)
        assert state.clocks == {1: after(5)}
        assert state.counts == {"upload complete": (1, 10)}
        (gap,) = await database.read(tails.gaps, store.OWNER, RowPage())
        assert (gap.reason, gap.lost_bytes) == ("truncated", 3)

    with_database(tmp_path, scenario)


def test_a_batch_without_places_leaves_them(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, XferBatch(source=source(), places=[place()]))
        await record(database, XferBatch(source=source(status="stuck")))
        assert (await database.read(store.state, PATH)).restored.places == (place(),)

    with_database(tmp_path, scenario)


def test_another_log_begins_anew_and_the_transfers_stay(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, XferBatch(source=source(), transfers=[transfer()], places=[place()]))
        await forget(database, PATH, None)
        assert (await database.read(store.state, PATH)).restored.known
        await forget(database, "/other", None)
        assert await database.read(store.source) == []
        assert await database.read(tails.places, store.OWNER) == []
        assert len(await names(database)) == 1

    with_database(tmp_path, scenario)


def test_no_log_is_listed_when_none_is_configured(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, XferBatch(source=source(), places=[place()]))
        await forget(database, "", None)
        assert await database.read(store.source) == []

    with_database(tmp_path, scenario)


def finding(kind: Any = "missing", **fields: Any) -> Finding:
    return Finding(kind=kind, filename="/in/a.csv", found_at=START, **fields)


def test_a_comparison_marks_transfers_and_replaces_the_findings(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *[transfer()] * 3)
        comparison = Comparison(root="/srv", at=START, on_disk={"present": [1], "missing": [2]}, findings=[finding()])
        await record(database, comparison)
        rows = await database.read(store.transfers, TransferQuery())
        assert [row.on_disk for row in rows] == [None, "missing", "present"]
        (row,) = await database.read(store.source)
        assert (row.root, row.compared_at, row.compare_error) == ("/srv", START, None)
        found = [finding("unlogged"), finding("shorter", disk_bytes=3), finding(transfer_id=3)]
        await record(database, Comparison(root="/srv", at=after(1), error="why", on_disk={None: [2]}, findings=found))
        listed = await database.read(store.findings, FindingQuery())
        assert [row.kind for row in listed] == ["missing", "shorter", "unlogged"]
        assert await database.read(store.findings, FindingQuery(kind="shorter")) == [finding("shorter", disk_bytes=3)]
        assert len(await database.read(store.findings, FindingQuery(limit=1))) == 1
        assert (await database.read(store.source))[0].compare_error == "why"

    with_database(tmp_path, scenario)


def test_another_root_takes_back_what_was_found_below_the_one_before(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, transfer())
        comparison = Comparison(root="/srv", at=START, on_disk={"missing": [1]}, findings=[finding()])
        for root in (None, "/other"):
            await record(database, comparison)
            await forget(database, PATH, "/srv")
            assert len(await database.read(store.findings, FindingQuery())) == 1
            await forget(database, PATH, root)
            assert await database.read(store.findings, FindingQuery()) == []
            assert [row.on_disk for row in await database.read(store.transfers, TransferQuery())] == [None]
            assert (await database.read(store.source))[0].root is None

    with_database(tmp_path, scenario)


def test_what_is_compared_are_the_latest_acts_that_were_not_refused(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        nothing = await database.read(store.known, "/srv", START, 10)
        assert (nothing.acts, nothing.since, nothing.caught_up) == ([], None, False)
        await put(
            database,
            transfer(-100, filename="old"),
            transfer(0, filename="a", transfer_type="ascii", bytes=9),
            transfer(1, filename="b", direction="download"),
            transfer(2, filename="c", outcome="refused"),
            transfer(3, filename="d", direction="delete"),
            transfer(4, filename="e f", direction="rename"),
            transfer(5, filename="g", outcome="interrupted"),
        )
        await record(database, Comparison(root="/srv", at=START, mount_point="/srv", findings=[finding()]))
        known = await database.read(store.known, "/srv", after(-50), 10)
        assert [act.filename for act in known.acts] == ["g", "e f", "d", "a"]
        assert (known.acts[-1].is_ascii, known.acts[-1].bytes, known.acts[-1].log_time) == (True, 9, START)
        assert (known.since, known.mount_point, known.findings) == (after(-50), "/srv", [finding()])
        assert known.caught_up
        assert (await database.read(store.known, "/other", START, 10)).mount_point is None
        assert (await database.read(store.known, "/srv", after(-500), 10)).since == after(-100)
        assert (await database.read(store.known, "/srv", after(-500), 2)).since == after(4)

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("state", [{"status": "behind"}, {"lag_bytes": 5}, {"status": "missing"}])
def test_a_log_that_is_not_read_to_its_end_tells_not_all(tmp_path: Path, state: dict[str, Any]) -> None:
    async def scenario(database: Database) -> None:
        await record(database, XferBatch(source=source(**state), transfers=[transfer()]))
        assert not (await database.read(store.known, "/srv", START, 10)).caught_up

    with_database(tmp_path, scenario)


def test_a_page_of_a_hundred_thousand_transfers_is_there_at_once(tmp_path: Path) -> None:
    """Bounded loosely: a page takes some 10 ms, and one that had to sort all of them takes many times that."""

    async def scenario(database: Database) -> None:
        pick = random.Random(1)
        rows = [
            transfer(
                number * 6,
                username=pick.choice(["etl", "bob", f"user{number % 500}"]),
                filename=f"/srv/ftp/in/region_{number % 50}/sales_{number:08d}.csv",
                outcome=pick.choices(["complete", "interrupted"], [99, 1])[0],
            )
            for number in range(100_000)
        ]
        for begin in range(0, len(rows), 10_000):
            await put(database, *rows[begin : begin + 10_000])
        queries: list[dict[str, Any]] = [
            {},
            {"user": "nobody"},
            {"filename": "*s*a*l*e*s*nothing*"},
            {"outcome": "interrupted", "user": "user7"},
            {"until": START + timedelta(seconds=1), "host": "10.0.0.7"},
        ]
        for query in queries:
            took = []
            for _ in range(10):  # some 30 ms each
                began = time.process_time()  # the others' time does not count
                await database.read(store.transfers, TransferQuery(**query))
                took.append(time.process_time() - began)
            assert min(took) < 0.1, query

    with_database(tmp_path, scenario)

"""Every act is checked, done and written down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.errors import Conflict, Forbidden, TooManyRequests, Unavailable
from etlmon.contract.node import AuditEntry, AuditQuery
from node.commands.act import (
    AUDITED_PER_MINUTE,
    COMMANDS_PER_MINUTE,
    Act,
    Acts,
    Caller,
    RateLimit,
    Refusal,
    without_secrets,
)
from node.store import node as node_store
from node.store.database import Database, StoreError

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
OPERATOR = Caller(name="ops", address="127.0.0.1", role="operator")
VIEWER = Caller(
    name="anonymous",
    address="10.0.0.5",
    role="viewer",
    refusal=Refusal(reason="not_local", message="10.0.0.5 may look"),
)
SCAN = Act(action="paths.scan", target="/data", params={"paths": ["/data"]}, status=202)


class Monotonic:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Acts, Database, Monotonic]]:
    database = await Database.open(folder / "etlmon.db")
    monotonic = Monotonic()
    try:
        yield Acts(database, lambda: NOW, monotonic=monotonic), database, monotonic
    finally:
        await database.close()


async def audit(database: Database, limit: int = 100) -> list[AuditEntry]:
    return await database.read(node_store.audit, AuditQuery(limit=limit))


async def done() -> str:
    return "answer"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_what_is_done_is_answered_and_written_down(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            assert await acts.perform(OPERATOR, SCAN, done) == "answer"
            assert await audit(database) == [
                AuditEntry(
                    id=1,
                    at=NOW,
                    who="ops",
                    address="127.0.0.1",
                    action="paths.scan",
                    target="/data",
                    params={"paths": ["/data"]},
                    result="done",
                    status=202,
                )
            ]

    run(main())


@pytest.mark.parametrize(
    ("error", "result", "status"),
    [
        (Conflict("it is running already"), "refused", 409),
        (Unavailable("the tool is missing"), "failed", 503),
        (ZeroDivisionError("a bug"), "failed", 500),
    ],
)
def test_what_fails_is_raised_and_written_down(tmp_path: Path, error: Exception, result: str, status: int) -> None:
    async def failing() -> str:
        raise error

    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            with pytest.raises(type(error)):
                await acts.perform(OPERATOR, SCAN, failing)
            (entry,) = await audit(database)
            assert (entry.result, entry.status) == (result, status)
            assert "a bug" not in entry.message

    run(main())


def test_who_may_not_act_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    touched: list[str] = []

    async def touch() -> None:
        touched.append("the world")

    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            with pytest.raises(Forbidden, match=r"paths\.scan is refused: 10\.0\.0\.5 may look") as caught:
                await acts.perform(VIEWER, SCAN, touch)
            assert caught.value.details == {"reason": "not_local"}
            assert touched == []
            (entry,) = await audit(database)
            assert (entry.who, entry.address, entry.result, entry.status) == ("anonymous", "10.0.0.5", "refused", 403)

    run(main())


def test_a_command_for_another_node_is_a_conflict_and_nothing_is_done(tmp_path: Path) -> None:
    elsewhere = Refusal(reason="another_node", message="it is meant for another node", is_conflict=True)
    touched: list[str] = []

    async def touch() -> None:
        touched.append("the world")

    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            caller = Caller(name="ops", address="127.0.0.1", role="operator", refusal=elsewhere)
            with pytest.raises(Conflict, match="meant for another node") as caught:
                await acts.perform(caller, SCAN, touch)
            assert caught.value.details == {"reason": "another_node"}
            assert touched == []
            (entry,) = await audit(database)
            assert (entry.result, entry.status) == ("refused", 409)

    run(main())


def test_the_audit_says_what_came_of_an_act(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            await acts.perform(OPERATOR, SCAN, done, outcome=lambda answer: f"it gave an {answer}")
            await acts.perform(OPERATOR, SCAN, done, failure=lambda _: "in vain", outcome=lambda _: "unheard")
            told = [(entry.result, entry.message) for entry in await audit(database)]
            assert told == [("failed", "in vain"), ("done", "it gave an answer")]

    run(main())


def test_an_act_that_is_cut_short_by_the_node_s_end_is_written_down(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            begun, forever = asyncio.Event(), asyncio.Event()

            async def lasting() -> None:
                begun.set()
                await forever.wait()

            under_way = asyncio.create_task(acts.perform(OPERATOR, SCAN, lasting))
            await begun.wait()
            under_way.cancel()
            with pytest.raises(asyncio.CancelledError):
                await under_way
            (entry,) = await audit(database)
            assert (entry.result, entry.status) == ("failed", 503)
            assert "it may have been done" in entry.message

    run(main())


def test_a_limit_that_is_changed_counts_what_passed_before() -> None:
    clock = Monotonic()
    limit = RateLimit(3, clock)
    assert [limit.wait_sec() for _ in range(3)] == [0, 0, 0]
    limit.allow(5)
    assert [limit.wait_sec() > 0 for _ in range(3)] == [False, False, True]
    limit.allow(2)
    assert limit.wait_sec() == 60
    clock.now += 60
    assert [limit.wait_sec() > 0 for _ in range(3)] == [False, False, True]


def test_more_than_sixty_acts_a_minute_have_to_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, monotonic):
            # Those who may not act take nothing from those who may.
            for _ in range(100):
                with pytest.raises(Forbidden):
                    await acts.perform(VIEWER, SCAN, done)
            for _ in range(COMMANDS_PER_MINUTE):
                monotonic.now += 0.5
                await acts.perform(OPERATOR, SCAN, done)
            with pytest.raises(TooManyRequests) as caught:
                await acts.perform(OPERATOR, SCAN, done)
            assert caught.value.details == {"retry_after_sec": 31}
            monotonic.now += 30.6
            await acts.perform(OPERATOR, SCAN, done)
            with pytest.raises(TooManyRequests):
                await acts.perform(OPERATOR, SCAN, done)
            statuses = [entry.status for entry in await audit(database, 1000)]
            assert [statuses.count(status) for status in (202, 403, 429)] == [61, 100, 2]

    run(main())


def test_racing_acts_are_all_written_down(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            results = await asyncio.gather(
                *(acts.perform(OPERATOR, SCAN, done) for _ in range(100)), return_exceptions=True
            )
            assert results.count("answer") == COMMANDS_PER_MINUTE
            assert len(await audit(database, 1000)) == 100

    run(main())


def test_a_flood_of_refused_attempts_does_not_fill_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, monotonic):
            attempts = (acts.perform(VIEWER, SCAN, done) for _ in range(AUDITED_PER_MINUTE + 5))
            await asyncio.gather(*attempts, return_exceptions=True)
            assert len(await audit(database, 5000)) == AUDITED_PER_MINUTE
            monotonic.now += 61
            await acts.perform(OPERATOR, SCAN, done)
            assert len(await audit(database, 5000)) == AUDITED_PER_MINUTE + 1

    run(main())
    assert sum("10.0.0.5" in record.getMessage() for record in caplog.records) == 5


def test_a_store_that_takes_no_rows_does_not_stop_the_act_and_the_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):

            async def full(_: Any) -> None:
                raise StoreError("cannot write to the database: database or disk is full; free some space")

            database.write = full  # type: ignore[method-assign,assignment]
            assert await acts.perform(OPERATOR, SCAN, done) == "answer"

    with caplog.at_level(logging.ERROR):
        run(main())
    (record,) = caplog.records
    assert "disk is full" in record.getMessage()
    assert "paths.scan" in record.getMessage()
    assert "'/data'" in record.getMessage()


def test_a_large_request_leaves_a_small_row(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            huge = "x" * 100_000
            act = Act(action="x.y", target=huge, params={"paths": [huge]})

            async def failing() -> None:
                raise Conflict(huge)

            with pytest.raises(Conflict):
                await acts.perform(OPERATOR, act, failing)
            (entry,) = await audit(database)
            assert len(repr(entry)) < 3000
            assert entry.params == {"left out": "100,015 characters"}

    run(main())


def test_secrets_never_stand_in_the_audit(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (acts, database, _):
            act = Act(action="x.y", target="https://user:hunter2@host/", params={"token": "hunter2", "n": 1})

            async def failing() -> None:
                raise Conflict("no, password=hunter2 is wrong")

            with pytest.raises(Conflict):
                await acts.perform(OPERATOR, act, failing)
            (entry,) = await audit(database)
            assert "hunter2" not in repr(entry)
            assert entry.params == {"token": "***", "n": 1}

    run(main())


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (
            {"password": "x", "api_key": 7, "client_secret": ["a"]},
            {"password": "***", "api_key": "***", "client_secret": "***"},
        ),
        ({"auth": {"token": "x", "user": "u"}}, {"auth": {"token": "***", "user": "u"}}),
        ({"args": ["--password=x", "--verbose"]}, {"args": ["--password=***", "--verbose"]}),
        ({"rows": [{"secret": "x"}]}, {"rows": [{"secret": "***"}]}),
        ({"paths": ["/data/tokens/a"], "signal": "SIGTERM"}, {"paths": ["/data/tokens/a"], "signal": "SIGTERM"}),
    ],
)
def test_secrets_are_found_however_deep(params: dict[str, Any], kept: dict[str, Any]) -> None:
    assert without_secrets(params) == kept

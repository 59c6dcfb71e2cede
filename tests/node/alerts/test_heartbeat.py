"""The sign of life, and its silence."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
import pytest

from etlmon.contract.node import AUDIT
from etlmon.units import Duration
from node.alerts import delivery, watch
from node.api.context import ApiContext
from node.settings_alerts import Heartbeat
from node.store.database import StoreError
from node.store.node import add_audit
from tests.fakes.receiver import Receiver, Reply, receiver
from tests.node.alerts.delivering import running, settings, stage
from tests.node.collecting import until
from tests.serving import serving

SECRET = "S3cret-of-the-heartbeat-7731"  # noqa: S105


def test_the_heart_beats_as_long_as_the_node_is_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        beating = settings(heartbeat=Heartbeat(url=f"{taken.url}/ping/1", interval=Duration(0.02)))
        async with stage(tmp_path, beating) as on, running(on.deliverer()):
            await until(lambda: len(taken.received) >= 3)
            on.is_well = False
            await until(lambda: "the heartbeat is silent" in caplog.text)
            silent_at, asked = len(taken.received), on.asked
            await until(lambda: on.asked > asked + 5)
            assert len(taken.received) == silent_at
            on.is_well = True
            await until(lambda: len(taken.received) > silent_at)
        assert {(one.method, one.path, one.body) for one in taken.received} == {("GET", "/ping/1", b"")}

    with receiver() as taken:
        asyncio.run(main())


@asynccontextmanager
async def beating(folder: Path, taken: Receiver) -> AsyncIterator[tuple[ApiContext, "asyncio.Task[None]"]]:
    """A node whose heart beats, and the task of it that judges."""
    given = settings(heartbeat=Heartbeat(url=taken.url, interval=Duration(0.02)), builtin=False)
    async with serving(folder, given) as served:
        context = served.context
        watching = asyncio.create_task(context.alerts.go_on())
        async with running(context.deliverer):
            await until(lambda: len(taken.received) >= 2)
            yield context, watching
            watching.cancel()
            await asyncio.wait({watching})


def is_silent(caplog: pytest.LogCaptureFixture) -> bool:
    return "the heartbeat is silent" in caplog.text


def test_the_heart_does_not_beat_while_nothing_can_be_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with beating(tmp_path, taken) as (context, _):
            other = sqlite3.connect(tmp_path / "etlmon.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                await context.database.write(add_row)
            await until(lambda: is_silent(caplog))
            silent_at = len(taken.received)
            assert context.health().status != "unhealthy"
            other.execute("ROLLBACK")
            other.close()
            await context.database.write(add_row)
            await until(lambda: len(taken.received) > silent_at)

    with receiver() as taken:
        asyncio.run(main())


async def add_row(db: aiosqlite.Connection) -> None:
    await add_audit(db, AUDIT.example[0])


def test_the_heart_does_not_beat_when_nobody_judges_any_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with beating(tmp_path, taken) as (context, watching):
            watching.cancel()
            await until(lambda: is_silent(caplog))
            assert context.health().problems == [watch.ENDED]

    with receiver() as taken:
        asyncio.run(main())


def test_the_health_says_that_nobody_is_told_any_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with beating(tmp_path, taken) as (context, _):
            assert context.health().problems == []
        assert context.health().problems == [watch.ENDED, delivery.ENDED]

    with receiver() as taken:
        asyncio.run(main())


def test_a_heartbeat_that_nobody_hears_is_said_once_and_without_its_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="node")

    async def main() -> None:
        beating = settings(heartbeat=Heartbeat(url=f"{taken.url}/{SECRET}", interval=Duration(0.02)))
        async with stage(tmp_path, beating) as on, running(on.deliverer()):
            await until(lambda: len(taken.received) >= 5)
            taken.usual = Reply()
            await until(lambda: "the heartbeat is heard again" in caplog.text)

    with receiver() as taken:
        taken.usual = Reply(status=500, body=SECRET.encode())
        asyncio.run(main())
    assert caplog.text.count("the heartbeat is not heard: 500 ***") == 1
    assert SECRET not in caplog.text


def test_another_address_is_asked_as_soon_as_it_is_configured(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path, settings(heartbeat=Heartbeat(url=old.url, interval=Duration(3600)))) as on:
            async with running(on.deliverer()) as deliverer:
                await until(lambda: len(old.received) == 1)
                on.settings = settings(heartbeat=Heartbeat(url=new.url, interval=Duration(3600)))
                deliverer.wake()
                await until(lambda: len(new.received) == 1)
            assert len(old.received) == 1

    with receiver() as old, receiver() as new:
        asyncio.run(main())

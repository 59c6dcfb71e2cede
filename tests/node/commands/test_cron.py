"""Reading every crontab again: the command on a real runner and store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.cron import CronJob
from etlmon.contract.errors import Forbidden, NotFound, Unavailable
from etlmon.contract.node import AuditEntry, AuditQuery
from node.clock import Clock, utc_now
from node.collector import Reading
from node.commands.act import Acts, Caller, Refusal
from node.commands.cron import refresh
from node.store import cron as cron_store
from node.store import node as node_store
from node.store.cron import CronLook, StoredJob
from tests.node.collecting import Scripted, Stage, running, until

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
CALLER = Caller(name="ops", address="127.0.0.1", role="operator")


class Crontab(Scripted):
    """A collector that reads `text` anew when it is told to, and gives one job of it; each run waits for `gate`."""

    def __init__(self, *, name: str = "cron") -> None:
        super().__init__(self._jobs, name=name, interval_sec=3600.0)
        self.text = "first"
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self._read = self.text
        self._anew = False

    def refresh(self) -> None:
        self._anew = True

    async def _jobs(self, _: Scripted, now: datetime) -> AsyncIterator[Reading[Any]]:
        if self._anew:
            self._anew, self._read = False, self.text
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        job = StoredJob(
            job_id=1, number=1, schedule="* * * * *", command=self._read, source="f", last_checked=now, known_since=now
        )
        yield Reading(rows=[CronLook(at=now, jobs=[job])])


@dataclass
class Desk:
    stage: Stage
    crontab: Crontab
    acts: Acts = field(init=False)

    def __post_init__(self) -> None:
        self.acts = Acts(self.stage.database, utc_now)

    async def refresh(self, *, caller: Caller = CALLER, patience_sec: float = 30.0) -> list[CronJob]:
        return await refresh(self.acts, caller, self.stage.runner, self.stage.database, patience_sec=patience_sec)

    async def audit(self) -> list[AuditEntry]:
        return await self.stage.database.read(node_store.audit, AuditQuery())


def at_the_desk(
    folder: Path, scenario: Callable[[Desk], Awaitable[None]], *, name: str = "cron", clock: Clock = utc_now
) -> None:
    async def main() -> None:
        crontab = Crontab(name=name)
        async with running(folder, crontab, record=cron_store.record, clock=clock) as stage:
            await until(lambda: stage.health(name).status == "ok")
            try:
                await scenario(Desk(stage, crontab))
            finally:
                crontab.gate.set()

    asyncio.run(main())


def test_the_answer_is_what_a_look_finds_that_begins_now(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.crontab.text = "second"
        assert [job.command for job in await desk.refresh()] == ["second"]
        (row,) = await desk.audit()
        assert (row.action, row.target, row.result, row.status, row.message) == (
            *("cron.refresh", "all", "done", 200),
            "jobs found: 1",
        )

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize("clock", [utc_now, lambda: AT], ids=["goes", "stands still"])
def test_a_look_that_goes_on_already_is_not_enough(tmp_path: Path, clock: Clock) -> None:
    async def scenario(desk: Desk) -> None:
        desk.crontab.gate.clear()
        desk.stage.runner.trigger("cron")
        await until(lambda: desk.crontab.runs == 2)
        desk.crontab.text = "second"
        asked = asyncio.create_task(desk.refresh())
        await asyncio.sleep(0.1)
        assert not asked.done()
        desk.crontab.gate.set()
        assert [job.command for job in await asked] == ["second"]
        assert desk.crontab.runs == 3

    at_the_desk(tmp_path, scenario, clock=clock)


def test_many_who_ask_at_once_are_all_answered(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.crontab.text = "second"
        answers = await asyncio.gather(*(desk.refresh() for _ in range(10)))
        assert {job.command for jobs in answers for job in jobs} == {"second"}
        assert desk.crontab.runs <= 7  # and not one for each

    at_the_desk(tmp_path, scenario)


def test_a_look_that_fails_says_why_also_when_the_one_before_failed(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.crontab.failure = OSError("the spool cannot be read")
        for runs in (2, 3):
            with pytest.raises(Unavailable, match="cannot be read: the spool cannot be read") as caught:
                await desk.refresh()
            assert caught.value.details == {"reason": "failed"}
            assert desk.crontab.runs == runs
        desk.crontab.failure = None
        assert len(await desk.refresh()) == 1
        assert [row.result for row in await desk.audit()] == ["done", "failed", "failed"]

    at_the_desk(tmp_path, scenario)


def test_a_look_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.crontab.gate.clear()
        with pytest.raises(Unavailable, match=r"takes longer than 0\.1 s") as caught:
            await desk.refresh(patience_sec=0.1)
        assert caught.value.details == {"reason": "slow"}

    at_the_desk(tmp_path, scenario)


def test_what_cannot_be_stored_is_not_shown_as_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(desk: Desk) -> None:
        health = desk.stage.database.health()
        broken = type(health)(error="disk is full")
        monkeypatch.setattr(desk.stage.database, "health", lambda: broken)
        with pytest.raises(Unavailable, match="cannot be stored: disk is full"):
            await desk.refresh()

    at_the_desk(tmp_path, scenario)


def test_where_cron_is_not_watched_there_is_nothing_to_read(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(NotFound, match=r"cron\.enabled is false"):
            await desk.refresh()

    at_the_desk(tmp_path, scenario, name="another")


def test_who_may_not_act_reads_nothing_again(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        refusal = Refusal(reason="read_only", message="this node is read-only")
        with pytest.raises(Forbidden):
            await desk.refresh(caller=Caller(name="guest", address="10.0.0.9", role="viewer", refusal=refusal))
        assert desk.crontab.runs == 1
        assert [row.status for row in await desk.audit()] == [403]

    at_the_desk(tmp_path, scenario)

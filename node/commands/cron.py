"""cron: reading every crontab again now instead of when it changed."""

import asyncio
from typing import Protocol, runtime_checkable

from etlmon.contract.cron import CRON_REFRESH, CronJob
from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.node import CollectorHealth
from node.commands.act import Act, Acts, Caller
from node.runner import Runner
from node.store import cron as store
from node.store.database import Database

COLLECTOR = "cron"
PATIENCE_SEC = 10.0
_PAUSE_SEC = 0.02
_MOST_JOBS = 1000
"""In an answer, as in that of the list."""


@runtime_checkable
class Refreshable(Protocol):
    """A collector that reads only what changed, unless it is told to read everything."""

    def refresh(self) -> None:
        """At the next run, read every source anew."""


async def refresh(
    acts: Acts, caller: Caller, runner: Runner, database: Database, *, patience_sec: float = PATIENCE_SEC
) -> list[CronJob]:
    """The jobs as a look finds them that begins now. Raises NotFound (cron is not watched) and Unavailable."""

    async def work() -> list[CronJob]:
        collector: object = runner.collectors.get(COLLECTOR)
        if not isinstance(collector, Refreshable):
            raise NotFound("cron is not watched here: cron.enabled is false in this node's configuration")
        collector.refresh()
        try:
            async with asyncio.timeout(patience_sec):
                await _look(runner)
        except TimeoutError as error:
            raise Unavailable(
                f"reading the crontabs takes longer than {patience_sec:g} s; they are shown when it is done",
                reason="slow",
            ) from error
        if trouble := database.health().error:
            raise Unavailable(f"the crontabs were read, and cannot be stored: {trouble}", reason="store")
        jobs, _ = await database.read(store.jobs, None, _MOST_JOBS, 0)
        return jobs

    act = Act(action="cron.refresh", target="all", status=CRON_REFRESH.status)
    return await acts.perform(caller, act, work, outcome=lambda jobs: f"jobs found: {len(jobs)}")


async def _look(runner: Runner) -> None:
    """Return when a run that begins from now on is over, and stored. Raises Unavailable when it fails."""
    before = now = _health(runner)
    already, _ = begun, over = runner.runs(COLLECTOR)
    # One that goes on already began too early: another is asked for, and comes as soon as that is over.
    while over <= already:
        if begun == already:
            runner.trigger(COLLECTOR)
            before = now
        await asyncio.sleep(_PAUSE_SEC)
        now = _health(runner)
        begun, over = runner.runs(COLLECTOR)
        if begun < already:
            raise _reloading()
    if now.consecutive_failures > before.consecutive_failures:
        raise Unavailable(f"the crontabs cannot be read: {now.last_error}", reason="failed")


def _health(runner: Runner) -> CollectorHealth:
    """Raises Unavailable while there is no such collector."""
    for health in runner.health():
        if health.name == COLLECTOR:
            return health
    raise _reloading()


def _reloading() -> Unavailable:
    return Unavailable("the configuration is being read again; try once more", reason="reload")

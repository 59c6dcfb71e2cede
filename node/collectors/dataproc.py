"""dataproc: the Dataproc estate of a service account's projects: clusters, jobs, templates and policies."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

import aiosqlite
import msgspec

from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from node.collector import Collector, Reading
from node.collectors.dataproc_attention import Limits
from node.collectors.dataproc_gathering import Gathered, Gathering
from node.collectors.dataproc_run import RunSoFar
from node.collectors.dataproc_told import TroubleLog, cluster_events, quota_events, run_events, samples
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc as Section
from node.settings_dataproc import DataprocAccount
from node.sources.dataproc import Dataproc, DataprocError
from node.sources.dataproc_types import DataprocLine, DataprocTask, DoneLine, KnownRegions, RegionsLine, TroubleLine
from node.sources.file_reader import FileReader
from node.store import dataproc as store
from node.store.dataproc import DataprocLook

AT_ONCE = 1
"""Each run has a process of its own: accounts are read one after the other."""

SPARE_SEC = 15.0
"""What a run may take beyond its own deadline, to begin and to end."""

QUOTA_SEC = 60.0
"""Calls are counted by the minute."""


def name_of(account: str) -> str:
    """What the collector of an account is called."""
    return f"dataproc:{account}"


def build(settings: NodeSettings) -> list["DataprocCollector"]:
    """One for each account, if there is anything to collect."""
    section = settings.dataproc
    if not section.enabled:
        return []
    interval_sec = float(settings.refresh.dataproc)
    return [DataprocCollector(account, section, interval_sec=interval_sec) for account in section.accounts]


class RunFailed(OSError):
    """Nothing, or not everything, could be collected; what could be is stored."""


class Asks(Protocol):
    """Who reads an account: a Dataproc."""

    def collect(self, task: DataprocTask) -> AsyncGenerator[DataprocLine, None]: ...

    async def close(self) -> None: ...


class DataprocCollector(Collector[DataprocLook]):
    """Reads all of an account's projects, and compares them with what is stored of them. `asker` and `files` read."""

    domain: ClassVar[str] = "dataproc"
    resumes_each_run: ClassVar[bool] = True

    def __init__(
        self,
        account: DataprocAccount,
        section: Section,
        *,
        interval_sec: float,
        asker: Asks | None = None,
        files: FileReader | None = None,
    ) -> None:
        self._settings = msgspec.structs.replace(section, accounts=())
        self.name = name_of(account.name)
        self.interval_sec = interval_sec
        self.deadline_sec = float(section.timeouts.total) + SPARE_SEC
        self.options = (account, self._settings, interval_sec)
        self._account = account
        self._limits = Limits(section.idle_after if account.include_jobs else None, section.stuck_after)
        self._asker: Asks = asker or Dataproc()
        self._files = files or FileReader()
        self._log = TroubleLog(account.name)
        self._regions: dict[str, KnownRegions] = {}
        self._calls: dict[str, list[float]] = {}
        """By project: when each of the last calls was, by the loop's clock."""
        self._failures = 0
        self._rows: Sequence[DataprocRow] = ()
        self._last: DataprocRun | None = None

    async def resume(self, db: aiosqlite.Connection) -> None:
        """What is known of the account's clusters, and how its last run went."""
        known = await store.known(db, self._account.name)
        self._rows, self._last = known.rows, known.run

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[DataprocLook], None]:
        """A reading that says that it runs, one for each region, and one with what came of the run."""
        clock = asyncio.get_running_loop().time
        began = clock()

        def at() -> datetime:
            return now + timedelta(seconds=clock() - began)

        run = RunSoFar(self._account.name, now)
        gathering = Gathering(self._account, self._rows, self._limits)
        # Nothing holds on to a large estate between two runs.
        self._rows = ()
        yield Reading(rows=[DataprocLook(account=self._account.name, run=run.so_far())])
        try:
            task = await self._task(now)
            # A run that is stopped takes its process with it.
            async with aclosing(self._asker.collect(task)) as lines:
                async for line in lines:
                    self._note(line, run)
                    gathered = gathering.take(line, at())
                    if gathered is not None:
                        yield self._reading(gathered, at())
        except DataprocError as error:
            run.fail(str(error))
        for gathered in gathering.rest(at()):
            yield self._reading(gathered, at())
        if run.done is None:
            self._guess(run.calls())
        ended = run.ended(at(), stale=gathering.stale)
        yield self._ended(ended, gathering, refused=run.refused)
        if ended.result in ("failed", "timeout"):
            raise RunFailed(ended.reason)

    async def close(self) -> None:
        await asyncio.gather(self._asker.close(), self._files.close())

    async def _task(self, now: datetime) -> DataprocTask:
        """Raises DataprocError: the key cannot be read."""
        return DataprocTask(
            account=self._account,
            settings=self._settings,
            credentials=await self._credentials(),
            known={project: known for project, known in self._regions.items() if known.until > now},
            earlier_calls=self._earlier(),
        )

    async def _credentials(self) -> str:
        """The text of the key file, read each time: it may be replaced. Raises DataprocError."""
        path = self._account.credentials_file
        if path is None or self._account.anonymous:
            return ""
        try:
            seen = (await self._files.read({path: None}))[path]
            # A child for the rest of the day is too much for a small file every other minute.
            await self._files.rest()
        except OSError as error:
            raise DataprocError(f"the key file {path} cannot be read: {error}") from error
        if seen.data is None:
            reason = seen.reason or "it is no regular file"
            raise DataprocError(f"the key file {path} cannot be read: {reason}")
        try:
            return seen.data.decode()
        except UnicodeDecodeError as error:
            raise DataprocError(f"the key file {path} is no key: it is no text") from error

    def _note(self, line: DataprocLine, run: RunSoFar) -> None:
        """Remember what the next run needs, and write into the log what went wrong."""
        run.take(line)
        match line:
            case RegionsLine(regions_from="api", until=datetime() as until):
                self._regions[line.project_id] = KnownRegions(regions=line.regions, until=until)
            case TroubleLine():
                self._log.trouble(line)
            case DoneLine():
                self._remember(line.recent_calls)

    def _remember(self, ago: Mapping[str, Sequence[float]]) -> None:
        clock = asyncio.get_running_loop().time()
        self._calls = {project: [clock - sec for sec in calls] for project, calls in ago.items()}

    def _guess(self, calls: Mapping[str, int]) -> None:
        """Of a run that did not come to its end: its calls count as if they were made just now."""
        clock = asyncio.get_running_loop().time()
        for project, number in calls.items():
            self._calls[project] = [*self._calls.get(project, ()), *[clock] * number]

    def _earlier(self) -> dict[str, list[float]]:
        """By project: how many seconds ago each call of the last minute was."""
        clock = asyncio.get_running_loop().time()
        ago = {project: [round(clock - at, 3) for at in calls] for project, calls in self._calls.items()}
        recent = {project: [sec for sec in calls if sec < QUOTA_SEC] for project, calls in ago.items()}
        return {project: calls for project, calls in recent.items() if calls}

    def _reading(self, gathered: Gathered, at: datetime) -> Reading[DataprocLook]:
        events = list(cluster_events(gathered.changes, self._last, at))
        return Reading(rows=[gathered.look], events=events)

    def _ended(self, run: DataprocRun, gathering: Gathering, *, refused: bool) -> Reading[DataprocLook]:
        self._failures = self._failures + 1 if run.result in ("failed", "timeout") else 0
        self._log.run(run)
        events = [
            *run_events(run, self._last, failures=self._failures, refused=refused),
            *quota_events(run, self._last, self._settings.quota.warn_ratio),
        ]
        look = DataprocLook(account=self._account.name, run=run)
        return Reading(rows=[look], samples=tuple(samples(gathering.rows.values(), run)), events=events)

"""The life of one collector: it waits for its tick, runs, hands on what it saw, and says how it fares."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from etlmon.contract.node import CollectorHealth, CollectorStatus
from node.clock import Clock
from node.collector import Collector, Metric, Prompted, Resumable, Sample
from node.run import Commit, Outcome, Run, TookTooLong
from node.samples import SampleTable
from node.schedule import Schedule, backoff_sec

logger = logging.getLogger(__name__)

LONGEST_ERROR = 500

_OF_COLLECTOR = ("collector", "domain")

METRICS = (
    Metric(
        "agent_collector_status", "gauge", "1 when the last run of the collector succeeded", _OF_COLLECTOR, keeps=True
    ),
    Metric("agent_collector_failed_runs", "gauge", "Runs that failed since the last good one", _OF_COLLECTOR),
    Metric("agent_collector_errors_total", "counter", "Runs that failed", _OF_COLLECTOR),
    Metric("agent_collector_overruns_total", "counter", "Ticks skipped, the run before had not ended", _OF_COLLECTOR),
    Metric("agent_collector_duration_seconds", "gauge", "How long the last run took", _OF_COLLECTOR),
    Metric("agent_collector_last_success_timestamp", "gauge", "When a run succeeded last", _OF_COLLECTOR),
)
"""What the runner says about each collector."""


def one_line(error: BaseException) -> str:
    """What went wrong, for a person: one line, nothing unprintable, of bounded length."""
    text = str(error) or type(error).__name__
    if not isinstance(error, OSError) and type(error).__module__ == "builtins":
        text = f"{type(error).__name__}: {text}"
    text = " ".join(text.split())
    return "".join(char if char.isprintable() else "·" for char in text)[:LONGEST_ERROR]


class Lifecycle:
    """Runs one collector for as long as it is configured. Whatever the collector does, it costs the others nothing."""

    def __init__(
        self,
        collector: Collector[Any],
        *,
        commit: Commit,
        resume: Callable[[Resumable], Awaitable[None]],
        clock: Clock,
        samples: SampleTable,
        turn: AbstractAsyncContextManager[Any],
    ) -> None:
        """`turn` is entered for each run, and may keep it waiting for those of other collectors."""
        self.collector = collector
        self._turn = turn
        self._commit = commit
        self._resume = resume
        self._clock = clock
        self._samples = samples
        self._prompter = collector if isinstance(collector, Prompted) else None
        self._must_resume = isinstance(collector, Resumable)
        self._factor = 1.0
        self._schedule = Schedule(collector.interval_sec, 0.0, spread=random.uniform)
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._run: Run | None = None
        self._last_run_at: datetime | None = None
        self._last_success_at: datetime | None = None
        self._last_error: str | None = None
        self._duration_sec = 0.0
        self._failures = 0
        self._failures_total = 0
        self.runs = 0
        self.runs_over = 0
        """Of the runs that began, those that came to their end, well or not."""
        self._prompts_failed = 0
        self._deaf_until = 0.0

    def start(self, delay_sec: float) -> None:
        """Begin; the first run comes after `delay_sec`."""
        now = asyncio.get_running_loop().time()
        self._schedule = Schedule(self.collector.interval_sec * self._factor, now + delay_sec, spread=random.uniform)
        self._task = asyncio.create_task(self._live(), name=f"collector {self.collector.name}")

    def pace(self, factor: float) -> None:
        """From the next run on, leave `factor` times as much between two runs as the collector asks for."""
        self._factor = factor
        self._schedule.interval_sec = self.collector.interval_sec * factor

    def trigger(self) -> bool:
        """Run now; False when a run is going on or about to begin."""
        if self._run is not None or self._wake.is_set() or self._stopping:
            return False
        self._schedule.restart(asyncio.get_running_loop().time())
        self._wake.set()
        return True

    async def stop(self, within_sec: float) -> None:
        """End the life, then close the collector; each may take `within_sec`, what takes longer is left behind."""
        self._stopping = True
        self._wake.set()
        if self._run is not None:
            self._run.cancel()
        if self._task is not None:
            await _outlasts(self._task, within_sec)
        closing = asyncio.create_task(self.collector.close(), name=f"{self.collector.name}: close")
        if await _outlasts(closing, within_sec):
            logger.warning("%s does not close; it is left behind", self.collector.name)
        elif not closing.cancelled() and (error := closing.exception()) is not None:
            logger.warning("%s failed to close: %s", self.collector.name, one_line(error))
        if self._run is not None and self._run.goes_on:
            logger.warning("%s does not stop; it is left behind", self.collector.name)
        self._samples.remove(self.collector.name)
        self._samples.remove(self._about)

    def health(self) -> CollectorHealth:
        now, wall = asyncio.get_running_loop().time(), self._clock()
        running = self._run is not None
        missed = self._schedule.missed(now) if running else 0
        due_in = self._schedule.next_due(now, running=running) - now
        return CollectorHealth(
            name=self.collector.name,
            status=self._status(missed),
            last_run_at=self._last_run_at,
            last_success_at=self._last_success_at,
            last_error=self._last_error,
            duration_ms=round(self._duration_sec * 1000, 3),
            interval_sec=float(self._schedule.interval_sec),
            overruns=self._schedule.overruns + missed,
            consecutive_failures=self._failures,
            next_run_at=wall + timedelta(milliseconds=round(due_in * 1000)),
        )

    def _status(self, missed: int) -> CollectorStatus:
        if missed:
            return "overdue"
        if self._failures:
            return "failing"
        if self._run is not None:
            return "running"
        return "ok" if self._last_success_at else "starting"

    async def _live(self) -> None:
        while True:
            await self._tick()
            async with self._turn:
                if self._stopping:
                    return
                await self._run_once()

    async def _tick(self) -> None:
        """Wait until it is due, told to run, or prompted by the collector itself."""
        loop = asyncio.get_running_loop()
        prompting = self._prompting(loop.time())
        try:
            async with asyncio.timeout(max(0.0, self._schedule.due - loop.time())):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            if prompting is not None:
                prompting.cancel()
        self._schedule.restart(loop.time())

    def _prompting(self, now: float) -> "asyncio.Task[None] | None":
        """Listen to the collector, as long as all goes well: what fails is tried again at its tick and no sooner."""
        if self._prompter is None or self._failures or self._must_resume or now < self._deaf_until:
            return None
        prompting = asyncio.create_task(self._prompter.prompt(), name=f"{self.collector.name}: prompt")
        prompting.add_done_callback(self._prompted)
        return prompting

    def _prompted(self, prompting: "asyncio.Task[None]") -> None:
        if prompting.cancelled():
            return
        error = prompting.exception()
        if error is None:
            self._prompts_failed = 0
            self._wake.set()
        elif isinstance(error, Exception) and not self._stopping:
            self._prompts_failed += 1
            wait_sec = backoff_sec(self.collector.interval_sec, self._prompts_failed)
            self._deaf_until = asyncio.get_running_loop().time() + wait_sec
            self._fail(error)
            self._samples.replace(self._about, self._own_samples(), self._clock())

    async def _run_once(self) -> None:
        loop = asyncio.get_running_loop()
        began, self._last_run_at = loop.time(), self._clock()
        self.runs += 1
        self._run = run = Run(self.collector, self._last_run_at)
        self._wake.clear()
        resuming = None
        must_resume = self._must_resume or self.collector.resumes_each_run
        if must_resume and isinstance(self.collector, Resumable):
            resuming = self._resume(self.collector)
        outcome = await run.perform(self._commit, before=resuming)
        if not self._stopping:
            self._duration_sec = loop.time() - began
            self._must_resume = outcome.lost or outcome.failure is not None
            self._judge(outcome)
        await run.close()
        self._run = None
        self.runs_over += 1
        self._schedule.finish(loop.time(), self._failures)

    def _judge(self, outcome: Outcome) -> None:
        name, at = self.collector.name, self._clock()
        if outcome.failure is not None:
            self._fail(outcome.failure)
        else:
            if self._failures:
                logger.info("%s works again after %d failed runs", name, self._failures)
            self._failures = 0
            self._last_error = None
            self._last_success_at = at
        if outcome.samples or not outcome.lost:
            self._samples.replace(name, outcome.samples, at, outcome.unmeasured)
        self._samples.replace(self._about, self._own_samples(), at)

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        self._failures_total += 1
        self._last_error = one_line(error)
        if self._failures == 1:
            bug = None if isinstance(error, (OSError, TookTooLong)) else error
            logger.warning("%s fails: %s", self.collector.name, self._last_error, exc_info=bug)

    @property
    def _about(self) -> str:
        return f"runner:{self.collector.name}"

    def _own_samples(self) -> Iterator[Sample]:
        labels = {"collector": self.collector.name, "domain": self.collector.domain}
        yield Sample("agent_collector_status", 0.0 if self._failures else 1.0, labels)
        yield Sample("agent_collector_failed_runs", self._failures, labels)
        yield Sample("agent_collector_errors_total", self._failures_total, labels)
        yield Sample("agent_collector_overruns_total", self._schedule.overruns, labels)
        yield Sample("agent_collector_duration_seconds", self._duration_sec, labels)
        if self._last_success_at is not None:
            at = self._last_success_at.timestamp()
            yield Sample("agent_collector_last_success_timestamp", at, labels)


async def _outlasts(task: "asyncio.Task[Any]", within_sec: float) -> bool:
    """Wait for a task, cancelling it in the end; True when it does not even end then."""
    _, pending = await asyncio.wait({task}, timeout=within_sec)
    if not pending:
        return False
    task.cancel()
    _, pending = await asyncio.wait({task}, timeout=0.1)
    return bool(pending)

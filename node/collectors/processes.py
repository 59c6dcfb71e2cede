"""processes: what runs of each watch, and what it uses. It also knows the watched processes for those who end one."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

import aiosqlite
import msgspec

from etlmon.contract.node import Event
from etlmon.contract.processes import Process, ProcessDetail, ProcessWatch, TopProcess
from node.collector import Collector, Reading
from node.collectors import processes_changes as changes
from node.collectors.processes_conditions import Surroundings
from node.collectors.processes_known import Known, KnownProcesses
from node.collectors.processes_match import Matcher
from node.collectors.processes_points import Io, Points, io_since
from node.collectors.processes_rows import Measured, row, samples_of, stopped, total, verdict
from node.settings import NodeSettings
from node.settings import ProcessWatch as Watch
from node.sources import process_detail, process_top, procfs
from node.sources.proc_reader import ProcReader
from node.sources.process_types import Target
from node.sources.procfs import PROC, TICKS_PER_SEC
from node.sources.users import PASSWD, Users
from node.store import processes as store
from node.store.processes import ProcessLook

DEADLINE_SEC = 20.0


def build(settings: NodeSettings) -> list["ProcessCollector"]:
    """One collector for all watches; none when nothing is watched."""
    if not settings.process_watch:
        return []
    allow = settings.kill.allow
    may_kill = [
        watch.title
        for watch in settings.process_watch
        if settings.kill.enabled and (allow is None or watch.title in allow)
    ]
    return [
        ProcessCollector(
            settings.process_watch, interval_sec=float(settings.refresh.process), may_kill=frozenset(may_kill)
        )
    ]


class ProcessCollector(Collector[ProcessLook]):
    """Looks at every process of the host, and samples those that are watched. It is a `Targets` (process_types.py).

    `may_kill` are the titles of the watches whose processes the policy lets be ended; `proc` is where processes are
    read, `passwd` where users are.
    """

    domain: ClassVar[str] = "processes"
    name = "processes"

    def __init__(
        self,
        watches: Sequence[Watch],
        *,
        interval_sec: float,
        may_kill: Collection[str] = (),
        proc: Path = PROC,
        passwd: Path = PASSWD,
    ) -> None:
        self.interval_sec = interval_sec
        self.deadline_sec = DEADLINE_SEC
        self.options = (tuple(watches), interval_sec, frozenset(may_kill))
        self.watches = watches
        self._may_kill = may_kill
        self._proc = proc
        self._reader = ProcReader(proc)
        self._users = Users(passwd)
        self._surroundings = Surroundings(watches, self._users, proc)
        self._matcher = Matcher(watches)
        self._processes = KnownProcesses(self._matcher, self._reader, self._users, self._surroundings, proc)
        self._points = Points(interval_sec)
        self._boot_sec: float | None = None
        self._past: dict[str, changes.Past] = {}

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Go on from the counters and processes of the last look that was stored."""
        watches, rows = await store.remembered(db)
        self._past = {
            watch.name: changes.Past(watch=watch, rows=[row for row in rows if row.watch == watch.name])
            for watch in watches
        }

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[ProcessLook], None]:
        """One look at all processes."""
        await self._processes.look()
        self._follow_clock()
        watches: list[ProcessWatch] = []
        processes: list[Process] = []
        events: list[Event] = []
        io: dict[str, Io | None] = {}
        measured: dict[int, Measured] = {}
        for index, watch in enumerate(self.watches):
            fitting = self._processes.watched(index)
            for known in fitting:
                if known.pid not in measured:
                    measured[known.pid] = self._measured(known)
            rows = [row(watch.title, measured[known.pid], now) for known in fitting]
            executed = {known.pid for known in fitting if known.executed}
            seen, happened = changes.follow(self._past.get(watch.title), self._watch(index, rows, now), rows, executed)
            watches.append(seen)
            events += happened
            processes += self._shown(seen, rows)
            io[watch.title] = io_since(fitting, self._processes.before.at_sec)
        points = self._points.add(self._processes.scan.at_sec, watches, io)
        look = ProcessLook(processes=processes, watches=watches, points=points)
        samples = tuple(samples_of(watches, processes, len(self._processes.scan.lines)))
        unjudged = [{"watch": watch.name} for watch in watches if watch.state == "error"]
        yield Reading(rows=[look], samples=samples, events=events, unmeasured=unjudged)

    async def close(self) -> None:
        self._surroundings.close()
        await asyncio.gather(self._reader.close(), self._users.close())

    def known(self, pid: int) -> Target | None:
        """See `Targets`."""
        known = self._processes.get(pid)
        return self._target(known) if known is not None and known.verdict.fits else None

    async def look(self, pid: int) -> Target | None:
        """See `Targets`. Raises TimeoutError."""
        fresh = await self._processes.look_at(pid)
        return self._target(fresh) if fresh is not None else None

    def ancestors(self, pid: int) -> Sequence[int]:
        """See `Targets`."""
        return [stat.pid for stat in procfs.ancestors(pid, self._proc)]

    async def top(self, by: Literal["cpu", "memory"], n: int) -> list[TopProcess]:
        """The host's processes that use most. Raises Unavailable."""
        return await process_top.top(
            by,
            n,
            reader=self._reader,
            users=self._users,
            before=self._processes.scan,
            watches=self._titles,
            proc=self._proc,
        )

    async def detail(self, pid: int) -> ProcessDetail | None:
        """The process of this pid looked at now; None when there is none. Raises OSError."""
        return await process_detail.detail(
            pid,
            reader=self._reader,
            users=self._users,
            before=self._processes.scan,
            watches=self._titles,
            proc=self._proc,
        )

    def _measured(self, known: Known) -> Measured:
        """What there is to say of a watched process."""
        stat, scan = known.stat, self._processes.scan
        cpu = scan.cpu_percent(known.pid, self._processes.before)
        known.recent.append(cpu if cpu is None else round(cpu, 1))
        return Measured(
            stat=stat,
            rss_bytes=procfs.resident_bytes(stat, self._proc),
            started_at=self._started_at(known.start_ticks),
            runtime_sec=scan.at_sec - known.start_ticks / TICKS_PER_SEC,
            command=known.command,
            user=self._users.name(known.uid),
            cpu_percent=cpu,
            recent_cpu=known.recent,
            open_files=procfs.open_files(known.pid, self._proc),
            io=known.io,
            wchan=procfs.wait_channel(known.pid, self._proc) if stat.state == "D" else None,
            is_unread=known.is_unread,
        )

    def _watch(self, index: int, rows: Sequence[Process], now: datetime) -> ProcessWatch:
        """The watch as it is now; what it counts is for those who know its past."""
        watch = self.watches[index]
        running = [one for one in rows if one.status == "RUNNING"]
        hidden = self._processes.scan.hidden and not self._surroundings.is_seen(watch)
        unsure = [known.stat for known in self._processes.unsure(index)]
        trouble = self._processes.troubles.get(index)
        state, message = verdict(watch, len(running), trouble, unsure, hidden=hidden)
        judged = bool(running) or state != "error"
        cpu = total([one.cpu_percent for one in running]) if judged else None
        rss = total([one.mem_rss_bytes for one in running]) if judged else None
        return ProcessWatch(
            name=watch.title,
            looks_for=watch.looks_for,
            running=len(running),
            min=watch.min,
            max=watch.max,
            state=state,
            error_message=message,
            cpu_percent=None if cpu is None else round(cpu, 1),
            mem_rss_bytes=None if rss is None else int(rss),
            may_kill=watch.title in self._may_kill,
            collected_at=now,
        )

    def _shown(self, watch: ProcessWatch, rows: Sequence[Process]) -> list[Process]:
        """The rows of a watch, one at least; they become its past."""
        past = self._past.get(watch.name)
        known = past.rows if past is not None else ()
        shown = [msgspec.structs.replace(one, restarts=watch.restarts) for one in rows]
        if not shown:
            last = past.last if past is not None else None
            ended = stopped(watch.name, last, watch.collected_at, watch.error_message)
            shown = [msgspec.structs.replace(ended, restarts=watch.restarts)]
        # As long as a watch cannot be judged, nothing is known to have ended either.
        self._past[watch.name] = changes.Past(watch=watch, rows=known if watch.state == "error" and known else shown)
        return shown

    def _follow_clock(self) -> None:
        """When the host's clock is set, all start times move with it: the processes stay the same ones."""
        boot_sec = procfs.boot_time(self._proc)
        if self._boot_sec is not None and boot_sec != self._boot_sec:
            moved = timedelta(seconds=boot_sec - self._boot_sec)
            self._past = {name: past.moved(moved) for name, past in self._past.items()}
        self._boot_sec = boot_sec

    def _started_at(self, start_ticks: int) -> datetime:
        boot_sec = procfs.boot_time(self._proc) if self._boot_sec is None else self._boot_sec
        return procfs.started_at(boot_sec, start_ticks)

    def _target(self, known: Known) -> Target:
        stat = known.stat
        return Target(
            pid=known.pid,
            start_ticks=known.start_ticks,
            start_time=self._started_at(known.start_ticks),
            watches=tuple(self.watches[index].title for index in known.verdict.fits),
            name=stat.name,
            cmdline=known.command or f"[{stat.name}]",
            uid=known.uid,
            user=self._users.name(known.uid),
            state=stat.state,
            ppid=stat.ppid,
            is_kernel_thread=stat.is_kernel_thread,
        )

    def _titles(self, pid: int, start_ticks: int) -> list[str]:
        """The watches that a process fits, as of the last look."""
        known = self._processes.get(pid)
        if known is None or known.start_ticks != start_ticks:
            return []
        return [self.watches[index].title for index in known.verdict.fits]

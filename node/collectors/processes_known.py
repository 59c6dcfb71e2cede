"""Every process of the host as far as it is known: whether a watch fits it is found out once, not at each look."""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from etlmon.contract.processes import RECENT
from node.collectors.processes_conditions import Surroundings, Trouble
from node.collectors.processes_match import NOTHING, Candidate, Conditions, Matcher, Verdict
from node.sources import procfs
from node.sources.proc_reader import ProcReader
from node.sources.process_command import arguments_of, shown
from node.sources.process_types import Stat
from node.sources.procfs import PROC, TICKS_PER_SEC, Scan
from node.sources.users import Users

_MOST_TRIES = 5
_WITHIN_SEC = 3.0
"""For the files that may block, in one look. On a large host the first look reads thousands."""
_SOONEST_SEC = 1.0
_WATCHED_AGAIN_SEC = 60.0
_AGAIN_SEC = 300.0
_MOST_AGAIN = 100
"""In one look: many that are of an age would make it a long one."""


@dataclass(slots=True)
class Known:
    """One process. What it runs under its pid may change; pid and `start_ticks` are what it is."""

    pid: int
    start_ticks: int
    line: bytes
    mark: tuple[bytes, bytes, bytes]
    began_sec: float
    """When it started, or began the program that it runs, by the clock of the looks."""
    uid: int = -1
    verdict: Verdict = NOTHING
    command: str = ""
    """Its command line, for one that is watched; secrets in it are hidden."""
    due_sec: float = 0.0
    """When it is compared with the watches again."""
    is_judged: bool = False
    """Whether its command line was known when it was compared."""
    is_unread: bool = False
    """Its command line could not be read when it was asked for last."""
    executed: bool = False
    """It began another program since the look before, or its command line could not be read since it did."""
    io: tuple[int, int] | None = None
    """Bytes read from and written to the storage."""
    io_before: tuple[int, int] | None = None
    recent: deque[float | None] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def stat(self) -> Stat:
        return procfs.parse_stat(self.line)


class KnownProcesses:
    """Looks at all processes, and keeps what does not change."""

    def __init__(
        self, matcher: Matcher, reader: ProcReader, users: Users, surroundings: Surroundings, proc: Path = PROC
    ) -> None:
        self.scan = Scan(0.0, {})
        self.before = Scan(0.0, {})
        """The last look at all, and the one before it."""
        self.troubles: Mapping[int, Trouble] = {}
        self._matcher = matcher
        self._reader = reader
        self._users = users
        self._surroundings = surroundings
        self._proc = proc
        self._known: dict[int, Known] = {}
        self._concerned: list[Known] = []
        """Those of which a watch says anything."""
        self._conditions = Conditions({}, {})

    def get(self, pid: int) -> Known | None:
        return self._known.get(pid)

    def watched(self, index: int) -> list[Known]:
        """The processes that fit a watch, the oldest first."""
        fitting = [known for known in self._concerned if index in known.verdict.fits]
        return sorted(fitting, key=lambda known: (known.start_ticks, known.pid))

    def unsure(self, index: int) -> list[Known]:
        """The processes of which it cannot be told whether they fit a watch, because they block their reader."""
        return [known for known in self._concerned if index in known.verdict.unsure]

    async def look(self) -> None:
        """Look at every process once. Raises OSError when /proc cannot be read."""
        scan = await procfs.scan(self._proc)
        self._take(scan)
        conditions, self.troubles = await self._surroundings.read()
        self._mark_due(conditions)
        await self._judge(self._due(scan.at_sec))

    async def look_at(self, pid: int) -> Known | None:
        """One process read anew and compared with the watches, apart from all looks; None when there is none.

        Raises TimeoutError when its command line cannot be read in time.
        """
        for _ in range(_MOST_TRIES):
            try:
                line = procfs.read_line(pid, self._proc)
            except PermissionError:  # another user's, and hidden: it is not there for this node
                return None
            if line is None:
                return None
            conditions, _ = await self._surroundings.read()
            stat, uid = procfs.parse_stat(line), procfs.uid_of(pid, self._proc)
            content = b"" if stat.is_kernel_thread else await self._read_command(pid)
            after = procfs.read_line(pid, self._proc)
            if uid is None or after is None or procfs.program_mark(after) != procfs.program_mark(line):
                continue  # it ended, or runs another program: what was read may be of either
            await self._users.learn(uids=[uid])
            fresh = Known(pid, stat.start_ticks, line, procfs.program_mark(line), 0.0, uid)
            old = self._known.get(pid)
            if not content and old is not None and old.start_ticks == stat.start_ticks:
                # Its memory is gone before it is: it stays what it was.
                fresh.verdict, fresh.command = old.verdict, old.command
                return fresh
            arguments = arguments_of(content)
            fresh.verdict = self._matcher.judge(self.candidate(stat, line, uid, arguments), conditions)
            fresh.command = shown(arguments)
            return fresh
        raise TimeoutError(f"process {pid} becomes another program all the time")

    async def _read_command(self, pid: int) -> bytes:
        """Raises TimeoutError."""
        place = f"{pid}/cmdline"
        try:
            content = (await self._reader.read([place])).get(place)
        except OSError as error:
            raise TimeoutError(f"the command line of {pid} cannot be read: {error}") from error
        if content is None:
            raise TimeoutError(f"the command line of {pid} cannot be read: the process is stuck in the kernel")
        return content

    def candidate(self, stat: Stat, line: bytes, uid: int, arguments: Sequence[str] | None) -> Candidate:
        """The process as the watches see it."""
        own = os.getpid()
        return Candidate(
            pid=stat.pid,
            name=stat.name,
            uid=uid,
            arguments=() if stat.is_kernel_thread else arguments,
            is_kernel_thread=stat.is_kernel_thread,
            # What the node starts for its own work is in a session of its own (child.py, command.py).
            is_own=stat.pid == own or (stat.ppid == own and procfs.session_of(line) == stat.pid),
        )

    def _take(self, scan: Scan) -> None:
        """Notice what is new, what is gone, and what runs another program by now."""
        lines = dict(scan.lines)
        known_before, self._known = self._known, {}
        for pid, line in scan.lines.items():
            known = known_before.get(pid)
            if known is not None and known.line == line:
                lines[pid] = known.line
                known.executed &= known.due_sec == 0.0
            elif known is not None and known.start_ticks == procfs.start_of(line):
                _renew(known, line, scan.at_sec)
            else:
                start_ticks = procfs.start_of(line)
                began_sec = start_ticks / TICKS_PER_SEC
                known = Known(pid, start_ticks, line, procfs.program_mark(line), began_sec)
            self._known[pid] = known
        self.before, self.scan = self.scan, Scan(scan.at_sec, lines, scan.hidden)

    def _mark_due(self, conditions: Conditions) -> None:
        """Compare again whom a change of the conditions concerns."""
        old, self._conditions = self._conditions, conditions
        if old.uids != conditions.uids:
            concerned: Iterable[int] = self._known
        elif old.pids != conditions.pids:
            concerned = frozenset().union(*old.pids.values(), *conditions.pids.values())
        else:
            return
        for pid in concerned:
            if pid in self._known:
                self._known[pid].due_sec = 0.0

    def _due(self, at_sec: float) -> list[Known]:
        """Whom to compare with the watches: all that are new or became another, and some of the others."""
        due = [known for known in self._known.values() if known.due_sec <= at_sec]
        again = sorted((known for known in due if known.due_sec > 0), key=lambda known: known.due_sec)
        return [known for known in due if known.due_sec == 0] + again[:_MOST_AGAIN]

    async def _judge(self, due: Sequence[Known]) -> None:
        """Compare these with the watches."""
        asked: list[Known] = []
        for number, known in enumerate(due):
            await _let_others_run(number)
            uid = procfs.uid_of(known.pid, self._proc)
            known.uid = known.uid if uid is None else uid
            stat = known.stat
            candidate = self.candidate(stat, known.line, known.uid, None)
            if not stat.is_kernel_thread and self._matcher.needs_arguments(candidate, self._conditions):
                asked.append(known)
            else:
                self._decide(known, stat, ())
        # Those that wait in the kernel are the likeliest to block their reader.
        asked.sort(key=lambda known: known.stat.state == "D")
        places = [f"{known.pid}/io" for known in self._known.values() if known.verdict is not NOTHING]
        said = await self._read(places + [f"{known.pid}/cmdline" for known in asked])
        for number, known in enumerate(asked):
            await _let_others_run(number)
            self._heard(known, said.get(f"{known.pid}/cmdline"))
        self._concerned = [known for known in self._known.values() if known.verdict is not NOTHING]
        fitting = [known for known in self._concerned if known.verdict.fits]
        said.update(await self._read([place for known in fitting if (place := f"{known.pid}/io") not in said]))
        for known in fitting:
            known.io_before, known.io = known.io, io_of(said.get(f"{known.pid}/io", b""))
        await self._users.learn(uids={known.uid for known in fitting})

    async def _read(self, places: Sequence[str]) -> dict[str, bytes]:
        try:
            return await self._reader.read(places, _WITHIN_SEC) if places else {}
        except OSError:  # no process can be started now: what could not be read says so
            return {}

    def _heard(self, known: Known, content: bytes | None) -> None:
        """Take the command line of a process; None when it could not be read."""
        known.is_unread = content is None
        if content:
            before = known.command
            self._decide(known, known.stat, arguments_of(content))
            if before and known.command != before:
                self._catch_up(known)
        elif not known.is_judged:
            self._decide(known, known.stat, None if content is None else ())
        else:
            # Its memory goes before the process does, and comes before the arguments do: it stays what it was.
            self._postpone(known)
        if content is None or (not content and known.executed):
            known.due_sec = 0.0  # at each look, as often as the reader allows

    def _catch_up(self, known: Known) -> None:
        """Notice a program that began after the stat lines were read: its command line tells of it first."""
        line = procfs.read_line(known.pid, self._proc)
        if line is None or procfs.start_of(line) != known.start_ticks:
            return
        if procfs.program_mark(line) != known.mark:
            _renew(known, line, self.scan.at_sec)
            self._postpone(known)

    def _decide(self, known: Known, stat: Stat, arguments: Sequence[str] | None) -> None:
        candidate = self.candidate(stat, known.line, known.uid, arguments)
        known.verdict = self._matcher.judge(candidate, self._conditions)
        known.is_judged = arguments is not None
        known.command = shown(arguments) if arguments and known.verdict.fits else ""
        self._postpone(known)

    def _postpone(self, known: Known) -> None:
        """The older a process is, the less likely it becomes another: it is looked at again at twice its age."""
        age_sec = self.scan.at_sec - known.began_sec
        latest_sec = _WATCHED_AGAIN_SEC if known.verdict.fits else _AGAIN_SEC
        known.due_sec = self.scan.at_sec + min(max(age_sec, _SOONEST_SEC), latest_sec)


async def _let_others_run(number: int) -> None:
    """Give the event loop a turn now and then: at the first look there are many."""
    if number % 200 == 199:
        await asyncio.sleep(0)


def _renew(known: Known, line: bytes, at_sec: float) -> None:
    """Take the new line of the same process, and notice when it runs another program."""
    mark = procfs.program_mark(line)
    # A name may change without a new program; where the addresses are not to be seen, it is all there is.
    executed = mark[1:] != known.mark[1:] or (mark != known.mark and mark[1] in (b"0", b"1"))
    # Once begun, a program is news until its command line is known.
    known.executed = executed or (known.executed and known.due_sec == 0.0)
    if mark != known.mark:
        known.due_sec = 0.0
    if executed:
        known.began_sec = at_sec
    known.line, known.mark = line, mark


def io_of(content: bytes) -> tuple[int, int] | None:
    """Bytes read from and written to the storage, of /proc/PID/io (proc_pid_io(5)); None when it may not be read."""
    fields = dict(line.split(b": ", 1) for line in content.splitlines() if b": " in line)
    try:
        return int(fields[b"read_bytes"]), int(fields[b"write_bytes"])
    except (KeyError, ValueError):
        return None

"""What the command of a job comes to on this host: scripts that run-parts runs, or nothing because of a condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from node.collectors.cron_grammar import shell_command
from node.collectors.cron_guards import Guard
from node.collectors.cron_runparts import RunParts, lists_of, run_parts_in, scripts_of
from node.collectors.cron_types import FoundJob, Host
from node.sources.file_reader import FileReader, Names, Seen, Status

ANACRON_RUNS_IT = "; anacron runs these scripts instead"


@dataclass(frozen=True, slots=True)
class _Call:
    guard: Guard
    run_parts: RunParts | None


class HostCommands:
    """Looks at what commands ask for and where run-parts is to look. Nothing is run."""

    def __init__(self, host: Host, reader: FileReader) -> None:
        self._host = host
        self._reader = reader
        self._program: tuple[str, Status, bool] | None = None

    async def weigh(self, jobs: Sequence[FoundJob]) -> tuple[list[FoundJob], frozenset[int]]:
        """The jobs with their scripts, and the ids of those that do nothing here; a warning says why.

        Raises OSError: there is no child to look.
        """
        calls = {index: call for index, job in enumerate(jobs) if job.error is None and (call := _call(job))}
        if not calls:
            return list(jobs), frozenset()
        asked = await self._reader.statuses(path for call in calls.values() for path in call.guard.paths)
        idle = {index: reason for index, call in calls.items() if (reason := call.guard.idle(asked))}
        runs = {
            index: call.run_parts for index, call in calls.items() if call.run_parts is not None and index not in idle
        }
        there, seen, red_hat = await self._directories(list(runs.values()))
        weighed = list(jobs)
        for index, reason in idle.items():
            weighed[index] = self._idle(weighed[index], reason, calls[index])
        for index, run in runs.items():
            found = scripts_of(run, there[run.directory], seen, red_hat=red_hat)
            weighed[index] = replace(_named(_warned(weighed[index], found.warning), run), scripts=found.names)
        return weighed, frozenset(jobs[index].job_id for index in idle)

    def _idle(self, job: FoundJob, reason: str, call: _Call) -> FoundJob:
        by_anacron = call.run_parts is not None and any(path in self._host.anacron for path in call.guard.paths)
        return _named(_warned(job, reason + (ANACRON_RUNS_IT if by_anacron else "")), call.run_parts)

    async def _directories(self, calls: Sequence[RunParts]) -> tuple[Mapping[str, Names], Mapping[str, Seen], bool]:
        """What lies in the directories, what each is, and whether the run-parts here is that of Red Hat."""
        if not calls:
            return {}, {}, False
        red_hat = await self._is_red_hat()
        there = await self._reader.names(call.directory for call in calls)
        files = [f"{path}/{name}" for path, found in there.items() for name in found.names]
        seen = await self._reader.statuses(files)
        if red_hat:
            seen |= await self._reader.read({path: None for call in calls for path in lists_of(call)})
        return there, seen, red_hat

    async def _is_red_hat(self) -> bool:
        """Whether run-parts is a script of the shell; that of Debian is a program."""
        known = dict.fromkeys(self._host.run_parts)
        if self._program is not None:
            path, status, is_script = self._program
            now = (await self._reader.statuses([path]))[path].status
            if now == status:
                return is_script
        for path, seen in (await self._reader.read(known)).items():
            if seen.status is not None and seen.data is not None:
                self._program = (path, seen.status, seen.data.startswith(b"#!"))
                return self._program[2]
        return False


def _call(job: FoundJob) -> _Call | None:
    command = shell_command(job.command) if job.kind == "cron" else job.command
    guard = Guard(command)
    run_parts = run_parts_in(command) if "run-parts" in command else None
    return _Call(guard, run_parts) if guard.paths or run_parts is not None else None


def _warned(job: FoundJob, warning: str | None) -> FoundJob:
    if warning is None:
        return job
    return replace(job, warning=f"{job.warning}; {warning}" if job.warning else warning)


def _named(job: FoundJob, run: RunParts | None) -> FoundJob:
    """A line of cron has no other name than the directory whose scripts it runs."""
    return replace(job, name=run.directory) if run is not None and job.kind == "cron" else job

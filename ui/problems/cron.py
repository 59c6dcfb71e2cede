"""cron: jobs that did not run, failed or never will, and a daemon that does not start them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from etlmon.contract.cron import CRON, CRON_SOURCES, CronJob, CronQuery, CronRun, CronSource
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(CRON, CronQuery(limit=1000), pace="slow")
SOURCES = Question(CRON_SOURCES, pace="slow")
QUESTIONS = (QUESTION, SOURCES)

Standing = Literal[
    "missed", "failed", "invalid", "overlapping", "late", "never runs", "unknown", "no run yet", "running", "ok", "off"
]
"""What it all comes to for a job, the worst first."""

ORDER: Final[tuple[Standing, ...]] = get_args(Standing)


class _Said(NamedTuple):
    """How bad a standing is, and what is said of one job and of many that stand so; nothing when it is no problem."""

    level: State
    of_one: str = ""
    of_many: str = ""


_SAID: Final[Mapping[Standing, _Said]] = {
    "missed": _Said("crit", "missed its last run", "missed their last run"),
    "failed": _Said("crit", "failed", "failed"),
    "invalid": _Said("warn", "is not taken", "are not taken"),
    "overlapping": _Said("warn", "overlaps itself", "overlap themselves"),
    "late": _Said("warn", "is late", "are late"),
    "never runs": _Said("warn", "never runs", "never run"),
    "unknown": _Said("warn", "is not known to have run", "are not known to have run"),
    "no run yet": _Said("unknown"),
    "running": _Said("ok"),
    "ok": _Said("ok"),
    "off": _Said("ok"),
}

LATE = timedelta(minutes=2)
"""The daemon starts a job within seconds of its time, and systemd within a minute."""

NAMED = 3
"""So many jobs with the same trouble are named one by one; the others are counted."""

_LONGEST_TITLE = 60
_NEVER = datetime.max.replace(tzinfo=UTC)


def standing(job: CronJob) -> Standing:
    """The worst that is to be said of a job."""
    if job.state in ("missed", "failed", "invalid", "overlapping"):
        return job.state
    if not job.enabled:
        return "off"
    if _is_late(job):
        return "late"
    if never_runs(job):
        return "never runs"
    if job.state == "unknown" and job.last_run_at is None and job.due_at is None:
        return "no run yet"
    return job.state


def order(job: CronJob) -> tuple[int, datetime]:
    """The worst first, and of equals what runs next."""
    return ORDER.index(standing(job)), job.next_run or _NEVER


def level(job: CronJob) -> State:
    return _SAID[standing(job)].level


def is_ill(job: CronJob) -> bool:
    """Whether it is a problem. A job of which no run is known because none was due since it is watched is not."""
    return level(job) in ("crit", "warn")


def words(job: CronJob) -> str:
    """Why a job stands as it does, or how it is."""
    how = standing(job)
    if how == "invalid":
        return job.error_message or job.state_reason or "cron does not take it"
    if how == "late":
        return "it was due, and no start of it is in the log yet"
    if how == "never runs":
        said = (job.warning or "").removeprefix("it never runs").removeprefix(": ").removesuffix("; it never runs")
        return said or "no time fits its schedule"
    if how == "off":
        return job.state_reason or job.warning or "it is not enabled"
    if how == "failed" and job.last_exit_code is not None and not job.state_reason:
        return f"exit code {job.last_exit_code}"
    return job.state_reason or how


def title(job: CronJob) -> str:
    """What to call a job: its name, or its command without the directory it lies in."""
    if job.name:
        return _cut(job.name)
    program, _, rest = job.command.partition(" ")
    name = program.rpartition("/")[2] or program
    return _cut(f"{name} {rest}".strip())


def is_reboot(job: CronJob) -> bool:
    """It runs when the host starts, and at no other time."""
    return job.schedule.strip().lower() == "@reboot"


def never_runs(job: CronJob) -> bool:
    """The daemon takes it, and no time will ever come at which it starts it."""
    return job.kind == "cron" and job.enabled and job.state != "invalid" and job.next_run is None and not is_reboot(job)


def _is_late(job: CronJob) -> bool:
    """It was due when it was looked at last, and had not started. Not of anacron: that chooses its time itself."""
    if job.due_at is None or job.kind == "anacron" or job.state != "ok":
        return False
    started = job.last_run_at is not None and job.last_run_at >= job.due_at
    return not started and job.last_checked - job.due_at >= LATE


def run_level(run: CronRun) -> State:
    if run.state in ("missed", "failed"):
        return "crit"
    if run.overlapped:
        return "warn"
    return "unknown" if run.state == "unknown" else "ok"


def source_level(source: CronSource, jobs: Sequence[CronJob]) -> State:
    """How bad it is for the jobs of the node. What only concerns cron counts when cron has something to run."""
    if source.state == "ok":
        return "ok"
    if source.kind in ("daemon", "run_log"):
        if not any(job.kind == "cron" and job.enabled for job in jobs):
            return "ok"
        return "crit" if source.kind == "daemon" and source.state == "error" else "warn"
    return "ok" if source.state in ("missing", "skipped") else "warn"


def source_words(source: CronSource) -> str:
    """The state of a source in words: what is wrong, or how it is."""
    return source.reason or source.state


def problems(node: NodeState) -> Iterator[Problem]:
    jobs = node.answer(QUESTION) or []
    sources = node.answer(SOURCES) or []
    ill = [source for source in sources if source_level(source, jobs) != "ok"]
    unread = any(source.kind == "run_log" for source in ill)
    if any(source.kind == "daemon" and source.state == "missing" for source in ill):
        # Where no cron is installed there is no log of it either.
        ill = [source for source in ill if source.kind != "run_log"]
    yield from (_source_problem(source, jobs, node) for source in ill)
    void = {source.path for source in ill if source.state == "invalid"}
    in_trouble: dict[Standing, list[CronJob]] = {how: [] for how in ORDER if _SAID[how].of_one}
    for job in jobs:
        if (found := in_trouble.get(standing(job))) is not None:
            found.append(job)
    for how, those in in_trouble.items():
        if how == "invalid":
            # A file that is ignored as a whole has said so for all its lines.
            those = [job for job in those if job.source not in void]
        if how == "unknown":
            yield from () if unread else _unknown(those, node)
        else:
            yield from _each(those, how, node)


def summary(node: NodeState) -> tuple[str, State] | None:
    """How cron fares, in two or three words, and how bad that is; None where nothing of it is known."""
    jobs = node.answer(QUESTION)
    sources = node.answer(SOURCES) or []
    if jobs is None or not (jobs or sources):
        return None
    if is_stopped(node):
        return "stopped", "crit"
    found = [standing(job) for job in jobs]
    if ill := sorted((how for how in found if _SAID[how].of_one), key=ORDER.index):
        return f"{fmt.count(found.count(ill[0]))} {ill[0]}", _SAID[ill[0]].level
    if unread := sum(source_level(source, jobs) != "ok" for source in sources):
        return f"{fmt.count(unread)} unread", "warn"
    return f"{fmt.count(len(jobs))} ok", "ok"


def is_stopped(node: NodeState) -> bool:
    """Whether nothing starts the jobs of its crontabs."""
    jobs = node.answer(QUESTION) or []
    sources = node.answer(SOURCES) or []
    return any(source.kind == "daemon" and source_level(source, jobs) == "crit" for source in sources)


def ill_count(node: NodeState) -> int | None:
    """How many jobs are not well; None where nothing is known of any."""
    jobs = node.answer(QUESTION)
    return None if jobs is None else sum(is_ill(job) for job in jobs)


def _source_problem(source: CronSource, jobs: Sequence[CronJob], node: NodeState) -> Problem:
    return Problem(
        level=source_level(source, jobs),
        node=node.name,
        text=f"{source.path}: {source_words(source)}",
        view="cron",
        key=source.path,
    )


def _each(jobs: Sequence[CronJob], how: Standing, node: NodeState) -> Iterator[Problem]:
    """The first jobs that stand like this, and how many more there are."""
    said = _SAID[how]
    shown = len(jobs) if len(jobs) == NAMED + 1 else NAMED
    for job in jobs[:shown]:
        yield _job_problem(job, f"{title(job)} {said.of_one}: {words(job)}", node)
    if rest := jobs[shown:]:
        yield Problem(
            level=said.level,
            node=node.name,
            text=f"{fmt.count(len(rest))} more job{'' if len(rest) == 1 else 's'} {said.of_many}",
            view="cron",
        )


def _unknown(jobs: Iterable[CronJob], node: NodeState) -> Iterator[Problem]:
    """Of what keeps many from being known there is one problem."""
    said = _SAID["unknown"]
    by_reason: dict[str, list[CronJob]] = {}
    for job in jobs:
        by_reason.setdefault(words(job), []).append(job)
    for reason, those in by_reason.items():
        if len(those) == 1:
            yield _job_problem(those[0], f"{title(those[0])} {said.of_one}: {reason}", node)
        else:
            text = f"{_counted(those)} {said.of_many}: {reason}"
            yield Problem(level=said.level, node=node.name, text=text, view="cron")


def _job_problem(job: CronJob, text: str, node: NodeState) -> Problem:
    since = {"missed": job.due_at, "late": job.due_at, "failed": job.last_run_at}.get(standing(job))
    return Problem(
        level=level(job), node=node.name, since=node.here(since), text=text, view="cron", key=str(job.job_id)
    )


def _counted(jobs: Sequence[CronJob]) -> str:
    return f"{fmt.count(len(jobs))} job{'' if len(jobs) == 1 else 's'}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"

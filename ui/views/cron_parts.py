"""What the Cron view can show: the jobs, their runs, and where both are read from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from etlmon.contract.cron import CRON_RUNS, CronJob, CronRun, CronRunQuery, RunState
from ui.format import TimeStyle
from ui.glyphs import State
from ui.problems import cron as cron_problems
from ui.state import NodeState, Question
from ui.views.cron_detail import job_detail, job_questions, run_detail, source_detail
from ui.views.cron_fields import JudgedSource, RunOfJob, job_fields, run_fields, source_fields
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.rows import Field, Row

NEWEST = 500
"""Runs in an answer while one node is shown; of many nodes each sends its share."""
LEAST = 50
IN_TROUBLE = 100
"""So many of the runs that were missed, and of those that failed, are shown however old they are."""


class Jobs(Part[CronJob]):
    title = "Cron"
    name = "jobs"
    noun = "job"
    nothing = (
        "No job is known: neither cron nor anacron nor systemd's timers have one, or cron: {enabled: false} stands in "
        "node.yaml."
    )

    def fields(self, times: TimeStyle) -> tuple[Field[CronJob], ...]:
        return job_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (cron_problems.QUESTION.at("fast"),)

    def items(self, node: NodeState, nodes: int) -> Sequence[CronJob]:
        return node.answer(cron_problems.QUESTION) or ()

    def key_of(self, item: CronJob) -> str:
        return str(item.job_id)

    def level_of(self, item: CronJob) -> State:
        return cron_problems.level(item)

    def order(self, item: CronJob) -> tuple[int, datetime]:
        return cron_problems.order(item)

    def detail_questions(self, row: Row[CronJob]) -> tuple[Question[Any], ...]:
        return job_questions(row)

    def detail(self, row: Row[CronJob]) -> Detail:
        return job_detail(row)


class Runs(Part[RunOfJob]):
    """The newest runs of all jobs, and those in trouble however old they are."""

    title = "Cron runs"
    name = "runs"
    noun = "run"
    nothing = "No run is known yet: cron's own log tells of them (v shows how it is read)."

    def fields(self, times: TimeStyle) -> tuple[Field[RunOfJob], ...]:
        return run_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (_newest(nodes), _of("missed"), _of("failed"), cron_problems.QUESTION)

    def items(self, node: NodeState, nodes: int) -> Sequence[RunOfJob]:
        jobs = {job.job_id: job for job in node.answer(cron_problems.QUESTION) or ()}
        answers = (node.answer(question) or [] for question in (_newest(nodes), _of("missed"), _of("failed")))
        runs = {run.id: run for answer in answers for run in answer}
        return [RunOfJob(run, jobs.get(run.job_id)) for run in runs.values()]

    def key_of(self, item: RunOfJob) -> str:
        return str(item.run.id)

    def level_of(self, item: RunOfJob) -> State:
        return cron_problems.run_level(item.run)

    def order(self, item: RunOfJob) -> tuple[float, int]:
        return -(0.0 if item.at is None else item.at.timestamp()), -item.run.id

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        answers = [node.answer(_newest(len(nodes))) for node in nodes]
        is_cut = any(answer is not None and len(answer) >= _share(len(nodes)) for answer in answers)
        return "older ones only of those in trouble" if is_cut else ""

    def detail(self, row: Row[RunOfJob]) -> Detail:
        return run_detail(row)

    def record(self, item: RunOfJob) -> Mapping[str, Any]:
        job = item.job
        about = {"user": job.user, "command": job.command, "source": job.source} if job is not None else {}
        return {**msgspec.to_builtins(item.run), **about}


def _newest(nodes: int) -> Question[list[CronRun]]:
    return Question(CRON_RUNS, CronRunQuery(limit=_share(nodes)))


def _share(nodes: int) -> int:
    return max(LEAST, NEWEST // nodes)


def _of(state: RunState) -> Question[list[CronRun]]:
    return Question(CRON_RUNS, CronRunQuery(limit=IN_TROUBLE, state=state), pace="slow")


class Sources(Part[JudgedSource]):
    title = "Cron sources"
    name = "sources"
    noun = "source"
    nothing = "Nothing is read: cron: {enabled: false} stands in node.yaml, or no look is done yet."

    def fields(self, times: TimeStyle) -> tuple[Field[JudgedSource], ...]:
        return source_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (cron_problems.SOURCES.at("fast"), cron_problems.QUESTION)

    def items(self, node: NodeState, nodes: int) -> Sequence[JudgedSource]:
        jobs = node.answer(cron_problems.QUESTION) or ()
        return [
            JudgedSource(source, cron_problems.source_level(source, jobs))
            for source in node.answer(cron_problems.SOURCES) or ()
        ]

    def key_of(self, item: JudgedSource) -> str:
        return f"{item.source.kind}\t{item.source.path}"

    def level_of(self, item: JudgedSource) -> State:
        return item.level

    def order(self, item: JudgedSource) -> int:
        return 0  # as the node gives them: the tables first, then the daemon and its log

    def detail(self, row: Row[JudgedSource]) -> Detail:
        return source_detail(row)

    def record(self, item: JudgedSource) -> Mapping[str, Any]:
        record: dict[str, Any] = msgspec.to_builtins(item.source)
        return record


PARTS: tuple[Part[Any], ...] = (Jobs(), Runs(), Sources())
"""In the order in which `v` goes through them."""

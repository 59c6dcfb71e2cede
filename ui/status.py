"""`etlmon status`: one look at every node, and whether anything is wrong.

It judges and words things as the terminal UI does, with the UI's own rules.
"""

import asyncio
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from etlmon.client import Answer, NodeClient, NodeError, NodeIncompatible, NodeRefused
from etlmon.contract.alerts import Alert
from etlmon.contract.clusters import Cluster
from etlmon.contract.cron import CronJob, CronSource
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from etlmon.contract.endpoint import Page
from etlmon.contract.fs import Mount
from etlmon.contract.host import Host
from etlmon.contract.logs import Log
from etlmon.contract.node import NODE, Health, NodeInfo
from etlmon.contract.paths import PathStats
from etlmon.contract.processes import Process, ProcessWatch
from etlmon.contract.xferlog import XferSource
from ui.glyphs import WORDS
from ui.problems import QUESTIONS
from ui.problems import alerts as alerts_problems
from ui.problems import clusters as clusters_problems
from ui.problems import cron as cron_problems
from ui.problems import dataproc as dataproc_problems
from ui.problems import fs as fs_problems
from ui.problems import host as host_problems
from ui.problems import logs as logs_problems
from ui.problems import node as node_problems
from ui.problems import paths as paths_problems
from ui.problems import processes as processes_problems
from ui.problems import xferlog as xferlog_problems
from ui.state import NodeState, Question, answered, failed, refused
from ui.status_text import problems_of, render
from ui.text_page import TextPage

A = TypeVar("A")

MOST_PAGES = 100
"""A node that always has one more does not keep the others waiting for ever."""
NOBODY = """\
No node answers. To start one on this host: etlmon node
To ask another host: etlmon status http://HOST:8080, or through SSH: ssh -N -L 8080:127.0.0.1:8080 HOST
"""


class ProblemReport(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `level` is warn, crit or down; `about` is the domain or node; `key` names the row."""

    level: str
    about: str
    key: str
    message: str
    since: datetime | None


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One node. `error` says why it did not answer; then the other fields are empty."""

    name: str
    address: str
    ok: bool
    error: str | None
    node: NodeInfo | None
    health: Health | None
    host: Host | None
    mounts: list[Mount]
    paths: list[PathStats]
    logs: list[Log]
    processes: list[Process]
    process_watches: list[ProcessWatch]
    cron: list[CronJob]
    cron_sources: list[CronSource]
    xferlog: list[XferSource]
    clusters: list[Cluster]
    dataproc: list[DataprocRow]
    dataproc_runs: list[DataprocRun]
    alerts: list[Alert]
    problems: list[ProblemReport]


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `etlmon status --json` prints."""

    ok: bool
    checked_at: datetime
    nodes: list[NodeReport]


def print_status(addresses: Sequence[str], *, names: Mapping[str, str] | None = None, as_json: bool = False) -> int:
    """Ask the nodes at these addresses, print what they say, and return the exit code.

    0 when all is well; 1 when a node is down, degraded or unhealthy, memory is used up, a mount is critical, stuck or
    not mounted, a path is in error, a log cannot be read, nothing runs of a watched process, a cron job failed or
    missed its run, an upload is not on the disk, a cluster is unhealthy or in error, a rule that did not come with the
    program has a critical alert that nobody looks after, or notices of alerts are given up. `names` maps an address to
    what the operator calls it.
    """
    now = datetime.now(UTC)
    states = asyncio.run(_ask_all([(names or {}).get(address, "") for address in addresses], addresses))
    ok = all(is_well(state) for state in states)
    if as_json:
        report = StatusReport(ok=ok, checked_at=now, nodes=[_report(state) for state in states])
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        sys.stdout.write(render(states, TextPage.of_stdout(), now=datetime.now(UTC)))
    sys.stdout.flush()
    if not any(state.up for state in states):
        sys.stderr.write(NOBODY)
    return 0 if ok else 1


def is_well(state: NodeState) -> bool:
    """Whether there is nothing that a script should call somebody for; a warning is not."""
    health = state.answer(node_problems.QUESTION)
    healthy = health is not None and health.status == "healthy"
    return healthy and not state.refusals and all(problem.level == "warn" for problem in problems_of(state))


async def _ask_all(names: Sequence[str], addresses: Sequence[str]) -> list[NodeState]:
    return list(await asyncio.gather(*map(_ask_node, names, addresses)))


async def _ask_node(name: str, address: str) -> NodeState:
    client = NodeClient(address)
    state = NodeState(name=name or address, address=address)
    try:
        # Who it is comes first: when nobody answers, that is one error and not many.
        state = await _take(state, Question(NODE), client.ask(NODE))
        if not name and state.info is not None:
            state = replace(state, name=state.info.node_name or address)
        for question in QUESTIONS:
            state = await _take(state, question, _ask_all_of(client, question))
    except NodeError as error:
        now = datetime.now(UTC)
        state = failed(state, error.message, now=now, next_try=now)
    finally:
        await client.close()
    return state


async def _take(state: NodeState, question: Question[A], asking: Awaitable[Answer[A]]) -> NodeState:
    try:
        answer = await asking
    except (NodeRefused, NodeIncompatible) as error:
        if isinstance(error, NodeIncompatible) and state.info is None:
            raise
        if isinstance(error, NodeRefused) and host_problems.is_unwatched(question, error.status):
            return state
        # It said who it is, so it is a node: an older one that does not know the question.
        return refused(state, question, error.message, now=datetime.now(UTC))
    date = answer.headers.get("Date")
    return answered(
        state,
        question,
        answer.unwrap(),
        now=datetime.now(UTC),
        node_id=answer.node_id,
        elapsed_ms=answer.elapsed_ms,
        server_date=parsedate_to_datetime(date) if date else None,
    )


async def _ask_all_of(client: NodeClient, question: Question[Any]) -> Answer[Any]:
    """The answer to a question; of a list that comes in pages, all of them."""
    query = question.query
    answer = await client.ask(question.endpoint, query=query)
    if not isinstance(query, Page):
        return answer
    page = answer.unwrap()
    rows = [*page]
    while len(page) == query.limit and len(rows) < MOST_PAGES * query.limit:
        page = (await client.ask(question.endpoint, query=msgspec.structs.replace(query, offset=len(rows)))).unwrap()
        rows += page
    return replace(answer, value=rows)


def _report(state: NodeState) -> NodeReport:
    return NodeReport(
        name=state.name,
        address=state.address,
        ok=is_well(state),
        error=state.reason if state.up is False else None,
        node=state.info,
        health=state.answer(node_problems.QUESTION),
        host=state.answer(host_problems.QUESTION),
        mounts=state.answer(fs_problems.QUESTION) or [],
        paths=state.answer(paths_problems.QUESTION) or [],
        logs=state.answer(logs_problems.QUESTION) or [],
        processes=state.answer(processes_problems.QUESTION) or [],
        process_watches=state.answer(processes_problems.WATCHES) or [],
        cron=state.answer(cron_problems.QUESTION) or [],
        cron_sources=state.answer(cron_problems.SOURCES) or [],
        xferlog=state.answer(xferlog_problems.QUESTION) or [],
        clusters=list(clusters_problems.clusters(state)),
        dataproc=state.answer(dataproc_problems.QUESTION) or [],
        dataproc_runs=[runs[0] for runs in dataproc_problems.by_account(state).values()],
        alerts=state.answer(alerts_problems.QUESTION) or [],
        problems=[
            ProblemReport(
                level=WORDS[problem.level].lower(),
                about="node" if problem.view == "overview" else problem.view,
                key=problem.key,
                message=problem.text,
                since=problem.since,
            )
            for problem in problems_of(state)
        ],
    )

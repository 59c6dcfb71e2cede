"""`etlmon dataproc collect`: have nodes collect now, wait for the end, and tell how it went."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from etlmon.cli_parts import FAILED, say
from etlmon.client import NodeClient, NodeError, NodeRefused
from etlmon.contract.dataproc import (
    DATAPROC_COLLECT,
    DATAPROC_RUNS,
    CollectRequest,
    CollectStarted,
    DataprocRunQuery,
)
from etlmon.contract.dataproc_rows import DataprocRun
from etlmon.contract.node import HEALTH, NODE, CollectorHealth
from ui.dataproc_command.report import page_of
from ui.text_page import TextPage

PAUSE_SEC = 0.5
"""Between two looks at whether a run has ended."""

SILENT_LOOKS = 20
"""A node that does not answer so often in a row is given up."""

_NEWEST = 100
"""Runs that one look takes in: more than there can be accounts with a run of late."""


@dataclass(slots=True)
class Collected:
    """What came of it on one node. `has_none` says why there is nothing to collect, where that is so."""

    node: str
    runs: list[DataprocRun] = field(default_factory=list)
    problem: str = ""
    has_none: bool = False

    @property
    def is_whole(self) -> bool:
        return all(run.result == "complete" for run in self.runs) and (self.has_none or not self.problem)


def collect(accounts: Sequence[str], nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Collect these accounts, or all, on the nodes that have them, and print how it went; the exit code.

    `nodes` gives what the operator calls each address. 0 when every run was complete; 1 when one was not, when no node
    has such an account, or when a node does not answer.
    """
    found = asyncio.run(_collect_on_all(accounts, nodes))
    # Of many nodes a few read an estate: that the others do not is no problem.
    has_any = any(one.runs for one in found)
    for one in found:
        if one.problem and not (one.has_none and has_any):
            say(one.problem, FAILED)
    if as_json:
        runs = [{"node": one.node, **msgspec.to_builtins(run)} for one in found for run in one.runs]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(runs), indent=2).decode() + "\n")
    elif has_any:
        several = len(nodes) > 1
        labelled = [(f"{one.node}/{run.account}" if several else run.account, run) for one in found for run in one.runs]
        sys.stdout.write(page_of(TextPage.of_stdout(), labelled).text())
    return 0 if has_any and all(one.is_whole for one in found) else FAILED


async def _collect_on_all(accounts: Sequence[str], nodes: Mapping[str, str]) -> list[Collected]:
    return list(await asyncio.gather(*(_collect_on(address, name, accounts) for address, name in nodes.items())))


async def _collect_on(address: str, name: str, accounts: Sequence[str]) -> Collected:
    collected = Collected(node=name or address.removeprefix("http://"))
    async with NodeClient(address) as client:
        try:
            if not name:
                collected.node = (await client.ask(NODE)).unwrap().node_name or collected.node
            await _Waiting(client, collected, await _look(client)).collect(accounts)
        except NodeError as error:
            collected.problem = str(error)
            collected.has_none = isinstance(error, NodeRefused) and error.status == 404
    return collected


@dataclass(frozen=True, slots=True)
class _Look:
    """What a node says of its collectors and of its newest runs. Runs are asked for last: an ended one left its row."""

    health: Mapping[str, CollectorHealth]
    runs: Sequence[DataprocRun]


async def _look(client: NodeClient) -> _Look:
    """Raises NodeError."""
    health = (await client.ask(HEALTH)).unwrap()
    runs = (await client.ask(DATAPROC_RUNS, query=DataprocRunQuery(limit=_NEWEST))).unwrap()
    return _Look({one.name: one for one in health.collectors}, runs)


class _Waiting:
    """Starts runs on one node and waits for their ends; `before` is how it was then."""

    def __init__(self, client: NodeClient, collected: Collected, before: _Look) -> None:
        self._client = client
        self._collected = collected
        self._before = before
        self._newest = max((run.id for run in before.runs), default=0)
        self._going_on = {run.id for run in before.runs if run.result == "running"}

    async def collect(self, accounts: Sequence[str]) -> None:
        """Raises NodeError."""
        started = (await self._client.ask(DATAPROC_COLLECT, body=CollectRequest(accounts=list(accounts)))).unwrap()
        self._tell(started)
        pending = {*started.accepted, *started.running}
        silent = 0
        while pending:
            await asyncio.sleep(PAUSE_SEC)
            try:
                now = await _look(self._client)
            except NodeError:
                silent += 1
                if silent == SILENT_LOOKS:
                    raise
                continue
            silent = 0
            ended = [run for run in (self._outcome(account, now) for account in sorted(pending)) if run is not None]
            self._collected.runs += ended
            pending -= {run.account for run in ended}

    def _tell(self, started: CollectStarted) -> None:
        for names, what in ((started.accepted, "collecting"), (started.running, "a run goes on already, of")):
            if names:
                say(f"{self._collected.node}: {what} {', '.join(names)}", 0)

    def _outcome(self, account: str, now: _Look) -> DataprocRun | None:
        """The run that was waited for, once it has ended."""
        for run in now.runs:
            is_ours = run.id > self._newest or run.id in self._going_on
            if is_ours and run.account == account and run.result != "running":
                return run
        before, after = (look.health.get(f"dataproc:{account}") for look in (self._before, now))
        if after is None:
            return _untold(account, None, "the account is no longer in the node's configuration")
        if not _has_ended(before, after):
            return None
        reason = after.last_error or "how it went could not be stored: look at the node's health"
        return _untold(account, after.last_run_at, reason)


def _untold(account: str, began: datetime | None, reason: str) -> DataprocRun:
    """A run that left no row."""
    return DataprocRun(account=account, started_at=began or datetime.now(UTC), result="failed", reason=reason)


def _has_ended(before: CollectorHealth | None, after: CollectorHealth) -> bool:
    """Whether a run came to its end in between, well or not."""
    if before is None:
        return after.last_success_at is not None or after.consecutive_failures > 0
    return after.last_success_at != before.last_success_at or after.consecutive_failures > before.consecutive_failures

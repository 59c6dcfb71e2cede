"""xferlog: a transfer log that cannot be read, transfers that broke off, and uploads that do not lie on the disk."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from etlmon.contract.xferlog import (
    XFERLOG,
    XFERLOG_FINDINGS,
    XFERLOG_SOURCE,
    Finding,
    FindingQuery,
    Transfer,
    TransferQuery,
    XferSource,
)
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

T = TypeVar("T")

QUESTION = Question(XFERLOG_SOURCE, pace="slow")
FINDINGS = Question(XFERLOG_FINDINGS, FindingQuery(limit=1000), pace="slow")
INTERRUPTED = Question(XFERLOG, TransferQuery(limit=1000, outcome="interrupted"), pace="slow")
"""The transfers that broke off, newest first."""
QUESTIONS = (QUESTION, FINDINGS, INTERRUPTED)

FAR_BEHIND_BYTES = 16 * 2**20
"""So much is written and not read only when the reader does not keep up."""

RECENT = timedelta(hours=1)
"""A transfer that broke off is a problem for so long: it comes again, or somebody has been told."""

NAMED = 3
"""So many problems of one kind are named one by one; the others are counted."""


def level(source: XferSource) -> State:
    if source.status in ("missing", "denied", "stuck", "error"):
        return "warn" if never_seen(source) else "crit"
    return "warn" if _far_behind(source) or _lately_unparsed(source) or source.compare_error else "ok"


def words(source: XferSource) -> str:
    """The state of the transfer log in words: what is wrong, or how it is."""
    if never_seen(source):
        return "not there yet"
    if source.status == "stuck":
        return source.error_message or "its file system does not answer"
    if source.status in ("missing", "denied", "error"):
        return source.error_message or source.status
    if _far_behind(source):
        return f"{fmt.size(source.lag_bytes)} behind"
    if _lately_unparsed(source):
        return f"{_counted(source.unparsed_total, 'line')} could not be read"
    if source.compare_error:
        return f"not compared with the disk: {source.compare_error}"
    return source.status


def never_seen(source: XferSource) -> bool:
    """Its file has not been there since it is configured: the server may not have logged a transfer yet."""
    return source.status == "missing" and not source.transfers_total and not source.unparsed_total


def only_unparsed(source: XferSource) -> bool:
    """Nothing is wrong but that lines could not be read."""
    return _lately_unparsed(source) and source.status in ("following", "behind") and not _far_behind(source)


def _lately_unparsed(source: XferSource) -> bool:
    """A line that could not be read is a problem for a while; afterwards it is only counted."""
    at = source.last_unparsed_at
    return at is not None and source.collected_at - at <= RECENT


def _far_behind(source: XferSource) -> bool:
    return source.lag_bytes > FAR_BEHIND_BYTES


def transfer_level(transfer: Transfer) -> State:
    if transfer.on_disk == "missing":
        return "crit"
    return "warn" if transfer.on_disk == "shorter" or transfer.outcome == "interrupted" else "ok"


def finding_level(finding: Finding) -> State:
    levels: dict[str, State] = {"missing": "crit", "shorter": "warn", "unlogged": "ok"}
    return levels[finding.kind]


def finding_words(finding: Finding) -> str:
    """What is not the same in the log and on the disk."""
    if finding.kind == "missing":
        return "uploaded, and not on the disk"
    if finding.kind == "shorter":
        return f"{fmt.size(finding.disk_bytes)} on the disk of {fmt.size(finding.logged_bytes)} uploaded"
    return "on the disk, and in no line of the log"


def interrupted(node: NodeState) -> list[Transfer]:
    """The uploads and downloads that broke off a short while ago, newest first."""
    held = node.held(INTERRUPTED)
    if held is None:
        return []
    now = node.clock(held.received_at)
    lately = [transfer for transfer in held.value if now - transfer.log_time <= RECENT]
    return [transfer for transfer in lately if transfer.direction in ("upload", "download")]


def failed_count(node: NodeState) -> int | None:
    """How many transfers broke off a short while ago or uploads do not lie on the disk; None without a transfer log."""
    if not node.answer(QUESTION):
        return None
    ill = [finding for finding in node.answer(FINDINGS) or () if finding_level(finding) != "ok"]
    return len(interrupted(node)) + len(ill)


def problems(node: NodeState) -> Iterator[Problem]:
    for source in node.answer(QUESTION) or ():
        if (severity := level(source)) != "ok":
            where = " (V in the Xferlog view lists them)" if only_unparsed(source) else ""
            text = f"{source.path}: {words(source)}{where}"
            yield Problem(level=severity, node=node.name, text=text, view="xferlog", key=source.path)
    findings = node.answer(FINDINGS) or ()
    for severity in ("crit", "warn"):
        ill = [finding for finding in findings if finding_level(finding) == severity]
        yield from _some(ill, lambda one: _finding_problem(one, node), "more uploads do not lie on the disk as logged")
    broken = interrupted(node)
    for direction in ("upload", "download"):
        those = [transfer for transfer in broken if transfer.direction == direction]
        yield from _some(those, lambda one: _interrupted_problem(one, node), f"more {direction}s broke off")


def _some(items: Sequence[T], problem: Callable[[T], Problem], more: str) -> Iterator[Problem]:
    """The problems of the first items, and how many more there are."""
    shown = len(items) if len(items) == NAMED + 1 else NAMED
    first = [problem(item) for item in items[:shown]]
    yield from first
    if rest := len(items) - len(first):
        yield Problem(level=first[0].level, node=first[0].node, text=f"{fmt.count(rest)} {more}", view="xferlog")


def _finding_problem(finding: Finding, node: NodeState) -> Problem:
    return Problem(
        level=finding_level(finding),
        node=node.name,
        since=node.here(finding.log_time),
        text=f"{finding.filename}: {finding_words(finding)}",
        view="xferlog",
        key=finding.filename,
    )


def _interrupted_problem(transfer: Transfer, node: NodeState) -> Problem:
    return Problem(
        level="warn",
        node=node.name,
        since=node.here(transfer.log_time),
        text=f"{transfer.filename}: {transfer.direction} of {transfer.username or 'nobody'} broke off after "
        f"{fmt.size(transfer.bytes)}",
        view="xferlog",
        key=str(transfer.id),
    )


def _counted(count: int, noun: str) -> str:
    return f"{fmt.count(count)} {noun}{'' if count == 1 else 's'}"

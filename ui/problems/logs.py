"""logs: a file that cannot be read, is read too slowly, is read no more, or of which something is missing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from etlmon.contract.logs import LOGS, Log
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(LOGS, pace="slow")

FAR_BEHIND_BYTES = 16 * 2**20
"""So much is written and not stored only when the reader does not keep up, or cannot."""

RECENT = timedelta(hours=1)
"""A gap is a problem for so long."""


def level(log: Log) -> State:
    if log.status in ("missing", "denied", "stuck", "error"):
        return "warn" if never_seen(log) else "crit"
    return "warn" if log.paused or far_behind(log) or recent_gap(log) is not None else "ok"


def words(log: Log) -> str:
    """The state of a log in words: what is wrong, or how it is."""
    if never_seen(log):
        return "not there yet"
    if log.status == "stuck":
        return log.error_message or "its file system does not answer"
    if log.status in ("missing", "denied", "error"):
        return log.error_message or log.status
    if log.paused:
        return "paused: lines are not read until it is resumed"
    if far_behind(log):
        return f"{fmt.size(log.lag_bytes)} behind"
    if recent_gap(log) is not None:
        lost = f", {fmt.size(log.lost_bytes)} known to be lost" if log.lost_bytes else ""
        return f"lines may be missing ({log.gaps} gap{'' if log.gaps == 1 else 's'} so far{lost})"
    return log.status


def never_seen(log: Log) -> bool:
    """Its file has not been there since it is configured: the job that writes it may not have run yet."""
    return log.status == "missing" and log.inode is None and not log.lines_total


def far_behind(log: Log) -> bool:
    """What it still has to read is more than a reader has that keeps up."""
    return not log.paused and log.lag_bytes > FAR_BEHIND_BYTES


def recent_gap(log: Log) -> datetime | None:
    """When something of it was found missing, if that was a short while ago."""
    at = log.last_gap_at
    return None if at is None or log.collected_at - at > RECENT else at


def problems(node: NodeState) -> Iterator[Problem]:
    for log in node.answer(QUESTION) or ():
        if (severity := level(log)) != "ok":
            yield Problem(
                level=severity,
                node=node.name,
                since=_since(log, node),
                text=f"{log.name}: {words(log)}",
                view="logs",
                key=log.name,
            )


def _since(log: Log, node: NodeState) -> datetime | None:
    """When the gap was found, if that is what is wrong; by the UI's clock."""
    only_a_gap = log.status in ("following", "behind", "ended") and not log.paused and not far_behind(log)
    at = recent_gap(log) if only_a_gap else None
    return None if at is None else at - node.skew

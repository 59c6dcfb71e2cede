"""The one door for acts: whoever changes something on this host passes here, and leaves a row in the audit.

An act is checked (may this caller act at all, and not too often), done, and written down: also when it was refused,
also when it failed, also when the database takes no rows, for then the log gets it.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

import aiosqlite

from etlmon.contract.errors import Conflict, Forbidden, Problem, TooManyRequests
from etlmon.contract.node import AuditEntry, Role
from etlmon.logs import HIDDEN, redact
from node.clock import Clock
from node.store import node as node_store
from node.store.database import Database, StoreError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
_Verdict = tuple[Literal["done", "refused", "failed"], int, str]

COMMANDS_PER_MINUTE = 60
AUDITED_PER_MINUTE = 1000
LONGEST_TEXT = 1000
LARGEST_PARAMS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a caller may not act: the rule's name for programs, the words for people.

    With `is_conflict` it is not that they may not: what they ask for does not fit what is here.
    """

    reason: str
    message: str
    is_conflict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, from where, and what they may do. `refusal` is set when their acts would be refused."""

    name: str
    address: str
    role: Role
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is about to be done. `action` is domain.verb (`paths.scan`), `target` what it is done to."""

    action: str
    target: str
    params: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


class RateLimit:
    """At most `per_minute` passes within any 60 seconds."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._passes: deque[float] = deque(maxlen=per_minute)

    def wait_sec(self) -> float:
        """0 when this call may pass, and then it counts; otherwise the seconds until one may."""
        now = self._monotonic()
        if len(self._passes) == self._passes.maxlen and now - self._passes[0] < 60:
            return 60 - (now - self._passes[0])
        self._passes.append(now)
        return 0.0

    def allow(self, per_minute: int) -> None:
        """From now on so many; what passed before still counts."""
        if per_minute != self._passes.maxlen:
            self._passes = deque(self._passes, maxlen=per_minute)


class Acts:
    """Performs acts for the callers of one node."""

    def __init__(self, database: Database, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._allowed = RateLimit(COMMANDS_PER_MINUTE, monotonic)
        self._audited = RateLimit(AUDITED_PER_MINUTE, monotonic)

    async def perform(
        self,
        caller: Caller,
        act: Act,
        work: Callable[[], Awaitable[Answer]],
        *,
        failure: Callable[[Answer], str | None] = lambda _: None,
        outcome: Callable[[Answer], str] = lambda _: "",
    ) -> Answer:
        """Do it and answer what `work` answers; every outcome is audited before the caller hears of it.

        `failure` tells from the answer whether the act came to nothing although it could be answered, `outcome` what
        else came of it, for the audit. Raises Forbidden (the caller may not act), Conflict (another node is meant),
        TooManyRequests, and what `work` raises.
        """
        started, at = self._monotonic(), self._clock()
        verdict: _Verdict = ("failed", 500, "the command ended with an internal error")
        try:
            self._admit(caller, act)
            answer = await work()
            reason = failure(answer) or ""
            verdict = ("failed" if reason else "done", act.status, reason or outcome(answer))
        except Problem as problem:
            verdict = ("failed" if problem.status >= 500 else "refused", problem.status, problem.message)
            raise
        except asyncio.CancelledError:
            verdict = ("failed", 503, "the node stopped before the end of the command was known; it may have been done")
            raise
        finally:
            await self._audit(at, caller, act, verdict)
        log.info("%s %s by %s: %.0f ms", act.action, act.target, caller.name, (self._monotonic() - started) * 1000)
        return answer

    def _admit(self, caller: Caller, act: Act) -> None:
        if caller.refusal:
            kind = Conflict if caller.refusal.is_conflict else Forbidden
            raise kind(f"{act.action} is refused: {caller.refusal.message}", reason=caller.refusal.reason)
        wait = math.ceil(self._allowed.wait_sec())
        if wait:
            raise TooManyRequests(
                f"{act.action} is refused: this node takes {COMMANDS_PER_MINUTE} commands a minute; "
                f"try again in {wait} s",
                retry_after_sec=wait,
            )

    async def _audit(self, at: datetime, caller: Caller, act: Act, verdict: _Verdict) -> None:
        result, status, message = verdict
        entry = AuditEntry(
            at=at,
            who=caller.name,
            address=caller.address,
            action=act.action,
            target=_cut(redact(_cut(act.target))),
            params=_bounded(without_secrets(act.params)),
            result=result,
            status=status,
            message=_cut(redact(_cut(message))),
        )
        if self._audited.wait_sec():
            log.error("no audit row, over %d a minute; the attempt was %s", AUDITED_PER_MINUTE, entry)
            return

        async def write(db: aiosqlite.Connection) -> None:
            await node_store.add_audit(db, entry)

        try:
            await self._database.write(write)
        except StoreError as error:
            log.error("no audit row, %s; the attempt was %s", error, entry)  # noqa: TRY400


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"


def _bounded(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters, or how large they were: nobody fills the disk by trying."""
    size = len(repr(params))
    return params if size <= LARGEST_PARAMS else {"left out": f"{size:,} characters"}


def without_secrets(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, however deep, with each secret hidden: what is named like one, what looks like one."""
    return {key: HIDDEN if _names_secret(key) else _hidden(value) for key, value in params.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return without_secrets(value)
        case list() | tuple():
            return [_hidden(item) for item in value]
        case _:
            return value


def _names_secret(key: str) -> bool:
    return redact(f"{key}=x").endswith(HIDDEN)

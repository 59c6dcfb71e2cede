"""Asks the nodes: one task per node, never two requests to one node at a time, each node at its own pace."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import msgspec

from etlmon.answer import NodeError, NodeRefused, NodeUnreachable
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.node import HEALTH, NODE
from ui.state import Asks, Fleet, NodeState, Pace, Question, answered, failed, refused

A = TypeVar("A")

_Path = Mapping[str, Any]
"""What fills the braces of a path, as keyword arguments that mypy does not take for the others."""

BACKOFF_MAX_SEC = 60.0
WHO = Question(NODE, pace="slow")
FARES = Question(HEALTH, pace="slow")
ALWAYS: tuple[Question[Any], ...] = (WHO, FARES)


class NotAsked(Exception):
    """An act that was refused here, before any request. The text is for the operator."""


@dataclass(slots=True)
class _Line:
    """The one line to one node."""

    client: Asks
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    due: dict[str, float] = field(default_factory=dict)


class Poller:
    """Keeps a Fleet up to date.

    `connect` makes the client of an address. Everything a view needs of every node (`background`) is asked at the
    slow pace, what is on the screen (`watch`) at its own. A node that fails is tried again after 1, 2, 4 .. 60 s
    (with jitter, so that a whole rack does not come back in step); `poke` asks at once. `on_change` hears the name of
    a node after each answer and each failure.
    """

    def __init__(
        self,
        fleet: Fleet,
        connect: Callable[[str], Asks],
        *,
        fast_sec: float,
        slow_sec: float,
        background: Sequence[Question[Any]] = (),
        on_change: Callable[[str], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._fleet = fleet
        self._pace_sec: dict[Pace, float] = {"fast": fast_sec, "slow": slow_sec, "once": float("inf")}
        self._background = (*ALWAYS, *background)
        self._on_change = on_change
        self._clock = clock
        self._lines = {name: _Line(connect(fleet.live(name).address)) for name in fleet.names}
        self._wanted: Mapping[str, Sequence[Question[Any]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.requests = 0

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run(name), name=f"poll {name}") for name in self._fleet.names]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            await line.client.close()

    def watch(self, wanted: Mapping[str, Sequence[Question[Any]]]) -> None:
        """The screen now shows these answers of these nodes: what is newly shown is asked at once."""
        before, self._wanted = self._wanted, wanted
        for name, questions in wanted.items():
            line = self._lines[name]
            known = {question.key for question in before.get(name, ())}
            for question in questions:
                if question.key not in known:
                    line.due.pop(question.key, None)
            if self._fleet.live(name).up is not False:
                line.wake.set()

    def poke(self, names: Collection[str]) -> None:
        """Ask these nodes everything now, whether they are backed off or not."""
        for name in names:
            self._lines[name].due.clear()
            self._lines[name].wake.set()

    async def act(
        self,
        name: str,
        endpoint: Endpoint[A],
        body: msgspec.Struct | None,
        *,
        path: Mapping[str, str] | None = None,
        node_id: str = "",
        read_only: bool = False,
    ) -> A:
        """Send a command to a node as it is now; `path` fills the braces of the endpoint's path.

        It is meant for the node of the identity `node_id`: by default the one whose answers are held. A command that
        may wait for something on the node does not keep the node from being asked meanwhile.
        Raises NotAsked with the reason when it must not be sent, and NodeError when the node refused or failed.
        """
        node = self._fleet.live(name)
        if reason := node.refuses_acts(read_only=read_only):
            raise NotAsked(reason)
        meant = node_id or node.node_id
        if meant != node.node_id:
            raise NotAsked(f"{name} is another node now than the one it was meant for")
        line = self._lines[name]
        try:
            async with nullcontext() if endpoint.patience_sec else line.lock:
                answer = await line.client.ask(endpoint, body=body, node_id=meant, **cast(_Path, path or {}))
        finally:
            self.poke([name])
        if answer.node_id and meant and answer.node_id != meant:
            raise NotAsked(f"the command reached another node than {name}: check the tunnel at {node.address}")
        return answer.unwrap()

    def questions(self, name: str) -> tuple[Question[Any], ...]:
        """What this node is asked: the visible first, each question once; a node that is not up is asked who it is."""
        shown = tuple(self._wanted.get(name, ()))
        wanted = (*shown, *self._background) if self._fleet.live(name).up else (*ALWAYS, *shown, *self._background)
        by_key = {question.key: question for question in (*self._background, *shown)}
        return tuple(by_key[key] for key in dict.fromkeys(question.key for question in wanted))

    async def _run(self, name: str) -> None:
        line = self._lines[name]
        loop = asyncio.get_running_loop()
        while True:
            line.wake.clear()
            try:
                wait = await self._round(name, line, loop)
            except Exception as error:  # a bug or a client's new way to fail must not end the polling of a node
                wait = self._fail(name, f"{type(error).__name__} while asking: {error}")
            await _wait(line.wake, wait)

    async def _round(self, name: str, line: _Line, loop: asyncio.AbstractEventLoop) -> float:
        """Ask what is due, one after the other; returns the seconds until something is due again."""
        for question in self.questions(name):
            if line.due.get(question.key, 0.0) > loop.time():
                continue
            try:
                await self._ask(name, line, question)
            except NodeRefused as error:
                self._update(refused(self._fleet.live(name), question, error.message, now=self._clock()))
            except NodeUnreachable as error:
                return self._fail(name, error.message)
            except NodeError as error:
                if question.key in {known.key for known in ALWAYS}:
                    return self._fail(name, error.message)
                # One slow or strange answer says little about the node: its health decides whether it is up.
                try:
                    await self._ask(name, line, FARES)
                except NodeError as worse:
                    return self._fail(name, worse.message)
                self._update(refused(self._fleet.live(name), question, error.message, now=self._clock()))
        asked = {question.key for question in self.questions(name)}
        soonest = min((due for key, due in line.due.items() if key in asked), default=loop.time())
        return max(0.0, soonest - loop.time())

    async def _ask(self, name: str, line: _Line, question: Question[Any]) -> None:
        node = self._fleet.live(name)
        held = None if node.changed else node.held(question)
        # The period counts from the start of the question: a slow answer does not make the next one later.
        line.due[question.key] = asyncio.get_running_loop().time() + self._pace_sec[question.pace]
        async with line.lock:
            self.requests += 1
            answer = await line.client.ask(
                question.endpoint,
                query=question.query,
                etag=None if held is None else held.etag,
                **cast(_Path, question.path),
            )
        self._update(
            answered(
                self._fleet.live(name),
                question,
                None if answer.not_modified else answer.unwrap(),
                now=self._clock(),
                node_id=answer.node_id,
                etag=answer.etag,
                total=_number(answer.headers.get("X-Total-Count")),
                elapsed_ms=answer.elapsed_ms,
                server_date=_date(answer.headers.get("Date")),
            )
        )
        after = self._fleet.live(name)
        if after.changed and after.other is None:
            line.due.pop(WHO.key, None)  # learn soon who this is

    def _fail(self, name: str, reason: str) -> float:
        node = self._fleet.live(name)
        wait = min(BACKOFF_MAX_SEC, 2.0 ** min(node.fails, 6)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        now = self._clock()
        self._update(failed(node, reason, now=now, next_try=now + timedelta(seconds=wait)))
        self._lines[name].due.clear()
        return wait

    def _update(self, node: NodeState) -> None:
        self._fleet.update(node)
        self._on_change(node.name)


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    # At least one turn of the loop between rounds, whatever the settings say.
    # (Not asyncio.wait_for: in Python 3.11 it loses a cancellation that comes together with the wake-up.)
    try:
        async with asyncio.timeout(max(0.02, seconds)):
            await wake.wait()
    except TimeoutError:
        return


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _date(text: str | None) -> datetime | None:
    try:
        return None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None

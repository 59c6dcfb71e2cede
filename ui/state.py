"""What the UI knows of its nodes: the latest answers and their age, who is up, who is not, who really answers.

Pure: nothing here reads a clock or a socket. A NodeState is never changed, it is replaced; so a paused screen is
simply an older one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from etlmon.answer import Answer
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.node import NODE, NodeInfo

A = TypeVar("A")

Pace = Literal["fast", "slow", "once"]

SKEW_SHOWN = timedelta(seconds=5)
"""A difference of the clocks below this is the network, and the whole seconds of the Date header."""

_SAME_MS = 10.0


class Asks(Protocol):
    """What the UI needs of a client to ask one node; `etlmon.client.NodeClient` has it."""

    async def ask(
        self,
        endpoint: Endpoint[A],
        *,
        query: msgspec.Struct | None = None,
        body: msgspec.Struct | None = None,
        etag: str | None = None,
        node_id: str = "",
        **path: str,
    ) -> Answer[A]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Question(Generic[A]):
    """What to ask a node, and how often: `fast` while it is on the screen, `slow` always, `once` only when told to.

    `path` fills the braces of the endpoint's path.
    """

    endpoint: Endpoint[A]
    query: msgspec.Struct | None = None
    pace: Pace = "fast"
    path: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same endpoint, path and query, whatever the pace."""
        path = self.endpoint.path.format(**{name: quote(value, safe="") for name, value in self.path.items()})
        if self.query is None:
            return path
        return f"{path}?{msgspec.json.encode(self.query).decode()}"

    def at(self, pace: Pace) -> "Question[A]":
        """The same question at another pace."""
        return replace(self, pace=pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Generic[A]):
    """An answer the UI holds. `total` is the number of rows the node has when that is more than it sent."""

    value: A
    received_at: datetime
    etag: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node as it looks from here. Times are aware UTC, by the UI's clock.

    `node_id` is the first identity that answered. When another one answers at the same address, it is kept in
    `other_id` and nothing it says is taken in, until the operator trusts it.
    """

    name: str
    address: str
    up: bool | None = None
    reason: str = ""
    since: datetime | None = None
    fails: int = 0
    next_try: datetime | None = None
    last_ok: datetime | None = None
    latency_ms: float = 0.0
    skew: timedelta = timedelta()
    """The node's clock minus ours; zero when they agree within a few seconds."""
    node_id: str = ""
    other_id: str = ""
    other: NodeInfo | None = None
    answers: Mapping[str, Held[Any]] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Another node answers here than the one whose values are held."""
        return bool(self.other_id)

    @property
    def stale(self) -> bool:
        """What is held may no longer be true: the node is silent, or another one answers."""
        return self.up is False or self.changed

    @property
    def info(self) -> NodeInfo | None:
        return self.answer(Question(NODE))

    def held(self, question: Question[A]) -> Held[A] | None:
        return self.answers.get(question.key)

    def answer(self, question: Question[A]) -> A | None:
        """None when it was never answered."""
        held = self.held(question)
        return None if held is None else held.value

    def clock(self, now: datetime) -> datetime:
        """Now by the node's own clock: ages of its times are counted from here."""
        return now + self.skew

    def here(self, moment: datetime | None) -> datetime | None:
        """A time of the node by the UI's clock; None for none, and for one that is beyond every calendar."""
        try:
            return None if moment is None else moment - self.skew
        except OverflowError:
            return None

    def refuses_acts(self, *, read_only: bool = False) -> str:
        """Why nothing may be done on this node now; empty when it may."""
        if read_only:
            return "this UI was started read-only"
        if self.changed:
            return f"another node answers at {self.address}: check the tunnel, or :trust {self.name}"
        if self.up is False:
            return f"{self.name} does not answer: {self.reason}"
        if self.up is None or self.info is None:
            return f"{self.name} has not answered yet"
        if self.info.read_only:
            return f"{self.name} is read-only"
        return self.info.commands_refused or ""

    def describe(self) -> str:
        """Who answers when that is not whom the name promises, in a few words; empty when it is."""
        who = self.other if self.changed else self.info
        if self.changed:
            return f"another node answers: {who.node_name} on {who.hostname}" if who else "another node answers"
        if who is not None and who.node_name and who.node_name != self.name:
            return f"is {who.node_name} on {who.hostname}"
        return ""


def answered(
    node: NodeState,
    question: Question[A],
    value: A | None,
    *,
    now: datetime,
    node_id: str = "",
    etag: str | None = None,
    total: int | None = None,
    elapsed_ms: float = 0.0,
    server_date: datetime | None = None,
) -> NodeState:
    """The node after an answer; `value` None means not modified. Another identity's answer changes nothing held."""
    node = _came_up(node, now, elapsed_ms, server_date)
    if node_id and node.node_id and node_id != node.node_id:
        other = value if isinstance(value, NodeInfo) else node.other if node.other_id == node_id else None
        return replace(node, other_id=node_id, other=other)
    held = node.answers.get(question.key)
    if value is None:
        if held is None:
            return node
        held = replace(held, received_at=now)
    else:
        held = Held(value=value, received_at=now, etag=etag, total=total)
    refusals = {key: reason for key, reason in node.refusals.items() if key != question.key}
    answers = {**node.answers, question.key: held}
    return replace(node, node_id=node.node_id or node_id, other_id="", other=None, answers=answers, refusals=refusals)


def refused(node: NodeState, question: Question[Any], reason: str, *, now: datetime) -> NodeState:
    """The node is up and said no to this one question."""
    node = _came_up(node, now, node.latency_ms, None)
    return replace(node, refusals={**node.refusals, question.key: reason})


def failed(node: NodeState, reason: str, *, now: datetime, next_try: datetime) -> NodeState:
    """The node did not answer, or not as a node does."""
    since = node.since if node.up is False else now
    return replace(node, up=False, reason=reason, since=since, fails=node.fails + 1, next_try=next_try)


def trusted(node: NodeState) -> NodeState:
    """Take the node that answers now for the right one: what the one before said is dropped."""
    if not node.changed:
        return node
    return replace(node, node_id=node.other_id, other_id="", other=None, answers={}, refusals={})


def _came_up(node: NodeState, now: datetime, elapsed_ms: float, server_date: datetime | None) -> NodeState:
    skew = node.skew
    if server_date is not None:
        skew = server_date - (now - timedelta(milliseconds=elapsed_ms / 2))
        if abs(skew) < SKEW_SHOWN:
            skew = timedelta()
    since = node.since if node.up else now
    return replace(
        node,
        up=True,
        reason="",
        since=since,
        fails=0,
        next_try=None,
        last_ok=now,
        latency_ms=_steady(node.latency_ms, elapsed_ms),
        skew=skew,
    )


def _steady(shown_ms: float, measured_ms: float) -> float:
    """The latency to show: the one shown before, while the new one is about the same. Flicker tells nobody anything."""
    if not measured_ms or (shown_ms and abs(measured_ms - shown_ms) <= max(_SAME_MS, shown_ms / 2)):
        return shown_ms
    return measured_ms


class Fleet:
    """Every configured node by name, the one that is chosen, and the picture that a paused screen goes on showing."""

    def __init__(self, nodes: Iterable[tuple[str, str]], chosen: str = "") -> None:
        """`nodes` are (name, address) in the order of the configuration; `chosen` defaults to the first."""
        self._live = {name: NodeState(name=name, address=address) for name, address in nodes}
        self._frozen: dict[str, NodeState] | None = None
        self.chosen = chosen if chosen in self._live else next(iter(self._live))
        self.paused_at: datetime | None = None
        self.waiting = 0
        """Updates that came in while paused."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._live)

    def live(self, name: str) -> NodeState:
        """The node as it is; acts go by this."""
        return self._live[name]

    def shown(self, name: str) -> NodeState:
        """The node as the screen shows it: as it was at the pause."""
        return (self._frozen or self._live)[name]

    def update(self, node: NodeState) -> None:
        self._live[node.name] = node
        if self._frozen is None:
            return
        self.waiting += 1
        frozen = self._frozen[node.name]
        first = {key: held for key, held in node.answers.items() if key not in frozen.answers}
        if first:  # a detail opened while paused has nothing older to show
            self._frozen[node.name] = replace(frozen, answers={**frozen.answers, **first})

    def pause(self, now: datetime) -> None:
        self._frozen, self.paused_at, self.waiting = dict(self._live), now, 0

    def resume(self) -> None:
        self._frozen, self.paused_at, self.waiting = None, None, 0

    def choose(self, name: str) -> None:
        """Raises KeyError when there is no such node."""
        self.chosen = self._live[name].name

    def step(self, by: int) -> None:
        """Choose the next (or, with -1, the previous) node, around the end."""
        names = self.names
        self.chosen = names[(names.index(self.chosen) + by) % len(names)]

    def twin(self, name: str) -> str:
        """The name of another node that turns out to be the same one (two tunnels to one host); empty when none."""
        node = self._live[name]
        for other in self._live.values():
            if node.node_id and other.name != name and other.node_id == node.node_id:
                return other.name
        return ""

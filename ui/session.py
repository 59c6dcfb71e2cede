"""One sitting at the UI: the nodes, the poller that asks them, and how the operator wants to see them."""

from collections.abc import Callable
from datetime import datetime, tzinfo

from etlmon.answer import NodeError, NodeIncompatible, NodeRefused
from ui.format import TimeStyle
from ui.poller import NotAsked, Poller
from ui.problems import QUESTIONS
from ui.reader import Reader, Reads
from ui.settings import DEFAULT_ADDRESS, NodeAddress, UiSettings
from ui.state import Fleet, trusted
from ui.views.base import Outcome, View
from ui.views.rows import Scope

TIMES: tuple[TimeStyle, ...] = ("relative", "local", "utc")


class Session:
    """What a view shows (`scope`) and what its nodes are asked (`watch`) follow from here.

    `on_change` hears the name of a node of which there is news, `on_lines` that there is of the lines of a log.
    """

    def __init__(
        self,
        settings: UiSettings,
        connect: Callable[[str], Reads],
        on_change: Callable[[str], None],
        clock: Callable[[], datetime],
        *,
        on_lines: Callable[[], None],
        zone: tzinfo | None,
        read_only: bool,
    ) -> None:
        self.clock = clock
        self.zone = zone
        self.read_only = read_only
        self.configured = bool(settings.nodes)
        nodes = settings.nodes or (NodeAddress(address=DEFAULT_ADDRESS),)
        self.fleet = Fleet(
            [(node.name or _short(node.address), node.address) for node in nodes], _short(settings.ui.default_node)
        )
        self.poller = Poller(
            self.fleet,
            connect,
            fast_sec=settings.ui.refresh_interval,
            slow_sec=settings.ui.health_interval,
            background=QUESTIONS,
            on_change=self._heard,
            clock=clock,
        )
        self.reader = Reader(self.fleet, connect, on_change=on_lines, clock=clock)
        self._on_change = on_change
        self.all_nodes = False
        self.times: TimeStyle = TIMES[0]

    def _heard(self, name: str) -> None:
        self.reader.heard(name)
        self._on_change(name)

    async def close(self) -> None:
        await self.reader.close()
        await self.poller.close()

    @property
    def paused(self) -> bool:
        return self.fleet.paused_at is not None

    @property
    def lost(self) -> bool:
        """No node is configured, and there is none where one would be by default."""
        node = self.fleet.live(self.fleet.chosen)
        return not self.configured and node.up is False and not node.answers

    def names(self, view: View) -> tuple[str, ...]:
        """The nodes the view shows."""
        return self.fleet.names if view.every_node or self.all_nodes else (self.fleet.chosen,)

    def scope(self, view: View) -> Scope:
        """What the view is to show."""
        return Scope(
            nodes=tuple(self.fleet.shown(name) for name in self.names(view)),
            chosen=self.fleet.chosen,
            now=self.fleet.paused_at or self.clock(),
            all_nodes=view.every_node or self.all_nodes,
            times=self.times,
            zone=self.zone,
            read_only=self.read_only,
            paused=self.paused,
        )

    def watch(self, view: View) -> None:
        """Have the poller ask what the view shows, and the reader read it."""
        self.poller.watch(view.questions(self.names(view)))
        self.reader.watch(view.reading())

    async def act(self, act: View.Act) -> Outcome:
        """Have a node do something."""
        try:
            answer = await self.poller.act(
                act.node, act.endpoint, act.body, path=act.path, node_id=act.node_id, read_only=self.read_only
            )
        except NotAsked as error:
            return Outcome(problem=f"not done: {error}")
        except NodeError as error:
            is_certain = isinstance(error, NodeRefused | NodeIncompatible) or not error.was_sent
            said = "not done" if is_certain else "it is not known whether it was done"
            refusal = error.body if isinstance(error, NodeRefused) else None
            return Outcome(problem=f"{said}: {error.message}", refusal=refusal)
        return Outcome(answer=answer, words=act.describe(answer))

    def toggle_pause(self) -> None:
        if self.paused:
            self.fleet.resume()
        else:
            self.fleet.pause(self.clock())

    def next_times(self) -> None:
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]

    def trust(self, name: str) -> None:
        """Take the node that answers now for the right one, and ask it everything."""
        self.fleet.update(trusted(self.fleet.live(name)))
        self.poller.poke([name])


def _short(address: str) -> str:
    """The name of a node that was given none: its address, without what goes without saying."""
    return address.removeprefix("http://").rstrip("/")

"""What the handlers work with: the node's parts, given by the daemon."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etlmon.contract.host import SelfUse
from etlmon.contract.node import Health, Reloaded
from node import health
from node.alerts.delivery import Deliverer
from node.alerts.watch import AlertWatch
from node.api.logs_search import Searches
from node.api.logs_stream import Followers
from node.api.lookups import Lookups
from node.clock import Clock
from node.commands.act import Acts, RateLimit
from node.runner import Runner
from node.settings import NodeSettings
from node.store.database import Database


@dataclass(slots=True, kw_only=True)
class ApiContext:
    """The parts of one running node.

    `started_at` is told; how long the node is up is counted by `monotonic`, which nobody can set.
    `settings` is replaced when the configuration is read again; `reload` does that and answers what came of it.
    `problems` are the daemon's own and show in the health, for example a configuration file it refused; each of
    `parts_problems` says what a further part of the node has to add. `own_use` tells what the node itself uses.
    """

    database: Database
    runner: Runner
    settings: NodeSettings
    clock: Clock
    started_at: datetime
    hostname: str
    boot_id: str
    reload: Callable[[], Awaitable[Reloaded]]
    problems: Sequence[str] = ()
    parts_problems: Sequence[Callable[[], Sequence[str]]] = ()
    own_use: Callable[[], SelfUse] = SelfUse
    monotonic: Callable[[], float] = time.monotonic
    acts: Acts = field(init=False)
    kill_rate: RateLimit = field(init=False)
    followers: Followers = field(init=False)
    searches: Searches = field(init=False)
    lookups: Lookups = field(default_factory=Lookups)
    alerts: AlertWatch = field(init=False)
    deliverer: Deliverer = field(init=False)
    _began_sec: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_sec = self.monotonic()
        self.acts = Acts(self.database, self.clock)
        self.kill_rate = RateLimit(self.settings.kill.rate_per_minute)
        self.searches = Searches(self.database)
        self.followers = Followers(self.database, self.searches)
        self.deliverer = Deliverer(
            self.database,
            lambda: self.settings,
            self.runner.samples,
            hostname=self.hostname,
            is_well=self._can_tell,
            clock=self.clock,
        )
        self.alerts = AlertWatch(
            self.database,
            self.runner,
            lambda: self.settings,
            hostname=self.hostname,
            clock=self.clock,
            queued=self.deliverer.wake,
        )

    @property
    def node_name(self) -> str:
        """The configured name, or the host's."""
        return self.settings.node.node_name or self.hostname

    def health(self) -> Health:
        """How the node fares now."""
        return health.health(
            self.runner,
            self.database,
            node_name=self.node_name,
            uptime_sec=self.monotonic() - self._began_sec,
            problems=[
                *self.problems,
                *(problem for told in self.parts_problems for problem in told()),
                *self.alerts.problems,
                *self.deliverer.problems,
            ],
        )

    def _can_tell(self) -> bool:
        """Whether the node works so far that somebody would hear of what is wrong."""
        now = self.health()
        is_told = now.store.error is None and self.alerts.is_alive and self.deliverer.is_alive
        return is_told and now.status != "unhealthy"

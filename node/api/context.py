"""What the handlers work with: the node's parts, given by the daemon."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etlmon.contract.node import Health, Reloaded
from node import health
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
    `problems` are the daemon's own and show in the health, for example a configuration file it refused.
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
    monotonic: Callable[[], float] = time.monotonic
    acts: Acts = field(init=False)
    kill_rate: RateLimit = field(init=False)
    followers: Followers = field(init=False)
    searches: Searches = field(init=False)
    lookups: Lookups = field(default_factory=Lookups)
    _began_sec: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_sec = self.monotonic()
        self.acts = Acts(self.database, self.clock)
        self.kill_rate = RateLimit(self.settings.kill.rate_per_minute)
        self.searches = Searches(self.database)
        self.followers = Followers(self.database, self.searches)

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
            problems=self.problems,
        )

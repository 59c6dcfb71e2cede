"""How the node fares as a whole, from what its collectors and its store say."""

from collections.abc import Sequence
from typing import Protocol

from etlmon.contract.node import CollectorHealth, Health, NodeStatus, StoreHealth

NOT_WORKING = ("failing", "overdue")


class HasCollectors(Protocol):
    def health(self) -> list[CollectorHealth]: ...


class HasStore(Protocol):
    def health(self) -> StoreHealth: ...


def health(
    runner: HasCollectors, database: HasStore, *, node_name: str, uptime_sec: float, problems: Sequence[str] = ()
) -> Health:
    """The health of the node now. `problems` are the daemon's own, for example a configuration it refused.

    unhealthy: there are collectors and none works. degraded: a collector fails or is overdue, the store takes no
    rows (what is read is still answered, and it goes on by itself when there is space), or the daemon has a problem.
    Each reason stands in `problems`, in words.
    """
    collectors, store = runner.health(), database.health()
    lame = [collector for collector in collectors if collector.status in NOT_WORKING]
    status: NodeStatus = "healthy"
    if lame and len(lame) == len(collectors):
        status = "unhealthy"
    elif lame or store.error or problems:
        status = "degraded"
    store_problem = [f"the store takes no rows: {store.error}"] if store.error else []
    return Health(
        status=status,
        node_name=node_name,
        uptime_sec=round(uptime_sec, 3),
        collectors=collectors,
        store=store,
        problems=[*store_problem, *map(_sentence, lame), *problems],
    )


def _sentence(collector: CollectorHealth) -> str:
    times = f"{collector.consecutive_failures} times in a row"
    failed = f" failed {'once' if collector.consecutive_failures == 1 else times}: {collector.last_error}"
    if collector.status == "overdue":
        missed = f" is not done and missed its turn ({collector.overruns} missed so far)"
        return collector.name + missed + (f"; it{failed}" if collector.consecutive_failures else "")
    return collector.name + failed

"""logs: pausing a log and going on with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.logs import Log
from node.commands.act import Act, Acts, Caller
from node.settings import WatchedLog
from node.store import logs as store
from node.store.database import Database


@runtime_checkable
class Pausable(Protocol):
    """A collector that reads nothing while it is paused."""

    def set_paused(self, paused: bool) -> None: ...


async def set_paused(
    acts: Acts,
    caller: Caller,
    watched: Sequence[WatchedLog],
    database: Database,
    collectors: Mapping[str, object],
    trigger: Callable[[str], bool],
    *,
    name: str,
    paused: bool,
) -> Log:
    """Pause a log or go on with it; its row as it is then. It stays so when the node starts anew.

    `collectors` and `trigger` are the runner's. Raises NotFound, and Unavailable for a log that was not looked at yet.
    """

    async def work() -> Log:
        row = await database.write(lambda db: store.set_paused(db, name, paused))
        if row is None:
            raise _unknown(name, watched)
        key = f"logs:{name}"
        collector = collectors.get(key)
        if isinstance(collector, Pausable):  # it is gone while the configuration is read again
            collector.set_paused(paused)
            trigger(key)
        return row

    act = Act(action="logs.pause" if paused else "logs.resume", target=name)
    return await acts.perform(caller, act, work)


def _unknown(name: str, watched: Sequence[WatchedLog]) -> NotFound | Unavailable:
    if any(log.name == name for log in watched):
        return Unavailable(f"the log {name!r} was not looked at yet; try again in a moment", reason="not_seen")
    return NotFound(f"there is no log {name!r} here; GET /api/v1/logs lists them", field="name")

"""The kill command over a real store and real processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.errors import Problem
from etlmon.contract.node import AuditEntry, AuditQuery
from etlmon.contract.processes import Killed, KillRequest, Signal
from etlmon.units import Duration
from node.clock import utc_now
from node.commands.act import Acts, Caller, RateLimit
from node.commands.kill import Standing, kill, standing
from node.settings import Kill
from node.sources.process_types import Targets
from node.store import node as node_store
from node.store.database import Database
from tests.node.commands.victims import ProcTargets, Victims, victims

CALLER = Caller(name="ops", address="127.0.0.1", role="operator")
WATCH = "worker"


@dataclass
class Desk:
    """Where a test asks for the end of processes; `looks` are the looks at all processes that were asked for."""

    victims: Victims
    targets: ProcTargets
    database: Database
    acts: Acts
    rate: RateLimit = field(default_factory=lambda: RateLimit(1000))
    looks: list[str] = field(default_factory=list)

    async def kill(
        self,
        pid: int | str,
        *,
        by: Signal = "SIGTERM",
        confirm: bool = True,
        start_time: datetime | None = None,
        policy: Kill | None = None,
        targets: Targets | None = None,
        caller: Caller = CALLER,
    ) -> Killed:
        return await kill(
            self.acts,
            caller,
            policy or Kill(rate_per_minute=1000, wait=Duration(20)),
            targets or self.targets,
            pid=str(pid),
            request=KillRequest(signal=by, confirm=confirm, start_time=start_time),
            rate=self.rate,
            trigger=self._look_soon,
        )

    async def standing(self, pid: int, *, policy: Kill | None = None, caller: Caller = CALLER) -> Standing:
        return await standing(caller, policy or Kill(), self.targets, pid)

    async def refusal(self, attempt: Awaitable[Killed]) -> tuple[int, str, str]:
        """Status, reason and words of the refusal that an attempt has to meet."""
        with pytest.raises(Problem) as caught:
            await attempt
        (row, *_) = await self.audit()
        assert (row.status, row.message) == (caught.value.status, caught.value.message)
        return caught.value.status, str(caught.value.details.get("reason")), caught.value.message

    async def audit(self) -> list[AuditEntry]:
        """Newest first."""
        return await self.database.read(node_store.audit, AuditQuery(limit=1000))

    def _look_soon(self, name: str) -> bool:
        self.looks.append(name)
        return True


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """A desk whose one watch fits the processes of its victims."""
    with victims() as made:
        database = await Database.open(folder / "etlmon.db")
        try:
            yield Desk(made, ProcTargets({WATCH: made.mark}), database, Acts(database, utc_now))
        finally:
            await database.close()


def at_the_desk(folder: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        async with desk(folder) as made:
            await scenario(made)

    asyncio.run(main())

"""An account at a pretended Google, read in this process or in a child, and what was said of it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from etlmon.contract.dataproc_models import DataprocCluster
from etlmon.units import Duration
from node.settings_dataproc import Dataproc as Settings
from node.settings_dataproc import DataprocAccount, DataprocRetries
from node.sources.dataproc import Dataproc
from node.sources.dataproc_run import Run
from node.sources.dataproc_says import Says
from node.sources.dataproc_types import (
    ClusterLine,
    DataprocLine,
    DataprocTask,
    DoneLine,
    RegionLine,
    RegionsLine,
    TroubleLine,
)
from tests.fakes.dataproc import FakeGoogle

Line = TypeVar("Line", bound=DataprocLine)

QUICK = Settings(retries=DataprocRetries(initial=Duration(0.02), max=Duration(0.1)))
"""Nobody waits long between two attempts."""


class Heard:
    """Everything that was said, in its order."""

    def __init__(self, lines: Sequence[DataprocLine]) -> None:
        self.lines = lines

    def of(self, kind: type[Line]) -> list[Line]:
        return [line for line in self.lines if isinstance(line, kind)]

    @property
    def clusters(self) -> dict[str, DataprocCluster]:
        return {line.cluster.cluster_name: line.cluster for line in self.of(ClusterLine)}

    @property
    def regions(self) -> dict[str, RegionLine]:
        return {line.result.region: line for line in self.of(RegionLine)}

    @property
    def states(self) -> dict[str, str]:
        """How each region went."""
        return {line.result.region: line.result.state for line in self.of(RegionLine)}

    @property
    def troubles(self) -> list[TroubleLine]:
        return self.of(TroubleLine)

    @property
    def trouble(self) -> TroubleLine:
        """The only one."""
        (trouble,) = self.troubles
        return trouble

    @property
    def places(self) -> RegionsLine:
        """Which regions of the only project are read."""
        (line,) = self.of(RegionsLine)
        return line

    @property
    def done(self) -> DoneLine:
        (line,) = self.of(DoneLine)
        assert self.lines[-1] is line
        return line


def account_of(google: FakeGoogle, folder: Path, *, transport: str = "grpc", **changes: Any) -> DataprocAccount:
    """An account at a pretended Google, with a key that it knows if it wants one."""
    needs_key = google.service.needs_token
    given: dict[str, Any] = {
        "name": "data",
        "credentials_file": str(google.key_file(folder)) if needs_key else None,
        "anonymous": not needs_key,
        "projects": tuple(google.estate.projects),
        "endpoint": google.endpoint if transport == "grpc" else google.rest,
        "compute_endpoint": google.compute,
        "insecure": True,
    }
    return DataprocAccount(**{**given, **changes})


def task_of(account: DataprocAccount, settings: Settings = QUICK, **changes: Any) -> DataprocTask:
    key = "" if account.credentials_file is None else Path(account.credentials_file).read_text(encoding="utf-8")
    return DataprocTask(**{"account": account, "settings": settings, "credentials": key, **changes})


def read(task: DataprocTask) -> Heard:
    """Read it in this process."""
    said: list[bytes] = []
    Run(task, Says(said.append), {}).run()
    decoder: msgspec.json.Decoder[DataprocLine] = msgspec.json.Decoder(DataprocLine)
    return Heard([decoder.decode(line) for line in b"".join(said).splitlines()])


def read_in_child(task: DataprocTask) -> Heard:
    """Read it as a node does."""

    async def main() -> Heard:
        asker = Dataproc()
        heard = Heard([line async for line in asker.collect(task)])
        assert asker.pids == []
        return heard

    return asyncio.run(main())

"""What is said of a run in tests: lines as a child says them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from etlmon.contract.dataproc_models import DataprocCluster, DataprocPolicy, DataprocTemplate
from node.sources.dataproc_types import (
    ClusterLine,
    DataprocLine,
    DataprocTask,
    DoneLine,
    PolicyLine,
    RegionLine,
    TemplateLine,
    TroubleLine,
)
from tests.node.store.estates import region

EVERYTHING = ("clusters", "jobs", "templates", "policies")


def read(
    *models: DataprocCluster | DataprocTemplate | DataprocPolicy,
    name: str = "asia-northeast3",
    complete: Sequence[Any] = EVERYTHING,
    **result: Any,
) -> list[DataprocLine]:
    """All lines of a region of which these were seen."""
    lines: list[DataprocLine] = []
    for model in models:
        if isinstance(model, DataprocCluster):
            lines.append(ClusterLine(cluster=model))
        elif isinstance(model, DataprocTemplate):
            lines.append(TemplateLine(template=model))
        else:
            lines.append(PolicyLine(policy=model))
    return [*lines, RegionLine(result=region(name, **result), complete=list(complete))]


def failed(name: str = "us-east1", message: str = "not reachable", **fields: Any) -> list[DataprocLine]:
    """All lines of a region that could not be read."""
    line = RegionLine(result=region(name, state="failed", error=message), complete=[])
    return [trouble(message, region=name, **fields), line]


def trouble(message: str = "not reachable", **fields: Any) -> TroubleLine:
    given: dict[str, Any] = {"kind": "failure", "project_id": "p1", **fields}
    return TroubleLine(message=message, **given)


def done(**fields: Any) -> DoneLine:
    given = dict.fromkeys(("success", "failure", "timeout", "unknown", "calls", "retries"), 0)
    return DoneLine(**{**given, "quota_percent": 0.0, **fields})


class Teller:
    """Says for each run what the script has for it; an exception in it is raised."""

    def __init__(self, *runs: Sequence[DataprocLine | Exception]) -> None:
        self.runs = list(runs)
        self.tasks: list[DataprocTask] = []
        self.open = 0
        self.closed = False

    async def collect(self, task: DataprocTask) -> AsyncGenerator[DataprocLine, None]:
        self.tasks.append(task)
        self.open += 1
        try:
            for line in self.runs.pop(0):
                if isinstance(line, Exception):
                    raise line
                yield line
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed = True

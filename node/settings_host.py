"""The section of node.yaml about the host's own numbers."""

from typing import Annotated, Literal

import msgspec

from etlmon.units import Duration
from node.section import CountOrZero, Section


class Limits(Section, frozen=True, kw_only=True):
    """What the node may use itself, and what is done when it uses more; 0 is no limit."""

    max_cpu_percent: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    max_memory_mb: CountOrZero = 100
    check_interval: Duration = Duration(60)
    action: Literal["log", "slow_down", "stop"] = "log"


class Host(Section, frozen=True, kw_only=True):
    enabled: bool = True
    top_n: Annotated[int, msgspec.Meta(ge=0, le=100)] = 20
    exclude_interfaces: tuple[str, ...] = ("lo", "veth*")
    metrics_listen: str | None = None
    limits: Limits = Limits()

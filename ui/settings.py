"""The structs of ui.yaml. Every key has a default; none is required."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from etlmon.address import parse_address
from etlmon.units import Duration

DEFAULT_ADDRESS = "http://localhost:8080"
SHORTEST_INTERVAL = Duration(0.1)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of ui.yaml. Unknown keys are errors."""


class NodeAddress(Section, frozen=True, kw_only=True):
    name: str = ""
    address: Annotated[str, msgspec.Meta(min_length=1)]


class Ui(Section, frozen=True, kw_only=True):
    refresh_interval: Duration = Duration(2)
    health_interval: Duration = Duration(10)
    default_node: str = ""
    theme: str = "etlmon"
    ascii: bool = False
    diff_output: bool = True
    keys: dict[str, str] = msgspec.field(default_factory=dict)


class UiSettings(Section, frozen=True, kw_only=True):
    """The whole of ui.yaml."""

    nodes: tuple[NodeAddress, ...] = ()
    ui: Ui = msgspec.field(default_factory=Ui)


def check(settings: UiSettings) -> Iterator[tuple[str, str]]:
    """Values that are fine alone and wrong together or for this program: (key path, what is wrong and what to do)."""
    first: dict[str, int] = {}
    for index, node in enumerate(settings.nodes):
        try:
            parse_address(node.address)
        except ValueError as error:
            yield f"nodes[{index}].address", str(error)
        name = node.name or node.address
        if name in first:
            key = "name" if node.name else "address"
            yield f"nodes[{index}].{key}", f'"{name}" stands at nodes[{first[name]}] already; each must differ'
        first.setdefault(name, index)
    names = list(first) or [DEFAULT_ADDRESS]
    if settings.ui.default_node and settings.ui.default_node not in names:
        yield "ui.default_node", f'"{settings.ui.default_node}" is none of the nodes: {", ".join(names)}'
    for key in ("refresh_interval", "health_interval"):
        value = getattr(settings.ui, key)
        if value < SHORTEST_INTERVAL:
            yield f"ui.{key}", f"{value} is too short; write at least {SHORTEST_INTERVAL}"

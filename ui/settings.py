"""The structs of ui.yaml. Every key has a default; none is required."""

from typing import Annotated

import msgspec

from etlmon.units import Duration

DEFAULT_ADDRESS = "http://localhost:8080"


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

"""What can be wrong with an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_USUAL = object()


@dataclass(frozen=True)
class Fault:
    """Each field that is set changes the answer. `data` is put where the usual data stand, `body` is all of it.

    `drip`: it comes byte by byte, for ever. `cut`: half of it comes, then the connection is closed. `drop`: nothing
    comes and it is closed. `hang`: nothing comes.
    """

    status: int = 0
    reason: str = ""
    data: Any = field(default=_USUAL)
    body: bytes | None = None
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_sec: float = 0.0
    manner: Literal["", "drip", "cut", "drop", "hang"] = ""

    @property
    def replaces(self) -> bool:
        """Whether the usual answer is not even made."""
        return bool(self.status) or self.data is not _USUAL or self.body is not None

    @property
    def value(self) -> Any:
        return None if self.data is _USUAL else self.data


DRIP = Fault(manner="drip")
CUT = Fault(manner="cut")
DROP = Fault(manner="drop")
HANG = Fault(manner="hang")
NULL = Fault(data=None)
HTML = Fault(body=b"<!DOCTYPE html><html><title>Sign in</title></html>", content_type="text/html")
OFFLINE_NODE = Fault(status=595, reason="No route to host")
"""What comes of a call that the cluster would hand on to a node that is down."""

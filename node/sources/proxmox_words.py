"""What the daemon and the process that asks Proxmox VE say to each other: one message of JSON a line."""

from datetime import datetime

import msgspec

from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLimits, ProxmoxLook, ProxmoxTarget

MOST_AT_ONCE = 64
"""Requests that are worked on at the same time."""


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """Comes first. `key_given`: somebody else keeps the key, it is never made."""

    limits: ProxmoxLimits
    key_file: str
    key_given: bool


class Look(msgspec.Struct, frozen=True, kw_only=True, tag="look"):
    """Answered with Looked or Failed of the same number."""

    number: int
    target: ProxmoxTarget
    now: datetime


class Seal(msgspec.Struct, frozen=True, kw_only=True, tag="seal"):
    """Answered with Sealed or Failed of the same number."""

    number: int
    cluster_id: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret, wherever it is printed."""
        return f"Seal(number={self.number!r}, cluster_id={self.cluster_id!r})"


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag="forget"):
    """Drop what is kept of a cluster. Nothing is answered."""

    cluster_id: str


Request = Start | Look | Seal | Forget


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """It can be asked now."""


class Looked(msgspec.Struct, frozen=True, kw_only=True, tag="looked"):
    number: int
    look: ProxmoxLook


class Sealed(msgspec.Struct, frozen=True, kw_only=True, tag="sealed"):
    number: int
    sealed: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Number 0: it cannot work at all."""

    number: int
    failure: ProxmoxFailure


Answer = Ready | Looked | Sealed | Failed

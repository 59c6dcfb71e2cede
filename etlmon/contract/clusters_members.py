"""clusters: what a Proxmox VE cluster consists of: its nodes, guests and storage."""

from datetime import datetime
from typing import Literal

import msgspec

MemberStatus = Literal["online", "offline", "unknown"]
GuestType = Literal["qemu", "lxc"]


class ClusterNode(msgspec.Struct, frozen=True, kw_only=True):
    """A host of the cluster."""

    cluster_id: str
    name: str
    status: MemberStatus
    ip: str = ""
    cpu_percent: float | None = None
    cpu_cores: int = 0
    mem_used_bytes: int = 0
    mem_total_bytes: int = 0
    disk_used_bytes: int = 0
    """Of its root file system."""
    disk_total_bytes: int = 0
    uptime_sec: int = 0
    guests_running: int = 0
    error: str | None = None
    """Why less is known of it: it is offline, or its numbers may not be read."""
    collected_at: datetime
    console_url: str = ""


class ClusterGuest(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual machine or a container. The numbers of one on a dead node are unknown, and so may its name be."""

    cluster_id: str
    vmid: int
    name: str = ""
    type: GuestType
    node: str
    status: str
    """As Proxmox writes it: running, stopped, paused, suspended, prelaunch, unknown."""
    template: bool = False
    cpu_percent: float | None = None
    cpu_cores: float = 0.0
    mem_used_bytes: int = 0
    mem_total_bytes: int = 0
    disk_total_bytes: int = 0
    uptime_sec: int = 0
    pool: str = ""
    tags: list[str] = []
    lock: str = ""
    """What holds it: backup, migrate, snapshot."""
    ha_state: str = ""
    error: str | None = None
    collected_at: datetime
    console_url: str = ""


class ClusterStorage(msgspec.Struct, frozen=True, kw_only=True):
    """A storage; a shared one is one row, a local one is one row a node."""

    cluster_id: str
    name: str
    nodes: list[str]
    shared: bool = False
    type: str = ""
    """Proxmox's plug-in: dir, lvmthin, zfspool, nfs, cephfs, rbd, pbs."""
    content: list[str] = []
    status: str
    """As Proxmox writes it: available, unknown."""
    used_bytes: int = 0
    total_bytes: int = 0
    used_percent: float | None = None
    error: str | None = None
    collected_at: datetime

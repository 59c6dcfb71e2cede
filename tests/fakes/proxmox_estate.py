"""What a fake Proxmox VE consists of, and how its API puts that into words (PVE::API2::Cluster, PVE::API2Tools)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.proxmox_faults import Fault

Json = dict[str, Any]
Holds = Callable[[str, str], bool]
"""Whether the caller holds a privilege at a path of the permission tree: ("/vms/101", "VM.Audit")."""

GIB = 2**30


@dataclass
class Node:
    """A host. `silent`: it is in the cluster, but its statistics do not come (pvestatd does not run)."""

    name: str
    ip: str = ""
    online: bool = True
    silent: bool = False
    cpu: float = 0.125
    maxcpu: int = 16
    mem: int = 24 * GIB
    maxmem: int = 64 * GIB
    disk: int = 8 * GIB
    maxdisk: int = 96 * GIB
    uptime: int = 864_000


@dataclass
class Guest:
    """A virtual machine or a container; `extra` holds what only some have: hastate, lock, pool, tags."""

    vmid: int
    node: str
    name: str = ""
    type: str = "qemu"
    status: str = "running"
    template: bool = False
    cpu: float = 0.25
    maxcpu: float = 4
    mem: int = 2 * GIB
    maxmem: int = 4 * GIB
    maxdisk: int = 32 * GIB
    uptime: int = 7200
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Storage:
    """A storage as every one of `nodes` sees it."""

    name: str
    nodes: Sequence[str]
    shared: bool = False
    plugin: str = "dir"
    content: str = "images,rootdir"
    used: int = 20 * GIB
    total: int = 100 * GIB
    active: bool = True


@dataclass
class Estate:
    """A cluster, or with `cluster_name` None a host that is in none, and how well it answers.

    `faults` are by path (`/cluster/status`, `*` for all): one for ever, or a list that is used up call by call.
    """

    cluster_name: str | None = "prod"
    version: str = "8.4.1"
    quorate: bool = True
    nodes: list[Node] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)
    storage: list[Storage] = field(default_factory=list)
    faults: dict[str, Fault | list[Fault]] = field(default_factory=dict)
    latency_sec: float = 0.0

    def fault(self, path: str) -> Fault:
        """What is wrong with the next answer to `path`; one that is usual when nothing is."""
        for name in (path, "*"):
            fault = self.faults.get(name)
            if isinstance(fault, Fault):
                return fault
            if fault:
                return fault.pop(0)
        return Fault()

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


def usual() -> Estate:
    """Three nodes, five guests (one a template, one stopped), a local storage on each and a shared one."""
    names = ("pve1", "pve2", "pve3")
    return Estate(
        nodes=[Node(name, ip=f"10.0.0.1{number}") for number, name in enumerate(names, 1)],
        guests=[
            Guest(100, "pve1", "etl-db", maxcpu=8, extra={"tags": "etl;prod", "pool": "etl", "hastate": "started"}),
            Guest(101, "pve1", "etl-web"),
            Guest(200, "pve2", "runner", type="lxc", maxcpu=0.5),
            Guest(201, "pve2", "old", status="stopped", cpu=0, mem=0, uptime=0),
            Guest(900, "pve3", "debian-12", template=True, status="stopped", cpu=0, mem=0, uptime=0),
        ],
        storage=[
            Storage("local", names, content="iso,vztmpl,backup"),
            Storage("nas", names, shared=True, plugin="nfs", content="backup,images", used=512 * GIB, total=1024 * GIB),
        ],
    )


def version(estate: Estate) -> Json:
    release = ".".join(estate.version.split(".")[:2])
    return {"version": estate.version, "release": release, "repoid": "2a5fa54a8503f96d"}


def status(estate: Estate) -> list[Json]:
    """`/cluster/status`: a row for the cluster, if it is in one, and one a node."""
    rows: list[Json] = []
    if estate.cluster_name is not None:
        rows.append(
            {
                "type": "cluster",
                "id": "cluster",
                "name": estate.cluster_name,
                "version": 4,
                "nodes": len(estate.nodes),
                "quorate": int(estate.quorate),
            }
        )
    for number, node in enumerate(estate.nodes):
        nodeid = number + 1 if estate.cluster_name is not None else 0
        row: Json = {"type": "node", "id": f"node/{node.name}", "name": node.name, "nodeid": nodeid, "level": ""}
        row |= {"online": int(node.online), "local": int(number == 0)}
        rows.append(row | ({"ip": node.ip} if node.ip else {}))
    return rows


def resources(estate: Estate, holds: Holds) -> list[Json]:
    """`/cluster/resources`: what the caller may see; of what it may not, nothing, or a node without its numbers."""
    return [
        *_pools(estate, holds),
        *_guests(estate, holds),
        *(_node(node, holds) for node in estate.nodes),
        *_storage(estate, holds),
        *_networks(estate),
    ]


def _pools(estate: Estate, holds: Holds) -> Iterator[Json]:
    for pool in sorted({guest.extra["pool"] for guest in estate.guests if "pool" in guest.extra}):
        if holds(f"/pool/{pool}", "Pool.Audit"):
            yield {"id": f"/pool/{pool}", "type": "pool", "pool": pool}


def _guests(estate: Estate, holds: Holds) -> Iterator[Json]:
    """A guest whose node sends nothing has no name and no numbers: those come from the node's statistics."""
    for guest in estate.guests:
        if not holds(f"/vms/{guest.vmid}", "VM.Audit"):
            continue
        row: Json = {"id": f"{guest.type}/{guest.vmid}", "type": guest.type, "vmid": guest.vmid, "node": guest.node}
        row |= guest.extra
        if not _tells(estate, guest.node):
            yield row | {"status": "unknown"}
            continue
        row |= {"name": guest.name, "status": guest.status, "template": int(guest.template), "uptime": guest.uptime}
        row |= {"cpu": guest.cpu, "maxcpu": guest.maxcpu, "mem": guest.mem, "maxmem": guest.maxmem}
        row |= {"disk": 0, "maxdisk": guest.maxdisk, "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0}
        yield row


def _node(node: Node, holds: Holds) -> Json:
    row: Json = {"id": f"node/{node.name}", "type": "node", "node": node.name, "status": "unknown"}
    if not node.online:
        return row | {"status": "offline"}
    if node.silent:
        return row
    row |= {"status": "online", "level": "", "cgroup-mode": 2}
    if holds(f"/nodes/{node.name}", "Sys.Audit"):
        row |= {"cpu": node.cpu, "maxcpu": node.maxcpu, "mem": node.mem, "maxmem": node.maxmem}
        row |= {"disk": node.disk, "maxdisk": node.maxdisk, "uptime": node.uptime}
    return row


def _storage(estate: Estate, holds: Holds) -> Iterator[Json]:
    for storage in estate.storage:
        if not holds(f"/storage/{storage.name}", "Datastore.Audit"):
            continue
        for node in storage.nodes:
            row: Json = {"id": f"storage/{node}/{storage.name}", "type": "storage", "storage": storage.name}
            row |= {"node": node, "status": "unknown", "shared": int(storage.shared)}
            row |= {"plugintype": storage.plugin, "content": storage.content}
            if storage.active and _tells(estate, node):
                row |= {"status": "available", "disk": storage.used, "maxdisk": storage.total}
            yield row


def _networks(estate: Estate) -> Iterator[Json]:
    for node in estate.nodes:
        row: Json = {"id": f"sdn/{node.name}/localnetwork", "type": "sdn", "sdn": "localnetwork", "node": node.name}
        yield row | {"status": "ok" if node.online else "unknown"}


def _tells(estate: Estate, name: str) -> bool:
    """Whether a node's statistics come."""
    return any(node.name == name and node.online and not node.silent for node in estate.nodes)

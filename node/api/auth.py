"""Who calls, and whether they may act: the seam where callers get their role."""

import pwd
import socket
import struct
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from etlmon.contract.errors import BadRequest
from etlmon.contract.node import NODE_ID_HEADER
from node.api.hosts import ip_address, is_same_origin
from node.commands.act import Caller, Refusal
from node.settings import Security


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: its address (None for a unix socket), the user behind a unix socket."""

    address: str | None
    arrived_at: str | None
    user: str = ""

    @property
    def is_local(self) -> bool:
        """On this host: over a unix socket, whose file mode says who may, or over loopback."""
        if self.address is None:
            return True
        address = ip_address(self.address)
        return address is not None and address.is_loopback


def peer_of(request: web.BaseRequest) -> Peer:
    """Raises BadRequest, which nobody will read, when the connection is gone."""
    transport = request.transport
    if transport is None:
        raise BadRequest("the client is gone")
    connection = cast(socket.socket, transport.get_extra_info("socket"))
    if connection.family == socket.AF_UNIX:
        return Peer(None, None, _user(connection))
    peername, sockname = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return Peer(str(peername[0]), str(sockname[0]))


def _user(connection: socket.socket) -> str:
    """The user at the other end of a unix socket (SO_PEERCRED, unix(7))."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def identify(request: web.BaseRequest, peer: Peer, security: Security, *, node_id: str) -> Caller:
    """The caller with their role, and why their commands would be refused if they would be.

    `node_id` is this node's: who means another one is refused.
    """
    is_operator = peer.is_local or security.trusted_network
    return Caller(
        name=peer.user or "anonymous",
        address=peer.address or "unix socket",
        role="operator" if is_operator else "viewer",
        refusal=_elsewhere(request, node_id) or _refusal(request, peer, security, is_operator=is_operator),
    )


def _elsewhere(request: web.BaseRequest, node_id: str) -> Refusal | None:
    """A command says which node it is meant for; behind a tunnel that was set up anew there may be another one."""
    if request.headers.get(NODE_ID_HEADER, node_id) == node_id:
        return None
    return Refusal(
        reason="another_node",
        message="it is meant for another node than this one; look at what answers at this address now, "
        "and check the tunnel",
        is_conflict=True,
    )


def _refusal(request: web.BaseRequest, peer: Peer, security: Security, *, is_operator: bool) -> Refusal | None:
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if (origin and not is_same_origin(origin, request.headers.get("Host"))) or site not in ("none", "same-origin"):
        return Refusal(reason="origin", message="it was sent by a web page of another origin")
    if security.read_only:
        return Refusal(reason="read_only", message="this node is read-only (security.read_only in its configuration)")
    if not is_operator:
        return Refusal(
            reason="not_local",
            message=f"{peer.address} may only look; act from the node's own host or through an SSH tunnel to it, "
            "or set security.trusted_network: true in its configuration",
        )
    return None

"""A Proxmox VE that answers as told: a real HTTPS server on 127.0.0.1, port 0, with log-ins, tickets and API tokens.

    with fake_proxmox() as pve:
        pve.url, pve.fingerprint, pve.ca_pem           # where it is, and how its certificate is known
        pve.users["root@pam"] = "secret"               # who may log in; "root@pam": "secret" may from the start
        pve.tokens["etlmon@pve!mon"] = Token("uuid")   # Token("uuid", {}): separated from its user, may see nothing
        pve.state.node("pve2").online = False          # what there is (proxmox_estate.py), to be changed as it runs
        pve.state.faults["/cluster/status"] = HANG     # what is wrong (proxmox_faults.py)
        pve.change_certificate()
        pve.calls                                      # every request so far

Nobody may write to it: whoever tries is refused, and the `with` ends in an AssertionError that names the calls.
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from tests.fakes import proxmox_estate as estates
from tests.fakes.proxmox_access import Access, Caller, Denied, Privileges, Token
from tests.fakes.proxmox_certificate import Authority, Certificate
from tests.fakes.proxmox_estate import Estate
from tests.fakes.proxmox_faults import HTML, Fault
from tests.fakes.proxmox_server import Call, Reply, Server

API = "/api2/json"
PASSWORD = "secret-Pa55/word+é"  # noqa: S105 - of nobody
TOKEN = "b7f4e1d0-6f0a-4a3e-9d55-6d3f6f0c7a11"  # noqa: S105
_UNAUTHORIZED = 401
_TYPES = {"vm": ("qemu", "lxc"), "node": ("node",), "storage": ("storage",), "sdn": ("sdn",)}


class FakeProxmox:
    """One that is up. Its attributes may be changed at any time."""

    def __init__(
        self,
        folder: Path,
        state: Estate,
        *,
        host: str = "127.0.0.1",
        names: Sequence[str] = ("127.0.0.1", "localhost", "::1"),
        prefix: str = "",
        tls: bool = True,
        expired: bool = False,
        unauthorized_delay_sec: float = 3.0,
        ticket_life_sec: float = 7200.0,
    ) -> None:
        self.state = state
        self.access = Access({"root@pam": PASSWORD}, {"root@pam!mon": Token(TOKEN)}, ticket_life_sec=ticket_life_sec)
        self.calls: list[Call] = []
        self.writes: list[Call] = []
        self.unauthorized_delay_sec = unauthorized_delay_sec
        self.authority = Authority()
        self._folder, self._names, self._tls, self._expired = folder, names, tls, expired
        self._host, self._prefix, self._port = host, prefix, 0
        self.certificate: Certificate
        self._context: SSLContext | None = None
        self.change_certificate(cut=False)
        self._server: Server | None = None
        self.start()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}{self._prefix}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate it shows now, `AB:CD:…`."""
        return self.certificate.fingerprint

    @property
    def ca_pem(self) -> str:
        return self.authority.pem

    @property
    def users(self) -> dict[str, str]:
        return self.access.users

    @property
    def tokens(self) -> dict[str, Token]:
        return self.access.tokens

    @property
    def tfa(self) -> set[str]:
        """The users with a second factor."""
        return self.access.tfa

    @property
    def privileges(self) -> dict[str, Privileges]:
        """Of users; one that is not named here may see all."""
        return self.access.privileges

    @property
    def server(self) -> Server:
        assert self._server is not None, "it is stopped"
        return self._server

    def change_certificate(self, *, authority: Authority | None = None, cut: bool = True) -> None:
        """Show a new one from now on, by the same authority or another; open connections are cut, as at a restart."""
        self.authority = authority or self.authority
        self.certificate = self.authority.issue(self._folder, self._names, expired=self._expired)
        self._context = self.certificate.context() if self._tls else None
        if cut:
            self.server.connections.cut()

    def expire_tickets(self) -> None:
        self.access.expire_tickets()

    def start(self) -> None:
        """Answer, after a stop on the same port again."""
        self._server = Server(self._host, self._port, self._answer, lambda: self._context)
        self._port = self._server.server_address[1]

    def stop(self) -> None:
        """Be gone: connections are cut, and new ones refused."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def called(self, path: str) -> list[Call]:
        """The requests for a path."""
        return [call for call in self.calls if call.path == path]

    def _answer(self, call: Call) -> Reply:
        within = call.path.startswith(self._prefix + API + "/")
        call.path = call.path.removeprefix(self._prefix + API) if within else call.path
        self.calls.append(call)
        fault = self.state.fault(call.path)
        self.server.stopping.wait(self.state.latency_sec + fault.delay_sec)
        try:
            if fault.replaces:
                reply = _replaced(fault)
            elif not within:
                reply = _replaced(HTML)
            else:
                reply = Reply.of(self._data(call), fault)
        except Denied as denied:
            more = {"errors": dict(denied.errors)} if denied.errors else {"message": f"{denied.reason}\n"}
            reply = Reply.of(None, fault, status=denied.status, reason=denied.reason, **more)
        if reply.status == _UNAUTHORIZED:
            # AnyEvent.pm of pve-http-server: every one of them, so that guessing takes its time.
            self.server.stopping.wait(self.unauthorized_delay_sec)
        return reply

    def _data(self, call: Call) -> Any:
        """What stands in `data` of the usual answer. Raises Denied."""
        if (call.method, call.path) == ("POST", "/access/ticket"):
            form = dict(parse_qsl(call.body, keep_blank_values=True))
            return self.access.log_in(form, self.state.cluster_name)
        if call.method not in ("GET", "HEAD"):
            self.writes.append(call)
        caller = self.access.caller(call.headers.get("authorization", ""), call.headers.get("cookie", ""))
        if call.method not in ("GET", "HEAD"):
            if caller.csrf is not None and call.headers.get("csrfpreventiontoken") != caller.csrf:
                raise Denied(_UNAUTHORIZED, "Permission denied - invalid csrf token")
            raise Denied(403, "Permission check failed (/, Sys.Modify)")
        known = self._known.get(call.path)
        if known is not None:
            return known(self, caller, call)
        if call.path.startswith("/nodes/"):
            return self._of_node(call.path.split("/")[2])
        raise Denied(501, f"Method '{call.method} {call.path}' not implemented")

    def _status(self, caller: Caller, _: Call) -> Any:
        if not caller.holds("/", "Sys.Audit"):
            raise Denied(403, "Permission check failed (/, Sys.Audit)")
        return estates.status(self.state)

    def _resources(self, caller: Caller, call: Call) -> Any:
        rows = estates.resources(self.state, caller.holds)
        wanted = parse_qs(call.query).get("type", [""])[0]
        return [row for row in rows if row["type"] in _TYPES[wanted]] if wanted else rows

    def _of_node(self, name: str) -> Any:
        """A call that the cluster hands on to one of its nodes."""
        if not any(node.name == name and node.online for node in self.state.nodes):
            raise Denied(595, "No route to host")
        return {"uptime": self.state.node(name).uptime}

    _known: Mapping[str, Callable[["FakeProxmox", Caller, Call], Any]] = {
        "/version": lambda pve, _, __: estates.version(pve.state),
        "/access/permissions": lambda _, caller, __: caller.permissions(),
        "/cluster/status": _status,
        "/cluster/resources": _resources,
        "/nodes": lambda pve, _, __: [{"node": node.name, "type": "node"} for node in pve.state.nodes],
    }


def _replaced(fault: Fault) -> Reply:
    status = fault.status or 200
    body = fault.body if fault.body is not None else json.dumps({"data": fault.value}).encode()
    return Reply(status, fault.reason or "OK", body, fault.content_type, fault)


@contextlib.contextmanager
def fake_proxmox(state: Estate | None = None, **options: Any) -> Iterator[FakeProxmox]:
    """One with the estate given, or the usual one: three nodes in a cluster. `options` are FakeProxmox's."""
    with tempfile.TemporaryDirectory(prefix="etlmon-pve-") as folder:
        pve = FakeProxmox(Path(folder), state or estates.usual(), **options)
        try:
            yield pve
            assert not pve.writes, f"somebody wrote to Proxmox: {[(call.method, call.path) for call in pve.writes]}"
        finally:
            pve.stop()

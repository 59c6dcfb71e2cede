"""Registering a Proxmox VE cluster on a node, and deregistering it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.clusters import (
    CLUSTER_DEREGISTER,
    CLUSTER_REGISTER,
    CLUSTERS,
    Cluster,
    ClusterTls,
    RegisterCluster,
    Verify,
)
from etlmon.contract.node import NODE
from ui.clusters_command.asking import can_confirm, confirmed
from ui.widgets.cells import plain

FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A cluster as the command line names it, without the secret. `ca` are certificates of authorities, PEM."""

    name: str
    endpoint: str
    failover: Sequence[str] = ()
    username: str
    token_name: str | None = None
    ca: str = ""
    fingerprint: str = ""

    @property
    def is_token(self) -> bool:
        return self.token_name is not None or "!" in self.username.rpartition("@")[2]

    @property
    def secret_of(self) -> str:
        """What the secret is called when it is asked for."""
        if not self.is_token:
            return f"password of {self.username}"
        return f"value of the token {self.username if self.token_name is None else self.token_name}"

    def request(self, secret: str) -> RegisterCluster:
        verify: Verify = "ca" if self.ca else "fingerprint" if self.fingerprint else "system"
        return RegisterCluster(
            name=self.name,
            api_endpoint=self.endpoint,
            username=self.username,
            password=None if self.is_token else secret,
            token_name=self.token_name,
            token_value=secret if self.is_token else None,
            tls=ClusterTls(verify=verify, ca=self.ca, fingerprint=self.fingerprint),
            failover=list(self.failover),
        )


async def register(node: NodeClient, login: Login, secret: str, *, as_json: bool) -> int:
    """Have the node watch a cluster, and print its row; the exit code. Raises NodeError.

    A certificate that nobody vouches for is shown, and trusted when somebody at the terminal says so. A node that would
    refuse is not sent the secret.
    """
    refusal = (await node.ask(NODE)).unwrap().commands_refused
    if refusal is not None:
        _say(f"{login.name} is not registered: {refusal}")
        return FAILED
    request = login.request(secret)
    try:
        row = (await node.ask(CLUSTER_REGISTER, body=request)).unwrap()
    except NodeRefused as error:
        fingerprint = _untrusted(error)
        if not fingerprint or login.ca or login.fingerprint:
            raise
        if not can_confirm():
            _say(f"{error.message}; to trust it, give --fingerprint {fingerprint}")
            return FAILED
        if not _trusts(login, fingerprint):
            _say(f"{login.name} is not registered: its certificate is not trusted")
            return FAILED
        tls = ClusterTls(verify="fingerprint", fingerprint=fingerprint)
        trusting = msgspec.structs.replace(request, tls=tls)
        row = (await node.ask(CLUSTER_REGISTER, body=trusting)).unwrap()
    _print_row(row, as_json=as_json)
    return 0


async def deregister(node: NodeClient, named: str, *, is_certain: bool) -> int:
    """Have the node forget a cluster, named by its name or its id; the exit code. Raises NodeError."""
    rows = (await node.ask(CLUSTERS)).unwrap().clusters
    row = next((row for row in rows if row.name == named), None)
    row = row or next((row for row in rows if row.id == named.lower()), None)
    if row is None:
        known = ", ".join(row.name for row in rows)
        _say(f"there is no cluster {named}; " + (f"there are {known}" if known else "none is watched"))
        return FAILED
    if not is_certain:
        if not can_confirm():
            _say(f"{row.name} is not deregistered: there is no terminal to ask at; say --yes to be certain")
            return FAILED
        if not confirmed(f"Forget {row.name} ({row.api_endpoint}) and its credentials?"):
            _say(f"{row.name} is not deregistered")
            return FAILED
    await node.ask(CLUSTER_DEREGISTER, id=row.id)
    sys.stdout.write(f"{plain(row.name)} was deregistered\n")
    return 0


def _untrusted(error: NodeRefused) -> str:
    """The fingerprint of the certificate that was seen and nobody vouches for; empty for every other refusal."""
    details = error.body.details or {}
    return str(details.get("fingerprint", "")) if details.get("reason") == "certificate" else ""


def _trusts(login: Login, fingerprint: str) -> bool:
    _say(
        f"the node finds nobody who vouches for the certificate of {login.endpoint}. Its SHA-256 fingerprint is\n"
        f"  {fingerprint}\nOn the host itself, `pvenode cert info` shows what it should be."
    )
    return confirmed("Trust this certificate from now on?")


def _print_row(row: Cluster, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(row), indent=2).decode() + "\n")
        return
    nodes = f"{row.node_count} node{'' if row.node_count == 1 else 's'}"
    sys.stdout.write(f"{plain(row.name)} was registered: {row.status}, Proxmox VE {row.proxmox_version}, {nodes}\n")
    if row.status_reason:
        sys.stdout.write(f"{plain(row.status_reason)}\n")


def _say(message: str) -> None:
    sys.stderr.write("".join(f"{plain(line)}\n" for line in f"etlmon: {message}".split("\n")))

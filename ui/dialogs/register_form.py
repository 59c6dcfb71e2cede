"""What the register dialog asks for, what is wrong with it, and what it comes to. Pure, but for reading a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from etlmon.contract.clusters import (
    LONGEST_CA,
    MOST_FAILOVER,
    ClusterProbe,
    ClusterTls,
    RegisterCluster,
    Verify,
)
from etlmon.contract.errors import ErrorBody
from ui import format as fmt
from ui.widgets.cells import Tone
from ui.widgets.lines import Line

Name = Literal[
    "name", "api_endpoint", "username", "auth", "token_name", "secret", "verify", "ca_file", "fingerprint", "failover"
]
"""The fields of the form, in their order."""

NAMES: Final[tuple[Name, ...]] = get_args(Name)

_OF_DETAILS: Final[Mapping[str, Name]] = {
    "password": "secret",
    "token_value": "secret",
    "tls.ca": "ca_file",
    "tls.fingerprint": "fingerprint",
    "tls.verify": "verify",
    "tls": "verify",
}
"""Where the node calls a field otherwise."""

_OF_REASON: Final[Mapping[str, Name]] = {
    "authentication": "secret",
    "tfa": "secret",
    "certificate": "verify",
    "changed_certificate": "fingerprint",
    "unreachable": "api_endpoint",
    "timeout": "api_endpoint",
    "malformed": "api_endpoint",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that was typed and chosen."""

    name: str = ""
    api_endpoint: str = ""
    username: str = ""
    auth: str = "token"
    token_name: str = ""
    secret: str = field(default="", repr=False)
    verify: Verify = "system"
    ca_file: str = ""
    fingerprint: str = ""
    failover: str = ""

    def asks_for(self, name: Name) -> bool:
        """Whether the field means anything beside what is chosen in the others."""
        if name == "token_name":
            return self.auth == "token"
        if name == "ca_file":
            return self.verify == "ca"
        return name != "fingerprint" or self.verify == "fingerprint"


class CannotRead(Exception):
    """Why the file with the authorities cannot be used."""


def missing(form: Form) -> dict[Name, str]:
    """What is plainly wrong with the form, by field; the node looks at it more closely."""
    found: dict[Name, str] = {}
    if not form.name.strip():
        found["name"] = "a name is needed"
    if not form.api_endpoint.strip():
        found["api_endpoint"] = "the address of its API is needed: https://pve.example.com:8006"
    if not form.username.strip():
        found["username"] = "a user is needed"
    elif "@" not in form.username:
        found["username"] = f"its realm is missing: {form.username.strip()}@pve or {form.username.strip()}@pam"
    if form.auth == "token" and not form.token_name.strip() and "!" not in form.username:
        found["token_name"] = "the name of the API token is needed"  # noqa: S105 - a sentence
    if not form.secret:
        found["secret"] = "the secret of the token is needed" if form.auth == "token" else "a password is needed"
    if form.verify == "ca" and not form.ca_file.strip():
        found["ca_file"] = "the file with the authority's certificate is needed"
    if form.verify == "fingerprint" and not form.fingerprint.strip():
        found["fingerprint"] = "the SHA-256 of its certificate is needed: pvenode cert info"
    if len(form.failover.replace(",", " ").split()) > MOST_FAILOVER:
        found["failover"] = f"at most {MOST_FAILOVER}"
    return found


def body_of(form: Form) -> RegisterCluster:
    """What is sent. Reads the file of the authorities, which may take a while. Raises CannotRead."""
    is_token = form.auth == "token"
    return RegisterCluster(
        name=form.name.strip(),
        api_endpoint=form.api_endpoint.strip(),
        username=form.username.strip(),
        password=None if is_token else form.secret,
        token_name=(form.token_name.strip() or None) if is_token else None,
        token_value=form.secret if is_token else None,
        tls=ClusterTls(
            verify=form.verify,
            ca=_read_ca(form.ca_file.strip()) if form.verify == "ca" else "",
            fingerprint=form.fingerprint.strip() if form.verify == "fingerprint" else "",
        ),
        failover=form.failover.replace(",", " ").split(),
    )


def _read_ca(name: str) -> str:
    path = Path(name).expanduser()
    try:
        if not path.is_file():
            raise CannotRead(f"{path} is no file" if path.exists() else f"{path} is not there")
        if path.stat().st_size > LONGEST_CA:
            raise CannotRead(f"{path} is larger than {LONGEST_CA // 1024} KiB: is it the right file?")
        return path.read_text(encoding="ascii")
    except (OSError, RuntimeError) as error:
        raise CannotRead(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise CannotRead(f"{path} is not PEM") from error


def field_of(refusal: ErrorBody, form: Form) -> Name | None:
    """The field of the form that a refusal is about; None when it is about none."""
    details: Mapping[str, Any] = refusal.details or {}
    said = str(details.get("field", ""))
    name = next((one for one in (*_OF_DETAILS, *NAMES) if said == one or said.startswith((f"{one}.", f"{one}["))), "")
    found = _OF_DETAILS.get(name) or next((one for one in NAMES if one == name), None)
    found = found or _OF_REASON.get(str(details.get("reason", "")))
    return found if found is not None and form.asks_for(found) else None


def words_of(refusal: ErrorBody) -> str:
    """The refusal as it is said below the field that it is about."""
    return refusal.message.removeprefix(f"the field {(refusal.details or {}).get('field', '')} is wrong: ")


def untrusted(refusal: ErrorBody) -> str:
    """The fingerprint of a certificate that nobody known has signed; empty when that is not what is wrong.

    One that is not the one that was given is another matter: that is never trusted for being there.
    """
    details: Mapping[str, Any] = refusal.details or {}
    return str(details.get("fingerprint", "")) if details.get("reason") == "certificate" else ""


def fingerprint_lines(fingerprint: str, tone: Tone | None = None) -> list[Line]:
    """A fingerprint in halves, which the eye can compare."""
    pairs = fingerprint.split(":")
    half = (len(pairs) + 1) // 2
    parts = [":".join(pairs[:half]), ":".join(pairs[half:])] if len(pairs) > 2 else [fingerprint]
    return [[(f"  {part}", tone)] for part in parts]


def trust_lines(endpoint: str, fingerprint: str) -> list[Line]:
    """The question whether a certificate that nobody known has signed is the right one."""
    return [
        [(endpoint, "title"), (" shows a certificate that nobody known has signed.", None)],
        [("Nothing secret was sent to it. Its SHA-256:", None)],
        *fingerprint_lines(fingerprint, "warn"),
        [],
        [("Compare it on the cluster itself: pvenode cert info", None)],
        [("It is the only one that is trusted then.", "dim")],
    ]


def probe_lines(probe: ClusterProbe) -> list[Line]:
    """What a test of the connection has seen."""
    version = f"Proxmox VE {probe.proxmox_version}" if probe.proxmox_version else "Proxmox VE"
    cluster = f"cluster {probe.cluster_name}" if probe.cluster_name else "a host by itself"
    guests = f"{fmt.count(probe.guests_total)} guests"
    if any(one.startswith("guests") for one in probe.missing):
        guests = "guests not known"
    quorum = "" if probe.quorate is not False else ", no quorum"
    nodes = f"{probe.nodes_online} of {probe.node_count} nodes online"
    lines: list[Line] = [
        [("It answers: ", "ok"), (f"{version}, {cluster}{quorum},", None)],
        [(f"{nodes}, {guests}, in {fmt.latency(probe.duration_ms)}", None)],
    ]
    lines += [[(one, "warn")] for one in probe.missing]
    if probe.fingerprint:
        lines += [[("The SHA-256 of its certificate:", "dim")], *fingerprint_lines(probe.fingerprint, "dim")]
    return lines

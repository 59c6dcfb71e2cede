"""clusters: what was typed to register a cluster, checked before anything is asked of anybody. Pure."""

import re
import ssl
import unicodedata
from datetime import datetime

import msgspec

from etlmon.contract.clusters import LONGEST_NAME, Cluster, ClusterTls, RegisterCluster
from etlmon.contract.errors import BadRequest
from node.sources.proxmox_endpoint import fingerprint_of, parse
from node.sources.proxmox_types import ProxmoxTarget

# Users, realms and names of tokens as Proxmox VE takes them (pve-access-control, PVE::Auth::Plugin).
_USER = re.compile(r"[^\s:/]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]+")
_TOKEN = re.compile(r"[!-<>-~]+")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class ClusterForm(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, each part in its one written form. The secret is a token's when `token_name` is set."""

    name: str
    endpoint: str
    failover: list[str]
    username: str
    token_name: str
    secret: str
    tls: ClusterTls

    def __repr__(self) -> str:
        """Without the secret, wherever it is printed."""
        return f"ClusterForm(name={self.name!r}, endpoint={self.endpoint!r}, username={self.username!r})"

    def target(self, cluster_id: str) -> ProxmoxTarget:
        """How to log in with what was typed."""
        return ProxmoxTarget(
            id=cluster_id,
            endpoints=[self.endpoint, *self.failover],
            username=self.username,
            token_name=self.token_name,
            secret=self.secret,
            verify=self.tls.verify,
            ca=self.tls.ca,
            fingerprint=self.tls.fingerprint,
        )

    def cluster(self, cluster_id: str, at: datetime) -> Cluster:
        """The row of the cluster before it was looked at."""
        return Cluster(
            id=cluster_id,
            name=self.name,
            api_endpoint=self.endpoint,
            status="unknown",
            proxmox_version="",
            node_count=0,
            created_at=at,
            updated_at=at,
            username=self.username,
            auth="token" if self.token_name else "password",
            token_name=self.token_name,
            tls=self.tls,
            failover=self.failover,
        )


def checked(request: RegisterCluster) -> ClusterForm:
    """The form. Raises BadRequest, which names the field and never repeats a secret."""
    endpoint = _endpoint("api_endpoint", request.api_endpoint)
    failover = [_endpoint(f"failover[{index}]", text) for index, text in enumerate(request.failover)]
    username, token_name = _login(request)
    return ClusterForm(
        name=_name(request.name),
        endpoint=endpoint,
        failover=[text for text in dict.fromkeys(failover) if text != endpoint],
        username=username,
        token_name=token_name,
        secret=_secret(request, token_name),
        tls=_tls(request.tls),
    )


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise _wrong("name", "it is empty")
    if not name.isprintable():
        raise _wrong("name", "it holds a character that cannot be seen")
    if len(name) > LONGEST_NAME:
        raise _wrong("name", f"it is longer than {LONGEST_NAME} characters")
    return name


def _endpoint(field: str, text: str) -> str:
    try:
        return parse(text)
    except ValueError as error:
        raise _wrong(field, str(error)) from error


def _login(request: RegisterCluster) -> tuple[str, str]:
    """The user with the realm, and the name of the token: empty for a password."""
    user, _, rest = request.username.strip().rpartition("@")
    realm, has_token, token = rest.partition("!")
    if "=" in token:
        raise _wrong("username", "it holds the value of a token; write it into token_value")
    if not user:
        raise _wrong("username", "it has no realm; write for example root@pam or etlmon@pve")
    if not (_USER.fullmatch(user) and user.isprintable() and _NAME.fullmatch(realm)):
        raise _wrong("username", "it is no user of Proxmox VE; write for example root@pam or etlmon@pve")
    named = request.token_name.strip() if request.token_name is not None else ""
    if has_token and named not in ("", token):
        raise _wrong("token_name", "it is another one than the token in username")
    name = token if has_token else named
    if name and not _NAME.fullmatch(name):
        raise _wrong(
            "username" if has_token else "token_name", "it names no token; its name is what follows the ! in it"
        )
    return f"{user}@{realm}", name


def _secret(request: RegisterCluster, token_name: str) -> str:
    if request.password is not None:
        if request.token_value is not None:
            raise _wrong("password", "it and token_value exclude each other; the token is the better one")
        if token_name:
            raise _wrong("token_value", "it is missing; a token is not used with a password")
        return request.password
    if request.token_value is None:
        field = "token_value" if token_name else "password"
        raise _wrong(field, "it is missing; give a password, or token_name and token_value")
    if not token_name:
        raise _wrong("token_name", "it is missing; a token has a name and a value")
    value = request.token_value.strip()
    if not _TOKEN.fullmatch(value):
        raise _wrong("token_value", "it is no value of a token; it is what Proxmox VE shows once as the secret")
    return value


def _tls(tls: ClusterTls) -> ClusterTls:
    if (tls.verify == "ca") != bool(tls.ca.strip()):
        raise _wrong("tls.ca", "it goes with verify: ca, and the other way round")
    if (tls.verify == "fingerprint") != bool(tls.fingerprint.strip()):
        raise _wrong("tls.fingerprint", "it goes with verify: fingerprint, and the other way round")
    match tls.verify:
        case "ca":
            return ClusterTls(verify="ca", ca=_authorities(tls.ca))
        case "fingerprint":
            try:
                return ClusterTls(verify="fingerprint", fingerprint=fingerprint_of(tls.fingerprint))
            except ValueError as error:
                raise _wrong("tls.fingerprint", str(error)) from error
        case _:
            return tls


def _authorities(text: str) -> str:
    """The certificates alone: what stands around them may be a private key, and this text is shown again."""
    found = "\n".join(_CERTIFICATE.findall(text))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise _wrong("tls.ca", "it holds no certificate that can be read; give one or more in PEM") from error
    return f"{found}\n"


def _wrong(field: str, reason: str) -> BadRequest:
    return BadRequest(f"the field {field} is wrong: {reason}", field=field)

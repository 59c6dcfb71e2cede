"""What Proxmox VE answers, checked and read: pure, from bytes to rows.

The shapes are those of PVE::API2::Cluster and PVE::API2Tools (pve-manager). Perl writes a number now and then as text
and a truth as 0 or 1, leaves out what it does not know, and puts errors into the status line; whatever stands between
(a proxy, a captive portal) answers 200 with a page. So nothing is taken for what it should be.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from etlmon.contract.clusters_members import GuestType

LARGEST_COUNT = 2**63 - 1
"""What a database holds in an integer."""
LONGEST_TEXT = 255

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
Permissions = dict[str, dict[str, bool]]

_TICKET = re.compile(r"[!#-+\--:<-\[\]-~]+")
"""What a cookie may hold (RFC 6265, cookie-octet)."""
_SECOND_FACTOR = "!tfa!"


class MalformedAnswer(Exception):
    """It is not what Proxmox answers; the message says what it is instead."""


class SecondFactorWanted(Exception):
    """The password is right and not enough."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of an answer: what is not there, or null, is None."""


class ClusterRow(Row, frozen=True, kw_only=True):
    """Of `cluster/status`, there unless the host stands alone."""

    name: str | None = None
    quorate: bool | None = None


class MemberRow(Row, frozen=True, kw_only=True):
    """A node in `cluster/status`: what the cluster's own communication knows."""

    name: Name
    ip: str | None = None
    online: bool | None = None


class NodeRow(Row, frozen=True, kw_only=True):
    """A node in `cluster/resources`: what it says of itself. Without Sys.Audit there are no numbers."""

    node: Name
    status: str | None = None
    cpu: float | None = None
    """Of 1."""
    maxcpu: float | None = None
    mem: float | None = None
    maxmem: float | None = None
    disk: float | None = None
    maxdisk: float | None = None
    uptime: float | None = None


class GuestRow(NodeRow, frozen=True, kw_only=True):
    """A guest in `cluster/resources`. One on a dead node has no name and no numbers."""

    type: GuestType
    vmid: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
    name: str | None = None
    template: bool | None = None
    pool: str | None = None
    tags: str | None = None
    lock: str | None = None
    hastate: str | None = None


class StorageRow(Row, frozen=True, kw_only=True):
    """A storage as one node has it, in `cluster/resources`."""

    storage: Name
    node: Name
    status: str | None = None
    shared: bool | None = None
    plugintype: str | None = None
    content: str | None = None
    disk: float | None = None
    maxdisk: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`cluster/status`. A stand-alone host has no `cluster`."""

    cluster: ClusterRow | None
    members: Sequence[MemberRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`cluster/resources`. `strange` counts, by part, rows that could not be read."""

    nodes: Sequence[NodeRow]
    guests: Sequence[GuestRow]
    storage: Sequence[StorageRow]
    strange: Mapping[str, int]


RowT = TypeVar("RowT", bound=Row)
Key = TypeVar("Key", int, str, tuple[str, str])
_RESOURCES: Mapping[str, tuple[str, type[Row]]] = {
    "node": ("nodes", NodeRow),
    "qemu": ("guests", GuestRow),
    "lxc": ("guests", GuestRow),
    "storage": ("storage", StorageRow),
}


def data_of(content: bytes) -> Any:
    """What stands in `data` of an answer. Raises MalformedAnswer."""
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise MalformedAnswer("a web page" if content.lstrip()[:1] == b"<" else "no JSON") from None
    if not isinstance(answer, dict) or "data" not in answer:
        raise MalformedAnswer("JSON without `data`")
    return answer["data"]


def errors_of(content: bytes) -> Mapping[str, str] | None:
    """The parameters that an answer with an error complains about; None when it names none."""
    try:
        errors = msgspec.json.decode(content, type=dict[str, Any]).get("errors")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return {str(name): str(text).strip() for name, text in errors.items()} if isinstance(errors, dict) else None


def ticket(data: Any) -> str:
    """That of a log-in. Raises SecondFactorWanted, MalformedAnswer."""
    if not isinstance(data, dict):
        raise MalformedAnswer(_instead(data, "an object"))
    text = data.get("ticket")
    if data.get("NeedTFA") or (isinstance(text, str) and _SECOND_FACTOR in text):
        raise SecondFactorWanted
    if not isinstance(text, str) or not _TICKET.fullmatch(text):
        raise MalformedAnswer("no ticket")
    return text


def version(data: Any) -> str:
    """Such as `8.4.1`. Raises MalformedAnswer."""
    if not isinstance(data, dict):
        raise MalformedAnswer(_instead(data, "an object"))
    text = data.get("version")
    if not isinstance(text, str) or not text.strip():
        raise MalformedAnswer("no version")
    return text.strip()[:LONGEST_TEXT]


def status(data: Any) -> Status:
    """Raises MalformedAnswer: here every row counts, a node that is left out would be missed."""
    members: list[MemberRow] = []
    clusters: list[ClusterRow] = []
    for raw in _rows(data):
        try:
            if raw.get("type") == "node":
                members.append(msgspec.convert(raw, MemberRow, strict=False))
            elif raw.get("type") == "cluster":
                clusters.append(msgspec.convert(raw, ClusterRow, strict=False))
        except msgspec.ValidationError:
            raise MalformedAnswer("a node or cluster that cannot be read") from None
    if not members:
        raise MalformedAnswer("no nodes")
    return Status(cluster=next(iter(clusters), None), members=_once(members, lambda row: row.name))


def resources(data: Any) -> Resources:
    """Raises MalformedAnswer. A row that cannot be read is counted and left out, one of another kind just left out."""
    found: dict[str, list[Any]] = {"nodes": [], "guests": [], "storage": []}
    strange: dict[str, int] = {}
    for raw in _rows(data):
        kind = raw.get("type")
        if not isinstance(kind, str) or kind not in _RESOURCES:
            continue
        part, shape = _RESOURCES[kind]
        try:
            found[part].append(msgspec.convert(raw, shape, strict=False))
        except msgspec.ValidationError:
            strange[part] = strange.get(part, 0) + 1
    return Resources(
        nodes=_once(found["nodes"], lambda row: row.node),
        guests=_once(found["guests"], lambda row: row.vmid),
        storage=_once(found["storage"], lambda row: (row.storage, row.node)),
        strange=strange,
    )


def permissions(data: Any) -> Permissions:
    """`access/permissions`: each path with its privileges, and whether they go on to what lies below it.

    Raises MalformedAnswer.
    """
    try:
        return msgspec.convert(data, Permissions, strict=False)
    except msgspec.ValidationError:
        raise MalformedAnswer("no permissions") from None


def holds(held: Permissions, privilege: str, *, above: str) -> bool:
    """Whether a privilege is held for anything that lies under `above`, such as `/vms`."""
    for path, privileges in held.items():
        if privilege not in privileges:
            continue
        goes_on = path in ("/", above) and privileges[privilege]
        if goes_on or path.startswith((f"{above}/", "/pool/")):
            return True
    return False


def count(value: float | None) -> int:
    """A number of bytes, seconds or cores, as it can be stored; 0 when there is none."""
    if value is None or not math.isfinite(value):
        return 0
    return max(0, min(int(value), LARGEST_COUNT))


def percent(value: float | None) -> float | None:
    """From a part of 1; None when there is none."""
    if value is None or not math.isfinite(value):
        return None
    return round(max(0.0, value) * 100, 2)


def text(value: str | None) -> str:
    return (value or "")[:LONGEST_TEXT]


def words(value: str | None) -> list[str]:
    """A list as Proxmox writes it, in one text."""
    return [word[:LONGEST_TEXT] for word in re.split(r"[;,\s]+", value or "") if word]


def _rows(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        raise MalformedAnswer(_instead(data, "a list"))
    for row in data:
        if not isinstance(row, dict):
            raise MalformedAnswer(_instead(row, "an object"))
    return data


def _once(rows: Sequence[RowT], key: Callable[[RowT], Key]) -> list[RowT]:
    """By their keys; of two with the same the later."""
    found = {key(row): row for row in rows}
    return [found[name] for name in sorted(found)]


def _instead(data: Any, wanted: str) -> str:
    seen = {dict: "an object", list: "a list", str: "a text", bool: "a truth", int: "a number", float: "a number"}
    return f"{seen.get(type(data), 'null')} where {wanted} should be"

"""The parts of a look: what of it could not be read although the cluster answered, and why, in words.

Proxmox VE answers a list with whatever the caller may see of it: without the privilege it is empty, with status 200.
That there is nothing is believed only of somebody who would see it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from node.sources.proxmox_answers import (
    MalformedAnswer,
    Permissions,
    Resources,
    Status,
    holds,
    permissions,
    resources,
    status,
)
from node.sources.proxmox_login import Login
from node.sources.proxmox_types import ProxmoxError

_FORBIDDEN = 403
_SEE_STATUS = "Sys.Audit"
_SEE = {"guests": ("VM.Audit", "/vms"), "storage": ("Datastore.Audit", "/storage")}

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """One answer of several: `value`, or why it is not there. `error` when it was refused, not strange."""

    value: T | None = None
    why: str = ""
    error: ProxmoxError | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a look consists of."""

    status: Part[Status]
    resources: Part[Resources]
    missing: list[str]

    @property
    def error(self) -> ProxmoxError | None:
        """Why there is nothing at all, when somebody said so."""
        return self.status.error or self.resources.error


def read(login: Login) -> Parts:
    """Ask for all of it. Raises ProxmoxError when the cluster does not answer; that a part is refused is `missing`."""
    state = _part(login, "cluster/status", status)
    seen = _part(login, "cluster/resources", resources)
    missing = list(_missing(state, seen, lambda: _part(login, "access/permissions", permissions)))
    return Parts(state, seen, missing)


def _part(login: Login, path: str, reader: Callable[[Any], T]) -> Part[T]:
    """Raises ProxmoxError for what would not spare the next question either."""
    try:
        return Part(reader(login.get(path)))
    except MalformedAnswer as error:
        return Part(why=f"the answer is {error}")
    except ProxmoxError as error:
        if error.failure.trouble != "refused":
            raise
        if error.failure.status == _FORBIDDEN:
            return Part(why=_not_allowed(_SEE_STATUS), error=error)
        return Part(why=error.failure.message, error=error)


def _missing(
    state: Part[Status], seen: Part[Resources], ask_permissions: Callable[[], Part[Permissions]]
) -> Iterator[str]:
    """Each `part: why`."""
    if state.value is None:
        yield f"status: {state.why}"
    if seen.value is None:
        yield from (f"{part}: {seen.why}" for part in _SEE)
        return
    if any(row.status == "online" and row.maxmem is None for row in seen.value.nodes):
        yield f"nodes: {_not_allowed(_SEE_STATUS)}"
    online = {row.name for row in state.value.members if row.online} if state.value is not None else set()
    if silent := [row.node for row in seen.value.nodes if row.node in online and row.status != "online"]:
        yield f"nodes: nothing from {', '.join(silent)}; is pvestatd running there?"
    for part, count in seen.value.strange.items():
        yield f"{part}: {count} of them cannot be read, Proxmox answers something strange"
    rows = {"guests": seen.value.guests, "storage": seen.value.storage}
    empty = [part for part in _SEE if not rows[part] and part not in seen.value.strange]
    held = ask_permissions() if empty else Part[Permissions]()
    for part in empty:
        privilege, above = _SEE[part]
        if held.value is None:
            yield f"{part}: none is seen, and whether any may be is not known ({held.why})"
        elif not holds(held.value, privilege, above=above):
            yield f"{part}: {_not_allowed(privilege)}"


def _not_allowed(privilege: str) -> str:
    return f"no permission ({privilege})"

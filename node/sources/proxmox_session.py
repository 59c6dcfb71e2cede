"""A look at a whole Proxmox VE cluster: which endpoint answers, what is asked of it, and what may not be seen.

Only calls that the node asked answers itself: one that it hands on (`/nodes/NAME/…`) stalls when that node is dead.
"""

import hashlib
import hmac
import os
import threading
import time
from datetime import datetime
from typing import Any

import msgspec

from node.sources import proxmox_answers as answers
from node.sources.proxmox_answers import MalformedAnswer
from node.sources.proxmox_deadline import Deadline
from node.sources.proxmox_dial import Dialer, Trust
from node.sources.proxmox_login import Login, Ticket
from node.sources.proxmox_parts import read
from node.sources.proxmox_rows import members
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLimits, ProxmoxLook, ProxmoxTarget
from node.sources.proxmox_wire import Wire

VERSION_SEC = 600.0
"""For how long a version is taken for the one that runs."""

_SERVER_ERROR = 500
_SILENT = ("unreachable", "timeout", "malformed")
_UNTRUSTED = ("certificate", "changed_certificate")
_SHARE = 2 / 3
"""Of the time that is left, for an endpoint that is not the last."""


class Session:
    """What is kept of a cluster between two looks: its ticket, its version, and which endpoint answered."""

    def __init__(self, limits: ProxmoxLimits, dialer: Dialer) -> None:
        self._limits, self._dialer = limits, dialer
        self._lock = threading.Lock()
        self._salt = os.urandom(16)
        self._identity: tuple[Any, ...] = ()
        self._start_anew(())

    def look(self, target: ProxmoxTarget, secret: str, now: datetime, sec: float) -> ProxmoxLook:
        """At most `sec` seconds; one look at a time. Raises ProxmoxError."""
        started = time.monotonic()
        if not self._lock.acquire(timeout=sec):
            message = f"{target.endpoints[0]} is still being asked: an earlier look does not end"
            raise ProxmoxError(ProxmoxFailure(trouble="timeout", message=message, endpoint=target.endpoints[0]))
        try:
            identity = self._identify(target, secret)
            if identity != self._identity:
                self._start_anew(identity)
            return self._anywhere(target, secret, now, started, sec)
        finally:
            self._lock.release()

    def _start_anew(self, identity: tuple[Any, ...]) -> None:
        self._identity = identity
        self._ticket = Ticket()
        self._active = self._version = ""
        self._version_at = 0.0

    def _identify(self, target: ProxmoxTarget, secret: str) -> tuple[Any, ...]:
        """Who is asked as whom. The secret itself is not kept between two looks."""
        digest = hmac.digest(self._salt, secret.encode(), hashlib.sha256)
        how = (target.username, target.token_name, target.verify, target.ca, target.fingerprint)
        return (tuple(target.endpoints), *how, digest)

    def _anywhere(self, target: ProxmoxTarget, secret: str, now: datetime, started: float, sec: float) -> ProxmoxLook:
        """The first endpoint that answers. Raises ProxmoxError."""
        endpoints = sorted(target.endpoints, key=lambda endpoint: endpoint != self._active)
        failures: list[ProxmoxFailure] = []
        for place, endpoint in enumerate(endpoints):
            left = sec - (time.monotonic() - started)
            is_last = place == len(endpoints) - 1
            try:
                with Deadline(max(0.0, left if is_last else left * _SHARE)) as deadline:
                    look = self._at(endpoint, target, secret, now, deadline)
            except ProxmoxError as error:
                if not _goes_on(error.failure, is_first=not failures):
                    raise
                failures.append(error.failure)
                continue
            self._active = endpoint
            return ProxmoxLook(
                **look,
                unreachable=[failure.message for failure in failures],
                at=now,
                duration_ms=round((time.monotonic() - started) * 1000, 1),
            )
        self._version = ""
        raise ProxmoxError(_of_all(failures))

    def _at(
        self, endpoint: str, target: ProxmoxTarget, secret: str, now: datetime, deadline: Deadline
    ) -> dict[str, Any]:
        """The fields of a look that do not depend on other endpoints. Raises ProxmoxError."""
        trust = Trust(verify=target.verify, ca=target.ca, fingerprint=target.fingerprint)
        with Wire(endpoint, trust=trust, dialer=self._dialer, deadline=deadline) as wire:
            login = Login(wire, target, secret, self._ticket, read_sec=self._limits.read_sec)
            version = self._known_version(wire, login)
            parts = read(login)
        status, resources = parts.status.value, parts.resources.value
        if status is None and resources is None:
            raise parts.error or wire.failed("malformed", f"cannot be understood: {parts.status.why}")
        rows = members(target.id, endpoint, now, status, resources)
        cluster = status.cluster if status else None
        return {
            "endpoint": endpoint,
            "fingerprint": wire.fingerprint,
            "version": version,
            "cluster_name": answers.text(cluster.name) if cluster else "",
            "quorate": cluster.quorate if cluster else None,
            "nodes": rows.nodes,
            "guests": rows.guests,
            "storage": rows.storage,
            "missing": parts.missing,
        }

    def _known_version(self, wire: Wire, login: Login) -> str:
        """Asked once and now and then: whatever answers with one is a Proxmox VE. Raises ProxmoxError."""
        now = time.monotonic()
        if not self._version or wire.endpoint != self._active or now - self._version_at > VERSION_SEC:
            try:
                self._version = answers.version(login.get("version"))
            except MalformedAnswer as error:
                raise wire.failed("malformed", f"answers version with {error}; is it a Proxmox VE?") from error
            self._version_at = now
        return self._version


def _goes_on(failure: ProxmoxFailure, *, is_first: bool) -> bool:
    """Whether another endpoint of the cluster may fare better."""
    if failure.trouble in _UNTRUSTED:
        # Each node has a certificate of its own; but the one that was asked first is the one that was to be trusted.
        return not is_first
    return failure.trouble in _SILENT or failure.status >= _SERVER_ERROR


def _of_all(failures: list[ProxmoxFailure]) -> ProxmoxFailure:
    """The first; its words name the others."""
    first, *others = failures
    return msgspec.structs.replace(first, message="; ".join([first.message, *(other.message for other in others)]))

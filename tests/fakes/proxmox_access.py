"""Who may do what with a fake Proxmox VE: log-ins, tickets, API tokens, privileges (PVE::AccessControl)."""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.fakes.proxmox_estate import Json

AUDITOR = frozenset({"Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"})
"""The privileges of the role PVEAuditor."""

Privileges = Mapping[str, Iterable[str]]
"""Privileges by the path they were given at. They hold below it too, unless others were given nearer."""

_TOKEN = re.compile(r"PVEAPIToken=(?P<user>[^\s!]+)!(?P<name>[^\s=]+)=(?P<value>\S+)")
_TREE = ("/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@dataclass(frozen=True)
class Token:
    """An API token. With `privileges` it is separated from its user and has those alone, often none: `{}`."""

    value: str
    privileges: Privileges | None = None


@dataclass(frozen=True)
class Caller:
    """Who asks, and how it was found out: a ticket needs a CSRF token with it to write."""

    user: str
    privileges: Privileges
    csrf: str | None = None

    def holds(self, path: str, privilege: str) -> bool:
        place = path
        while place not in self.privileges and place != "/":
            place = place.rpartition("/")[0] or "/"
        return privilege in self.privileges.get(place, ())

    def permissions(self) -> dict[str, dict[str, int]]:
        """`/access/permissions`: what is held where; paths where nothing is held are left out."""
        every = sorted({name for names in self.privileges.values() for name in names})
        held = {path: {name: 1 for name in every if self.holds(path, name)} for path in {*_TREE, *self.privileges}}
        return {path: names for path, names in sorted(held.items()) if names}


class Denied(Exception):
    """An answer with an error: the status and the words in the status line; `errors` name parameters."""

    def __init__(self, status: int, reason: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.errors = status, reason, errors


@dataclass
class Access:
    """`tfa` are users with a second factor. `privileges` are those of users; one that is not named may see all."""

    users: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    tfa: set[str] = field(default_factory=set)
    privileges: dict[str, Privileges] = field(default_factory=dict)
    ticket_life_sec: float = 7200.0
    _key: str = field(default_factory=lambda: secrets.token_hex(16))

    def expire_tickets(self) -> None:
        """No ticket that was given out is worth anything any more, as after new keys."""
        self._key = secrets.token_hex(16)

    def log_in(self, form: Mapping[str, str], cluster_name: str | None) -> Json:
        """The answer of `/access/ticket`. A ticket that is still good will do as the password, to renew it."""
        missing = dict.fromkeys(("username", "password"), "property is missing and it is not optional")
        if errors := {name: text for name, text in missing.items() if not form.get(name)}:
            raise Denied(400, "Parameter verification failed.", errors)
        user, password = form["username"], form["password"]
        if "@" not in user or user not in self.users:
            raise Denied(401, "authentication failure")
        renews = password.startswith("PVE:") and self._user_of(password) == user
        if not renews and password != self.users[user]:
            raise Denied(401, "authentication failure")
        answer: Json = {"username": user, "CSRFPreventionToken": self._csrf(user)}
        if user in self.tfa and not renews:
            challenge = f"PVE:!tfa!%7B%22totp%22%3Atrue%7D:{int(time.time()):08X}::{self._sign('tfa' + user)}"
            return answer | {"NeedTFA": 1, "ticket": challenge}
        answer |= {"ticket": self._ticket(user), "cap": {"vms": {"VM.Audit": 1}}}
        return answer | ({"clustername": cluster_name} if cluster_name is not None else {})

    def caller(self, authorization: str, cookie: str) -> Caller:
        """Who asks, by the headers. Raises Denied with 401."""
        if authorization.startswith("PVEAPIToken"):
            return self._token_caller(authorization)
        ticket = re.search(r"(?:^|;\s*)PVEAuthCookie=([^;]*)", cookie)
        if ticket is None or not ticket[1]:
            raise Denied(401, "No ticket")
        user = self._user_of(unquote(ticket[1].strip('"')))
        if user is None or user not in self.users:
            raise Denied(401, "permission denied - invalid PVE ticket")
        return Caller(user, self._privileges(user), self._csrf(user))

    def _token_caller(self, authorization: str) -> Caller:
        match = _TOKEN.fullmatch(authorization)
        if match is None:
            raise Denied(401, "no tokenid specified")
        full = f"{match['user']}!{match['name']}"
        token = self.tokens.get(full)
        if token is None:
            raise Denied(401, f"no such token '{match['name']}' for user '{match['user']}'")
        if token.value != match["value"]:
            raise Denied(401, "invalid token value!")
        return Caller(full, self._privileges(match["user"]) if token.privileges is None else token.privileges)

    def _privileges(self, user: str) -> Privileges:
        return self.privileges.get(user, {"/": AUDITOR})

    def _ticket(self, user: str) -> str:
        text = f"PVE:{user}:{int(time.time() * 1000):012X}"
        return f"{text}::{self._sign(text)}"

    def _csrf(self, user: str) -> str:
        text = f"{int(time.time()) // 7200:08X}"
        return f"{text}:{self._sign(text + user)}"

    def _user_of(self, ticket: str) -> str | None:
        text, _, signature = ticket.rpartition("::")
        if not text.startswith("PVE:") or signature != self._sign(text):
            return None
        _, user, made = text.split(":")
        return user if time.time() - int(made, 16) / 1000 < self.ticket_life_sec else None

    def _sign(self, text: str) -> str:
        return base64.b64encode(hashlib.sha256((self._key + text).encode()).digest()).decode()

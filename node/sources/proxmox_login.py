"""Asking a Proxmox VE as somebody: with an API token in each request, or with a ticket got for a password.

The ticket goes into the cookie PVEAuthCookie; the CSRF token that comes with it is for requests that write, of which
there are none here. See "Proxmox VE API" in the project's wiki, and PVE::API2::AccessControl.

proxmoxer makes the requests, over a session of ours: its own takes proxies and ~/.netrc from the environment, follows
redirections with the password, and drops the ticket as soon as the server sets a cookie.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from proxmoxer.core import ProxmoxResource, ResourceException

from node.sources import proxmox_answers as answers
from node.sources.proxmox_endpoint import API_PATH
from node.sources.proxmox_types import ProxmoxError, ProxmoxTarget
from node.sources.proxmox_wire import Heard, Wire

TICKET_SEC = 3600.0
"""A ticket is good for two hours; one that is half as old is not relied on."""
LATE_SEC = 5.0
"""At least so long an answer to a log-in is waited for: each 401 comes three seconds late."""

_UNAUTHORIZED = 401
_NOT_LET_IN = (400, _UNAUTHORIZED)
"""400: what was given cannot be a user or a password."""
_LONGEST_REASON = 200


@dataclass(slots=True)
class Ticket:
    """What a log-in gave, kept from look to look; empty when there is none."""

    text: str = ""
    at_sec: float = 0.0

    @property
    def is_good(self) -> bool:
        return bool(self.text) and time.monotonic() - self.at_sec < TICKET_SEC

    def drop(self) -> None:
        self.text = ""


class Login:
    """Asks over a wire, logs in when it has to. It belongs to one conversation."""

    def __init__(self, wire: Wire, target: ProxmoxTarget, secret: str, ticket: Ticket, *, read_sec: float) -> None:
        self._wire, self._target, self._secret, self._ticket = wire, target, secret, ticket
        self._read_sec = read_sec
        self._is_new = False

    def get(self, path: str) -> Any:
        """What stands in `data`. Raises ProxmoxError (`refused` with the status) and MalformedAnswer."""
        if not self._target.token_name and not self._ticket.is_good:
            self._log_in()
        try:
            return self._get(path)
        except ResourceException as error:
            if error.status_code != _UNAUTHORIZED:
                raise self._refused(path, error) from None
            if self._target.token_name or self._is_new:
                raise self._not_let_in(error) from None
        # It was given out by keys that are no more, or the host slept while it ran out.
        self._log_in()
        try:
            return self._get(path)
        except ResourceException as error:
            raise (
                self._refused(path, error) if error.status_code != _UNAUTHORIZED else self._not_let_in(error)
            ) from None

    def _get(self, path: str) -> Any:
        return self._resource(self._proof(), self._read_sec)(path).get()

    def _proof(self) -> Mapping[str, str]:
        """Raises ProxmoxError for a token that no header can hold."""
        if not self._target.token_name:
            return {"Cookie": f"PVEAuthCookie={self._ticket.text}"}
        token = f"{self._target.username}!{self._target.token_name}={self._secret}"
        if not token.isascii() or not token.isprintable() or " " in token:
            who = self._who
            raise self._wire.failed("authentication", f"was not asked: {who} holds characters that none has")
        return {"Authorization": f"PVEAPIToken={token}"}

    def _log_in(self) -> None:
        """Raises ProxmoxError."""
        self._ticket.drop()
        resource = self._resource({}, max(self._read_sec, LATE_SEC))("access/ticket")
        try:
            data = resource.post(username=self._target.username, password=self._secret)
            text = answers.ticket(data)
        except ResourceException as error:
            if error.status_code in _NOT_LET_IN:
                raise self._not_let_in(error) from None
            raise self._refused("access/ticket", error) from None
        except answers.SecondFactorWanted:
            advice = "create an API token for it (Datacenter, Permissions, API Tokens) and use that"
            raise self._wire.failed("tfa", f"wants a second factor of {self._target.username}: {advice}") from None
        except answers.MalformedAnswer as error:
            raise self._wire.failed("malformed", f"answers the log-in with {error}; is it a Proxmox VE?") from error
        self._ticket.text, self._ticket.at_sec = text, time.monotonic()
        self._is_new = True

    def _resource(self, proof: Mapping[str, str], read_sec: float) -> Any:
        url = f"{self._wire.endpoint}{API_PATH}"
        return ProxmoxResource(base_url=url, session=_Session(self._wire, proof, read_sec), serializer=_Serializer())

    @property
    def _who(self) -> str:
        name = self._target.token_name
        return f"the API token {self._target.username}!{name}" if name else self._target.username

    def _not_let_in(self, error: ResourceException) -> ProxmoxError:
        self._ticket.drop()
        check = (
            "its name, its value and when it expires"
            if self._target.token_name
            else "the user, its realm and its password"
        )
        what = f"does not let {self._who} in ({self._said(error)}): check {check}"
        return self._wire.failed("authentication", what, status=error.status_code)

    def _refused(self, path: str, error: ResourceException) -> ProxmoxError:
        what = f"answers {error.status_code} to {path}: {self._said(error)}"
        return self._wire.failed("refused", what, status=error.status_code)

    def _said(self, error: ResourceException) -> str:
        """The other side's words: they may be anything, and may say again what it was told."""
        errors = error.errors if isinstance(error.errors, dict) else {}
        words = "; ".join([str(error.content or error.status_message), *(f"{key}: {errors[key]}" for key in errors)])
        return _readable(words, hidden=(self._secret, self._ticket.text))


class _Session:
    """What proxmoxer asks through (its `session`)."""

    def __init__(self, wire: Wire, proof: Mapping[str, str], read_sec: float) -> None:
        self._wire, self._proof, self._read_sec = wire, proof, read_sec

    def request(
        self, method: str, url: str, data: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> Heard:
        path = urlsplit(url).path + (f"?{urlencode(params)}" if params else "")
        headers = {"Accept": "application/json", **self._proof}
        if data:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._wire.ask(method, path, headers, urlencode(data or {}), read_sec=self._read_sec)


class _Serializer:
    """What proxmoxer reads answers with."""

    def loads(self, heard: Heard) -> Any:
        return answers.data_of(heard.content)

    def loads_errors(self, heard: Heard) -> Mapping[str, str] | None:
        return answers.errors_of(heard.content)


def _readable(words: str, *, hidden: Iterable[str]) -> str:
    for secret in filter(None, hidden):
        words = words.replace(secret, "…")
    shown = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(shown.split())[:_LONGEST_REASON]

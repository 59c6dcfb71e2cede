"""A token for the key of a service account, asked for at the key's own token endpoint (RFC 7523).

developers.google.com/identity/protocols/oauth2/service-account. Nothing is looked for anywhere else: no metadata
server, no credentials of a user, no further look-ups about the account.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from google.auth import crypt, jwt

from node.sources.dataproc_errors import ApiError, LoginError
from node.sources.dataproc_http import Http

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GOOGLE = "googleapis.com"
_ASSERTION_SEC = 3600
_NEW_BEFORE_SEC = 60.0
"""So long before its end a token is replaced."""


class Anonymous:
    """No token at all: for a server of one's own."""

    universe = GOOGLE
    secrets: Sequence[str] = ()

    def headers(self, within_sec: float) -> Mapping[str, str]:
        return {}


class Login:
    """The token, had when it is first needed and again before it ends. Several threads may use it at once."""

    def __init__(self, key: str, http: Http, *, insecure: bool = False) -> None:
        """`key` is the text of a key file. Raises LoginError when it is none. `insecure`: its endpoint may lack TLS."""
        self._info = _key_of(key)
        self.universe = str(self._info.get("universe_domain") or GOOGLE)
        check_tls(self._info["token_uri"], "the token_uri of the key file", insecure=insecure)
        try:
            self._signer = crypt.RSASigner.from_string(  # type: ignore[no-untyped-call]
                self._info["private_key"], self._info.get("private_key_id")
            )
        except (ValueError, TypeError) as error:
            raise LoginError("UNAUTHENTICATED", "the private_key of the key file cannot be read") from error
        self._http = http
        self._token = ""
        self._assertion = ""
        self._new_at = 0.0
        self._lock = threading.Lock()

    @property
    def secrets(self) -> Sequence[str]:
        """What must not stand in any text."""
        return [secret for secret in (self._token, self._assertion) if secret]

    def headers(self, within_sec: float) -> Mapping[str, str]:
        """What says who asks. Raises LoginError when there is no token within so many seconds."""
        with self._lock:
            if time.monotonic() >= self._new_at:
                self._renew(within_sec)
            return {"authorization": f"Bearer {self._token}"}

    def _renew(self, within_sec: float) -> None:
        uri = self._info["token_uri"]
        now = int(time.time())
        claims = {
            "iss": self._info["client_email"],
            "scope": SCOPE,
            "aud": uri,
            "iat": now,
            "exp": now + _ASSERTION_SEC,
        }
        try:
            self._assertion = jwt.encode(self._signer, claims).decode()  # type: ignore[no-untyped-call]
            answer = self._http.post(uri, {"grant_type": GRANT, "assertion": self._assertion}, within_sec=within_sec)
        except ApiError as error:
            raise _login_error(error) from error
        except (ValueError, TypeError) as error:
            raise LoginError("UNAUTHENTICATED", "the private_key of the key file cannot sign") from error
        self._token, life_sec = _token_of(answer)
        self._new_at = time.monotonic() + life_sec - min(_NEW_BEFORE_SEC, life_sec / 2)


def check_tls(url: str, what: str, *, insecure: bool) -> None:
    """Raises LoginError for a URL over which a token must not go."""
    scheme = url.partition("://")[0].lower()
    if scheme != "https" and not (insecure and scheme == "http"):
        raise LoginError(
            "SETTINGS", f"{what} does not begin with https://; insecure: true allows http:// to a server of your own"
        )


def _key_of(text: str) -> dict[str, Any]:
    """The key in the text of a file. Raises LoginError without a word of what stands in it."""
    try:
        info = json.loads(text)
    except ValueError as error:
        raise LoginError("UNAUTHENTICATED", "the key file is not JSON") from error
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise LoginError("UNAUTHENTICATED", 'the key file is not that of a service account ("type": "service_account")')
    for name in ("client_email", "private_key", "token_uri"):
        if not isinstance(info.get(name), str) or not info[name]:
            raise LoginError("UNAUTHENTICATED", f"the key file has no {name}")
    return info


def _token_of(answer: bytes) -> tuple[str, float]:
    """(token, how many seconds it is good). Raises LoginError."""
    try:
        found = json.loads(answer)
        token, life_sec = found["access_token"], float(found.get("expires_in", _ASSERTION_SEC))
    except (ValueError, LookupError, TypeError, AttributeError):
        token, life_sec = None, 0.0
    if not isinstance(token, str) or not token.isprintable() or not token.isascii() or not life_sec > 0:
        raise LoginError("UNKNOWN", "the token endpoint answers without a token")
    return token, life_sec


def _login_error(error: ApiError) -> LoginError:
    """A key that is refused is refused with 400 (invalid_grant), too."""
    is_refused = error.code in ("INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED")
    code = "UNAUTHENTICATED" if is_refused else error.code
    reason = f" ({error.reason})" if error.reason else ""
    return LoginError(code, f"no token is given: {error.message}{reason}", reason=error.reason, wait_sec=error.wait_sec)

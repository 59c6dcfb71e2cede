"""The one error body, and the exceptions that become it.

Every failure answers `{"code", "message", "details"}`. A message says what was attempted, what happened and what to do.
"""

from typing import Any, ClassVar

import msgspec


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer with a status of 400 or more."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class Problem(Exception):
    """A failure with a place in the contract: raised anywhere below the API, turned into an ErrorBody at its edge."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "Internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def body(self) -> ErrorBody:
        return ErrorBody(code=self.code, message=self.message, details=self.details or None)


class BadRequest(Problem):
    """The request is malformed; `field` in the details names the part."""

    status, code = 400, "BadRequest"


class AuthenticationFailed(Problem):
    """Another system (Proxmox, Google) refused the credentials it was given."""

    status, code = 401, "AuthenticationFailed"


class Forbidden(Problem):
    """The caller may not do this; `reason` in the details names the rule."""

    status, code = 403, "Forbidden"


class NotFound(Problem):
    """Nothing by that name."""

    status, code = 404, "NotFound"


class MethodNotAllowed(Problem):
    """The path exists, the method does not; the `Allow` header lists those that do."""

    status, code = 405, "MethodNotAllowed"


class Conflict(Problem):
    """The state does not allow it: a duplicate, a changed identity, already running."""

    status, code = 409, "Conflict"


class PayloadTooLarge(Problem):
    """The body is over the limit."""

    status, code = 413, "PayloadTooLarge"


class UnsupportedMediaType(Problem):
    """Commands take `application/json` only."""

    status, code = 415, "UnsupportedMediaType"


class TooManyRequests(Problem):
    """Too often; `retry_after_sec` in the details and the `Retry-After` header say when to come back."""

    status, code = 429, "TooManyRequests"


class BadGateway(Problem):
    """Another system (Proxmox, Google) cannot be reached or trusted, or answers nonsense; `reason` says which."""

    status, code = 502, "BadGateway"


class Unavailable(Problem):
    """The node cannot do it now: the store is full, a tool is missing."""

    status, code = 503, "Unavailable"


class DeadlineExceeded(Problem):
    """It took longer than it may."""

    status, code = 504, "Timeout"


CODES: dict[int, str] = {
    problem.status: problem.code
    for problem in (
        Problem,
        BadRequest,
        AuthenticationFailed,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PayloadTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        BadGateway,
        Unavailable,
        DeadlineExceeded,
    )
}

"""What goes wrong when Google is asked: one error for gRPC and REST, and what follows from it.

Codes are those of gRPC (google/rpc/code.proto) by name; reasons and delays are those of ErrorInfo and RetryInfo
(google/rpc/error_details.proto; google.aip.dev/193).
"""

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Literal

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"
_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"})
_DISABLED_REASONS = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
_BROKEN = re.compile(r"RST_STREAM|stream removed|connection reset|socket closed", re.IGNORECASE)
_MOST_CHARACTERS = 400
_LIKE_A_TOKEN = re.compile(r"[\w.+=~-]{80,}", re.ASCII)

_WORDS = {
    "BUDGET": "the calls are used up",
    "INTERNAL": "an error of the server",
    "INVALID_ARGUMENT": "the request is refused",
    "UNAUTHENTICATED": "the credentials are refused",
    "PERMISSION_DENIED": "permission denied",
    "RESOURCE_EXHAUSTED": "too many calls",
    "DEADLINE_EXCEEDED": "no answer in time",
    "SETTINGS": "the settings do not fit",
    "UNAVAILABLE": "not reachable",
    "UNKNOWN": "an answer that is not understood",
}


class ApiError(Exception):
    """A call failed. `wait_sec` is how long Google asks to wait before the next."""

    def __init__(self, code: str, message: str = "", *, reason: str = "", wait_sec: float | None = None) -> None:
        self.code = code
        self.message = clean(message)
        self.reason = reason
        self.wait_sec = wait_sec
        words = _WORDS.get(code, code.lower().replace("_", " "))
        super().__init__(f"{words}: {self.message}" if self.message else words)

    @property
    def kind(self) -> Literal["failure", "timeout", "unknown"]:
        """How it counts."""
        if self.code == "DEADLINE_EXCEEDED":
            return "timeout"
        return "unknown" if self.code == "UNKNOWN" else "failure"

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may do better in a moment: a quota, a server that is away, a broken connection."""
        if self.code in ("INTERNAL", "UNKNOWN"):
            return bool(_BROKEN.search(self.message))
        return self.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")

    @property
    def refuses_account(self) -> bool:
        """Whether no other call can do better."""
        return self.code == "UNAUTHENTICATED"

    @property
    def refuses_project(self) -> bool:
        return self.code == "PERMISSION_DENIED"

    @property
    def is_disabled(self) -> bool:
        """Whether the API is switched off in the project."""
        return self.reason in _DISABLED_REASONS


class LoginError(ApiError):
    """There is no token to ask with, for whatever reason."""

    @property
    def refuses_account(self) -> bool:
        return True


def of_grpc(error: Any) -> ApiError:
    """Of a grpc.RpcError, which is also the call."""
    reason, wait_sec = "", None
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            reason, wait_sec = _details(value)
    return ApiError(error.code().name, error.details() or "", reason=reason, wait_sec=wait_sec)


def of_http(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Of an answer over HTTP that is no success: the API's own form of an error, or whatever stands there instead."""
    error = _error_of(body)
    reason, wait_sec = _json_details(error)
    code = _OF_HTTP.get(status, "INTERNAL" if status >= 500 else "UNKNOWN")
    if code == "PERMISSION_DENIED" and reason in _RATE_REASONS:
        code = "RESOURCE_EXHAUSTED"
    message = error.get("message")
    text = message if isinstance(message, str) and message else f"the server answers with status {status}"
    return ApiError(code, text, reason=reason, wait_sec=wait_sec if wait_sec is not None else retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The header Retry-After in seconds: a number, or a date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def clean(text: str) -> str:
    """Words from elsewhere on one line without control characters or tokens, and not too many of them."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    line = _LIKE_A_TOKEN.sub("***", line)
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}…"


def _details(packed: bytes) -> tuple[str, float | None]:
    """(reason, delay) of a google.rpc.Status; nothing of one that cannot be read."""
    reason, wait_sec = "", None
    try:
        for detail in status_pb2.Status.FromString(packed).details:
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                reason = info.reason
            elif detail.Unpack(retry):
                wait_sec = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    except DecodeError:
        return "", None
    return reason, wait_sec


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, str):  # of a token endpoint (RFC 6749, 5.2)
        return {"message": answer.get("error_description") or error, "details": [{"reason": error}]}
    return error if isinstance(error, dict) else {}


def _json_details(error: dict[str, Any]) -> tuple[str, float | None]:
    """The same as _details in JSON; older parts of Google name the reason in `errors`."""
    reason, wait_sec = "", None
    for key in ("errors", "details"):
        found = error.get(key)
        for detail in found if isinstance(found, list) else ():
            if not isinstance(detail, dict):
                continue
            if isinstance(detail.get("reason"), str):
                reason = detail["reason"]
            delay = detail.get("retryDelay")
            if isinstance(delay, str) and re.fullmatch(r"\d+(\.\d+)?s", delay):
                wait_sec = float(delay[:-1])
    return reason, wait_sec

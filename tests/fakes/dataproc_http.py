"""A pretended Google Cloud over HTTP: the four lists in JSON, the regions of Compute, and the tokens."""

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fakes.dataproc_service import HTTP_STATUS, Call, Fault, Refusal, Service, bearer, now

GOOGLE = "https://oauth2.googleapis.com/token"
"""The audience that Google's libraries write whoever they ask."""

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIFE_SEC = 3599

_KINDS = {
    "clusters": "ListClusters",
    "jobs": "ListJobs",
    "workflowTemplates": "ListWorkflowTemplates",
    "autoscalingPolicies": "ListAutoscalingPolicies",
}
_INT_ENUMS = "json;enum-encoding=int"
"""How Google's libraries ask for enumerations: as numbers, so that a new value has one."""


class TokenRefused(Exception):
    """What the token endpoint says no with (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class HttpServer(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1. `keys` are those whose owners get tokens, by their e-mail address."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.keys: dict[str, RSAPublicKey] = {}
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="dataproc-http")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up in the middle is none of anybody's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A header and a body are two packets; the second does not wait for the caller to have noticed the first.
    disable_nagle_algorithm = True
    server: HttpServer

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        self._serve(lambda call, fault: self._got(call, fault), _call(place.path, parse_qs(place.query), self._headers))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if urlsplit(self.path).path != "/token":
            return self._refuse_write()
        call = Call(method="Token", transport="token", metadata=self._headers, at=now())
        return self._serve(lambda call, fault: self._token(body), call)

    def do_PUT(self) -> None:
        self._refuse_write()

    do_DELETE = do_PATCH = do_PUT  # noqa: N815 - the names are those of http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of http.server
        """Nothing is printed: the calls are noted."""

    @property
    def _headers(self) -> dict[str, str]:
        return {key.lower(): value for key, value in self.headers.items()}

    def _serve(self, answer: Any, call: Call) -> None:
        service = self.server.service
        try:
            fault = service.begin(call)
            if fault.drop:
                self.close_connection = True
                return
            if fault.garbage:
                self._send(200, b"<html><body>It works!</body></html>", kind="text/html")
                return
            self._send(200, service.counted(lambda: answer(call, fault)))
        except Refusal as refusal:
            self._send_refusal(call, refusal)
        except TokenRefused as refused:
            self._send(400, _json({"error": refused.error, "error_description": refused.description}))

    def _got(self, call: Call, fault: Fault) -> bytes:
        if call.transport == "compute":
            return _json(self.server.service.regions(call))
        page = self.server.service.list(call, fault)
        by_number = parse_qs(urlsplit(self.path).query).get("$alt") == [_INT_ENUMS]
        text = type(page).to_json(page, use_integers_for_enums=by_number, always_print_fields_with_no_presence=False)
        return str(text).encode()

    def _token(self, body: str) -> bytes:
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if form.get("grant_type") != JWT_BEARER:
            raise TokenRefused("unsupported_grant_type", "Invalid grant_type")
        _check_assertion(form.get("assertion", ""), self.server.keys, f"{self.server.url}/token")
        token = f"ya29.{len(self.server.service.tokens)}-{base64.b32encode(body[-10:].encode()).decode()}"
        self.server.service.tokens.add(token)
        return _json({"access_token": token, "expires_in": TOKEN_LIFE_SEC, "token_type": "Bearer"})

    def _refuse_write(self) -> None:
        call = Call(method=f"{self.command} {self.path}", transport="rest", metadata=self._headers, at=now())
        self._serve(lambda call, fault: self.server.service.list(call, fault), call)

    def _send_refusal(self, call: Call, refusal: Refusal) -> None:
        if call.transport == "token":
            body = _json({"error": refusal.reason or refusal.code, "error_description": refusal.message})
        else:
            body = _json(_error_of(refusal, call.transport))
        more = {"Retry-After": f"{refusal.retry_sec:g}"} if refusal.retry_sec is not None else {}
        self._send(HTTP_STATUS[refusal.code], body, **more)

    def _send(self, status: int, body: bytes, *, kind: str = "application/json; charset=UTF-8", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _call(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Call:
    """The call that a URL is: /v1/projects/P/regions/R/KIND, or /compute/v1/projects/P/regions."""
    parts = path.strip("/").split("/")
    one = {key: values[0] for key, values in query.items()}
    is_compute = parts[:2] == ["compute", "v1"]
    project = region = ""
    method = f"GET {path}"
    if is_compute and len(parts) == 5 and parts[4] == "regions":
        project, method = parts[3], "ListRegions"
    elif not is_compute and len(parts) == 6 and parts[5] in _KINDS:
        project, region, method = parts[2], parts[4], _KINDS[parts[5]]
    return Call(
        method=method,
        transport="compute" if is_compute else "rest",
        project=project,
        region=region,
        page_size=int(one.get("maxResults" if is_compute else "pageSize", "0")),
        page_token=one.get("pageToken", ""),
        # Compute lists every region whatever its state: who asks for those that are up gets more than that.
        filter="" if is_compute else one.get("filter", ""),
        cluster_name=one.get("clusterName", ""),
        token=bearer(headers),
        metadata=headers,
        at=now(),
    )


def _error_of(refusal: Refusal, transport: str) -> dict[str, Any]:
    """The body of an error (google.aip.dev/193); Compute, which is older, names the reason in a list of `errors`."""
    error: dict[str, Any] = {"code": HTTP_STATUS[refusal.code], "message": refusal.message}
    if transport == "compute":
        reason = refusal.reason or {403: "forbidden", 404: "notFound"}.get(error["code"], "backendError")
        return {"error": error | {"errors": [{"domain": "global", "reason": reason, "message": refusal.message}]}}
    details: list[dict[str, Any]] = []
    if refusal.reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        details.append({"@type": kind, "reason": refusal.reason, "domain": "googleapis.com"})
    if refusal.retry_sec is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        details.append({"@type": kind, "retryDelay": f"{refusal.retry_sec:g}s"})
    return {"error": error | {"status": refusal.code} | ({"details": details} if details else {})}


def _check_assertion(assertion: str, keys: dict[str, RSAPublicKey], audience: str) -> None:
    """Raise TokenRefused unless the JWT is signed by the key of who it says it is, for us, and in time (RFC 7523)."""
    try:
        head, body, signature = assertion.split(".")
        header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
    except ValueError as error:
        raise TokenRefused("invalid_grant", "Invalid JWT: it cannot be read.") from error
    key = keys.get(claims.get("iss", ""))
    if key is None:
        raise TokenRefused("invalid_grant", "Invalid grant: account not found")
    if header.get("alg") != "RS256":
        raise TokenRefused("invalid_grant", "Invalid JWT: the algorithm is not RS256.")
    try:
        key.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise TokenRefused("invalid_grant", "Invalid JWT Signature.") from error
    if claims.get("aud") not in (audience, GOOGLE):
        raise TokenRefused("invalid_grant", f"Invalid JWT: the audience is not {audience}.")
    if not claims.get("iat", 0) - 60 <= time.time() <= claims.get("exp", 0):
        raise TokenRefused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
    if "https://www.googleapis.com/auth/cloud-platform" not in claims.get("scope", "").split():
        raise TokenRefused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json(body: object) -> bytes:
    return json.dumps(body).encode()

"""The one place where a failure becomes an answer."""

import logging
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from etlmon.contract.errors import (
    CODES,
    BadRequest,
    DeadlineExceeded,
    ErrorBody,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unavailable,
)
from node.api.encoding import encode
from node.store.database import StoreError

log = logging.getLogger(__name__)

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem_of(error: Exception, request: web.BaseRequest) -> Problem | None:
    """What the error means to the client; None when it is nothing that was foreseen."""
    match error:
        case Problem():
            return error
        case StoreError():
            return Unavailable(str(error), reason="store")
        case TimeoutError():
            return DeadlineExceeded(f"{request.path} took too long; try again")
        case web.HTTPNotFound():
            return NotFound(
                f"there is no {request.path}; GET /api/v1/openapi.json lists what there is", reason="no_such_endpoint"
            )
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}")
        case web.HTTPRequestEntityTooLarge():
            return PayloadTooLarge("the body is too large")
        case _:
            return None


def error_response(error: Exception, request: web.BaseRequest) -> web.Response:
    """The ErrorBody as a response. An error that was not foreseen is logged with an id, and the client hears the id."""
    problem = problem_of(error, request)
    if problem is not None:
        response = _response(problem.status, problem.body())
    elif isinstance(error, web.HTTPException):
        response = _response(error.status, ErrorBody(code=CODES.get(error.status, "BadRequest"), message=error.reason))
    else:
        response = _response(500, _internal(error, request))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = error.headers["Allow"]
    if problem is not None and "retry_after_sec" in problem.details:
        response.headers["Retry-After"] = str(problem.details["retry_after_sec"])
    return response


async def answer_or_error(request: web.Request, handler: Serve) -> web.StreamResponse:
    """What the handler answers; whatever it raises becomes an answer, too."""
    try:
        return await handler(request)
    except Exception as error:
        response = error_response(error, request)
        if request.writer.output_size and request.transport is not None:
            # A stream that has begun cannot become another answer: it breaks off.
            request.transport.abort()
        return response


def malformed(message: str) -> web.Response:
    """The answer to what is not even a request."""
    response = _response(400, BadRequest(f"this is no HTTP request that can be answered: {message}").body())
    response.force_close()
    return response


def _internal(error: Exception, request: web.BaseRequest) -> ErrorBody:
    number = secrets.token_hex(4)
    log.error("%s %s failed, error %s", request.method, request.path, number, exc_info=error)
    return ErrorBody(
        code="Internal",
        message=f"the node failed to answer; its log has the reason under {number}, please report it",
        details={"id": number},
    )


def _response(status: int, body: ErrorBody) -> web.Response:
    return web.Response(
        status=status, body=encode(body), headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
    )

"""The node's HTTP server: each endpoint of the contract with its handler, and what holds for all of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from etlmon.contract.errors import Forbidden
from etlmon.contract.metrics import METRICS
from etlmon.contract.node import API_VERSION, API_VERSION_HEADER, NODE_ID_HEADER
from node.api import docs, metrics
from node.api.aliases import ALIASES
from node.api.auth import identify, peer_of
from node.api.context import ApiContext
from node.api.encoding import Answers, Encoded, encode, respond
from node.api.errors import Serve, answer_or_error
from node.api.hosts import is_allowed
from node.api.query import BODY_LIMIT, read_body, read_query
from node.api.request import Nothing, Request, Route
from node.api.routes import ROUTES
from node.commands.act import Caller

QUERY_SEC = 10.0
_BRACES = re.compile(r"\{(\w+)\}")


def build_app(context: ApiContext) -> web.Application:
    """The application that answers for this node; `server.ApiRunner` runs it."""
    app = web.Application(middlewares=[_edge(context)], client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(_stamp(context))
    answers = Answers(lambda: context.database.generation)
    app.on_shutdown.append(_end_streams(context))
    for route in (*ROUTES, *ALIASES):
        path = _pattern(route.endpoint.path)
        app.router.add_route(route.endpoint.method, path, _serve(context, route, answers))
        if not route.endpoint.is_command:
            app.router.add_route("HEAD", path, _serve(context, route, answers))
    docs.add_routes(app.router)
    return app


def build_metrics_app(context: ApiContext) -> web.Application:
    """The application of a listener that serves the node's numbers and nothing else."""
    app = web.Application(middlewares=[_edge(context)], client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(_stamp(context))
    app.router.add_get(METRICS.path, _serve(context, Route(METRICS, metrics.text), Answers(lambda: 0)))
    app.router.add_get("/", metrics.page)
    return app


def _pattern(path: str) -> str:
    """The path as aiohttp takes it: whatever has no slash fits braces, which by themselves would take no braces.

    A path without them is no case of one with them: /clusters/test has methods of its own, not those of /clusters/{id}.
    """
    fits = re.compile(_BRACES.sub("[^/]+", path))
    words = {
        route.endpoint.path.rpartition("/")[2]
        for route in (*ROUTES, *ALIASES)
        if "{" not in route.endpoint.path and fits.fullmatch(route.endpoint.path)
    }
    others = f"(?!(?:{'|'.join(sorted(words))})$)" if words else ""
    return _BRACES.sub(rf"{{\1:{others}[^/]+}}", path)


def _edge(context: ApiContext) -> Middleware:
    """What each request passes first, and where each failure becomes an answer."""

    @web.middleware
    async def edge(request: web.Request, handler: Serve) -> web.StreamResponse:
        async def checked(request: web.Request) -> web.StreamResponse:
            _check_host(context, request)
            return await handler(request)

        return await answer_or_error(request, checked)

    return edge


def _stamp(context: ApiContext) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Puts on every response who answers, and what a browser may do with it."""
    headers = {
        NODE_ID_HEADER: context.database.node_id,
        API_VERSION_HEADER: str(API_VERSION),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }

    async def stamp(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "etlmon"

    return stamp


def _end_streams(context: ApiContext) -> Callable[[web.Application], Awaitable[None]]:
    async def end(_: web.Application) -> None:
        context.followers.close()

    return end


def _check_host(context: ApiContext, request: web.Request) -> None:
    """Raises Forbidden when the request was sent to a name this node does not go by."""
    peer = peer_of(request)
    if peer.address is None:
        return
    host = request.headers.get("Host")
    names = (*context.settings.security.allowed_hosts, context.hostname, context.node_name)
    if not is_allowed(host, names, peer.arrived_at):
        raise Forbidden(
            f"this node does not answer to the host name {host!r}; add it to security.allowed_hosts"
            if host
            else "a request needs a Host header",
            reason="host",
        )


def _serve(context: ApiContext, route: Route, answers: Answers) -> Serve:
    endpoint = route.endpoint

    async def query(request: web.Request) -> web.StreamResponse:
        caller = _caller(context, request)

        async def make() -> Encoded:
            return await _answer(context, route, request, caller)

        if route.stream is not None and request.query.get("follow") == "true":
            return await route.stream(await _asked(context, route, request, caller), request)
        answer = answers.given(request.path_qs) if route.cached else None
        if answer is None:
            async with asyncio.timeout(QUERY_SEC):
                answer = await (answers.get(request.path_qs, make) if route.cached else make())
        return respond(request, answer, kept=True)

    async def command(request: web.Request) -> web.StreamResponse:
        return respond(request, await _answer(context, route, request, _caller(context, request)), kept=False)

    return command if endpoint.is_command else query


def _caller(context: ApiContext, request: web.Request) -> Caller:
    return identify(request, peer_of(request), context.settings.security, node_id=context.database.node_id)


async def _asked(context: ApiContext, route: Route, request: web.Request, caller: Caller) -> Request[object]:
    return Request(
        context=context,
        caller=caller,
        params=await _params(route, request),
        path=request.rel_url.raw_path,
        status=route.endpoint.status,
        path_params=dict(request.match_info),
    )


async def _answer(context: ApiContext, route: Route, request: web.Request, caller: Caller) -> Encoded:
    asked = await _asked(context, route, request, caller)
    value = await route.handler(asked)
    return Encoded(encode(value), asked.status, asked.headers)


async def _params(route: Route, request: web.Request) -> object:
    endpoint = route.endpoint
    if endpoint.is_command:
        return await read_body(request, endpoint.body or Nothing, route.respell)
    return read_query(request, endpoint.query or Nothing)

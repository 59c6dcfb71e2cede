"""metrics: every number of the node, for Prometheus; and the page of the listener that serves nothing else."""

import msgspec
from aiohttp import web

from node import metrics
from node.api.request import Nothing, Request

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>etlmon node</title>
</head>
<body>
<h1>etlmon node</h1>
<p><a href="/metrics">Metrics</a></p>
</body>
</html>
"""


async def text(request: Request[Nothing]) -> msgspec.Raw:
    """The latest samples; no store and no collector is asked."""
    request.headers["Content-Type"] = metrics.CONTENT_TYPE
    return msgspec.Raw(metrics.render(request.context.runner.samples))


async def page(request: web.Request) -> web.Response:
    """Where the listener for metrics alone begins."""
    return web.Response(text=PAGE, content_type="text/html", headers={"Cache-Control": "no-cache"})

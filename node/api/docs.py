"""The page that shows the API's description: Swagger UI from an installed package, nothing from the network."""

from aiohttp import web
from openapi_ui_bundles.swagger_ui import static_path

from etlmon.contract.endpoint import API

PAGE_PATH = f"{API}/docs"
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>etlmon node API</title>
<link rel="stylesheet" href="{PAGE_PATH}/swagger-ui.css">
<link rel="icon" type="image/png" href="{PAGE_PATH}/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<noscript>This page needs scripts. The description is <a href="{API}/openapi.json">openapi.json</a>.</noscript>
<script src="{PAGE_PATH}/swagger-ui-bundle.js"></script>
<script src="{PAGE_PATH}/start.js"></script>
</body>
</html>
"""

START = f"""SwaggerUIBundle({{
  url: "{API}/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
}});
"""


def add_routes(router: web.UrlDispatcher) -> None:
    """The page, its start script and the viewer's files; `/` leads to the page."""
    router.add_get("/", _root)
    router.add_get(PAGE_PATH, _page)
    router.add_get(f"{PAGE_PATH}/start.js", _start)
    router.add_get(f"{PAGE_PATH}/{{name:{'|'.join(name.replace('.', '[.]') for name in ASSETS)}}}", _asset)


async def _root(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": PAGE_PATH, "Cache-Control": "no-cache"})


async def _page(request: web.Request) -> web.Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=PAGE, content_type="text/html", headers=headers)


async def _start(request: web.Request) -> web.Response:
    return web.Response(text=START, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def _asset(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(static_path / request.match_info["name"], headers={"Cache-Control": "no-cache"})

"""docs/api.md tells of everything that is served."""

import re
from pathlib import Path

import pytest

from etlmon.contract.errors import CODES
from node.api.request import Route
from node.api.routes import ROUTES

PAGE = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
ROWS = {
    match[1]: match[2]
    for match in re.finditer(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)` \| (.*) \|$", PAGE, re.MULTILINE)
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.endpoint.method} {route.endpoint.path}")
def test_an_endpoint_and_its_parameters_and_headers_are_documented(route: Route) -> None:
    endpoint = route.endpoint
    row = ROWS[f"{endpoint.method} {endpoint.path}"]
    names = [name for struct in (endpoint.query, endpoint.body) if struct for name in struct.__struct_encode_fields__]
    assert [name for name in names if not re.search(rf"`{name}`|\"{name}\"", row)] == []
    assert [header for header in endpoint.headers if header not in PAGE] == []


def test_nothing_is_documented_that_is_not_served() -> None:
    served = {f"{route.endpoint.method} {route.endpoint.path}" for route in ROUTES}
    assert set(ROWS) - served == {"GET /api/v1/docs"}


def test_every_failure_is_documented() -> None:
    documented = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE))
    assert documented == {(str(status), code) for status, code in CODES.items()}

"""The API describes itself, and is as described."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from etlmon.contract.fs import FS
from etlmon.contract.node import EVENTS, Event
from etlmon.contract.paths import PATH_TOP, PATHS
from node.api.openapi import document
from node.api.routes import ROUTES
from node.collectors import COLLECTORS
from node.commands import act
from node.settings import NodeSettings, WatchedPath
from node.store.paths import PathScan
from tests.fakes.nodes import ENDPOINTS
from tests.serving import AT, serving

EXAMPLES = int(os.environ.get("ETLMON_SCHEMATHESIS_EXAMPLES", "12"))
"""Per operation. 1,300 make more than 10,000 requests, in about two minutes."""


def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document(ROUTES)))
    return found


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(described())
    assert described()["openapi"].startswith("3.1")


def test_every_endpoint_of_the_contract_is_served_and_described_once() -> None:
    served = [(route.endpoint.method, route.endpoint.path) for route in ROUTES]
    assert sorted(served) == sorted((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)
    paths = described()["paths"]
    assert sorted((method.upper(), path) for path, item in paths.items() for method in item) == sorted(served)
    ids = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.endpoint.method} {route.endpoint.path}")
def test_an_endpoint_s_example_status_errors_and_parameters_are_in_the_document(route: Any) -> None:
    endpoint = route.endpoint
    operation = described()["paths"][endpoint.path][endpoint.method.lower()]
    responses = operation["responses"]
    assert responses[str(endpoint.status)]["content"]["application/json"]["example"] == msgspec.to_builtins(
        endpoint.example
    )
    assert {str(status) for status in (400, 403, 500, *endpoint.errors, *endpoint.also)} <= set(responses)
    assert set(endpoint.headers) <= set(responses[str(endpoint.status)]["headers"])
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
    assert set(parameters) == set(endpoint.query.__struct_fields__ if endpoint.query else ())
    assert all("null" not in json.dumps(parameter) for parameter in parameters.values())
    assert ("requestBody" in operation) == (endpoint.body is not None)


def test_the_served_document_is_this_one(tmp_path: Path) -> None:
    async def main() -> None:
        headers = {"Accept-Encoding": "identity"}
        async with serving(tmp_path) as node, node.session.get("/api/v1/openapi.json", headers=headers) as answer:
            assert await answer.json() == described()

    asyncio.run(main())


def test_generated_requests_are_all_answered_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """schemathesis asks the served node what the document allows and what it forbids."""
    monkeypatch.setattr(act, "COMMANDS_PER_MINUTE", 10**6)
    settings = NodeSettings(paths=(WatchedPath(path=str(tmp_path), name="landing"),))
    scanners = [registration for registration in COLLECTORS if registration.domain == "paths"]

    async def main() -> tuple[int | None, str]:
        async with serving(tmp_path, settings, registrations=scanners) as node:
            await node.put_mounts(FS.example[0], msgspec.structs.replace(FS.example[0], mount_point="/\x1b[31m\x00 한"))
            await node.put_paths(*(PathScan(stats=row, top=PATH_TOP.example) for row in PATHS.example))
            await node.put_events(*EVENTS.example, Event(at=AT, domain="x", key="\x07", kind="k", message="\u202e"))
            command = (
                *("run", f"{node.url}/api/v1/openapi.json", "--mode=all", "--checks=all", f"--max-examples={EXAMPLES}"),
                *("--generation-database=none", "--no-color", "--request-timeout=20", "--suppress-health-check=all"),
            )
            tester = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", *command),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=tmp_path,
            )
            output, _ = await asyncio.wait_for(tester.communicate(), 3000)
            return tester.returncode, output.decode()

    code, report = asyncio.run(main())
    assert code == 0, report
    tested = re.search(r"(\d+) generated, (\d+) passed", report)
    assert tested, report
    with_parameters = sum(route.endpoint.query is not None for route in ROUTES)
    assert int(tested[2]) == int(tested[1]) > EXAMPLES * with_parameters, report

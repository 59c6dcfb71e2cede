"""The API describes itself, and is as described."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from etlmon.contract.fs import FS
from etlmon.contract.logs import LOG
from etlmon.contract.node import EVENTS, Event
from etlmon.contract.paths import PATH_TOP, PATHS
from etlmon.contract.wire import encode_custom
from node.api import app as api_app
from node.api.openapi import document
from node.api.routes import ROUTES
from node.collector import Registration
from node.collectors import COLLECTORS
from node.collectors.clusters import ClustersCollector
from node.commands import act
from node.settings import Cron, NodeSettings, ProcessWatch, WatchedLog, WatchedPath
from node.settings_clusters import Clusters
from node.store import alerts_deliveries
from node.store import clusters as clusters_store
from node.store import cron as cron_store
from node.store import dataproc as dataproc_store
from node.store import samples as samples_store
from node.store.cron import CronLook, StoredRun
from node.store.dataproc import DataprocLook
from node.store.paths import PathScan
from tests.fakes.nodes import ENDPOINTS
from tests.node.commands.registering import Proxmox
from tests.node.store import alert_rows, cluster_rows, estates
from tests.node.store.log_batches import batch, numbered, put
from tests.serving import AT, Serving, serving

EXAMPLES = int(os.environ.get("ETLMON_SCHEMATHESIS_EXAMPLES", "12"))
"""Per operation. 1,300 make more than 10,000 requests, in about two minutes."""


LOGS = ("app", "a/b 한", "new")


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
    if endpoint.status == 204:
        assert "content" not in responses["204"]
    else:
        content = responses[str(endpoint.status)]["content"][endpoint.media_type]
        assert content["example"] == msgspec.to_builtins(endpoint.example, enc_hook=encode_custom)
    assert {str(status) for status in (400, 403, 500, *endpoint.errors, *endpoint.also)} <= set(responses)
    assert set(endpoint.headers) <= set(responses[str(endpoint.status)]["headers"])
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
    in_path = set(re.findall(r"{(\w+)}", endpoint.path))
    assert {name for name, parameter in parameters.items() if parameter["in"] == "path"} == in_path
    assert set(parameters) == {*in_path, *(endpoint.query.__struct_fields__ if endpoint.query else ())}
    assert all("null" not in json.dumps(parameter) for parameter in parameters.values())
    assert ("requestBody" in operation) == (endpoint.body is not None)


def test_what_can_be_followed_says_so() -> None:
    streams = {route.endpoint.path for route in ROUTES if route.stream is not None}
    assert streams == {LOG.path}
    for path, item in described()["paths"].items():
        for operation in item.values():
            contents = [response.get("content", {}) for response in operation["responses"].values()]
            assert any("text/event-stream" in content for content in contents) == (path in streams)
            assert ("server-sent events" in operation.get("description", "")) == (path in streams)


def test_the_served_document_is_this_one(tmp_path: Path) -> None:
    async def main() -> None:
        headers = {"Accept-Encoding": "identity"}
        async with serving(tmp_path) as node, node.session.get("/api/v1/openapi.json", headers=headers) as answer:
            assert await answer.json() == described()

    asyncio.run(main())


TESTER = """
# Not from addresses in answers: at one that is none, as somebody typed it, the tester itself breaks off.
[phases.stateful.inference]
algorithms = ["dependency-analysis"]

# A body that breaks the limits of a field may break the limit of all bodies, too.
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]

# What may not be asked together, and what is no regular expression, no schema can say.
[[operations]]
include-path = "/api/v1/logs/{name}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, "5xx"]

# Nor how labels are written.
[[operations]]
include-path = "/api/v1/host/history"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, "5xx"]

# Nor what the address, the user and the certificate of a cluster may be; nor which names are taken.
[[operations]]
include-path = "/api/v1/clusters"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 409, "5xx"]
[[operations]]
include-path = "/api/v1/clusters/test"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 409, "5xx"]
[[operations]]
include-path-regex = "^/api/v1/clusters/{id}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 409, "5xx"]

# Nor what a condition, a template and a matcher may be, and that a silence says in one way how long it lasts.
[[operations]]
include-path-regex = "^/api/v1/alerts/(rules|silences)"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 409, "5xx"]

# Nor that a watch, a process or a confirmation has to be there.
[[operations]]
include-path = "/api/v1/processes/{pid}/kill"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 403, 404, 409, 429, "5xx"]
"""


async def _end_streams(node: Serving) -> None:
    """The tester reads each answer to its end, so streams have to have one."""
    while True:
        await asyncio.sleep(0.05)
        for channel in list(node.context.followers._channels.values()):
            channel.end()


def _watching(folder: Path, victim: int) -> NodeSettings:
    """A node that watches something of everything: its own files, and a process that may be ended."""
    (folder / "crontab").write_text("MAILTO=root\n* * * * * root load\n61 * * * * root never\n")
    return NodeSettings(
        paths=(WatchedPath(path=str(folder), name="landing"),),
        logs=tuple(WatchedLog(name=name, path="/var/log/app.log") for name in LOGS),
        process_watch=(ProcessWatch(name="victim", pid=victim), ProcessWatch(name="a/b 한", exact="no such program")),
        cron=Cron(
            system_crontab=str(folder / "crontab"),
            cron_d=str(folder / "cron.d"),
            spool=(str(folder / "crontabs"),),
            anacrontab=str(folder / "anacrontab"),
            systemd_timers=False,
            run_log="",
        ),
    )


HOSTILE_NUMBER = samples_store.Point("etlmon_path_file_count", {"path": "/\x1b[31m\x00 한"}, AT, 1e300)


async def _fill(node: Serving) -> None:
    """Rows of everything, hostile ones among them."""
    await node.put_mounts(FS.example[0], msgspec.structs.replace(FS.example[0], mount_point="/\x1b[31m\x00 한"))
    await node.put_paths(*(PathScan(stats=row, top=PATH_TOP.example) for row in PATHS.example))
    for name in LOGS[:2]:
        await put(node.database, batch("\x1b[31m\x00", "ERROR 한", *numbered(50), name=name, severities={1: 3}))
    await node.database.write(lambda db: samples_store.record(db, [HOSTILE_NUMBER]))
    await node.put_events(*EVENTS.example, Event(at=AT, domain="x", key="\x07", kind="k", message="\u202e"))
    told = [
        StoredRun(key=str(number), at=AT, job_id=number % 3, state="missed", reason="\x1b[31m 한")
        for number in range(150)
    ]
    await node.database.write(lambda db: cron_store.record(db, [CronLook(at=AT, runs=told)]))
    await node.database.write(lambda db: dataproc_store.record(db, _estates()))
    await alert_rows.save(node.database, *(alert_rows.change(f"\x1b[31m {number}") for number in range(150)))
    queued = [alert_rows.notice(number, summary="\u202e\x07") for number in range(150)]
    await node.database.write(lambda db: alerts_deliveries.enqueue(db, "\x1b 한", queued, at=AT, send_at=AT))
    hostile = cluster_rows.cluster("\x1b[31m\x00 한", status="degraded", status_reason="\u202e", missing=["\x07"])
    guests = [cluster_rows.guest(vmid, name="\x1b[31m 한", tags=["\x00"]) for vmid in range(150)]
    seen = cluster_rows.look(hostile, cluster_rows.node("\x07"), *guests, cluster_rows.storage("\u202e"))
    await node.database.write(lambda db: clusters_store.add(db, hostile, "sealed"))
    await node.database.write(lambda db: clusters_store.record(db, [seen]))


def _estates() -> list[DataprocLook]:
    hostile = estates.row("\x1b[31m\x00 한", labels={"": "\u202e"}, attention="stuck", gone_at=AT)
    return [
        estates.look("u1", jobs={"u1": [estates.job()]}, run=estates.run(regions=[estates.region(error="\x07")])),
        estates.look("u2", rows=[hostile], templates={estates.SEOUL: [estates.template("\x00")]}),
        estates.look("u3", policies={estates.SEOUL: [estates.policy("\x1b")]}, run=estates.run(9, result="running")),
    ]


@pytest.mark.timeout(900)
def test_generated_requests_are_all_answered_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """schemathesis asks the served node what the document allows and what it forbids."""
    monkeypatch.setattr(act, "COMMANDS_PER_MINUTE", 10**6)
    monkeypatch.setattr(api_app, "QUERY_SEC", 60.0)  # a machine that is busy is no error of the node
    victim = subprocess.Popen(["sleep", "3000"])
    settings = _watching(tmp_path, victim.pid)
    acting = [registration for registration in COLLECTORS if registration.domain in {"cron", "paths", "processes"}]
    # Nobody is asked at the addresses that are made up here.
    asking = ClustersCollector(Clusters(), interval_sec=3600, key_file=tmp_path / "secret.key", proxmox=Proxmox())
    acting.append(Registration("clusters", lambda _: [asking], clusters_store.record))

    async def main() -> tuple[int | None, str]:
        async with serving(tmp_path, settings, registrations=acting) as node:
            await _fill(node)
            ending = asyncio.create_task(_end_streams(node))
            (tmp_path / "schemathesis.toml").write_text(TESTER)
            command = (
                *("run", f"{node.url}/api/v1/openapi.json", "--mode=all", "--checks=all", f"--max-examples={EXAMPLES}"),
                *("--generation-database=none", "--no-color", "--request-timeout=90", "--suppress-health-check=all"),
            )
            tester = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", *command),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=tmp_path,
            )
            output, _ = await asyncio.wait_for(tester.communicate(), 3000)
            ending.cancel()
            return tester.returncode, output.decode()

    try:
        code, report = asyncio.run(main())
    finally:
        victim.kill()
        victim.wait()
    assert code == 0, report
    tested = re.search(r"(\d+) generated, (\d+) passed", report)
    assert tested, report
    with_parameters = sum(route.endpoint.query is not None for route in ROUTES)
    assert int(tested[2]) == int(tested[1]) > EXAMPLES * with_parameters, report

"""A node that reads an estate from Google to the screen of an operator: one run, all floors, and no secret on any."""

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from etlmon.client import NodeClient
from etlmon.contract.dataproc import DATAPROC_CLUSTERS, DATAPROC_POLICIES, DATAPROC_TEMPLATES, DataprocQuery
from etlmon.contract.node import AUDIT, EVENTS
from node.collectors import COLLECTORS
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc, DataprocAccount
from tests.fakes.dataproc import FakeGoogle, fake_dataproc
from tests.fakes.dataproc_estate import Estate, Region, cluster, gke_cluster, job, policy, template
from tests.fakes.dataproc_service import Fault
from tests.serving import Serving, serving

ROOT = Path(__file__).parents[2]
FULL = Region(
    clusters=[
        cluster(
            "etl", config={"autoscaling_config": {"policy_uri": "projects/p1/regions/r/autoscalingPolicies/burst"}}
        ),
        cluster("broken", "ERROR"),
        gke_cluster("spark"),
    ],
    jobs=[job("j1", "etl"), job("j2", "etl", "RUNNING")],
    templates=[template("nightly")],
    policies=[policy("burst")],
)


def settings_for(google: FakeGoogle, key_file: Path) -> NodeSettings:
    account = DataprocAccount(
        name="data",
        credentials_file=str(key_file),
        projects=("p1",),
        endpoint=google.endpoint,
        compute_endpoint=google.compute,
        insecure=True,
    )
    return NodeSettings(dataproc=Dataproc(enabled=True, accounts=(account,)))


async def etlmon(node: Serving, *arguments: str) -> tuple[int | None, str, str]:
    """The command `etlmon dataproc` on this node: its exit code, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "etlmon", "dataproc", *arguments, "--node", node.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, out.decode(), err.decode()


def secrets_of(key_file: Path) -> Sequence[str]:
    """The lines of the private key, and what stands for it elsewhere."""
    lines = json.loads(key_file.read_text(encoding="utf-8"))["private_key"].splitlines()
    return [line for line in lines if "PRIVATE KEY" not in line and len(line) > 20]


def test_an_estate_is_collected_told_and_exported_and_no_secret_is_told_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    async def scenario(google: FakeGoogle, key_file: Path) -> None:
        registrations = [one for one in COLLECTORS if one.domain == "dataproc"]
        async with (
            serving(tmp_path, settings_for(google, key_file), registrations=registrations) as node,
            NodeClient(node.url, timeout=20) as client,
        ):
            code, out, err = await etlmon(node, "collect")
            assert (code, out.splitlines()[0][:14]) == (0, "data  complete"), out + err
            rows = (await client.ask(DATAPROC_CLUSTERS)).unwrap()
            assert [(row.cluster_name, row.kind, row.attention) for row in rows] == [
                ("broken", "gce", "error"),
                ("etl", "gce", None),
                ("spark", "gke", None),
            ]
            assert [one.id for one in (await client.ask(DATAPROC_TEMPLATES)).unwrap()] == ["nightly"]
            assert [one.used_by for one in (await client.ask(DATAPROC_POLICIES)).unwrap()] == [["etl"]]

            google.estate.put("p1", "us-central1", Region(clusters=[cluster("etl")]))
            google.faults["ListClusters", "us-east1"] = [Fault(code="INVALID_ARGUMENT", always=True)]
            code, out, err = await etlmon(node, "collect", "--json")
            assert code == 1
            (run,) = json.loads(out)
            states = {region["region"]: region["state"] for region in run["regions"]}
            assert states == {"us-central1": "ok", "us-east1": "failed"}
            assert run["result"] == "partial"
            gone = (await client.ask(DATAPROC_CLUSTERS, query=DataprocQuery(gone=True))).unwrap()
            assert {row.cluster_name for row in gone if row.gone_at} == {"broken", "spark"}

            for arguments in (["export"], ["export", "--spaceone"]):
                code, out, err = await etlmon(node, *arguments)
                assert code == 0
                said.append(out + err)
            assert [one["region"] for one in json.loads(said[0])["errors"]] == ["us-east1"]
            said.append(str((await client.ask(EVENTS)).unwrap()) + str((await client.ask(AUDIT)).unwrap()))

    estate = Estate.of({"p1": {"us-central1": FULL, "us-east1": Region()}})
    with fake_dataproc(estate) as google:
        key_file = google.key_file(tmp_path)
        asyncio.run(scenario(google, key_file))
        tokens = sorted(google.service.tokens)
        assert tokens
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("etlmon.db*")).decode("utf-8", "replace")
    everywhere = "\n".join([*said, stored, caplog.text])
    assert "etl" in everywhere
    for secret in [*secrets_of(key_file), *tokens]:
        assert secret not in everywhere

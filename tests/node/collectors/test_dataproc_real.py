"""From a pretended Google Cloud, over the real wire and the real process, to the rows in the store."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from etlmon.units import Duration
from node.clock import utc_now
from node.collectors.dataproc import DataprocCollector
from node.settings_dataproc import Dataproc as Section
from node.settings_dataproc import DataprocAccount, DataprocRetries, DataprocTimeouts
from tests.fakes.dataproc import FakeGoogle, fake_dataproc
from tests.fakes.dataproc_estate import Estate, Region, cluster, gke_cluster, job, policy, template
from tests.fakes.dataproc_service import PERMISSION_DENIED, Fault
from tests.node.collectors.dataproc_stage import Stage, staged
from tests.node.store.opened import START

US, EU = "us-central1", "europe-west1"
QUICK = DataprocRetries(initial=Duration(0.1), max=Duration(0.1))


def estate() -> Estate:
    now = utc_now()
    hours = timedelta(hours=1)
    content = Region(
        clusters=[
            cluster("busy", since=now - 9 * hours),
            cluster("idle", since=now - 9 * hours),
            cluster("slow", "CREATING", since=now - hours),
            gke_cluster("gke", since=now - 9 * hours),
        ],
        jobs=[
            job("old", "busy", at=now - 8 * hours),
            job("stream", "busy", "RUNNING", at=now - 2 * hours),
            job("done", "idle", at=now - 3 * hours),
        ],
        templates=[template("nightly")],
        policies=[policy("burst")],
    )
    return Estate.of({"p1": {US: content, EU: Region(clusters=[cluster("small", since=now)])}})


def account(google: FakeGoogle, where: Path, **fields: Any) -> DataprocAccount:
    given: dict[str, Any] = {
        "projects": ("p1",),
        "credentials_file": str(google.key_file(where)),
        "endpoint": google.endpoint,
        "compute_endpoint": google.compute,
        "insecure": True,
        **fields,
    }
    return DataprocAccount(name="data", **given)


def with_google(
    where: Path, scenario: Callable[[Stage, FakeGoogle], Awaitable[None]], total_sec: float = 60, **fields: Any
) -> None:
    """The scenario with a collector of everything that this Google has. Its times are around now."""

    async def main(google: FakeGoogle) -> None:
        limits = DataprocTimeouts(total=Duration(total_sec), cluster=Duration(min(60, total_sec)))
        section = Section(retries=QUICK, timeouts=limits)
        collector = DataprocCollector(account(google, where, **fields), section, interval_sec=120)
        async with staged(where, collector) as stage:
            await scenario(stage, google)

    with fake_dataproc(estate()) as google:
        asyncio.run(main(google))


def since_start() -> float:
    """What time it is, for a stage."""
    return (utc_now() - START).total_seconds()


def test_an_estate_arrives_whole_with_what_wants_attention(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        outcome = await stage.run(since_start())
        assert outcome.failure is None
        [run] = await stage.runs()
        assert (run.result, run.reason, run.errors, run.regions_from) == ("complete", None, [], "api")
        assert (run.clusters, run.jobs, run.success, run.failure) == (5, 3, 5, 0)
        assert {one.region: (one.state, one.clusters, one.jobs) for one in run.regions} == {
            EU: ("ok", 1, 0),
            US: ("ok", 4, 3),
        }
        rows = await stage.rows()
        attention = {name: row.attention for name, row in rows.items()}
        assert attention == {"busy": None, "idle": "idle", "slow": "stuck", "gke": None, "small": None}
        busy = rows["busy"]
        assert (busy.jobs, busy.jobs_running, busy.last_job_state, busy.idle_since) == (2, 1, "RUNNING", None)
        assert (busy.masters, busy.workers, busy.worker_type, busy.zone) == (1, 2, "n2-standard-8", "us-central1-a")
        assert sorted(kind for kind, _ in await stage.events()) == ["cluster_idle", "cluster_stuck"]
        assert {call.method for call in google.calls} == {
            "Token", "ListRegions", "ListClusters", "ListJobs", "ListWorkflowTemplates", "ListAutoscalingPolicies",
        }  # fmt: skip

    with_google(tmp_path, scenario)


def test_what_changes_at_google_changes_here(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        await stage.run(since_start())
        content = google.estate.region("p1", US)
        assert content is not None
        kept = [one for one in content.clusters if one.cluster_name not in ("idle", "slow")]
        google.estate.put("p1", US, Region(clusters=[*kept, cluster("new", "CREATING", since=utc_now())]))
        google.faults["ListClusters", EU] = [Fault(code="INTERNAL", always=True)]
        await stage.run(since_start())
        rows = await stage.rows(gone=True)
        assert {name for name, row in rows.items() if row.gone_at is not None} == {"idle", "slow"}
        assert {name for name, row in rows.items() if row.stale} == {"small"}
        assert sorted(kind for kind, _ in await stage.events())[:3] == [
            "cluster_created",
            "cluster_gone",
            "cluster_gone",
        ]
        assert (await stage.runs())[0].result == "partial"
        assert len(google.seen("ListRegions")) == 1

    with_google(tmp_path, scenario)


def test_a_quota_that_is_used_up_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        google.faults["ListClusters", US] = [Fault(code="RESOURCE_EXHAUSTED", retry_sec=0.05)]
        await stage.run(since_start())
        [run] = await stage.runs()
        assert (run.result, run.retries) == ("complete", 1)

    with_google(tmp_path, scenario)


def test_when_jobs_are_denied_the_clusters_are_there_and_no_one_is_called_idle(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        google.faults["ListJobs", "p1/*"] = [PERMISSION_DENIED]
        await stage.run(since_start())
        [run] = await stage.runs()
        assert (run.result, run.clusters, run.jobs) == ("partial", 5, 0)
        rows = await stage.rows()
        assert rows["idle"].attention is None
        assert rows["slow"].attention == "stuck"

    with_google(tmp_path, scenario)


def test_a_key_that_google_does_not_know_is_refused_once_and_for_all(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        await stage.run(since_start())
        google.http.keys.clear()
        google.revoke()
        outcome = await stage.run(since_start())
        assert "Invalid grant: account not found" in str(outcome.failure)
        assert [kind for kind, _ in await stage.events()][-1] == "account_refused"
        rows = await stage.rows()
        assert all(row.stale for row in rows.values())
        assert all(row.gone_at is None for row in rows.values())

    with_google(tmp_path, scenario)


def test_a_region_that_never_answers_ends_with_the_run_and_costs_nothing_of_the_others(tmp_path: Path) -> None:
    async def scenario(stage: Stage, google: FakeGoogle) -> None:
        google.faults["ListClusters", EU] = [Fault(hang=True, always=True)]
        outcome = await stage.run(since_start())
        assert outcome.failure is not None
        [run] = await stage.runs()
        assert run.result == "timeout"
        assert run.timeout >= 1
        assert run.duration_ms is not None
        assert run.duration_ms < 30_000
        assert {"busy", "idle", "slow", "gke"} == set(await stage.rows())

    with_google(tmp_path, scenario, total_sec=4)

"""A run at a pretended Google over gRPC and REST: what is read, what is left out, and what is said of it."""

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.units import Duration
from node.settings_dataproc import DataprocQuota, DataprocRetries, DataprocTimeouts
from node.sources.dataproc_types import KnownRegions, PolicyLine, RegionsLine, TemplateLine
from tests.fakes.cutting import cutting
from tests.fakes.dataproc import FakeGoogle, fake_dataproc
from tests.fakes.dataproc_estate import SINCE, Estate, Region, cluster, gke_cluster, job, policy, template
from tests.fakes.dataproc_service import PERMISSION_DENIED, SERVICE_DISABLED, Fault
from tests.node.sources.dataproc_asking import QUICK, Heard, account_of, read, task_of

both = pytest.mark.parametrize("transport", ["grpc", "rest"])
ALL = ["clusters", "jobs", "templates", "policies"]


def estate() -> Estate:
    uri = "projects/p1/regions/us-central1/autoscalingPolicies/burst"
    config = {"worker_config": {"num_instances": 3}, "autoscaling_config": {"policy_uri": uri}}
    jobs = [job(f"load-{turn:02d}", "etl", at=SINCE + timedelta(minutes=turn)) for turn in (3, 9, 1, 7, 12, 5, 2, 8)]
    full = Region(
        clusters=[cluster("etl", config=config), gke_cluster("gke")],
        jobs=[*jobs, job("former", "etl-old", at=SINCE + timedelta(days=1))],
        templates=[template("nightly")],
        policies=[policy("burst")],
    )
    return Estate.of({"p1": {"us-central1": full, "us-east1": Region(), "asia-east1": Region([cluster("seoul")])}})


def open_google(estate: Estate, **options: Any) -> AbstractContextManager[FakeGoogle]:
    """One that asks nobody for a token; keys have tests of their own."""
    return fake_dataproc(estate, **{"needs_token": False, **options})


def short(**timeouts: float) -> Any:
    """Settings with some short times."""
    given = {name: Duration(value) for name, value in timeouts.items()}
    return msgspec.structs.replace(QUICK, timeouts=DataprocTimeouts(**given))


@both
def test_an_estate_is_read_whole(tmp_path: Path, transport: str) -> None:
    with fake_dataproc(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path, transport=transport, jobs_per_cluster=3)))
    assert sorted(heard.clusters) == ["etl", "gke", "seoul"]
    assert [one.job_id for one in heard.clusters["etl"].jobs] == ["load-12", "load-09", "load-08"]
    assert heard.clusters["gke"].config is None
    assert heard.clusters["seoul"].location == "asia-east1"
    assert [line.template.id for line in heard.of(TemplateLine)] == ["nightly"]
    assert [(line.policy.id, line.policy.used_by) for line in heard.of(PolicyLine)] == [("burst", ["etl"])]
    assert {name: line.complete for name, line in heard.regions.items()} == dict.fromkeys(
        ["us-central1", "us-east1", "asia-east1"], ALL
    )
    result = heard.regions["us-central1"].result
    assert (result.state, result.clusters, result.jobs, result.templates, result.policies) == ("ok", 2, 3, 1, 1)
    assert result.calls == 4
    done = heard.done
    assert (done.success, done.failure, done.timeout, done.unknown, done.retries) == (3, 0, 0, 0, 0)
    assert done.calls == len(google.calls)


@both
def test_both_ways_say_the_same(tmp_path: Path, transport: str) -> None:
    with open_google(Estate.large(30, ["us-central1", "us-east1"], jobs_per_cluster=11)) as google:
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        direct = read(task_of(account_of(google, tmp_path, transport="grpc")))
    assert heard.clusters == direct.clusters
    assert len(heard.clusters) == 30


@both
def test_nothing_but_lists_is_asked_for_each_page_within_a_time(tmp_path: Path, transport: str) -> None:
    with fake_dataproc(estate()) as google:
        read(task_of(account_of(google, tmp_path, transport=transport)))
        methods = {call.method for call in google.calls}
        deadlines = [call.deadline_sec for call in google.calls if call.transport == "grpc"]
        tokens = {call.token for call in google.calls if call.method.startswith("List")}
        assert tokens <= google.service.tokens
    lists = {"ListClusters", "ListJobs", "ListWorkflowTemplates", "ListAutoscalingPolicies"}
    assert methods == {"Token", "ListRegions", *lists}
    assert len(tokens) == len(google.seen("Token")) == 1
    assert all(deadline is not None and deadline <= 61 for deadline in deadlines)


def test_requests_over_grpc_say_where_they_belong(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        read(task_of(account_of(google, tmp_path, region_filter=("us-central1",))))
        routes = {call.method: call.metadata.get("x-goog-request-params") for call in google.calls}
    assert routes["ListClusters"] == "project_id=p1&region=us-central1"
    assert routes["ListWorkflowTemplates"] == "parent=projects%2Fp1%2Fregions%2Fus-central1"


@both
def test_what_the_account_does_not_want_is_not_asked_for(tmp_path: Path, transport: str) -> None:
    wanted = {"include_jobs": False, "include_workflow_templates": False, "include_autoscaling_policies": False}
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path, transport=transport, **wanted)))
        assert {call.method for call in google.calls} == {"ListRegions", "ListClusters"}
    assert heard.clusters["etl"].jobs == []
    assert heard.regions["us-central1"].complete == ALL


def test_jobs_are_asked_for_only_where_there_are_clusters(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path)))
        assert {call.region for call in google.seen("ListJobs")} == {"us-central1", "asia-east1"}
    assert heard.regions["us-east1"].complete == ALL


@both
def test_every_page_is_read_however_small_they_are(tmp_path: Path, transport: str) -> None:
    with open_google(Estate.large(1200, ["us-central1"]), most_per_page=50) as google:
        heard = read(task_of(account_of(google, tmp_path, transport=transport, include_jobs=False)))
        assert len(google.seen("ListClusters")) == 24
    assert len(heard.clusters) == heard.done.success == 1200


@both
def test_pages_that_lead_to_themselves_end_and_what_came_counts(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "us-central1"] = [Fault(repeats_token=True, always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len(google.seen("ListClusters", "us-central1")) == 2
    assert "etl" in heard.clusters
    assert heard.states == {"us-central1": "failed", "us-east1": "ok", "asia-east1": "ok"}
    assert heard.regions["us-central1"].complete == []
    assert "pages" in heard.trouble.message


@both
def test_what_the_server_leaves_out_is_said(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListJobs", "us-central1"] = [Fault(unreachable=("locked-job",))]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
    assert heard.regions["us-central1"].complete == ["clusters", "templates", "policies"]
    assert "locked-job" in heard.trouble.message
    assert len(heard.clusters["etl"].jobs) == 8


def test_projects_are_read_one_after_the_other_and_each_once(tmp_path: Path) -> None:
    places = {"us-central1": Region([cluster("etl")]), "us-east1": Region()}
    with open_google(Estate.of({"p1": places, "p2": places}), late_sec=0.02) as google:
        heard = read(task_of(account_of(google, tmp_path, projects=("p2", "p1", "p2"))))
        projects = [call.project for call in google.calls if call.project]
    assert projects == sorted(projects, reverse=True)
    assert [line.project_id for line in heard.of(RegionsLine)] == ["p2", "p1"]


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3)])
def test_so_many_regions_are_read_at_a_time_as_the_settings_say(tmp_path: Path, concurrency: int, most: int) -> None:
    regions = [f"region-{number}" for number in range(8)]
    settings = msgspec.structs.replace(QUICK, region_concurrency=concurrency)
    with open_google(Estate.large(8, regions), late_sec=0.05) as google:
        google.service.most_at_once = 0
        heard = read(task_of(account_of(google, tmp_path), settings))
        assert google.service.most_at_once == most
        asked = [call.region for call in google.seen("ListClusters")]
    assert len(heard.clusters) == 8
    if concurrency == 1:
        assert asked == list(heard.regions) == regions


@both
def test_a_region_that_fails_costs_the_others_nothing(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(code="INTERNAL", message="disk on fire", always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len(google.seen("ListClusters", "asia-east1")) == 1
    assert sorted(heard.clusters) == ["etl", "gke"]
    assert heard.states == {"us-central1": "ok", "us-east1": "ok", "asia-east1": "failed"}
    assert heard.regions["asia-east1"].complete == []
    trouble = heard.trouble
    assert (trouble.kind, trouble.project_id, trouble.region, trouble.stops) == ("failure", "p1", "asia-east1", "")
    assert "disk on fire" in trouble.message
    assert heard.regions["asia-east1"].result.error == trouble.message


@both
def test_a_region_that_does_not_exist_has_nothing(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(code="NOT_FOUND", always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
    assert heard.troubles == []
    assert heard.regions["asia-east1"].complete == ALL


@pytest.mark.parametrize("fault", [PERMISSION_DENIED, SERVICE_DISABLED])
@both
def test_a_project_that_says_no_is_not_asked_any_further(tmp_path: Path, transport: str, fault: Fault) -> None:
    regions = [f"region-{number}" for number in range(12)]
    places = dict.fromkeys(regions, Region())
    with open_google(Estate.of({"p1": places, "p2": {"us-east1": Region([cluster("etl")])}})) as google:
        google.faults["ListClusters", "p1/*"] = [fault]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len([call for call in google.seen("ListClusters") if call.project == "p1"]) <= 4
    assert (heard.trouble.project_id, heard.trouble.region, heard.trouble.stops) == ("p1", "", "project")
    advice = "switch the Cloud Dataproc API on" if fault is SERVICE_DISABLED else "grant dataproc.clusters.list"
    assert advice in heard.trouble.message
    of_p1 = [line.result.state for line in heard.regions.values() if line.result.project_id == "p1"]
    assert set(of_p1) == {"failed", "skipped"}
    assert list(heard.clusters) == ["etl"]


@both
def test_a_list_that_is_denied_is_asked_for_once_and_the_rest_is_read(tmp_path: Path, transport: str) -> None:
    settings = msgspec.structs.replace(QUICK, region_concurrency=1)
    with open_google(estate()) as google:
        google.faults["ListWorkflowTemplates", "*"] = [PERMISSION_DENIED]
        heard = read(task_of(account_of(google, tmp_path, transport=transport), settings))
        assert len(google.seen("ListWorkflowTemplates")) == 1
    assert sorted(heard.clusters) == ["etl", "gke", "seoul"]
    assert all(line.complete == ["clusters", "jobs", "policies"] for line in heard.regions.values())
    assert (heard.trouble.project_id, heard.trouble.region, heard.trouble.stops) == ("p1", "", "")
    assert "grant dataproc.workflowTemplates.list" in heard.trouble.message
    assert "include_workflow_templates: false" in heard.trouble.message


@both
def test_credentials_that_are_refused_stop_the_account_and_nobody_tries_again(tmp_path: Path, transport: str) -> None:
    regions = [f"region-{number}" for number in range(12)]
    with open_google(Estate.of({"p1": dict.fromkeys(regions, Region()), "p2": {"us-east1": Region()}})) as google:
        google.faults["ListClusters", "*"] = [Fault(code="UNAUTHENTICATED", message="token expired", always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len(google.seen("ListClusters")) <= 4
    assert (heard.trouble.kind, heard.trouble.stops) == ("failure", "account")
    assert [line.project_id for line in heard.of(RegionsLine)] == ["p1"]
    assert heard.done.failure == 1


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
@both
def test_what_may_pass_is_tried_three_times_for_clusters_and_twice_for_jobs(
    tmp_path: Path, transport: str, code: str
) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(code=code), Fault(code=code)]
        google.faults["ListJobs", "us-central1"] = [Fault(code=code, message="busy"), Fault(code=code, message="busy")]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len(google.seen("ListClusters", "asia-east1")) == 3
        assert len(google.seen("ListJobs", "us-central1")) == 2
    assert sorted(heard.clusters) == ["etl", "gke", "seoul"]
    assert heard.regions["us-central1"].complete == ["clusters", "templates", "policies"]
    assert "the jobs cannot be read" in heard.trouble.message
    assert heard.done.retries == 3


@both
def test_a_connection_that_breaks_is_made_again(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(drop=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
    assert "seoul" in heard.clusters
    assert heard.troubles == []


@both
def test_a_connection_that_is_cut_on_the_way_is_made_anew(tmp_path: Path, transport: str) -> None:
    retries = DataprocRetries(initial=Duration(0.5), max=Duration(0.5))
    settings = msgspec.structs.replace(QUICK, retries=retries, region_concurrency=1)

    async def main(google: FakeGoogle) -> tuple[Heard, int]:
        target = f"http://{google.endpoint}" if transport == "grpc" else google.rest
        budgets = iter([20, 20])
        async with cutting(target, lambda: next(budgets, 2**40)) as way:
            endpoint = way.url if transport == "rest" else way.url.removeprefix("http://")
            account = account_of(google, tmp_path, endpoint=endpoint, region_filter=("asia-east1",))
            return await asyncio.to_thread(read, task_of(account, settings)), way.cuts

    with open_google(estate()) as google:
        heard, cuts = asyncio.run(main(google))
    assert cuts == 2
    assert list(heard.clusters) == ["seoul"]
    assert heard.troubles == []
    # gRPC may have tried once by itself while the run waited.
    assert 1 <= heard.done.retries <= 2


@both
def test_a_server_that_asks_for_patience_gets_it(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(code="RESOURCE_EXHAUSTED", retry_sec=0.6)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        first, second = google.seen("ListClusters", "asia-east1")
    assert second.at - first.at >= 0.6
    assert heard.troubles == []


@both
def test_nobody_waits_for_what_would_come_too_late(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "asia-east1"] = [Fault(code="RESOURCE_EXHAUSTED", retry_sec=600.0)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport)))
        assert len(google.seen("ListClusters", "asia-east1")) == 1
    assert heard.trouble.kind == "failure"


@both
def test_jobs_that_never_come_end_at_their_time_and_the_clusters_are_there(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListJobs", "us-central1"] = [Fault(hang=True, always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport), short(jobs=3.0)))
        assert len(google.seen("ListJobs", "us-central1")) == 1
    assert sorted(heard.clusters) == ["etl", "gke", "seoul"]
    assert heard.states["us-central1"] == "timeout"
    assert heard.regions["us-central1"].complete == ["clusters", "templates", "policies"]
    assert (heard.trouble.kind, heard.trouble.region, heard.done.timeout) == ("timeout", "us-central1", 1)


@both
def test_a_region_that_hangs_ends_at_its_time_and_is_not_asked_for_more(tmp_path: Path, transport: str) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "us-central1"] = [Fault(hang=True, always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport), short(cluster=3.0)))
        assert google.seen("ListWorkflowTemplates", "us-central1") == []
    assert heard.states == {"us-central1": "timeout", "us-east1": "ok", "asia-east1": "ok"}
    assert list(heard.clusters) == ["seoul"]


@both
def test_the_run_ends_at_its_time_and_says_what_it_did_not_come_to(tmp_path: Path, transport: str) -> None:
    regions = [f"region-{number}" for number in range(6)]
    estate = Estate.of({"p1": dict.fromkeys(regions, Region([cluster("etl")])), "p2": {"us-east1": Region()}})
    settings = msgspec.structs.replace(short(total=4.0, cluster=4.0), region_concurrency=2)
    with open_google(estate) as google:
        google.faults["ListClusters", "region-1"] = [Fault(hang=True, always=True)]
        google.faults["ListClusters", "region-2"] = [Fault(hang=True, always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport=transport), settings))
    assert heard.states["region-0"] == "ok"
    assert [heard.states[name] for name in regions[1:]] == ["timeout"] * 5
    assert [line.project_id for line in heard.of(RegionsLine)] == ["p1"]
    last = heard.troubles[-1]
    assert (last.kind, last.stops) == ("timeout", "account")
    assert "p2" in last.message
    assert heard.done.timeout == 3


def test_a_state_without_a_name_is_shown_and_counted(tmp_path: Path) -> None:
    with open_google(Estate.of({"p1": {"us-east1": Region([cluster("new", 47), cluster("etl")])}})) as google:
        for transport in ("grpc", "rest"):
            heard = read(task_of(account_of(google, tmp_path, transport=transport)))
            assert heard.clusters["new"].status.state == "47"
            assert (heard.trouble.kind, heard.trouble.cluster_name) == ("unknown", "new")
            assert heard.states == {"us-east1": "ok"}
            assert (heard.done.success, heard.done.unknown) == (2, 1)


def test_one_cluster_that_cannot_be_told_costs_the_others_nothing(tmp_path: Path) -> None:
    broken = cluster("broken")
    type(broken).pb(broken).status.state_start_time.seconds = 10**15
    with open_google(Estate.of({"p1": {"us-east1": Region([broken, cluster("etl")])}})) as google:
        heard = read(task_of(account_of(google, tmp_path)))
    assert list(heard.clusters) == ["etl"]
    assert (heard.trouble.kind, heard.trouble.cluster_name) == ("failure", "broken")
    # It is there, so it must not count as gone.
    assert heard.regions["us-east1"].complete == ["jobs", "templates", "policies"]


def test_a_page_for_people_is_nothing_that_is_understood(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        google.faults["ListClusters", "us-east1"] = [Fault(garbage=True, always=True)]
        heard = read(task_of(account_of(google, tmp_path, transport="rest")))
    assert (heard.trouble.kind, heard.trouble.region) == ("unknown", "us-east1")
    assert heard.done.unknown == 1


def test_calls_are_counted_by_project_and_told_to_the_next_run(tmp_path: Path) -> None:
    places = {"us-central1": Region([cluster("etl")]), "us-east1": Region()}
    settings = msgspec.structs.replace(QUICK, quota=DataprocQuota(per_minute=20))
    with open_google(Estate.of({"p1": places, "p2": {"us-east1": Region()}})) as google:
        task = task_of(account_of(google, tmp_path), settings, earlier_calls={"p1": [70.0, 30.0, 20.0]})
        done = read(task).done
    # Two of before, four of one region and three of the other.
    assert done.quota_percent == 45.0
    assert {project: len(calls) for project, calls in done.recent_calls.items()} == {"p1": 9, "p2": 3}
    assert all(0 <= ago < 60 for calls in done.recent_calls.values() for ago in calls)


def test_no_project_gets_more_calls_than_it_may(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(QUICK, quota=DataprocQuota(per_minute=5))
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path), settings))
        assert len([call for call in google.calls if call.transport == "grpc"]) == 5
    assert "5 calls within a minute" in heard.troubles[0].message
    assert heard.done.quota_percent == 100.0


def test_a_call_waits_for_its_turn_when_that_comes_in_time(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(QUICK, quota=DataprocQuota(per_minute=20))
    earlier = {"p1": [59.4] * 18}
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path), settings, earlier_calls=earlier))
    assert heard.troubles == []
    assert sorted(heard.clusters) == ["etl", "gke", "seoul"]


def known(*regions: str, sec: float) -> dict[str, KnownRegions]:
    return {"p1": KnownRegions(regions=list(regions), until=datetime.now(UTC) + timedelta(seconds=sec))}


def test_the_regions_are_those_of_the_project_that_are_up_and_may_be_remembered(tmp_path: Path) -> None:
    content = {"us-east1": Region(), "us-west1": Region(status="DOWN"), "asia-east1": Region()}
    with open_google(Estate.of({"p1": content}), most_per_page=1) as google:
        heard = read(task_of(account_of(google, tmp_path)))
    assert (heard.places.regions, heard.places.regions_from) == (["us-east1", "asia-east1"], "api")
    assert heard.places.until is not None
    assert timedelta(seconds=200) < heard.places.until - datetime.now(UTC) <= timedelta(seconds=300)
    assert heard.places.error is not None
    assert "us-west1" in heard.places.error


def test_known_regions_are_not_asked_for_again_until_their_time_is_over(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path), known=known("us-east1", sec=60)))
        assert google.seen("ListRegions") == []
        assert (heard.places.regions, heard.places.regions_from) == (["us-east1"], "cache")
        heard = read(task_of(account_of(google, tmp_path), known=known("us-east1", sec=-1)))
        assert heard.places.regions_from == "api"
        assert len(heard.places.regions) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(code="PERMISSION_DENIED", reason="IAM_PERMISSION_DENIED", message="compute.regions.list", always=True),
        SERVICE_DISABLED,
        Fault(code="UNAVAILABLE", always=True),
        Fault(hang=True, always=True),
        Fault(garbage=True, always=True),
    ],
    ids=["denied", "disabled", "away", "silent", "garbage"],
)
def test_without_the_list_of_regions_those_of_the_settings_are_read_and_never_remembered(
    tmp_path: Path, fault: Fault
) -> None:
    with open_google(estate()) as google:
        google.faults["ListRegions", "*"] = [fault]
        settings = msgspec.structs.replace(short(jobs=1.0), fallback_regions=("us-central1", "us-west1"))
        heard = read(task_of(account_of(google, tmp_path), settings))
    places = heard.places
    assert (places.regions, places.regions_from, places.until) == (["us-central1", "us-west1"], "fallback", None)
    assert places.error is not None
    assert "the list of regions cannot be had" in places.error
    assert heard.troubles == []
    assert sorted(heard.clusters) == ["etl", "gke"]


def test_a_filter_keeps_the_regions_it_names_and_says_which_are_none(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        account = account_of(google, tmp_path, region_filter=("us-east1", "mars-1"), exclude_regions=())
        places = read(task_of(account)).places
    assert places.regions == ["us-east1"]
    assert places.error is not None
    assert "mars-1" in places.error


def test_a_filter_is_what_is_read_when_nobody_tells_the_regions(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        google.faults["ListRegions", "*"] = [PERMISSION_DENIED]
        account = account_of(google, tmp_path, region_filter=("asia-east1", "asia-south2"))
        places = read(task_of(account)).places
    assert (places.regions, places.regions_from) == (["asia-east1", "asia-south2"], "fallback")


def test_excluded_regions_are_left_out(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path, exclude_regions=("us-central1", "us-east1"))))
    assert heard.places.regions == ["asia-east1"]
    assert list(heard.clusters) == ["seoul"]


def test_a_project_of_which_no_region_is_left_is_no_success(tmp_path: Path) -> None:
    with open_google(estate()) as google:
        heard = read(task_of(account_of(google, tmp_path, region_filter=("mars-1",))))
    assert (heard.trouble.kind, heard.trouble.project_id, heard.trouble.stops) == ("failure", "p1", "project")
    assert "mars-1" in heard.trouble.message


def test_the_region_that_is_none_of_computes_is_read_when_it_is_named(tmp_path: Path) -> None:
    with open_google(Estate.of({"p1": {"us-east1": Region()}})) as google:
        heard = read(task_of(account_of(google, tmp_path, region_filter=("global", "us-east1"))))
        assert {call.region for call in google.seen("ListClusters")} == {"us-east1", "global"}
    assert heard.places.error is None

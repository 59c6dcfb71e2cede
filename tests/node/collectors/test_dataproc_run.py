"""What a run was: complete, partial, failed or cut off; its numbers, and why, in a sentence."""

from collections.abc import Iterable
from typing import Any

from etlmon.contract.dataproc_rows import DataprocRun
from node.collectors.dataproc_run import LONGEST_ERROR, MOST_ERRORS, RunSoFar
from node.sources.dataproc_types import ClusterLine, DataprocLine, RegionLine, RegionsLine
from tests.node.collectors.dataproc_said import done, failed, read, trouble
from tests.node.store.estates import cluster, job, region
from tests.node.store.opened import START, after


def run(lines: Iterable[DataprocLine], *, stale: int = 0, failure: str | None = None) -> DataprocRun:
    so_far = RunSoFar("data", START)
    for line in lines:
        so_far.take(line)
    if failure is not None:
        so_far.fail(failure)
    return so_far.ended(after(5.2), stale=stale)


def skipped(name: str, state: Any = "skipped") -> RegionLine:
    return RegionLine(result=region(name, state=state), complete=[])


def regions(regions_from: Any = "api", **fields: Any) -> RegionsLine:
    return RegionsLine(**{"project_id": "p1", "regions": ["asia-northeast3"], "regions_from": regions_from, **fields})


def test_a_run_that_read_everything_is_complete() -> None:
    lines = [
        regions(),
        *read(cluster("u1", jobs=[job("j1"), job("j2")]), clusters=1, jobs=2, calls=4),
        done(success=1, calls=5, retries=2, quota_percent=0.5),
    ]
    assert run(lines) == DataprocRun(
        account="data",
        started_at=START,
        ended_at=after(5.2),
        duration_ms=5200.0,
        result="complete",
        success=1,
        calls=5,
        retries=2,
        clusters=1,
        jobs=2,
        regions_from="api",
        quota_percent=0.5,
        regions=[region(clusters=1, jobs=2, calls=4)],
    )


def test_a_project_without_a_cluster_is_read_completely_too() -> None:
    assert run([regions(), *read(), done()]).result == "complete"


def test_a_run_with_a_region_that_failed_is_partial_and_names_it() -> None:
    found = run([*read(cluster("u1")), *failed("us-east1", "not reachable"), done(success=1, failure=1)])
    assert (found.result, found.success, found.failure) == ("partial", 1, 1)
    assert found.reason == "1 of 2 regions could not be read whole; p1/us-east1: not reachable"
    assert found.errors == []


def test_a_run_that_could_read_nothing_failed() -> None:
    found = run([*failed("us-east1", "denied", stops="project"), done(failure=1)])
    assert (found.result, found.reason) == ("failed", "1 of 1 regions could not be read whole; p1/us-east1: denied")


def test_a_run_of_which_every_call_timed_out_timed_out() -> None:
    lines: list[DataprocLine] = [
        trouble("no answer in time", kind="timeout", region="us-east1"),
        skipped("us-east1", "timeout"),
        done(timeout=1),
    ]
    assert (run(lines).result, run(lines).timeout) == ("timeout", 1)


def test_an_account_that_is_refused_failed_whatever_was_read_before() -> None:
    lines = [*read(cluster("u1")), trouble("the credentials are refused", stops="account", project_id=""), skipped("x")]
    found = run([*lines, done(success=1, failure=1)])
    assert (found.result, found.reason) == ("failed", "the credentials are refused")
    assert found.errors == ["the credentials are refused"]


def test_a_run_whose_own_time_was_over_timed_out() -> None:
    over = trouble("the 90 s of a run are over", kind="timeout", stops="account", project_id="")
    found = run([*read(cluster("u1")), over, skipped("us-east1", "timeout"), done(success=1, timeout=1)])
    assert (found.result, found.reason, found.timeout) == ("timeout", "the 90 s of a run are over", 1)


def test_a_run_without_a_last_line_was_cut_off_and_its_numbers_are_counted() -> None:
    lines = [*read(cluster("u1"), calls=4), ClusterLine(cluster=cluster("u2")), trouble(), trouble(kind="unknown")]
    found = run(lines)
    assert (found.result, found.success, found.failure, found.timeout, found.unknown) == ("timeout", 2, 1, 1, 1)
    assert (found.calls, found.clusters) == (4, 2)
    assert found.reason is not None
    assert found.reason.startswith("it was cut off at its deadline, after 1 regions")


def test_a_run_that_broke_says_why() -> None:
    found = run(read(cluster("u1")), failure="the process ended\nwith status 9")
    assert (found.result, found.reason) == ("failed", "the process ended with status 9")
    assert (found.success, found.failure, found.timeout) == (1, 1, 0)


def test_a_form_that_is_new_is_counted_and_spoils_nothing() -> None:
    new = trouble("its state is 99", kind="unknown", region="asia-northeast3", cluster_name="etl-u1")
    found = run([*read(cluster("u1")), new, done(success=1, unknown=1)])
    assert (found.result, found.unknown) == ("complete", 1)
    assert found.errors == ["p1/asia-northeast3/etl-u1: its state is 99"]


def test_with_the_usual_regions_a_run_is_complete_unless_there_are_clusters_elsewhere() -> None:
    lines = [regions("fallback", error="compute.regions.list is denied"), *read(cluster("u1")), done(success=1)]
    found = run(lines)
    assert (found.result, found.regions_from) == ("complete", "fallback")
    assert found.reason == "p1: compute.regions.list is denied"
    missing = run(lines, stale=3)
    assert missing.result == "partial"
    assert missing.reason == "3 clusters are in regions that were not asked; p1: compute.regions.list is denied"


def test_of_several_projects_the_least_sure_list_of_regions_is_told() -> None:
    assert run([regions("api"), regions("cache"), regions("api"), done()]).regions_from == "cache"
    assert run([regions("fallback"), regions("api"), done()]).regions_from == "fallback"


def test_regions_are_in_order_and_their_errors_are_told_once() -> None:
    lines = [
        *read(name="z"),
        *failed("b", "away"),
        *read(name="a"),
        trouble("away", region="b"),
        trouble("else"),
        done(),
    ]
    found = run(lines)
    assert [one.region for one in found.regions] == ["a", "b", "z"]
    assert found.errors == ["p1: else"]


def test_errors_are_no_more_than_anybody_reads() -> None:
    many = [trouble(f"error {number}", region=f"r{number}") for number in range(MOST_ERRORS + 9)]
    found = run([*read(), *many, done()])
    assert len(found.errors) == MOST_ERRORS + 1
    assert found.errors[-1] == "and 9 more"


def test_what_went_wrong_is_bounded_and_without_secrets() -> None:
    long = run([trouble(f"token=abcdef {'x' * 5000}", stops="account"), done()])
    assert long.reason is not None
    assert len(long.reason) <= LONGEST_ERROR
    assert "abcdef" not in long.reason + "".join(long.errors)


def test_while_it_goes_on_a_run_says_so() -> None:
    so_far = RunSoFar("data", START).so_far()
    assert (so_far.result, so_far.ended_at, so_far.account) == ("running", None, "data")


def test_the_calls_of_each_project_are_known_though_it_was_cut_off() -> None:
    so_far = RunSoFar("data", START)
    for line in [*read(calls=4), *read(name="b", calls=3), *read(project_id="p2", calls=1)]:
        so_far.take(line)
    assert so_far.calls() == {"p1": 7, "p2": 1}

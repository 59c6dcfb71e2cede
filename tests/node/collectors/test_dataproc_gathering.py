"""What a run's lines make of what was known: seen, gone, stale, and kept as it was."""

from collections.abc import Iterable
from typing import Any

import msgspec

from etlmon.contract.dataproc_models import ClusterConfig, DataprocCluster, Status
from etlmon.contract.dataproc_rows import DataprocRow
from etlmon.units import Duration
from node.collectors.dataproc_attention import Limits
from node.collectors.dataproc_gathering import Gathered, Gathering
from node.settings_dataproc import DataprocAccount
from node.sources.dataproc_types import ClusterLine, DataprocLine
from tests.node.collectors.dataproc_said import read, trouble
from tests.node.store.estates import SEOUL, cluster, job, policy, row, template
from tests.node.store.opened import START, after

ACCOUNT = DataprocAccount(name="data", projects=("p1",), anonymous=True, endpoint="127.0.0.1:1")
LIMITS = Limits(Duration(3600), Duration(1800))
US = "us-east1"


def gathering(*rows: DataprocRow) -> Gathering:
    return Gathering(ACCOUNT, rows, LIMITS)


def took(run: Gathering, lines: Iterable[DataprocLine], seconds: float = 60) -> list[Gathered]:
    return [one for line in lines if (one := run.take(line, after(seconds))) is not None]


def ended(run: Gathering) -> dict[str, DataprocRow]:
    """The rows that are stored at the end."""
    return {row.id: row for one in run.rest(after(90)) for row in one.look.rows}


def elsewhere(key: str, **fields: Any) -> DataprocCluster:
    return cluster(key, **{"location": US, **fields})


def test_a_region_is_stored_as_soon_as_it_is_done_and_not_before() -> None:
    run = gathering()
    lines = read(cluster("u1", jobs=[job("j1")]), template(), policy())
    assert took(run, lines[:-1]) == []
    [one] = took(run, lines[-1:])
    assert [row.id for row in one.look.rows] == ["u1"]
    assert list(one.look.clusters) == ["u1"]
    assert [job.job_id for job in one.look.jobs["u1"]] == ["j1"]
    assert [found.id for found in one.look.templates[SEOUL]] == ["nightly"]
    assert [found.id for found in one.look.policies[SEOUL]] == ["burst"]
    assert one.look.rows[0].collected_at == after(60)
    assert ended(run) == {}


def test_regions_that_are_read_at_the_same_time_are_told_apart() -> None:
    run = gathering()
    [first, first_end], [second, second_end] = read(cluster("u1")), read(elsewhere("u2"), name=US)
    stored = took(run, [first, second, second_end, first_end])
    assert [[row.id for row in one.look.rows] for one in stored] == [["u2"], ["u1"]]


def test_a_cluster_that_a_region_read_to_its_end_does_not_have_is_gone() -> None:
    run = gathering(row("u1"), row("u2", attention="idle", attention_reason="idle", idle_since=START, stale=True))
    [one] = took(run, read(cluster("u1")))
    gone = next(row for row in one.look.rows if row.id == "u2")
    assert (gone.gone_at, gone.stale, gone.collected_at) == (after(60), False, START)
    assert (gone.attention, gone.attention_reason, gone.idle_since) == (None, None, None)
    assert ended(run) == {}
    assert run.stale == 0


def test_a_cluster_of_a_region_that_was_not_read_to_its_end_is_only_stale() -> None:
    run = gathering(row("u1"), row("u2"))
    took(run, read(cluster("u1"), complete=["jobs"], state="failed"))
    rows = ended(run)
    assert list(rows) == ["u2"]
    assert (rows["u2"].stale, rows["u2"].gone_at, rows["u2"].collected_at) == (True, None, START)
    assert run.stale == 1


def test_clusters_of_regions_that_nobody_asked_are_stale_and_told_so_once() -> None:
    run = gathering(row("u1"), row("u2", region=US), row("u3", region=US, stale=True))
    took(run, read(cluster("u1")))
    assert list(ended(run)) == ["u2"]
    assert run.stale == 2


def test_a_region_without_anything_leaves_nothing_of_it() -> None:
    run = gathering(row("u1"), row("u2", region=US))
    [one] = took(run, read())
    assert [(row.id, row.gone_at) for row in one.look.rows] == [("u1", after(60))]
    assert (one.look.templates, one.look.policies) == ({SEOUL: []}, {SEOUL: []})


def test_what_of_a_region_was_not_read_stays_as_it_was() -> None:
    run = gathering(row("u1", jobs=3, jobs_running=1))
    [one] = took(run, read(cluster("u1", jobs=[job("part")]), template(), complete=["clusters"], state="failed"))
    assert (one.look.jobs, one.look.templates, one.look.policies) == ({}, {}, {})
    assert (one.look.rows[0].jobs, one.look.rows[0].jobs_running) == (3, 1)


def test_what_came_of_a_region_before_the_run_was_cut_counts() -> None:
    run = gathering(row("u1", stale=True), row("u2"))
    assert took(run, [ClusterLine(cluster=cluster("u1")), trouble()]) == []
    rows = ended(run)
    assert (rows["u1"].stale, rows["u2"].stale) == (False, True)
    assert run.stale == 1


def test_a_stale_cluster_that_is_seen_again_is_fresh() -> None:
    run = gathering(row("u1", stale=True, first_seen_at=after(-999)))
    [one] = took(run, read(cluster("u1")))
    assert (one.look.rows[0].stale, one.look.rows[0].first_seen_at) == (False, after(-999))
    assert run.stale == 0


def test_a_cluster_made_anew_under_the_same_name_is_another_one() -> None:
    run = gathering(row("old", cluster_name="etl"))
    [one] = took(run, read(cluster("new", cluster_name="etl")))
    assert {row.id: row.gone_at for row in one.look.rows} == {"new": None, "old": after(60)}


def test_a_cluster_on_two_pages_is_one_cluster() -> None:
    twice = [cluster("u1"), cluster("u1", labels={"later": ""})]
    [one] = took(gathering(), read(*twice))
    assert [row.labels for row in one.look.rows] == [{"later": ""}]
    assert len(one.changes) == 1


def test_a_change_knows_what_was_before_and_when_the_cluster_was_made() -> None:
    history = [Status(state="CREATING", state_start_time=after(-300))]
    run = gathering(row("u1", state="CREATING"))
    [one] = took(run, read(cluster("u1", status_history=history)))
    [change] = one.changes
    assert change.before is not None
    assert (change.before.state, change.now.state, change.created_at) == ("CREATING", "RUNNING", after(-300))


def test_the_rows_are_in_the_end_what_is_stored() -> None:
    run = gathering(row("u1"), row("u2"), row("u3", region=US))
    stored = took(run, read(cluster("u1")))
    stored += run.rest(after(90))
    last = {row.id: row for one in stored for row in one.look.rows}
    assert run.rows == last


def test_a_cluster_of_an_account_that_reads_no_jobs_is_never_idle() -> None:
    account = msgspec.structs.replace(ACCOUNT, include_jobs=False)
    run = Gathering(account, (), Limits(None, Duration(1800)))
    [one] = took(run, read(cluster("u1", config=ClusterConfig())), seconds=10 * 86400)
    assert (one.look.rows[0].idle_since, one.look.rows[0].attention) == (None, None)
    assert one.look.jobs == {"u1": []}

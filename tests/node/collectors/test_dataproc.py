"""The collector: a run is a row from its beginning, what it saw is stored by region, and it compares with before."""

import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from etlmon.contract.dataproc_models import Status
from etlmon.units import Duration
from node.collectors import COLLECTORS
from node.collectors.dataproc import DataprocCollector, build, name_of
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc as Section
from node.settings_dataproc import DataprocAccount, DataprocTimeouts
from node.sources.dataproc import DataprocError
from node.sources.dataproc_types import DataprocLine, RegionsLine
from tests.node.collectors.dataproc_said import Teller, done, failed, read, trouble
from tests.node.collectors.dataproc_stage import ACCOUNT, Stage, play
from tests.node.store.estates import cluster, job
from tests.node.store.opened import START, after

US = "us-east1"


def settings(*names: str, enabled: bool = True) -> NodeSettings:
    accounts = tuple(msgspec.structs.replace(ACCOUNT, name=name) for name in names)
    return NodeSettings(dataproc=Section(enabled=enabled, accounts=accounts))


def test_each_account_has_a_collector_and_none_is_there_unless_it_is_switched_on() -> None:
    assert (
        [one.name for one in build(settings("data", "ml"))]
        == ["dataproc:data", "dataproc:ml"]
        == [
            name_of("data"),
            name_of("ml"),
        ]
    )
    assert build(settings("data", enabled=False)) == []
    assert [one.at_once for one in COLLECTORS if one.domain == "dataproc"] == [1]


def test_a_collector_goes_on_only_as_long_as_its_own_settings_are_the_same() -> None:
    [one] = build(settings("data"))
    [same, _] = build(settings("data", "ml"))
    assert one.options == same.options
    other = msgspec.structs.replace(settings("data").dataproc, stuck_after=Duration(60))
    assert one.options != build(NodeSettings(dataproc=other))[0].options


def test_a_run_may_take_its_own_time_and_a_little_more() -> None:
    section = Section(timeouts=DataprocTimeouts(total=Duration(200)))
    assert DataprocCollector(ACCOUNT, section, interval_sec=120, asker=Teller()).deadline_sec > 200


def test_a_run_is_there_from_its_beginning_and_each_region_is_stored_when_it_is_done(tmp_path: Path) -> None:
    lines = [*read(cluster("u1", jobs=[job("j1")])), *read(cluster("u2", location=US), name=US), done(success=2)]

    async def scenario(stage: Stage, teller: Teller) -> None:
        outcome = await stage.run()
        assert outcome.failure is None
        states = [[look.run.result if look.run else None for look in reading.rows] for reading in stage.readings]
        assert states == [["running"], [None], [None], ["complete"]]
        assert [len(reading.rows[0].rows) for reading in stage.readings] == [0, 1, 1, 0]
        assert [bool(reading.samples) for reading in stage.readings] == [False, False, False, True]
        [run] = await stage.runs()
        assert (run.result, run.started_at, run.clusters, run.jobs) == ("complete", START, 2, 1)
        assert run.ended_at is not None
        assert run.ended_at >= START
        assert set(await stage.rows()) == {"etl-u1", "etl-u2"}

    play(tmp_path, lines, scenario=scenario)


def test_the_first_run_is_no_news_and_the_next_one_tells_what_changed(tmp_path: Path) -> None:
    creating = Status(state="CREATING", state_start_time=START)
    first = [*read(cluster("u1"), cluster("u2", status=creating)), done()]
    second = [*read(cluster("u2"), cluster("u3", status=creating)), done()]

    async def scenario(stage: Stage, teller: Teller) -> None:
        await stage.run()
        assert await stage.events() == []
        await stage.run(120)
        assert [kind for kind, _ in await stage.events()] == ["cluster_state", "cluster_created", "cluster_gone"]
        rows = await stage.rows(gone=True)
        assert rows["etl-u1"].gone_at is not None
        assert rows["etl-u1"].gone_at >= after(120)
        assert rows["etl-u2"].first_seen_at == rows["etl-u1"].first_seen_at
        assert rows["etl-u3"].first_seen_at >= after(120)

    play(tmp_path, first, second, scenario=scenario)


def test_a_region_that_fails_leaves_its_clusters_stale_until_it_is_read_again(tmp_path: Path) -> None:
    both = [*read(cluster("u1")), *read(cluster("u2", location=US), name=US), done()]
    one = [*read(cluster("u1")), *failed(US), done(failure=1)]

    async def scenario(stage: Stage, teller: Teller) -> None:
        await stage.run()
        outcome = await stage.run(120)
        assert outcome.failure is None
        rows = await stage.rows()
        assert {name: row.stale for name, row in rows.items()} == {"etl-u1": False, "etl-u2": True}
        assert rows["etl-u2"].collected_at < after(60)
        assert (await stage.runs())[0].result == "partial"
        await stage.run(240)
        assert not (await stage.rows())["etl-u2"].stale
        assert await stage.events() == []

    play(tmp_path, both, one, both, scenario=scenario)


def test_a_run_that_is_cut_off_keeps_what_it_had_and_is_a_failure_of_the_collector(tmp_path: Path) -> None:
    cut = [*read(cluster("u1")), *read(cluster("u2", location=US), name=US)[:1]]

    async def scenario(stage: Stage, teller: Teller) -> None:
        outcome = await stage.run()
        assert "cut off at its deadline" in str(outcome.failure)
        assert set(await stage.rows()) == {"etl-u1", "etl-u2"}
        [run] = await stage.runs()
        assert (run.result, run.success, run.timeout) == ("timeout", 2, 1)
        assert [kind for kind, _ in await stage.events()] == ["run_failed"]

    play(tmp_path, cut, scenario=scenario)


def test_a_run_that_breaks_leaves_its_reason_and_the_next_one_recovers(tmp_path: Path) -> None:
    broken = DataprocError("Dataproc cannot be read: install it with pip install 'etlmon[dataproc]'")

    async def scenario(stage: Stage, teller: Teller) -> None:
        first, second = await stage.run(), await stage.run(120)
        assert str(first.failure) == str(second.failure) == str(broken)
        assert [run.reason for run in await stage.runs()] == [str(broken)] * 2
        assert (await stage.run(240)).failure is None
        assert [kind for kind, _ in await stage.events()] == ["run_failed", "run_recovered"]
        ups = [sample.value for sample in stage.readings[-1].samples if sample.name == "etlmon_dataproc_up"]
        assert ups == [1.0]

    play(tmp_path, [broken], [broken], [*read(), done()], scenario=scenario)


def test_a_failed_run_still_states_its_numbers(tmp_path: Path) -> None:
    async def scenario(stage: Stage, teller: Teller) -> None:
        outcome = await stage.run()
        stated = {sample.name: sample.value for sample in outcome.samples}
        assert (stated["etlmon_dataproc_up"], stated["etlmon_dataproc_run_failure"]) == (0.0, 1.0)

    refused: list[DataprocLine | Exception] = [trouble("the credentials are refused", stops="account"), done(failure=1)]
    play(tmp_path, refused, scenario=scenario)


def test_three_failed_runs_in_a_row_are_serious(tmp_path: Path) -> None:
    refused: list[DataprocLine | Exception] = [trouble("the credentials are refused", stops="account"), done(failure=1)]

    async def scenario(stage: Stage, teller: Teller) -> None:
        for number in range(4):
            await stage.run(120 * number)
        assert await stage.events() == [
            ("account_refused", "account data is refused: the credentials are refused"),
            ("run_failed", "account data could not be collected 3 times in a row: the credentials are refused"),
        ]

    play(tmp_path, *[refused] * 4, scenario=scenario)


def test_regions_from_the_api_are_remembered_until_their_time_is_over(tmp_path: Path) -> None:
    line = RegionsLine(project_id="p1", regions=[US], regions_from="api", until=after(300))
    usual = RegionsLine(project_id="p1", regions=["usual"], regions_from="fallback", error="denied")

    async def scenario(stage: Stage, teller: Teller) -> None:
        for seconds in (0, 120, 301):
            await stage.run(seconds)
        known = [{project: one.regions for project, one in task.known.items()} for task in teller.tasks]
        assert known == [{}, {"p1": [US]}, {}]

    play(tmp_path, [line, *read(name=US), done()], [usual, done()], [usual, done()], scenario=scenario)


def test_the_next_run_knows_how_long_ago_the_calls_of_this_one_were(tmp_path: Path) -> None:
    ended = done(recent_calls={"p1": [0.5, 59.99], "p2": [61.0]})
    cut = read(cluster("u1"), calls=3)

    async def scenario(stage: Stage, teller: Teller) -> None:
        await stage.run()
        await asyncio.sleep(0.05)
        await stage.run(120)
        await stage.run(240)
        earlier = [task.earlier_calls for task in teller.tasks]
        assert earlier[0] == {}
        assert list(earlier[1]) == ["p1"]
        [ago] = earlier[1]["p1"]
        assert 0.55 <= ago < 30
        assert len(earlier[2]["p1"]) == 4

    play(tmp_path, [ended], cut, [done()], scenario=scenario)


def test_the_key_is_read_anew_for_each_run_and_goes_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "sa.json"
    account = DataprocAccount(name="data", projects=("p1",), credentials_file=str(key))

    async def scenario(stage: Stage, teller: Teller) -> None:
        key.write_text('{"private_key": "first-one"}')
        await stage.run()
        key.write_text('{"private_key": "second-one"}')
        await stage.run(120)
        assert [task.credentials for task in teller.tasks] == [
            '{"private_key": "first-one"}',
            '{"private_key": "second-one"}',
        ]
        assert "first-one" not in repr(teller.tasks)

    play(tmp_path, [done()], [done()], scenario=scenario, account=account)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("etlmon.db*"))
    assert b"first-one" not in stored
    assert "first-one" not in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no such file or directory"), (b"\xff\xfe", "it is no text"), ("folder", "no regular file")],
)
def test_a_key_that_cannot_be_read_fails_the_run_in_words(
    tmp_path: Path, content: bytes | str | None, reason: str
) -> None:
    key = tmp_path / "sa.json"
    if isinstance(content, bytes):
        key.write_bytes(content)
    elif content == "folder":
        key.mkdir()
    account = DataprocAccount(name="data", projects=("p1",), credentials_file=str(key))

    async def scenario(stage: Stage, teller: Teller) -> None:
        outcome = await stage.run()
        assert f"the key file {key}" in str(outcome.failure)
        assert reason in str(outcome.failure)
        assert teller.tasks == []
        assert (await stage.runs())[0].result == "failed"

    play(tmp_path, scenario=scenario, account=account)


def test_a_run_that_is_stopped_in_the_middle_lets_go_of_its_process(tmp_path: Path) -> None:
    async def scenario(stage: Stage, teller: Teller) -> None:
        readings = stage.collector.readings(START)
        await anext(readings)
        await anext(readings)
        assert teller.open == 1
        await readings.aclose()
        assert teller.open == 0

    play(tmp_path, [*read(cluster("u1")), *read(name=US), done()], scenario=scenario)


def test_a_cluster_that_was_gone_and_is_there_again_is_not_gone(tmp_path: Path) -> None:
    async def scenario(stage: Stage, teller: Teller) -> None:
        for number in range(3):
            await stage.run(120 * number)
        assert [kind for kind, _ in await stage.events()] == ["cluster_gone", "cluster_created"]
        rows = await stage.rows()
        assert (rows["etl-u1"].gone_at, rows["etl-u1"].stale) == (None, False)

    there = [*read(cluster("u1")), done()]
    play(tmp_path, there, [*read(), done()], there, scenario=scenario)


def test_a_run_that_broke_off_without_a_word_is_over_when_the_next_one_begins(tmp_path: Path) -> None:
    async def scenario(stage: Stage, teller: Teller) -> None:
        outcome = await stage.run()
        assert isinstance(outcome.failure, ZeroDivisionError)
        assert [run.result for run in await stage.runs()] == ["running"]
        await stage.run(120)
        assert [run.result for run in await stage.runs()] == ["complete", "failed"]

    play(tmp_path, [ZeroDivisionError("a mistake")], [done()], scenario=scenario)


def test_nothing_of_a_large_estate_is_held_between_two_runs(tmp_path: Path) -> None:
    lines = [*read(*(cluster(f"u{number}") for number in range(50))), done()]

    async def scenario(stage: Stage, teller: Teller) -> None:
        await stage.run()
        assert list(stage.collector._rows) == []

    play(tmp_path, lines, scenario=scenario)


def test_what_is_no_longer_configured_goes_and_a_run_that_was_interrupted_is_over(tmp_path: Path) -> None:
    [registration] = [one for one in COLLECTORS if one.domain == "dataproc"]
    prune = registration.prune
    assert prune is not None

    async def scenario(stage: Stage, teller: Teller) -> None:
        await stage.run()
        readings = stage.collector.readings(START + timedelta(minutes=2))
        await stage._commit(await anext(readings))
        await readings.aclose()
        assert [run.result for run in await stage.runs()] == ["running", "complete"]
        await stage.database.write(lambda db: prune(db, settings("data"), ["dataproc:data"]))
        assert [run.result for run in await stage.runs()] == ["running", "complete"]
        await stage.database.write(lambda db: prune(db, settings("data"), []))
        assert [run.result for run in await stage.runs()] == ["failed", "complete"]
        assert set(await stage.rows()) == {"etl-u1"}
        await stage.database.write(lambda db: prune(db, settings("data", enabled=False), []))
        assert await stage.rows() == {}

    play(tmp_path, [*read(cluster("u1")), done()], [done()], scenario=scenario)

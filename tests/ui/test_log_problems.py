"""When a log or a transfer log is a problem, and when it only looks like one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etlmon.contract.logs import Log
from etlmon.contract.xferlog import Finding, Transfer, XferSource
from tests.ui.transfers import source, transfer
from ui.problems import logs as logs_problems
from ui.problems import of_node
from ui.problems import xferlog as xferlog_problems
from ui.state import NodeState, answered

NOW = datetime(2026, 11, 21, 6, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_log(**more: Any) -> Log:
    return Log(**{"name": "app", "path": "/var/log/app.log", "lines_total": 9, "collected_at": NOW, **more})


@pytest.mark.parametrize(
    ("log", "level", "words"),
    [
        (a_log(), "ok", "following"),
        (a_log(errors_per_min=300.0), "ok", "following"),
        (a_log(status="ended"), "ok", "ended"),
        (a_log(status="behind", lag_bytes=2**20), "ok", "behind"),
        (a_log(status="behind", lag_bytes=17 * 2**20), "warn", "17M behind"),
        (a_log(status="missing"), "crit", "missing"),
        (a_log(status="missing", error_message="/var/log/app.log is gone"), "crit", "/var/log/app.log is gone"),
        (a_log(status="missing", lines_total=0), "warn", "not there yet"),
        (a_log(status="missing", lines_total=0, inode=7), "crit", "missing"),
        (a_log(status="denied", error_message="no permission"), "crit", "no permission"),
        (a_log(status="stuck"), "crit", "its file system does not answer"),
        (a_log(status="error", error_message="I/O error"), "crit", "I/O error"),
        (a_log(status="paused", paused=True), "warn", "paused: lines are not read until it is resumed"),
        (a_log(status="paused", paused=True, lag_bytes=99 * 2**20), "warn", "paused: lines are not read until"),
        (a_log(status="denied", paused=True), "crit", "denied"),
        (a_log(gaps=3, last_gap_at=NOW - HOUR / 2), "warn", "lines may be missing (3 gaps so far)"),
        (a_log(gaps=1, lost_bytes=2048, last_gap_at=NOW - HOUR / 2), "warn", "(1 gap so far, 2.0K known to be lost)"),
        (a_log(gaps=3, last_gap_at=NOW - HOUR * 1.1), "ok", "following"),
    ],
)
def test_a_log_is_judged_by_whether_its_lines_come(log: Log, level: str, words: str) -> None:
    assert logs_problems.level(log) == level
    assert words in logs_problems.words(log)


def test_the_problem_of_a_gap_is_as_old_as_the_gap() -> None:
    logs = [a_log(name="a", gaps=1, last_gap_at=NOW - HOUR / 2), a_log(name="b", paused=True), a_log(name="c")]
    node = answered(NodeState(name="etl", address=""), logs_problems.QUESTION, logs, now=NOW)
    assert [(one.view, one.key, one.since) for one in of_node(node)] == [
        ("logs", "a", NOW - HOUR / 2),
        ("logs", "b", None),
    ]


@pytest.mark.parametrize(
    ("log", "level", "words"),
    [
        (source(), "ok", "following"),
        (source(unparsed_total=1, last_unparsed_at=NOW), "warn", "1 line could not be read"),
        (source(unparsed_total=1, last_unparsed_at=NOW - 2 * HOUR), "ok", "following"),
        (source(compare_error="/srv is denied"), "warn", "not compared with the disk: /srv is denied"),
        (source(lag_bytes=17 * 2**20), "warn", "17M behind"),
        (source(status="missing", transfers_total=0), "warn", "not there yet"),
        (source(status="missing"), "crit", "missing"),
        (source(status="denied", error_message="no permission"), "crit", "no permission"),
        (source(status="stuck"), "crit", "its file system does not answer"),
    ],
)
def test_a_transfer_log_is_judged_by_whether_it_is_read(log: XferSource, level: str, words: str) -> None:
    assert (xferlog_problems.level(log), xferlog_problems.words(log)) == (level, words)


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (transfer(1), "ok"),
        (transfer(1, outcome="refused"), "ok"),
        (transfer(1, outcome="interrupted"), "warn"),
        (transfer(1, on_disk="present"), "ok"),
        (transfer(1, on_disk="unknown"), "ok"),
        (transfer(1, on_disk="shorter"), "warn"),
        (transfer(1, on_disk="missing"), "crit"),
    ],
)
def test_a_transfer_is_as_bad_as_what_is_left_of_it(one: Transfer, level: str) -> None:
    assert xferlog_problems.transfer_level(one) == level


def transfer_node(
    *,
    sources: list[XferSource],
    findings: Sequence[Finding] = (),
    interrupted: Sequence[Transfer] = (),
) -> NodeState:
    node = NodeState(name="etl", address="")
    node = answered(node, xferlog_problems.QUESTION, sources, now=NOW)
    node = answered(node, xferlog_problems.FINDINGS, list(findings), now=NOW)
    return answered(node, xferlog_problems.INTERRUPTED, list(interrupted), now=NOW)


def finding(kind: str, name: str = "/in/x.csv", **more: Any) -> Finding:
    return Finding(kind=kind, filename=name, found_at=NOW, **more)  # type: ignore[arg-type]


def told(node: NodeState) -> list[tuple[str, str]]:
    return [(problem.level, problem.text) for problem in of_node(node)]


def test_every_kind_of_trouble_is_told() -> None:
    node = transfer_node(
        sources=[source(unparsed_total=2, last_unparsed_at=NOW)],
        findings=[
            finding("shorter", logged_bytes=2**20, disk_bytes=2**19),
            finding("missing"),
            finding("unlogged", "/by-hand"),
        ],
        interrupted=[
            transfer(1, "/out/report.csv", log_time=NOW - HOUR / 3, bytes=99, direction="download"),
            transfer(1, log_time=NOW - HOUR / 2, bytes=2048),
            transfer(2, log_time=NOW - 2 * HOUR),
            transfer(3, log_time=NOW, direction="delete"),
        ],
    )
    assert told(node) == [
        ("warn", "/var/log/vsftpd.log: 2 lines could not be read (V in the Xferlog view lists them)"),
        ("crit", "/in/x.csv: uploaded, and not on the disk"),
        ("warn", "/in/x.csv: 512K on the disk of 1.0M uploaded"),
        ("warn", "/in/sales.csv: upload of etl broke off after 2.0K"),
        ("warn", "/out/report.csv: download of etl broke off after 99"),
    ]
    assert xferlog_problems.failed_count(node) == 4


def test_many_of_one_kind_are_counted_and_not_all_named() -> None:
    missing = [finding("missing", f"/in/{number}") for number in range(40)]
    broken = [transfer(number, log_time=NOW) for number in range(4)]
    texts = [text for _, text in told(transfer_node(sources=[source()], findings=missing, interrupted=broken))]
    assert texts[3] == "37 more uploads do not lie on the disk as logged"
    assert len(texts) == 4 + 4, "a fourth one is named rather than counted as one more"


def test_where_no_transfer_log_is_read_nothing_is_told_and_nothing_counted() -> None:
    assert told(transfer_node(sources=[])) == []
    assert xferlog_problems.failed_count(transfer_node(sources=[])) is None
    assert xferlog_problems.failed_count(NodeState(name="etl", address="")) is None


def test_what_is_recent_goes_by_the_node_s_own_clock() -> None:
    fast = timedelta(hours=3)
    node = NodeState(name="etl", address="")
    for question, value in (
        (xferlog_problems.QUESTION, [source()]),
        (xferlog_problems.INTERRUPTED, [transfer(1, log_time=NOW + fast - HOUR / 2)]),
    ):
        node = answered(node, question, value, now=NOW, server_date=NOW + fast)  # type: ignore[misc]
    (problem,) = xferlog_problems.problems(node)
    assert problem.since == NOW - HOUR / 2

"""`etlmon status` against nodes that are well, ill, silent and hostile."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etlmon.contract.alerts import ALERT_CHANNELS, ALERT_RULES, ALERTS, Alert
from etlmon.contract.alerts_rules import ChannelInfo
from etlmon.contract.cron import CRON, CRON_SOURCES, CronJob
from etlmon.contract.errors import Forbidden, NotFound, Unavailable
from etlmon.contract.fs import FS, Mount, MountState
from etlmon.contract.host import HOST
from etlmon.contract.logs import LOGS, Log
from etlmon.contract.node import HEALTH, NODE, CollectorHealth, Health
from etlmon.contract.paths import PATHS, PathState, PathStats, PathStatus
from etlmon.contract.processes import PROCESS_WATCHES, PROCESSES
from etlmon.contract.xferlog import XFERLOG, XFERLOG_FINDINGS, XFERLOG_SOURCE, Finding
from tests.fakes.nodes import FakeNode, closed_port, raw, refusing, web_page, well
from tests.ui.alarms import alert, alerted, channel, rule
from tests.ui.crontabs import daemon, job, run_log, scheduled
from tests.ui.machines import host, memory
from tests.ui.running import process, running, watch
from tests.ui.transfers import listing, source, transfer, transferred
from ui.problems import alerts as alerts_problems
from ui.problems import cron as cron_problems
from ui.problems import fs as fs_problems
from ui.problems import node as node_problems
from ui.problems import paths as paths_problems
from ui.problems import processes as processes_problems
from ui.state import NodeState, Question, answered
from ui.status import print_status
from ui.status_text import render
from ui.text_page import TextPage
from ui.widgets.cells import width_of

NOW = datetime.now(UTC)


def mount(point: str = "/data", percent: float = 50.0, state: MountState = "ok", **more: Any) -> Mount:
    return Mount(
        mount_point=point, total_bytes=4 * 2**40, used_bytes=2 * 2**40, avail_bytes=2 * 2**40, used_percent=percent,
        inodes_total=100, inodes_used_percent=10.0, state=state, collected_at=NOW, **more,
    )  # fmt: skip


def path(name: str = "/in", state: PathState = "ok", status: PathStatus = "OK", **more: Any) -> PathStats:
    return PathStats(path=name, file_count=1204, state=state, status=status, collected_at=NOW, **more)


def a_log(**more: Any) -> Log:
    values = {
        "name": "app",
        "path": "/var/log/app.log",
        "lines_total": 8000,
        "errors_per_min": 3.0,
        "collected_at": NOW,
    }
    return Log(**{**values, **more})


def a_finding(**more: Any) -> Finding:
    return Finding(**{"kind": "missing", "filename": "/in/x.csv", "found_at": NOW, **more})


def a_job(number: int = 1, command: str = "/opt/load", **more: Any) -> CronJob:
    # From now on, not from when the tests were collected: that may be an hour ago.
    return job(number, command, next_run=datetime.now(UTC) + timedelta(hours=3, minutes=50), **more)


def an_alert(of: str = "landing_backlog", **more: Any) -> Alert:
    return alert(1, of, **more)


def a_dead_channel() -> ChannelInfo:
    return channel("hook", failed=1, last_sent_at=None, last_error="410 Gone", last_error_at=NOW)


def set_well(node: FakeNode) -> None:
    transferred(node)
    running(node)
    scheduled(node)
    alerted(node)
    node.answers[CRON.path] = [a_job(), a_job(2, "/opt/other", state="running")]
    node.answers |= {HEALTH.path: Health(status="healthy"), FS.path: [mount()], PATHS.path: [path()]}
    node.answers |= {LOGS.path: [a_log()]}


@pytest.fixture
def nodes() -> Iterator[Callable[[], FakeNode]]:
    """Makes nodes that are well, served from a thread of their own for as long as the test runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    started: list[FakeNode] = []

    def start() -> FakeNode:
        node = FakeNode(node_id=f"fake-{len(started)}")
        set_well(node)
        asyncio.run_coroutine_threadsafe(node.__aenter__(), loop).result(30)
        started.append(node)
        return node

    yield start
    for node in started:
        asyncio.run_coroutine_threadsafe(node.__aexit__(None, None, None), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


def test_all_is_well(nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]) -> None:
    node = nodes()
    assert print_status([node.url]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith(f"● prod-etl-01  {node.url}  healthy")
    assert lines[1].split() == ["MOUNT", "USED%", "USED", "AVAIL", "TOTAL", "INODE%", "STATE"]
    assert lines[2].split() == ["●", "/data", "50%", "2.0T", "2.0T", "4.0T", "10%", "ok"]
    assert lines[4].split()[:3] == ["●", "/in", "1,204"]
    assert lines[5].split() == ["LOG", "LINES", "LINES/s", "ERR/m", "BEHIND", "LAST", "LINE", "STATE"]
    assert lines[6].split() == ["●", "app", "8,000", "0", "3", "0", "─", "following"]
    assert lines[7].split() == ["PROCESS", "RUN", "CPU%", "RSS", "STARTED", "STATE"]
    assert [line.split()[:5] for line in lines[8:10]] == [
        ["●", "etl_worker", "1", "12.5%", "333M"],
        ["●", "vsftpd", "1", "12.5%", "333M"],
    ]
    assert lines[10] == "  2 cron jobs are well; load is next, in 3 h"
    assert lines[11].split() == ["XFERLOG", "TRANSFERS", "FAILED", "BEHIND", "LAST", "STATE"]
    assert lines[12].split()[:5] == ["●", "/var/log/vsftpd.log", "12", "0", "0"]
    assert lines[-1] == "1 node: ● 1 ok"
    assert err == ""
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("answers", "words", "code"),
    [
        ({HEALTH.path: Health(status="degraded", problems=["fs failed once: x"])}, "WARN fs failed once: x", 1),
        ({HEALTH.path: Health(status="unhealthy", problems=["the store takes no rows"])}, "CRIT the store takes", 1),
        ({FS.path: [mount(percent=92.5)]}, "◆ /data", 1),
        ({FS.path: [mount(percent=85.0)]}, "▲ /data", 0),
        ({FS.path: [mount(state="stuck", stuck_since=NOW)]}, "does not answer", 1),
        ({FS.path: [mount(state="not_mounted", expected=True)]}, "not mounted", 1),
        ({FS.path: [mount(state="denied", error_message="no permission")]}, "▲ /data", 0),
        ({PATHS.path: [path(state="stuck", status="SCANNING")]}, "stuck, scanning", 1),
        ({PATHS.path: [path(state="missing", status="ERROR", error_message="it is gone")]}, "it is gone", 1),
        ({PATHS.path: [path(state="incomplete", complete=False)]}, ">=1,204", 0),
        ({PATHS.path: [path(skipped=3)]}, "3 directories could not be read", 0),
        ({FS.path: Unavailable("the store is full")}, "CRIT the store is full (503 Unavailable)", 1),
        ({FS.path: []}, "no mount has been looked at yet", 0),
        ({PATHS.path: []}, "no path is watched", 0),
        ({LOGS.path: [a_log(status="denied", error_message="no permission: /x")]}, "no permission: /x", 1),
        ({LOGS.path: [a_log(status="missing")]}, "◆ app", 1),
        ({LOGS.path: [a_log(status="missing", lines_total=0)]}, "not there yet", 0),
        ({LOGS.path: [a_log(paused=True)]}, "▲ app", 0),
        ({LOGS.path: Unavailable("the store is full")}, "CRIT the store is full (503 Unavailable)", 1),
        ({PROCESS_WATCHES.path: [watch(running=0, state="too_few")], PROCESSES.path: []}, "◆ etl_worker", 1),
        ({PROCESS_WATCHES.path: [watch(running=0, state="too_few")], PROCESSES.path: []}, "none runs", 1),
        ({PROCESS_WATCHES.path: [watch(running=1, min=3, state="too_few")]}, "1 of 3 run", 0),
        ({PROCESSES.path: [process(7, state="zombie")]}, "▲ etl_worker", 0),
        ({PROCESSES.path: [process(7, state="zombie")]}, "zombie: it has ended", 0),
        ({PROCESSES.path: Unavailable("the store is full")}, "CRIT the store is full (503 Unavailable)", 1),
        ({CRON.path: [a_job(state="missed", state_reason="no start")]}, "missed: no start", 1),
        ({CRON.path: [a_job(state="failed", last_exit_code=3)]}, "3  failed: exit code 3", 1),
        ({CRON.path: [a_job(state="overlapping")]}, "▲ load", 0),
        ({CRON.path: [a_job(state="invalid", error_message="bad minute")]}, "invalid: bad minute", 0),
        ({CRON.path: [a_job(state="unknown")], CRON_SOURCES.path: [run_log(state="denied")]}, "WARN /var/log/cron", 0),
        ({CRON_SOURCES.path: [daemon(state="error", reason="it is not running")]}, "CRIT cron: it is not running", 1),
        ({CRON.path: [], CRON_SOURCES.path: [daemon(state="error")]}, "1 ok", 0),
        ({CRON.path: Unavailable("the store is full")}, "CRIT the store is full (503 Unavailable)", 1),
        ({ALERTS.path: [an_alert(severity="critical")]}, "◆ /data/logs holds 12,017 files  landing_backlog", 1),
        ({ALERTS.path: [an_alert()]}, "▲ /data/logs holds 12,017 files  landing_backlog", 0),
        ({ALERTS.path: [an_alert("disk_nearly_full", severity="critical")]}, "◆ /data/logs holds", 0),
        ({ALERTS.path: [an_alert(severity="critical", acknowledged_at=NOW)]}, "1 alert: 1 acknowledged", 0),
        ({ALERTS.path: [an_alert(), alert(2, state="triggered")]}, "  1 more alert: 1 triggered", 0),
        ({ALERT_RULES.path: [rule("x", state="invalid", error="bad")]}, "WARN rule x is not taken: bad", 0),
        ({ALERT_CHANNELS.path: [a_dead_channel()]}, "CRIT channel hook: notices are given up: 410 Gone", 1),
        ({ALERTS.path: Unavailable("the store is full")}, "CRIT the store is full (503 Unavailable)", 1),
        ({XFERLOG_SOURCE.path: [source(status="stuck")]}, "its file system does not answer", 1),
        ({XFERLOG_SOURCE.path: [source(unparsed_total=2, last_unparsed_at=NOW)]}, "2 lines could not be read", 0),
        ({XFERLOG_FINDINGS.path: [a_finding()]}, "CRIT /in/x.csv: uploaded, and not on the disk", 1),
        (
            {XFERLOG.path: listing([transfer(9, log_time=NOW, outcome="interrupted", bytes=10)])},
            "WARN /in/sales.csv: upload of etl broke off after 10",
            0,
        ),
    ],
)
def test_what_is_wrong_is_shown_and_told_to_scripts(
    answers: dict[str, Any], words: str, code: int, nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers |= answers
    assert print_status([node.url]) == code
    assert words in capsys.readouterr().out


def test_of_many_jobs_those_in_trouble_are_named_and_the_others_counted(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    missed = [a_job(number, f"/opt/m{number}", state="missed") for number in range(6)]
    unread = [a_job(number, state="unknown", state_reason="the host was down") for number in range(10, 15)]
    node.answers[CRON.path] = [*missed, *unread, a_job(20), a_job(21, enabled=False)]
    assert print_status([node.url]) == 1
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("◆ m")] == ["m0", "m1", "m2"]
    assert "  CRIT 3 more jobs missed their last run" in out
    assert "  WARN 5 jobs are not known to have run: the host was down" in out
    assert "  2 cron jobs are well; load is next, in 3 h" in out


def test_no_job_is_said_to_be_well_while_nothing_starts_it(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers[CRON_SOURCES.path] = [daemon(state="error", reason="it is not running")]
    assert print_status([node.url]) == 1
    assert " cron job" not in capsys.readouterr().out


def test_a_count_that_is_unknown_is_not_shown_as_zero(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers[FS.path] = [Mount(mount_point="/data", state="not_mounted", collected_at=NOW)]
    node.answers[PATHS.path] = [PathStats(path="/data/in", state="not_mounted", status="ERROR", collected_at=NOW)]
    print_status([node.url])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("◆ /data")]
    assert rows[0][2:7] == ["─"] * 5
    assert rows[1][2:5] == ["─"] * 3


def test_the_worst_comes_first(nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]) -> None:
    node = nodes()
    node.answers[FS.path] = [mount("/a"), mount("/b", 85), mount("/c", 60), mount("/d", state="stuck"), mount("/e", 95)]
    node.answers[PATHS.path] = [path("/p"), path("/q", skipped=1), path("/r", state="denied", status="ERROR")]
    print_status([node.url])
    rows = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[2:3] == "/" and "/var" not in line]
    assert rows == ["/e", "/d", "/b", "/c", "/a", "/r", "/q", "/p"]


def test_each_silent_node_has_its_own_reason(nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]) -> None:
    good, page, closed = nodes(), nodes(), closed_port()
    page.behave = web_page
    assert print_status([good.url, page.url, closed], names={closed: "etl-09"}) == 1
    out, err = capsys.readouterr()
    assert f"✕ etl-09  {closed}" in out
    assert "DOWN does not answer: connection refused" in out
    assert "DOWN does not answer: not an etlmon node: it answers a web page" in out
    assert out.splitlines()[-1] == "3 nodes: ✕ 2 down  ● 1 ok"
    assert err == ""


def test_when_nobody_answers_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_status([closed_port()]) == 1
    out, err = capsys.readouterr()
    assert "connection refused" in out
    assert "No node answers. To start one on this host: etlmon node" in err


def test_nodes_are_asked_side_by_side(nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]) -> None:
    some = [nodes() for _ in range(5)]
    waiting: set[str] = set()
    all_there = asyncio.Event()

    async def crowded(fake: FakeNode, request: Any) -> Any:
        """Nobody is answered before all of them were asked."""
        waiting.add(fake.url)
        if len(waiting) == len(some):
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 20)
        return await well(fake, request)

    for node in some:
        node.behave = crowded
    assert print_status([node.url for node in some]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 nodes: ● 5 ok"


def test_a_node_that_refuses_everything_is_not_well(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.behave = refusing(Forbidden("closed today"))
    assert print_status([node.url]) == 1
    assert "closed today" in capsys.readouterr().out


def test_an_older_node_is_not_taken_for_one_that_is_down(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()

    async def old(fake: FakeNode, request: Any) -> Any:
        if request.path == LOGS.path:
            return await raw(
                b'{"code": "NotFound", "message": "no", "details": {"reason": "no_such_endpoint"}}', status=404
            )(fake, request)
        return await well(fake, request)

    node.behave = old
    assert print_status([node.url]) == 1
    out = capsys.readouterr().out
    assert "CRIT the node does not know /api/v1/logs: it is older; update it" in out
    assert "● /data" in out


def test_more_rows_than_one_answer_holds_are_all_asked_for(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers[PATHS.path] = paged([path(f"/p{index:04}") for index in range(1500)])
    node.answers[CRON.path] = paged([a_job(index) for index in range(2000)])
    node.answers[PROCESSES.path] = paged([process(pid) for pid in range(1, 1002)])
    assert print_status([node.url], as_json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)["nodes"]
    assert [len(found[name]) for name in ("paths", "cron", "processes")] == [1500, 2000, 1001]


def test_a_node_that_always_has_more_is_left_in_the_end(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.status.MOST_PAGES", 3)
    node = nodes()
    node.answers[PATHS.path] = [path(f"/p{index:04}") for index in range(1000)]
    assert print_status([node.url], as_json=True) == 0
    assert len(json.loads(capsys.readouterr().out)["nodes"][0]["paths"]) == 3000


def paged(rows: Sequence[object]) -> Callable[[Any], Sequence[object]]:
    """Answers with one page of the rows, as a node does."""
    return lambda request: rows[int(request.query["offset"]) :][: int(request.query["limit"])]


def test_json_is_one_document_with_everything(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node, closed = nodes(), closed_port()
    node.answers[FS.path] = [mount(percent=95.0)]
    node.answers[ALERTS.path] = [an_alert("disk_nearly_full")]
    lame = CollectorHealth(name="fs", status="failing", interval_sec=15, consecutive_failures=2, last_error="x")
    node.answers[HEALTH.path] = Health(status="degraded", collectors=[lame], problems=["fs failed"])
    assert print_status([node.url, closed], names={closed: "etl-09"}, as_json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(document["checked_at"]) < timedelta(minutes=1)
    up, down = document["nodes"]
    assert (up["name"], up["ok"], up["error"]) == ("prod-etl-01", False, None)
    assert up["node"]["node_id"] == NODE.example.node_id
    assert up["health"]["collectors"][0]["last_error"] == "x"
    assert up["mounts"][0]["used_percent"] == 95.0
    assert (up["processes"][0]["pid"], up["process_watches"][0]["name"]) == (801, "etl_worker")
    assert (up["cron"][0]["command"], up["cron_sources"][0]["kind"]) == ("/opt/load", "cron_d")
    assert (up["logs"][0]["name"], up["xferlog"][0]["transfers_total"]) == ("app", 12)
    assert up["alerts"][0]["rule"] == "disk_nearly_full"
    assert [(problem["level"], problem["about"], problem["key"]) for problem in up["problems"]] == [
        ("crit", "fs", "/data"),
        ("warn", "node", ""),
    ]
    assert (down["name"], down["ok"], down["node"], down["mounts"]) == ("etl-09", False, None, [])
    assert down["error"].startswith("connection refused")


def state(*, mounts: list[Mount], paths: list[PathStats], name: str = "etl") -> NodeState:
    node = NodeState(name=name, address="http://h:1")
    node = answered(node, Question(NODE), NODE.example, now=NOW, elapsed_ms=4)
    node = answered(node, node_problems.QUESTION, Health(status="healthy", uptime_sec=90), now=NOW)
    return answered(answered(node, fs_problems.QUESTION, mounts, now=NOW), paths_problems.QUESTION, paths, now=NOW)


HOSTILE = "/d\x1b[31m\u202e[/x]\n서울-지점/👩‍💻" + "x" * 300


@pytest.mark.parametrize("width", [20, 40, 80, 120, 500])
@pytest.mark.parametrize("utf8", [True, False])
def test_no_line_is_wider_than_the_terminal_whatever_it_holds(width: int, utf8: bool) -> None:
    states = [
        state(mounts=[mount(HOSTILE), mount("/a", 95)], paths=[path(HOSTILE, error_message=HOSTILE)], name=HOSTILE)
    ]
    lame = a_job(1, HOSTILE, state="failed", state_reason=HOSTILE, user=HOSTILE)
    states.append(answered(states[0], cron_problems.QUESTION, [lame, a_job(2, HOSTILE)], now=NOW))
    lame_alert = alert(1, HOSTILE, severity="critical", summary=HOSTILE, metric=HOSTILE)
    states[1] = answered(states[1], alerts_problems.QUESTION, [lame_alert], now=NOW)
    states[1] = answered(states[1], processes_problems.WATCHES, [watch(HOSTILE, 0, state="too_few")], now=NOW)
    text = render(states, TextPage(width=width, colour=False, utf8=utf8), now=NOW)
    assert max(map(width_of, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_columns_stand_below_each_other_with_wide_characters() -> None:
    text = render(
        [state(mounts=[mount("/서울-지점"), mount("/b")], paths=[])],
        TextPage(width=80, colour=False, utf8=True),
        now=NOW,
    )
    header, first, second = (line for line in text.splitlines() if line.endswith(("STATE", "ok")) and "%" in line)
    ends = [width_of(line[: line.index("%") + 1]) for line in (header, first, second)]
    assert ends[0] == ends[1] == ends[2]


def test_into_a_pipe_nothing_is_cut() -> None:
    long = "/x" * 400
    assert long in render(
        [state(mounts=[mount(long)], paths=[])], TextPage(width=None, colour=False, utf8=True), now=NOW
    )


def test_without_utf8_only_ascii_is_drawn() -> None:
    rows = [mount(percent=95.0), mount("/b", state="stuck"), mount("/c", 85.0)]
    assert render([state(mounts=rows, paths=[path()])], TextPage(width=80, colour=False, utf8=False), now=NOW).isascii()


def test_colour_marks_what_is_wrong_and_never_leaks_into_the_next_line() -> None:
    text = render([state(mounts=[mount(percent=95.0)], paths=[])], TextPage(width=80, colour=True, utf8=True), now=NOW)
    (line,) = (line for line in text.splitlines() if "/data" in line)
    assert line.startswith("\x1b[31m")
    assert all(line.endswith("\x1b[0m") for line in text.splitlines() if "\x1b" in line)


def test_a_line_says_how_the_host_fares(nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]) -> None:
    node = nodes()
    node.answers[HOST.path] = host()
    assert print_status([node.url]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  host: "))
    assert line == "  host: CPU 12%, load 0.42 0.51 0.48, memory 38% of 16G, swap 0%, up 12d"


def test_memory_that_is_used_up_counts_and_little_of_it_does_not(
    nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers[HOST.path] = host(memory=memory(96.0))
    assert print_status([node.url]) == 0
    assert "  WARN memory: 96% used, 656M left" in capsys.readouterr().out
    node.answers[HOST.path] = host(memory=memory(99.0))
    assert print_status([node.url], as_json=True) == 1
    (report,) = json.loads(capsys.readouterr().out)["nodes"]
    assert report["host"]["memory"]["used_percent"] == 99.0
    assert [(one["level"], one["about"], one["key"]) for one in report["problems"]] == [("crit", "host", "memory")]


@pytest.mark.parametrize("refusal", [NotFound("the host is not watched here"), Unavailable("it was not seen yet")])
def test_a_host_that_is_not_watched_is_nothing_wrong(
    refusal: Any, nodes: Callable[[], FakeNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node = nodes()
    node.answers[HOST.path] = refusal
    assert print_status([node.url]) == 0
    assert "host:" not in capsys.readouterr().out

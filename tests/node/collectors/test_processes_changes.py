"""What happened to a watch between two looks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from etlmon.contract.node import Event
from etlmon.contract.processes import Process, ProcessWatch, WatchState
from node.collectors.processes_changes import MOST_EVENTS, Past, follow

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(seconds=5)
STARTED = NOW - timedelta(hours=1)


def process(pid: int, *, started: datetime = STARTED, cmdline: str = "worker", ended: bool = False) -> Process:
    return Process(
        watch="w",
        pid=pid,
        process_name="worker",
        cmdline=cmdline,
        start_time=started,
        status="STOPPED" if ended else "RUNNING",
        collected_at=NOW,
        last_seen_at=BEFORE,
    )


def watch(
    running: int = 1,
    *,
    state: WatchState = "ok",
    at: datetime = NOW,
    minimum: int = 1,
    message: str | None = None,
    looks_for: str = "match worker",
) -> ProcessWatch:
    return ProcessWatch(
        name="w", looks_for=looks_for, running=running, min=minimum, state=state, collected_at=at, error_message=message
    )


def past(*rows: Process, state: WatchState = "ok", stops: int = 0, restarts: int = 0) -> Past:
    known = msgspec.structs.replace(
        watch(len(rows), state=state, at=BEFORE), stops=stops, restarts=restarts, since=STARTED
    )
    return Past(watch=known, rows=rows)


def said(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.severity, event.message) for event in events]


def test_at_the_first_look_nothing_has_started_and_only_trouble_is_news() -> None:
    seen, events = follow(None, watch(), [process(1)], ())
    assert (seen.starts, seen.last_started_at, seen.since, events) == (0, None, NOW, [])
    _, events = follow(None, watch(0, state="too_few"), [], ())
    assert said(events) == [("watch_too_few", "critical", "w: at least 1 should run, and none does")]


def test_nothing_happened_is_no_event() -> None:
    seen, events = follow(past(process(1)), watch(), [process(1)], ())
    assert (seen.starts, seen.stops, seen.restarts, seen.since, events) == (0, 0, 0, STARTED, [])


def test_one_more_is_a_start() -> None:
    seen, events = follow(past(process(1)), watch(2), [process(1), process(2)], ())
    assert (seen.starts, seen.restarts, seen.last_started_at) == (1, 0, NOW)
    assert said(events) == [("process_started", "info", "w: worker (pid 2) started")]


def test_an_end_is_told_with_when_it_was_seen_last() -> None:
    seen, events = follow(past(process(1)), watch(0, state="too_few"), [], ())
    assert (seen.stops, seen.last_stopped_at, seen.since) == (1, NOW, NOW)
    assert said(events) == [
        ("process_stopped", "warning", "w: worker (pid 1) ended; it was seen last at 2026-11-21 05:59:55 UTC"),
        ("watch_too_few", "critical", "w: at least 1 should run, and none does"),
    ]


def test_an_end_that_leaves_enough_is_no_warning() -> None:
    _, events = follow(past(process(1), process(2)), watch(1), [process(1)], ())
    assert [(event.kind, event.severity) for event in events] == [("process_stopped", "info")]


def test_an_end_and_a_start_between_two_looks_are_one_restart() -> None:
    seen, events = follow(past(process(1)), watch(), [process(2)], ())
    assert (seen.starts, seen.stops, seen.restarts) == (1, 1, 1)
    assert said(events) == [("process_restarted", "warning", "w: worker (pid 2) started again, after pid 1 ended")]


def test_a_start_after_an_end_of_before_is_a_restart_too() -> None:
    seen, events = follow(past(state="too_few", stops=3, restarts=2), watch(), [process(2)], ())
    assert (seen.starts, seen.stops, seen.restarts) == (1, 3, 3)
    assert said(events) == [
        ("process_restarted", "warning", "w: worker (pid 2) started again"),
        ("watch_ok", "info", "w: as many run as should (1)"),
    ]


def test_the_same_pid_with_another_start_is_another_process() -> None:
    seen, events = follow(past(process(1)), watch(), [process(1, started=NOW)], ())
    assert (seen.starts, seen.stops, seen.restarts) == (1, 1, 1)
    assert [event.kind for event in events] == ["process_restarted"]


def test_more_ends_than_starts() -> None:
    seen, events = follow(past(process(1), process(2), process(3)), watch(), [process(4)], ())
    assert (seen.starts, seen.stops, seen.restarts) == (1, 3, 1)
    assert [event.kind for event in events] == ["process_stopped", "process_stopped", "process_restarted"]


def test_more_starts_than_ends() -> None:
    seen, events = follow(past(process(1)), watch(3), [process(4), process(5), process(6)], ())
    assert (seen.starts, seen.stops, seen.restarts) == (3, 1, 1)
    assert sorted(event.kind for event in events) == ["process_restarted", "process_started", "process_started"]


def test_a_zombie_has_ended() -> None:
    seen, events = follow(past(process(1)), watch(0, state="too_few"), [process(1, ended=True)], ())
    assert seen.stops == 1
    again, events = follow(Past(watch=seen, rows=[process(1, ended=True)]), watch(0, state="too_few"), [], ())
    assert (again.stops, events) == (1, [])


def test_another_program_under_the_same_pid_is_told() -> None:
    now = [process(1, cmdline="loader"), process(2)]
    _, events = follow(past(process(1), process(2)), watch(2), now, {1, 2})
    assert said(events) == [("process_exec", "info", "w: pid 1 runs loader now, and ran worker")]
    # A process may write over its own arguments: that is no other program.
    _, events = follow(past(process(1), process(2)), watch(2), now, ())
    assert events == []


def test_many_starts_are_told_in_few_words() -> None:
    seen, events = follow(past(), watch(40), [process(pid) for pid in range(1, 41)], ())
    assert seen.starts == 40
    assert len(events) == MOST_EVENTS + 1
    assert events[-1].message == "w: and so did 30 more"


@pytest.mark.parametrize(
    ("state", "running", "kind", "severity", "words"),
    [
        ("too_few", 1, "watch_too_few", "warning", "at least 1 should run, and only 1 does: because"),
        ("too_many", 9, "watch_too_many", "warning", "9 run, and at most None should: because"),
        ("error", 0, "watch_error", "warning", "it cannot be told what runs: because"),
    ],
)
def test_each_state_has_its_event(state: WatchState, running: int, kind: str, severity: str, words: str) -> None:
    now = [process(pid) for pid in range(running)]
    seen, events = follow(past(*now), watch(running, state=state, message="because"), now, ())
    assert said(events) == [(kind, severity, f"w: {words}")]
    assert seen.since == NOW
    again, events = follow(Past(watch=seen, rows=now), watch(running, state=state), now, ())
    assert (again.since, events) == (NOW, [])


def test_a_watch_that_cannot_be_judged_says_nothing_of_its_processes() -> None:
    seen, events = follow(past(process(1), stops=2), watch(0, state="error"), [], ())
    assert (seen.stops, [event.kind for event in events]) == (2, ["watch_error"])


def test_a_watch_that_looks_for_something_else_now_keeps_its_counters_and_starts_anew() -> None:
    seen, events = follow(past(process(1), stops=2), watch(looks_for="match loader"), [process(2)], ())
    assert (seen.starts, seen.stops, events) == (0, 2, [])


def test_when_the_clock_is_set_the_processes_stay_the_same() -> None:
    hour = timedelta(hours=1)
    moved = past(process(1)).moved(hour)
    _, events = follow(moved, watch(), [process(1, started=STARTED + hour)], ())
    assert events == []


def test_what_ran_last_is_remembered() -> None:
    old = msgspec.structs.replace(process(1), last_seen_at=BEFORE - timedelta(hours=1))
    last = past(old, process(2)).last
    assert last is not None
    assert last.pid == 2
    assert past().last is None

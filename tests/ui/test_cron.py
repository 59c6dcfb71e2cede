"""The view of cron's jobs, as an operator uses it."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from etlmon.contract.cron import CRON, CRON_REFRESH, CRON_RUNS, CRON_SOURCES
from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.node import EVENTS, Event
from tests.fakes.nodes import FakeNode
from tests.ui.crontabs import DAY, DUE, daemon, job, missed_run, run, run_log, runs_of, source
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.playing import QUICK, play_in
from tests.ui.textsnap import screen_lines, screen_styles, screen_widths
from ui.settings import Ui
from ui.views.rows_table import RowsTable

play = partial(play_in, "6")


def keys(eye: Looking) -> list[str]:
    """The rows in the table, as they stand, without the name of the node."""
    return [key.rpartition("\n")[2] for key in eye.app.view.query_one(RowsTable).keys]


def line_of(eye: Looking, word: str) -> str:
    return next(line for line in eye.screen.splitlines() if word in line)


def asked(fake: FakeNode, *words: str) -> bool:
    return any(all(word in path for word in words) for _, path in fake.requests)


def test_the_worst_stand_first_and_then_what_runs_next() -> None:
    def set_up(fake: FakeNode) -> None:
        soon, later = NOW + timedelta(minutes=1), NOW + timedelta(hours=1)
        fake.answers[CRON.path] = [
            job(1, next_run=later), job(2, next_run=soon), job(3, enabled=False, kind="timer", next_run=None),
            job(4, last_run_at=DUE - DAY, next_run=soon), job(5, state="overlapping", next_run=soon),
            job(6, state="invalid"), job(7, state="failed", next_run=later), job(8, state="failed", next_run=soon),
            job(9, state="missed", next_run=later), job(10, state="running", next_run=later),
            job(11, state="unknown", next_run=soon),
            job(12, state="unknown", next_run=soon, due_at=None, last_run_at=None),
        ]  # fmt: skip

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: len(keys(eye)) == 12, "the jobs")
        assert keys(eye) == ["9", "8", "7", "6", "5", "4", "11", "12", "10", "2", "1", "3"]

    play(scene, set_up=set_up)


def test_a_row_says_when_it_runs_and_how_it_ran() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("hourly_sync", "leap")
        assert "etl        in 23 h    1 d ago 00:06:52    0 ◆ missed" in line_of(eye, "nightly_load")
        assert "etl       in 9 min   25 s ago     25 s    ─ ▲ overlapping" in line_of(eye, "hourly_sync")
        assert "never" in line_of(eye, "leap")
        assert "at boot" in line_of(eye, "feed")
        assert "29 s" in line_of(eye, "compact"), "what runs has run for so long"
        assert "▶ running" in line_of(eye, "compact")
        assert "◆ failed" in line_of(eye, "적재")

    play(scene, trouble=True)


def test_times_are_as_the_operator_wants_them_and_name_their_zone() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CRON.path] = [
            job(1), job(2, next_run=datetime(2028, 2, 29, tzinfo=UTC)), job(3, next_run=NOW + timedelta(minutes=5)),
            job(4, next_run=NOW - timedelta(seconds=2)),
        ]  # fmt: skip

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("in 23 h", "30 min ago", "due")
        await eye.press("t")
        await eye.until_shown("11-22 05:30 UTC", "2028-02-29 UTC", "06:05 UTC", "due", " 05:30 ")

    play(scene, set_up=set_up)


def test_a_job_that_is_due_is_not_said_to_run_in_the_past() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("in 16 min")
        eye.clock.advance(17 * 60)
        eye.app.paint()
        await eye.until_shown("due")

    play(scene)


def test_v_goes_through_runs_and_sources() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("Cron · web1", "v runs", "12 jobs")
        await eye.press("v")
        await eye.until_shown("Cron runs · web1", "v sources", "ended by signal", "▲ overlapped", "▶ running")
        assert keys(eye)[:5] == ["100", "119", "80", "121", "120"], "the worst first, then the newest"
        await eye.until_shown("cron was not running")
        await eye.press("v")
        await eye.until_shown("Cron sources · web1", "v jobs", "· skipped", "▲ denied", "▲ invalid", "exit codes are")
        await eye.press("v")
        await eye.until_shown("Cron · web1", "hourly_sync")
        await eye.press("V")
        await eye.until_shown("Cron sources · web1")
        await eye.press("escape")
        await eye.until_shown("Cron · web1", "hourly_sync")

    play(scene, trouble=True)


def test_of_many_runs_the_newest_are_shown_and_all_in_trouble() -> None:
    def many(fake: FakeNode) -> None:
        old = [missed_run(1), run(2, state="failed", exit_code=1)]
        fake.answers[CRON_RUNS.path] = runs_of([*old, *(run(number, due_at=DUE) for number in range(3, 700))])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("v")
        await eye.until_shown("502 runs", "older ones only of those in trouble")
        assert keys(eye)[:2] == ["2", "1"]
        assert keys(eye)[-1] == "200"

    play(scene, set_up=many)


def test_a_detail_says_all_of_a_job() -> None:
    def set_up(fake: FakeNode) -> None:
        def events(request: object) -> list[Event]:
            key = request.query.get("key")  # type: ignore[attr-defined]
            text = {"1": "the run of 05:30 was missed", "/etc/cron.d/etl": "the crontab was changed"}.get(key)
            return (
                [Event(id=1, at=DUE, domain="cron", key=key, kind="x", severity="warning", message=text)]
                if text
                else []
            )

        fake.answers[EVENTS.path] = events

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("hourly_sync")
        await eye.press("enter")
        await eye.until_shown(
            "nightly_load --date yesterday ─ missed",
            "cron was not running",
            "30 5 * * *, at 05:30 every day",
            "in 23 h, 2026-11-22 05:30:00 UTC",
            "30 min ago, 2026-11-21 05:30:00 UTC",
            "1 missed, 0 failed, 0 overlapped",
            "/etc/cron.d/etl, line 7 (a line of a crontab)",
            "MAILTO  etl@example.com",
            "2026-11-22 14:30:00 KST, Asia/Seoul",
            "2026-11-26 05:30:00 UTC",
            "Runs, the newest 20",
            "how long the last 40 runs took",
            "the run of 05:30 was missed",
            "the crontab was changed",
        )
        assert asked(fake, "/cron/runs", "job_id=1", "limit=100")
        await eye.press("escape", "G", "enter")
        await eye.until_shown(
            "fstrim.timer ─ off", "It does not run: it is off.", "a timer of systemd", "None is known."
        )
        assert "Environment" not in eye.screen

    play(scene, trouble=True, size=(120, 90), set_up=set_up)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"next_run": None, "next_runs": [], "schedule": "@reboot"}, "It runs when the host starts."),
        ({"next_run": None, "next_runs": []}, "It never runs: no time fits its schedule."),
        ({"state": "invalid", "next_run": None, "next_runs": []}, "It does not run: cron does not take it."),
        ({"timezone": "Mars/Olympus"}, "times meant in   Mars/Olympus"),
        ({"timezone": "../etc/passwd"}, "times meant in   ../etc/passwd"),
        ({"last_run_at": None}, "none is known"),
        ({"last_exit_code": None}, "exit code not known"),
        ({"warning": "a % in it is a new line"}, "note a % in it is a new line"),
        ({"state_reason": "set -L 15 to see exit codes"}, "hint set -L 15 to see exit codes"),
        ({"scripts": ["/etc/cron.daily/apt"]}, "/etc/cron.daily/apt"),
        ({"environment": {}}, "Its crontab sets nothing above it."),
        ({"last_run_at": DUE - DAY}, "should have run  30 min ago"),
        ({"running_pids": [4, 5], "state": "overlapping"}, "pid 4, 5"),
    ],
)
def test_a_detail_says_what_there_is_not(more: dict[str, Any], words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CRON.path] = [job(1, **more)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: keys(eye) == ["1"], "the job")
        await eye.press("enter")
        await eye.until(lambda: " ".join(words.split()) in " ".join(eye.screen.split()), words)

    play(scene, set_up=set_up, size=(120, 60))


def test_details_of_runs_and_sources_lead_back_to_the_jobs() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("v")
        await eye.until_shown("ended by signal")
        await eye.press("j", "j", "enter")
        await eye.until_shown("it was ended by signal SIGKILL", "137", "The job", "30 5 * * *, at 05:30 every day")
        await eye.press("v")
        await eye.until_shown("The job")
        await eye.press("escape", "G", "enter")
        await eye.until_shown("─ ok", "number")
        await eye.press("escape", "escape", "V", "enter")
        await eye.until_shown("/etc/cron.d/legacy", "bad minute in line 2", "Its jobs", "/opt/old/b")

    play(scene, trouble=True)


def test_a_run_whose_job_is_gone_is_shown_all_the_same() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CRON_RUNS.path] = runs_of([run(1, 77)])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("v")
        await eye.until_shown("job 77")
        await eye.press("enter")
        await eye.until_shown("It is in no crontab any more.")

    play(scene, set_up=set_up)


def test_r_has_the_node_read_everything_again() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("hourly_sync")
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "a notice")
        assert eye.notices == ["web1: read again: 12 jobs, 6 not well"]
        assert fake.requests.count(("POST", CRON_REFRESH.path)) == 1

    play(scene, trouble=True)


@pytest.mark.parametrize(
    ("problem", "read_only", "words"),
    [
        (Unavailable("reading the crontabs takes longer than 10 s"), False, "takes longer than 10 s"),
        (NotFound("cron is not watched here"), False, "cron is not watched here"),
        (None, True, "not done: this UI was started read-only"),
    ],
)
def test_a_refusal_to_read_again_is_told(problem: Exception | None, read_only: bool, words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        if problem is not None:
            fake.answers[CRON_REFRESH.path] = problem
        fake.answers[CRON.path] = []

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("No job is known")
        await eye.press("R")
        await eye.until(lambda: bool(eye.notices), "a notice")
        assert words in eye.notices[0]
        assert ("POST", CRON_REFRESH.path) not in fake.requests or not read_only

    play(scene, set_up=set_up, read_only=read_only)


def test_of_all_nodes_only_that_of_the_row_reads_again() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "web1")
            in_trouble(two, "web2")
            async with looking([("web1", one.url), ("web2", two.url)], ui=QUICK) as eye:
                await eye.press("6", "a")
                await eye.until_shown("Cron · all nodes", "web1", "web2", "14 jobs", "1 not well: web2")
                # First stand those of web2, which is in trouble; the cursor is on the one that was there first.
                await eye.press("g", "R")
                await eye.until(lambda: bool(eye.notices), "a notice")
                assert eye.notices[0].startswith("web2: read again")
                assert ("POST", CRON_REFRESH.path) not in one.requests

    asyncio.run(main())


def test_nothing_says_why_and_what_to_do() -> None:
    def empty(fake: FakeNode) -> None:
        fake.answers[CRON.path] = []
        fake.answers[CRON_SOURCES.path] = [source("/etc/cron.d", state="denied", reason="no permission to read it")]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("No job is known", "/etc/cron.d: no permission to read it")
        fake.answers[CRON_RUNS.path] = []
        await eye.press("v")
        await eye.until_shown("No run is known yet")
        fake.answers[CRON_SOURCES.path] = []
        await eye.press("v")
        await eye.until_shown("Nothing is read: cron: {enabled: false}")

    play(scene, set_up=empty)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([daemon(state="error", reason="it is not running"), run_log()], "◆ cron: it is not running · /var/log/cron"),
        ([daemon(), run_log(reason="no exit codes are logged")], "cron · /var/log/cron.log: no exit codes are logged"),
        ([source(state="denied", reason="no permission"), daemon(state="error", reason="x")],
         "◆ cron: x · ▲ /etc/cron.d/etl: no permission"),
    ],
)  # fmt: skip
def test_a_line_says_how_cron_itself_fares(sources: list[object], words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CRON_SOURCES.path] = sources

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("nightly_load", words)

    play(scene, set_up=set_up)


HOSTILE = "/in/\x1b]52;c;x\x07[/x][@click=app.quit]q[/]\u202e\r\n한글-데이터-\U0001f469\u200d\U0001f4bb" + "가" * 300
ENDS = [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (40, 10)])
@pytest.mark.parametrize("end", ENDS)
def test_hostile_and_wide_texts_stay_in_their_columns(size: tuple[int, int], end: datetime) -> None:
    texts = dict.fromkeys(
        ("command", "user", "source", "schedule", "description", "state_reason", "name", "timezone", "warning"), HOSTILE
    )

    def set_up(fake: FakeNode) -> None:
        fake.answers[CRON.path] = [
            job(1, state="missed", next_run=end, next_runs=[end], last_run_at=end, due_at=end, last_checked=end,
                environment={HOSTILE: HOSTILE}, scripts=[HOSTILE], **{**texts, "error_message": HOSTILE})
        ]  # fmt: skip
        fake.answers[CRON_RUNS.path] = [run(1, due_at=end, started_at=end, ended_at=end, reason=HOSTILE)]
        fake.answers[CRON_SOURCES.path] = [source(HOSTILE, state="error", reason=HOSTILE, changed_at=end)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        for pressed in ((), ("enter",), ("escape", "t"), ("v",), ("enter",), ("escape", "v"), ("enter",)):
            await eye.press(*pressed)
            await eye.until_shown("]52;c;x")
            assert screen_widths(eye.app) == {size[0]}
            assert not set("\x1b\x07\u202e\r\n") & set("".join(screen_lines(eye.app)))

    play(scene, size=size, set_up=set_up)


def test_ascii_has_words_and_no_other_signs() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("# missed", "! overlapping", "> running", "* OK", ". off")
        for pressed in ((), ("enter",), ("escape", "v"), ("enter",), ("escape", "v"), ("enter",)):
            await eye.press(*pressed)
            assert eye.screen.replace("적재", "").replace("지점", "").replace("서울", "").isascii()

    play(scene, trouble=True, ui=Ui(refresh_interval=0.1, ascii=True))  # type: ignore[arg-type]


def test_states_have_colours_and_words() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("missed", "overlapping", "▶ running")
        lines = eye.screen.splitlines()
        colours = {
            word: {color for text, color, _, _ in screen_styles(eye.app, y) if word in text}
            for word in ("missed", "overlapping", "running")
            for y in [next(y for y, line in enumerate(lines) if f" {word}" in line)]
        }
        assert colours == {"missed": {"#f7768e"}, "overlapping": {"#e0af68"}, "running": {"#7dcfff"}}

    play(scene, trouble=True)


def test_the_filter_and_the_order_work_in_every_kind_of_rows() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("hourly_sync")
        await eye.press("slash", *"leap", "enter")
        assert keys(eye) == ["4"]
        await eye.press("escape", "s")
        await eye.until_shown("sort job")
        await eye.press("v")
        await eye.until_shown("sort severity")
        for _ in range(20):
            await eye.press("s")
        assert eye.app.is_running

    play(scene, trouble=True, size=(200, 36))


def test_save_and_copy_give_every_field() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("hourly_sync")
        stem, suffix, text = eye.app.view.export()
        assert (stem, suffix) == ("cron-web1", ".csv")
        assert "state_reason" in text.splitlines()[0]
        assert eye.app.view.selection()[1].startswith("nightly_load --date yesterday\t30 5 * * *\tetl\t")
        await eye.press("v")
        await eye.until_shown("ended by signal")
        assert "/opt/etl/bin/nightly_load --date yesterday" in eye.app.view.export()[2]
        await eye.press("v")
        await eye.until_shown("legacy")
        assert "last_checked" in eye.app.view.export()[2].splitlines()[0]

    play(scene, trouble=True)

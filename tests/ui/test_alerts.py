"""The view of the alerts, as an operator uses it."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from etlmon.contract.alerts import (
    ALERT_ACK,
    ALERT_BACKTEST,
    ALERT_CHANNEL_TEST,
    ALERT_CHANNELS,
    ALERT_DELIVERIES,
    ALERT_HISTORY,
    ALERT_RULES,
    ALERT_SILENCES,
    ALERT_UNSILENCE,
    ALERTS,
)
from etlmon.contract.alerts_rules import TestResult
from etlmon.contract.errors import Conflict, Unavailable
from etlmon.contract.node import NODE_ID_HEADER
from tests.fakes.nodes import FakeNode
from tests.ui.alarms import alert, channel, delivery, of_method, resolved, rule, silence
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.playing import QUICK, Scene, play_in
from tests.ui.textsnap import screen_styles, screen_widths
from ui.settings import Ui
from ui.views.rows_table import RowsTable


def play(
    scene: Scene,
    *,
    size: tuple[int, int] = (120, 36),
    trouble: bool = True,
    read_only: bool = False,
    keys: tuple[str, ...] = (),
    ui: Ui = QUICK,
    set_up: Callable[[FakeNode], None] = lambda _: None,
) -> None:
    """Someone who looks at the alerts of a node, and has pressed `keys` once the node has said all of them."""

    async def begin(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: asked(fake, "/alerts/channels"), "the channels")
        await eye.until(lambda: eye.app.fleet.live("web1").info is not None, "the node")
        eye.app.paint()
        await eye.press(*keys)
        await scene(eye, fake)

    play_in("9", begin, size=size, ui=ui, trouble=trouble, read_only=read_only, set_up=set_up)


def rows(eye: Looking) -> list[str]:
    """The rows in the table, as they stand, without the name of the node."""
    return [key.rpartition("\n")[2] for key in eye.app.view.query_one(RowsTable).keys]


def line_of(eye: Looking, word: str) -> str:
    return next(line for line in eye.screen.splitlines() if word in line)


def asked(fake: FakeNode, *words: str, method: str = "GET") -> bool:
    return any(one == method and all(word in path for word in words) for one, path in fake.requests)


async def told(eye: Looking, *texts: str) -> None:
    """Wait for notices that say this."""
    await eye.until(lambda: all(any(text in one for one in eye.notices) for text in texts), " and ".join(texts))


def test_what_nobody_looks_after_stands_first_and_the_worst_of_it_first() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("7 alerts")
        assert rows(eye) == ["3", "2", "1", "4", "7", "6", "5"]

    play(scene)


def test_a_row_says_how_bad_it_is_since_when_and_who_looks_after_it() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("7 alerts")
        said = {word: " ".join(line_of(eye, word).split()) for word in ("서울", "eth0", "kernel", "hung", "archive")}
        assert "◆ CRIT 서울 적재가 1시간 30분 늦음 적재-지연 01:30:00 40 min ago ◆ active" in said["서울"]
        assert "▲ WARN eth0 drops packets rx_drops 3.5/s 1 min ago ○ triggered" in said["eth0"]
        assert "· INFO a reboot is wanted for a new kernel new_kernel 1 9 d ago · active" in said["kernel"]
        assert "0 17 min ago · silenced → in 1 h" in said["hung"]
        assert "41 s 17 min ago ✓ acked kim" in said["archive"]
        await eye.press("t")
        await eye.until_shown(" 05:20 ", "→ 07:01", "11-12 06:00")

    play(scene, size=(160, 36))


def test_the_header_and_the_overview_count_what_is_active_in_the_tone_of_what_nobody_looks_after() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("6 alerts")
        assert tone_of_header(eye, "6 alerts") == tone_of_header(eye, "crit")
        await eye.press("1")
        await eye.until(lambda: "ALERT" in eye.screen, "the column")
        assert " 6 " in line_of(eye, "web1  ")
        open_ones = [alert(1, acknowledged_at=NOW, acknowledged_by="kim")]
        fake.answers[ALERTS.path] = open_ones
        await eye.until_shown("1 alert ")
        assert tone_of_header(eye, "1 alert") != tone_of_header(eye, "crit")
        fake.answers[ALERTS.path] = []
        await eye.until(lambda: " alert" not in eye.screen.splitlines()[0], "none")

    play(scene)


def tone_of_header(eye: Looking, word: str) -> str | None:
    return next(colour for text, colour, *_ in screen_styles(eye.app, 0) if word in text)


def test_alerts_of_a_node_that_is_silent_are_not_counted() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "web1")
            in_trouble(two, "web2")
            async with looking([("web1", one.url), ("web2", two.url)], ui=QUICK) as eye:
                await eye.until_shown("6 alerts")
                await two.__aexit__()
                await eye.until_shown("1 down")
                assert "alert" not in eye.screen.splitlines()[0]

    asyncio.run(main())


def test_v_goes_through_history_silences_notices_rules_and_channels() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("Alerts · web1", "v history")
        await eye.press("v")
        await eye.until_shown("Alert history · web1", "16 alerts", "the rule was removed", "9d 00:00:00")
        assert rows(eye)[:6] == ["3", "2", "1", "4", "5", "6"], "what is open stands first"
        await eye.press("v")
        await eye.until_shown("Silences · web1", "mount_stuck  mount=~/mnt/.*", "○ planned", "every rule", "in 19 h")
        await eye.press("v")
        await eye.until_shown("Notices · web1", "◆ given up", "again in 40 s: 451 greylisted", "· silenced", "digest")
        assert rows(eye)[:3] == ["8", "9", "7"]
        await eye.press("v")
        await eye.until_shown("Alert rules · web1", "▲ invalid", "○ no data", "· no data", "· disabled", "builtin")
        assert rows(eye)[-1] == "old"
        await eye.press("v")
        await eye.until_shown("Alert channels · web1", "https://hooks.slack.com/***", "◆ failing", "▲ failing", "● OK")
        await eye.press("V")
        await eye.until_shown("Alert rules · web1")
        await eye.press("escape")
        await eye.until_shown("Alerts · web1", "/data is 93.0% full")

    play(scene, size=(200, 36))


def test_the_keys_that_mean_nothing_for_these_rows_are_not_offered() -> None:
    offered = {
        "9": {"A Acknowledge", "M Silence"},
        "v1": {"A Acknowledge", "M Silence"},
        "v2": {"M Silence", "d End the silence"},
        "v3": set(),
        "v4": {"M Silence", "R Try it"},
        "v5": {"R Try it"},
    }
    words = {"A Acknowledge", "M Silence", "d End the silence", "R Try it"}

    async def scene(eye: Looking, fake: FakeNode) -> None:
        for number, wanted in enumerate(offered.values()):
            last = eye.screen.splitlines()
            await eye.until(
                lambda wanted=wanted: {word for word in words if word in eye.screen.splitlines()[-1]} == wanted,  # type: ignore[misc]
                f"{wanted} after v {number} times, not {last[-1]}",
            )
            await eye.press("v")

    play(scene, size=(200, 36))


def test_a_detail_says_all_of_an_alert() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("/data is 93.0% full")
        await eye.press("j", "enter")
        await eye.until_shown(
            "etlmon_fs_used_percent{mount=/data}, 3h",
            "93.0%   must not be > 90",
            "2 h ago, 2026-11-21 04:00:30 UTC",
            "nobody looks after it (A)",
            "Archive what is older than a week:",
            "  etl-archive --older 7d /data",
            "mount  /data",
            "Rule disk_nearly_full",
            "< 85",
            "3 alerts on web1".replace("web1", "dw-load-02"),
        )
        assert asked(fake, "/host/history", "metric=etlmon_fs_used_percent", "since=2026-11-21T03")
        await eye.press("escape", "G", "enter")
        await eye.until_shown(
            "by kim, 9 min ago, 2026-11-21 05:51:30 UTC: the array rebuilds until noon",
            "The node has no such rule now.",
        )
        assert "etlmon_path_scan_seconds{" not in eye.screen, "no history is kept of this number"

    play(scene, size=(140, 80))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"labels": {}}, "Its number has none."),
        ({"condition": "absent", "value": None, "worst": None}, "─   must not be absent"),
        ({"silenced_until": NOW + timedelta(hours=2)}, "until in 2 h, 2026-11-21 08:00:30 UTC"),
        ({"state": "resolved", "resolved_at": NOW, "resolved_because": "its number is gone"}, "because its number is"),
        ({"state": "resolved", "resolved_at": NOW}, "nobody did"),
        ({"notices": 1}, "1 notice"),
    ],
)
def test_a_detail_says_what_there_is_not(more: dict[str, Any], words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[ALERT_HISTORY.path] = [alert(1, **more)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: rows(eye) == ["1"], "the alert")
        await eye.press("enter")
        await eye.until(lambda: " ".join(words.split()) in " ".join(eye.screen.split()), words)

    play(scene, set_up=set_up, size=(120, 60), keys=("v",))


def test_details_of_silences_notices_rules_and_channels() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("v", "v")
        await open_row(eye, "1")
        await eye.until_shown("the NAS is being moved", "covers now  1 open alert", "mount  ~/mnt/.*")
        await eye.press("escape", "v")
        await open_row(eye, "8")
        await eye.until_shown("a further try makes no sense", "9f2c0008", "#1  ▲ WARN  /data/logs holds 12,017 files")
        await eye.press("escape")
        await open_row(eye, "6")
        await eye.until_shown("3 alerts on dw-load-02", "no longer shown")
        await eye.press("escape", "v")
        await open_row(eye, "적재-지연")
        await eye.until_shown("etl_lag_seconds > 3600 for 5m", "alerts.rules_file", "R replays it", "서울 적재가")
        await eye.press("escape", "v")
        await open_row(eye, "hook")
        await eye.until_shown("given up: 410 Gone", "http://127.0.0.1:9000/***", "3 notices")
        await eye.until(lambda: asked(fake, "/alerts/deliveries", "channel=hook"), "its notices")

    play(scene, size=(140, 60))


async def open_row(eye: Looking, name: str) -> None:
    """Open the detail of a row as soon as it is there."""
    await eye.until(lambda: name in rows(eye), f"the row {name}")
    table = eye.app.view.query_one(RowsTable)
    table.move_to(next(key for key in table.keys if key.endswith(f"\n{name}")))
    await eye.press("enter")


# Acknowledging


def heard(fake: FakeNode) -> list[tuple[str, dict[str, Any], str | None]]:
    """What the node is told about alerts: path, body, for which node it is meant."""
    sent: list[tuple[str, dict[str, Any], str | None]] = []

    async def take(request: web.Request) -> Any:
        sent.append((request.path, json.loads(await request.text()), request.headers.get(NODE_ID_HEADER)))
        return alert(1, acknowledged_at=NOW, acknowledged_by="kim")

    fake.answers[ALERT_ACK.path] = take
    return sent


def test_a_acknowledges_the_alert_under_the_cursor_with_a_comment() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        sent = heard(fake)
        await eye.until_shown("7 alerts")
        await eye.press("A")
        await eye.until_shown("Acknowledge 1 alert", "서울 적재가 1시간 30분 늦음")
        await eye.press(*"disk", "space", *"qA", "enter")
        await told(eye, "1 alert acknowledged")
        assert sent == [("/api/v1/alerts/3/ack", {"comment": "disk qA"}, "id-1")]

    play(scene)


def test_marked_alerts_are_acknowledged_together_and_told_of_once() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        sent = heard(fake)
        fake.answers["/api/v1/alerts/1/ack"] = Conflict("it is resolved meanwhile")
        await eye.until_shown("7 alerts")
        await eye.press("space", "space", "space", "G", "space")
        await eye.until_shown("4 marked")
        await eye.press("A")
        await eye.until_shown("Acknowledge 3 alerts", "/data is 93.0% full")
        await eye.press("tab", "tab", "enter")
        await told(eye, "2 alerts acknowledged", "it is resolved meanwhile")
        assert eye.notices == [
            "2 alerts acknowledged",
            "web1: /data/logs holds 12,017 files: not done: it is resolved meanwhile (409 Conflict)",
        ]
        assert sorted(path for path, *_ in sent) == ["/api/v1/alerts/2/ack", "/api/v1/alerts/3/ack"]

    play(scene)


@pytest.mark.parametrize("keys", [("escape",), ("ctrl+c",), ("tab", "enter")])
def test_the_comment_can_be_left_and_nothing_is_sent(keys: tuple[str, ...]) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("7 alerts")
        await eye.press("A", "x", *keys)
        assert len(eye.app.screen_stack) == 1
        assert not asked(fake, "/ack", method="POST")

    play(scene)


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ([alert(1, acknowledged_at=NOW, acknowledged_by="kim")], "it is acknowledged by kim already."),
        ([resolved(1)], "it is resolved."),
    ],
)
def test_what_needs_no_acknowledging_is_said(alerts: list[Any], words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[ALERT_HISTORY.path] = alerts

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: rows(eye) == ["1"], "the alert")
        await eye.press("A")
        await told(eye, f"Nothing to acknowledge: {words}")

    play(scene, set_up=set_up, keys=("v",))


def test_another_node_behind_the_address_is_not_told() -> None:
    slow = Ui(refresh_interval=30, health_interval=30)  # type: ignore[arg-type]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("7 alerts")
        fake.node_id = "id-9"
        await eye.press("A", "enter")
        await told(eye, "not done: this is another node than the one that is meant")

    play(scene, ui=slow)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("A",), "Nothing is acknowledged: this UI was started read-only"),
        (("M",), "Nothing is silenced: this UI was started read-only"),
        (("v", "v", "d"), "The silence goes on: this UI was started read-only"),
        (("V", "R"), "Nothing is tried: this UI was started read-only"),
    ],
)
def test_a_read_only_ui_asks_nothing_and_says_why(keys: tuple[str, ...], words: str) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("7 alerts")
        for one in keys:
            await eye.press(one)
            await eye.until(lambda: bool(rows(eye)), "rows")
        await told(eye, words)
        assert len(eye.app.screen_stack) == 1
        assert not [path for method, path in fake.requests if method != "GET"]

    play(scene, read_only=True)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5)])
def test_no_size_of_the_terminal_breaks_the_question_for_a_comment(size: tuple[int, int]) -> None:
    def many(fake: FakeNode) -> None:
        fake.answers[ALERTS.path] = [alert(number, summary=f"{number} " + "서울" * 90) for number in range(40)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: len(rows(eye)) == 40, "the alerts")
        await eye.press(*["space"] * 20, "A", *"why")
        assert screen_widths(eye.app) == {size[0]}
        button = eye.app.screen.query_one("#do")
        assert 0 <= button.region.y < size[1], "the button is in sight"
        await eye.press("escape")
        assert len(eye.app.screen_stack) == 1

    play(scene, size=size, set_up=many)


# Silences that are there, rules and channels


def test_a_silence_is_ended_only_after_a_question() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("the NAS is being")
        await eye.press("d")
        await eye.until_shown("End a silence", "labels mount=~/mnt/.*", "People are told again")
        await eye.press("enter")
        assert not asked(fake, "silences", method="DELETE"), "Cancel has the focus"
        await eye.press("d", "tab", "enter")
        await told(eye, "web1: the silence has ended")
        assert asked(fake, "/alerts/silences/1", method="DELETE")

    play(scene, keys=("v", "v"))


def test_a_silence_that_cannot_be_ended_says_why() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[ALERT_UNSILENCE.path] = Unavailable("the store is full")

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("the NAS is being")
        await eye.press("d", "tab", "enter")
        await told(eye, "web1: not done: the store is full (503 Unavailable)")

    play(scene, keys=("v", "v"), set_up=set_up)


def test_a_rule_is_replayed_and_its_detail_shows_when_it_would_have_told() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("landing_backlog")
        await eye.press("R")
        await told(eye, "적재-지연 is replayed over the last week", "in 7d it would have told 3 times, of 1 series")
        await eye.press("enter")
        await eye.until_shown("from minutes", "WRONG FROM", "path=/data/logs", "03:20:40")
        fake.answers[ALERT_BACKTEST.path] = Unavailable("another one is replayed")
        await eye.press("R")
        await told(eye, "적재-지연: not done: another one is replayed")

    play(scene, keys=("V", "V"), size=(120, 60))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (TestResult(channel="hook", delivered=True, message="200 ok", duration_ms=132.0),
         "web1: hook took it after 132 ms: 200 ok"),
        (TestResult(channel="hook", delivered=False, message="410 Gone", duration_ms=4.0),
         "web1: hook did not take it: 410 Gone"),
        (Unavailable("the store is full"), "web1: not done: the store is full (503 Unavailable)"),
    ],
)  # fmt: skip
def test_a_channel_is_tried_only_after_a_question_and_what_came_of_it_is_told(answer: object, words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[ALERT_CHANNEL_TEST.path] = answer

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("Alert channels")
        await eye.until(lambda: rows(eye)[:1] == ["hook"], "the channels")
        await eye.press("R")
        await eye.until_shown("Try a channel", "hook  webhook to http://127.0.0.1:9000/***")
        await eye.press("enter", "R", "tab", "enter")
        await told(eye, words)
        assert [path for method, path in fake.requests if method == "POST"] == ["/api/v1/alerts/channels/hook/test"]

    play(scene, keys=("V",), set_up=set_up)


# What there is not


def test_nothing_says_why_and_what_to_do() -> None:
    def empty(fake: FakeNode) -> None:
        for endpoint in (ALERTS, ALERT_HISTORY, ALERT_DELIVERIES, ALERT_RULES, ALERT_CHANNELS):
            fake.answers[endpoint.path] = []
        fake.answers[ALERT_SILENCES.path] = of_method(GET=[], POST=silence(1))

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("No alert is open", "Nobody is told of alerts: no channel stands under alerts:")
        for words in ("No alert has been open yet", "Nothing is silenced. M", "Nobody was told anything yet",
                      "The node looks for nothing", "name a channel under alerts:"):  # fmt: skip
            await eye.press("v")
            await eye.until_shown(words)

    play(scene, set_up=empty)


def test_of_many_past_alerts_and_notices_the_newest_are_shown_and_that_is_said() -> None:
    def many(fake: FakeNode) -> None:
        fake.answers[ALERT_HISTORY.path] = [resolved(number) for number in range(1, 501)]
        fake.answers[ALERT_DELIVERIES.path] = [delivery(number) for number in range(1, 501)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("500 alerts", "older ones are not shown")
        await eye.press("v", "v")
        await eye.until_shown("500 notices", "older ones are not shown")
        assert asked(fake, "/alerts/history", "limit=500")

    play(scene, set_up=many, keys=("v",))


def test_of_all_nodes_each_alert_is_acknowledged_on_its_own() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            for fake, name in ((one, "web1"), (two, "web2")):
                says(fake, name)
                fake.answers[ALERTS.path] = [alert(1, summary=f"{name} is ill")]
                fake.answers[ALERT_RULES.path] = [rule()]
                dead = channel("hook", failed=1, last_sent_at=None, last_error="410 Gone", last_error_at=NOW)
                fake.answers[ALERT_CHANNELS.path] = [dead if name == "web2" else channel()]
            async with looking([("web1", one.url), ("web2", two.url)], ui=QUICK) as eye:
                await eye.press("9", "a")
                await eye.until_shown("2 alerts", "web1 is ill", "web2 is ill", "channels fail on 1: web2")
                await eye.press("g", "space", "space", "A")
                await eye.until_shown("Acknowledge 2 alerts", "web1  ▲ WARN  web1 is ill")
                await eye.press("enter")
                await told(eye, "2 alerts acknowledged")
                for fake in (one, two):
                    assert fake.requests.count(("POST", "/api/v1/alerts/1/ack")) == 1

    asyncio.run(main())


def test_what_is_saved_holds_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("landing_backlog")
        await eye.press("o")
        await told(eye, "Saved to")
        (saved,) = (tmp_path / "etlmon").iterdir()
        assert '""for"": ""5m""' in saved.read_text(encoding="utf-8").replace("'", '""')

    play(scene, keys=("V", "V"))


HOSTILE = "/in/\x1b]52;c;x\x07[/x][@click=app.quit]q[/]\u202e\r\n한글-데이터-\U0001f469\u200d\U0001f4bb" + "가" * 300
LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "end"), [((80, 24), LAST), ((120, 36), FIRST), ((40, 10), LAST)], ids=["80x24", "120x36", "40x10"]
)
def test_hostile_texts_and_times_stay_in_their_columns(size: tuple[int, int], end: datetime) -> None:
    of_alert: dict[str, Any] = dict.fromkeys(
        ("rule", "metric", "summary", "description", "condition", "acknowledged_by", "comment", "resolved_because"),
        HOSTILE,
    )

    def set_up(fake: FakeNode) -> None:
        lame = alert(1, labels={HOSTILE: HOSTILE}, triggered_at=end, active_at=end, updated_at=end, value=1e308,
                     worst=-1e308, **of_alert)  # fmt: skip
        fake.answers[ALERTS.path] = fake.answers[ALERT_HISTORY.path] = [lame]
        fake.answers[ALERT_RULES.path] = [rule(HOSTILE[:200], summary=HOSTILE, error=HOSTILE, state="invalid")]
        fake.answers[ALERT_CHANNELS.path] = [
            channel(HOSTILE, target=HOSTILE, last_error=HOSTILE, last_error_at=end, next_try_at=end)
        ]
        quiet = silence(1, rule=HOSTILE, labels={HOSTILE: HOSTILE}, reason=HOSTILE, created_by=HOSTILE, starts_at=end,
                        ends_at=end, created_at=end)  # fmt: skip
        fake.answers[ALERT_SILENCES.path] = of_method(GET=[quiet])
        fake.answers[ALERT_DELIVERIES.path] = [
            delivery(1, channel=HOSTILE, title=HOSTILE, error=HOSTILE, state="waiting", created_at=end, next_try_at=end)
        ]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        for keys in (("t", "M", "escape"), ("A", "escape"), ("M", "escape"), (), ("M", "escape"), ()):
            await eye.until(lambda: len(rows(eye)) == 1, "a row")
            for key in (*keys, "enter", "escape", "v"):
                await eye.pilot.press(key)
                assert screen_widths(eye.app) == {size[0]}
                assert "\x1b" not in eye.screen
                assert "\u202e" not in eye.screen
        assert eye.app.is_running

    play(scene, set_up=set_up, size=size, ui=Ui())

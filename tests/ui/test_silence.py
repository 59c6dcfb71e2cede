"""The form in which alerts are silenced, or a maintenance window is planned."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web
from textual.widgets import Button, Input

from etlmon.contract.alerts import ALERT_SILENCES, ALERTS
from etlmon.contract.errors import BadRequest, Forbidden
from etlmon.contract.node import NODE_ID_HEADER
from tests.fakes.nodes import FakeNode
from tests.ui.alarms import alert, alerts_in_trouble, of_method, silence
from tests.ui.hosts import says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.textsnap import screen_widths
from ui.dialogs.silence import SilenceDialog
from ui.dialogs.silence_form import Clocks, Form, FormError, body_of, form_again, form_of, parse_labels, preview, wrong
from ui.settings import Ui

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]
SEOUL = timezone(timedelta(hours=9), "KST")
CLOCKS = Clocks(now=lambda: NOW, zone=SEOUL)


def filled(**more: str) -> Form:
    return Form(**{"rule": "landing_backlog", "reason": "the loader is being moved", **more})


# What is typed


@pytest.mark.parametrize(
    ("starts", "ends", "sent"),
    [
        ("", "2h", {"starts_at": None, "ends_at": None, "duration": "2h"}),
        ("now", " 1h30m ", {"starts_at": None, "ends_at": None, "duration": "1h30m"}),
        ("", "22:00", {"starts_at": None, "ends_at": datetime(2026, 11, 21, 22, tzinfo=SEOUL), "duration": None}),
        ("", "tomorrow", {"starts_at": None, "ends_at": datetime(2026, 11, 22, tzinfo=SEOUL), "duration": None}),
        ("30m", "2h", {"starts_at": NOW + timedelta(minutes=30), "ends_at": None, "duration": "2h"}),
        ("22:00", "06:00", {"starts_at": datetime(2026, 11, 21, 22, tzinfo=SEOUL),
                            "ends_at": datetime(2026, 11, 22, 6, tzinfo=SEOUL), "duration": None}),
        ("2026-11-22T01:00", "2026-11-22T03:00Z", {"starts_at": datetime(2026, 11, 22, 1, tzinfo=SEOUL),
                                                   "ends_at": datetime(2026, 11, 22, 3, tzinfo=UTC),
                                                   "duration": None}),
    ],
)  # fmt: skip
def test_what_begins_now_is_timed_by_the_node_and_everything_else_by_the_operator_s_clock(
    starts: str, ends: str, sent: dict[str, Any]
) -> None:
    body = body_of(filled(starts=starts, ends=ends), CLOCKS)
    assert {name: getattr(body, name) for name in sent} == sent


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("path=/data/logs", {"path": "/data/logs"}),
        (" device = ~sd.* , mode=!idle", {"device": "~sd.*", "mode": "!idle"}),
        ('path="/a b, c"', {"path": "/a b, c"}),
    ],
)
def test_labels_are_typed_as_they_stand_in_metrics(text: str, labels: dict[str, str]) -> None:
    assert parse_labels(text) == labels


@pytest.mark.parametrize("text", ["path", "=x", "1a=x", "a=1,a=2", 'a="x'])
def test_what_are_no_labels_is_said(text: str) -> None:
    with pytest.raises(FormError):
        parse_labels(text)
    assert list(wrong(filled(labels=text), CLOCKS)) == ["labels"]


@pytest.mark.parametrize("value", ["/data/logs", "!x", "~x.*", "!~x", 'a "b", c', "", "서울 지점"])
def test_the_form_of_an_alert_covers_that_very_alert(value: str) -> None:
    labels = parse_labels(form_of("r", {"path": value}).labels)
    if value.startswith(("!", "~")):
        import re

        assert labels["path"][0] == "~"
        assert re.fullmatch(labels["path"][1:], value), "as an expression, since the sign would mean something else"
    else:
        assert labels == {"path": value}


def test_the_form_of_a_silence_makes_one_like_it() -> None:
    like = silence(1, rule="mount_stuck", labels={"mount": "~/mnt/.*"}, reason="the NAS is being moved")
    body = body_of(form_again(like), CLOCKS)
    assert (body.rule, body.labels, body.reason) == (like.rule, like.labels, like.reason)


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"reason": "  "}, "reason", "say why"),
        ({"ends": ""}, "ends", "it must end"),
        ({"ends": "soon"}, "ends", "'soon' is no time; write for example 2h, 06:00, tomorrow"),
        ({"ends": "0s"}, "ends", "it would end before it begins"),
        ({"ends": "2026-11-20"}, "ends", "it would end before it begins"),
        ({"starts": "2026-11-20", "ends": "1h"}, "ends", "that is over already"),
        ({"starts": "later"}, "starts", "'later' is no time"),
        ({"starts": "9999-12-31", "ends": "365d"}, "ends", "is no time"),
    ],
)
def test_what_cannot_be_is_said_by_field(more: dict[str, str], field: str, words: str) -> None:
    found = dict(wrong(filled(**more), CLOCKS))
    assert list(found) == [field]
    assert words in found[field]  # type: ignore[index]


def text_of(form: Form, clocks: Clocks = CLOCKS) -> list[str]:
    return ["".join(text for text, _ in line) for line in preview(form, clocks, "web1")]


def test_it_is_said_what_it_comes_to_before_it_is_done() -> None:
    assert text_of(filled()) == ["from now to 2026-11-21 17:00:30 KST (02:00:00)"]
    utc = Clocks(now=lambda: NOW, zone=SEOUL, style="utc")
    assert text_of(filled(starts="30m"), utc) == [
        "from 2026-11-21 06:30:30 UTC to 2026-11-21 08:30:30 UTC (02:00:00)",
    ]
    assert text_of(Form()) == ["Nobody is told of any alert of web1.", *text_of(filled())]
    assert text_of(filled(ends="soon")) == []


# The form


@dataclass
class Stage:
    eye: Looking
    fake: FakeNode
    answers: list[Any]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    meant: list[str | None] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> Any:
        self.bodies.append(json.loads(await request.text()))
        self.meant.append(request.headers.get(NODE_ID_HEADER))
        if self.gate is not None:
            await self.gate.wait()
        return self.answers[min(len(self.bodies), len(self.answers)) - 1]

    @property
    def dialog(self) -> SilenceDialog:
        return next(one for one in self.eye.app.screen_stack if isinstance(one, SilenceDialog))

    @property
    def is_open(self) -> bool:
        return any(isinstance(one, SilenceDialog) for one in self.eye.app.screen_stack)

    def focused(self) -> str:
        found = self.dialog.focused
        names = [name for name, control in self.dialog._inputs.items() if control is found]
        return names[0] if names else (found.id or "" if found is not None else "")

    async def type(self, **fields: str) -> None:
        for name, value in fields.items():
            self.dialog._inputs[name].value = value  # type: ignore[index]
        await self.eye.pilot.pause()

    async def press_do(self) -> None:
        button = self.dialog.query_one("#do", Button)
        # Textual takes no press of a button that still looks pressed from the one before.
        await self.eye.until(lambda: not button.has_class("-active"), "the button")
        self.dialog.set_focus(button)
        await self.eye.press("enter")


Scene = Callable[[Stage], Awaitable[None]]


def play(
    scene: Scene,
    *,
    keys: tuple[str, ...] = ("M",),
    answers: list[Any] | None = None,
    size: tuple[int, int] = (120, 36),
    ui: Ui = QUICK,
) -> None:
    """A node with alerts; `keys` were pressed in its view."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            alerts_in_trouble(says(fake, "web1"))
            async with looking([("web1", fake.url)], size=size, ui=ui) as eye:
                stage = Stage(eye, fake, answers or [silence(3)])
                fake.answers[ALERT_SILENCES.path] = of_method(GET=[silence(1)], POST=stage.take)
                await eye.press("9")
                await eye.until(lambda: eye.app.fleet.live("web1").info is not None, "the node")
                if size[0] >= 40:
                    await eye.until_shown("서울 적재가")
                eye.app.paint()
                await eye.press(*keys)
                await scene(stage)

    asyncio.run(main())


def test_m_silences_the_alert_under_the_cursor() -> None:
    async def scene(stage: Stage) -> None:
        await stage.eye.until_shown("Silence alerts · web1", "from now to 2026-11-21 08:00:30 UTC")
        assert stage.focused() == "reason"
        await stage.eye.press(*"qd", "enter")
        assert stage.focused() == "do"
        await stage.eye.press("enter")
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert stage.bodies == [
            {"rule": "적재-지연", "labels": {"queue": "in", "branch": "서울"}, "reason": "qd", "starts_at": None,
             "ends_at": None, "duration": "2h"}
        ]  # fmt: skip
        assert stage.meant == ["id-1"]
        assert stage.eye.notices == ["web1: silenced for 02:01:00; it covers 1 open alert"]

    play(scene, keys=("M",))


@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        (("V", "V", "M"), ("적재-지연", "", "")),
        (("v", "v", "M"), ("landing_backlog", "", "the loader is being moved")),
    ],
)
def test_in_other_rows_m_begins_with_the_rule_or_the_silence(keys: tuple[str, ...], fields: tuple[str, ...]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.eye.until(lambda: "M Silence" in stage.eye.screen, "the rows")
        if not stage.is_open:
            await stage.eye.press("M")
        await stage.eye.until_shown("Silence alerts")
        form = stage.dialog.form
        assert (form.rule, form.labels, form.reason) == fields

    async def waiting(stage: Stage) -> None:
        await stage.eye.until(lambda: bool(stage.eye.app.view.shown_rows), "rows")  # type: ignore[attr-defined]
        await stage.eye.press("M")
        await scene(stage)

    play(waiting, keys=keys[:-1])


def test_without_a_row_a_window_for_everything_is_planned() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[ALERTS.path] = []
        await stage.eye.until_shown("No alert is open")
        await stage.eye.press("M")
        await stage.eye.until_shown("Nobody is told of any alert of web1.")
        assert stage.focused() == "rule"
        await stage.type(starts="2026-11-22T01:00", ends="2h", reason="maintenance")
        await stage.press_do()
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert (stage.bodies[0]["starts_at"], stage.bodies[0]["duration"]) == ("2026-11-22T01:00:00Z", "2h")
        assert stage.eye.notices == ["web1: silenced for 02:00:00; it begins later"]

    planned = silence(3, active=False, starts_at=NOW + timedelta(hours=19), ends_at=NOW + timedelta(hours=21))
    play(scene, keys=(), answers=[planned])


def test_what_is_missing_is_said_below_its_field_before_anything_is_sent() -> None:
    async def scene(stage: Stage) -> None:
        await stage.type(labels="path", ends="soon")
        await stage.press_do()
        await stage.eye.until_shown("does not read as labels", "'soon' is no time", "say why, for those")
        assert (stage.focused(), stage.bodies) == ("labels", [])
        await stage.type(labels="path=/x")
        assert "does not read as labels" not in stage.eye.screen
        assert "'soon' is no time" in stage.eye.screen

    play(scene)


@pytest.mark.parametrize(
    ("problem", "words", "field"),
    [
        (BadRequest("the field labels.path is wrong: no expression", field="labels.path"), " no expression", "labels"),
        (BadRequest("longer than a year", field="ends_at"), "longer than a year", "ends"),
        (BadRequest("longer than a year", field="duration"), "longer than a year", "ends"),
        (BadRequest("there is no such rule", field="rule"), "there is no such rule", "rule"),
        (Forbidden("commands from another host need a token"), "not done: commands from another host", ""),
    ],
)
def test_a_refusal_is_said_below_its_field_and_what_was_typed_stays(problem: Exception, words: str, field: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.type(reason="x")
        await stage.press_do()
        await stage.eye.until_shown(words)
        assert stage.focused() == (field or "do")
        await stage.press_do()
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert [body["reason"] for body in stage.bodies] == ["x", "x"]

    play(scene, answers=[problem, silence(3)])


def test_the_answer_to_a_silence_that_was_left_comes_as_a_notice() -> None:
    async def scene(stage: Stage) -> None:
        stage.gate = asyncio.Event()
        await stage.type(reason="x")
        await stage.press_do()
        await stage.eye.until_shown("The node is told ...")
        await stage.eye.press("escape", "M")
        stage.gate.set()
        await stage.eye.until(lambda: bool(stage.eye.notices), "the notice")
        assert stage.eye.notices == ["web1: not done: the store is full (400 BadRequest)"]
        assert stage.is_open, "the new form is another one"
        assert not stage.dialog._said

    play(scene, answers=[BadRequest("the store is full")])


@pytest.mark.parametrize("keys", [("escape",), ("ctrl+c",)])
def test_it_can_be_left_and_nothing_is_sent(keys: tuple[str, ...]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.eye.press(*"abc", *keys)
        assert not stage.is_open
        assert (stage.bodies, stage.eye.app.is_running) == ([], True)

    play(scene)


def test_while_the_screen_is_paused_nothing_is_silenced_by_a_clock_that_stands_still() -> None:
    async def scene(stage: Stage) -> None:
        assert not stage.is_open
        assert stage.eye.notices == ["Nothing is silenced: the screen is paused, and its clock stands still: p goes on"]

    play(scene, keys=("p", "M"))


def test_the_alert_that_is_asked_about_stays_the_same_while_others_come() -> None:
    async def scene(stage: Stage) -> None:
        worse = alert(9, "new_rule", severity="critical", triggered_at=NOW)
        stage.fake.answers[ALERTS.path] = [worse]
        await stage.eye.until(lambda: stage.eye.app.view.shown_rows[0].item.id == 9, "the new one")  # type: ignore[attr-defined]
        await stage.type(reason="x")
        await stage.press_do()
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert stage.bodies[0]["rule"] == "적재-지연"

    play(scene)


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (60, 15), (40, 10), (20, 5)])
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
def test_no_size_of_the_terminal_breaks_the_form(size: tuple[int, int], ascii_only: bool) -> None:
    async def scene(stage: Stage) -> None:
        for fields in ({}, {"rule": "서울" * 100, "labels": "x" * 300, "ends": "soon", "reason": ""}):
            await stage.type(**fields)
            await stage.press_do()
            assert screen_widths(stage.eye.app) == {size[0]}
            assert stage.dialog.query_one("#do", Button).region.bottom <= size[1]
            if ascii_only:
                shown = [char for char in stage.eye.screen if not char.isascii() and not "가" <= char <= "힣"]
                assert shown == []
        assert isinstance(stage.dialog.focused, Input | Button)
        await stage.eye.press("escape")
        assert len(stage.eye.app.screen_stack) == 1

    play(scene, size=size, ui=Ui(ascii=ascii_only, refresh_interval=0.1))  # type: ignore[arg-type]

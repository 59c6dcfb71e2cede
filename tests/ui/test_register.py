"""Registering a Proxmox cluster from the screen: tested first, trusted knowingly, and nothing secret in sight."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from etlmon.contract.clusters import LONGEST_CA, ClusterProbe
from etlmon.contract.errors import (
    AuthenticationFailed,
    BadGateway,
    BadRequest,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Problem,
)
from tests.fakes.nodes import FakeNode, hanging_up, well
from tests.ui.estates import NEW_PRINT, OLD_PRINT, listing, pve
from tests.ui.registering import PROBE, QUICK, SECRET, Stage, play
from tests.ui.textsnap import screen_widths
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.register_form import Form, body_of
from ui.settings import Ui
from ui.views.rows_table import RowsTable

UNTRUSTED = BadGateway("the certificate is signed by nobody known", reason="certificate", fingerprint=NEW_PRINT)


def test_it_is_typed_from_field_to_field_and_enter_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        press = stage.eye.press
        await stage.eye.until_shown("Register a Proxmox cluster · web1", "enter next · esc cancel")
        assert stage.focused() == "name"
        await press(*"q1nd", "enter", *"pve", "enter", *"root", "at", *"pam", "enter")
        assert stage.focused() == "auth"
        await press("right", "enter")
        assert stage.focused() == "secret"
        await press(*"Hh:?", "up", "space", "down", *"mon", "tab", "down", "right", "right", "down", *"AB", "down")
        form = stage.dialog.form
        assert (form.name, form.api_endpoint, form.username) == ("q1nd", "pve", "root@pam")
        assert (form.auth, form.token_name, form.secret) == ("token", "mon", "Hh:?")
        assert (form.verify, form.fingerprint) == ("fingerprint", "AB")
        assert stage.focused() == "failover"
        await press("enter")
        assert stage.focused() == "do", "going on and on must not end at Cancel"

    play(scene)


def test_a_test_shows_what_is_seen_and_only_then_it_can_be_registered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        assert str(stage.do.label) == "Test"
        await stage.test()
        await stage.eye.until_shown(
            "Proxmox VE 8.4.1, cluster prod,", "3 of 3 nodes online, 41 guests, in 480 ms", "4C:D2:4C:D2"
        )
        assert (str(stage.do.label), stage.focused(), stage.registers.bodies) == ("Register", "do", [])
        fake = stage.fake
        fake.answers["clusters"] = listing(pve(), pve("서울-신규"))
        await stage.eye.press("enter")
        await stage.eye.until(lambda: not stage.is_open, "the end")
        body: dict[str, Any] = {
            "name": "서울-신규", "api_endpoint": "https://pve:8006", "username": "etlmon@pve", "password": None,
            "token_name": "monitor", "token_value": SECRET, "failover": [],
            "tls": {"verify": "system", "ca": "", "fingerprint": ""},
        }  # fmt: skip
        assert stage.tests.bodies == [body]
        assert stage.registers.bodies == [body]
        assert stage.registers.meant == stage.tests.meant == ["id-1"]
        assert stage.eye.notices == ["web1: 서울-신규 is healthy; it is watched from now on"]
        table = stage.eye.app.view.query_one(RowsTable)
        wanted = f"web1\npve {pve('서울-신규').id}"
        await stage.eye.until(lambda: table.cursor_key == wanted, "the cursor on the new row")

    play(scene)


def test_what_a_cluster_lacks_is_said_by_the_test() -> None:
    probe = ClusterProbe(
        proxmox_version="8.4.1", node_count=1, nodes_online=1, guests_total=0, quorate=False, duration_ms=12.0,
        missing=["guests: no permission (VM.Audit)"],
    )  # fmt: skip

    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.test()
        await stage.eye.until_shown(
            "a host by itself, no quorum", "guests not known", "guests: no permission (VM.Audit)"
        )
        assert "0 guests" not in stage.eye.screen

    play(scene, tests=[probe])


def test_what_is_changed_after_a_test_is_tested_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.test()
        await stage.type(username="root@pam")
        assert str(stage.do.label) == "Test"
        assert "It answers" not in stage.eye.screen
        await stage.test()
        assert [body["username"] for body in stage.tests.bodies] == ["etlmon@pve", "root@pam"]
        assert stage.registers.bodies == []

    play(scene)


def test_what_is_changed_during_a_test_is_tested_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.tests.gate = asyncio.Event()
        await stage.fill()
        await stage.press_do()
        await stage.eye.until_shown("Testing the connection ...")
        await stage.eye.press("enter", "enter")
        await stage.type(secret=SECRET + "2")
        stage.tests.gate.set()
        await stage.eye.until_shown("It was changed meanwhile: test it again.")
        assert (str(stage.do.label), len(stage.tests.bodies)) == ("Test", 1)

    play(scene)


def test_a_password_is_sent_as_one_and_other_nodes_go_along() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill(auth="password", username=" root@pam ", failover="https://pve2 , pve3:8006", name=" a ")
        assert not stage.control("token_name").region
        await stage.eye.until_shown("password")
        await stage.test()
        (body,) = stage.tests.bodies
        assert (body["password"], body["token_name"], body["token_value"]) == (SECRET, None, None)
        assert (body["name"], body["username"]) == ("a", "root@pam")
        assert body["failover"] == ["https://pve2", "pve3:8006"]

    play(scene)


def test_a_token_may_be_given_with_the_user() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill(username="etlmon@pve!monitor", token_name="")
        await stage.test()
        assert (stage.tests.bodies[0]["username"], stage.tests.bodies[0]["token_name"]) == ("etlmon@pve!monitor", None)

    play(scene)


def test_what_is_missing_is_said_below_its_field_before_anything_is_sent() -> None:
    async def scene(stage: Stage) -> None:
        await stage.press_do()
        await stage.eye.until_shown("a name is needed", "the address of its API", "a user is needed")
        assert stage.focused() == "name"
        await stage.type(name="x", username="root", verify="fingerprint", failover="a " * 9)
        await stage.eye.until(lambda: "a name is needed" not in stage.eye.screen, "the complaint to go")
        assert "the address of its API" in stage.eye.screen
        await stage.press_do()
        await stage.eye.until_shown("its realm is missing: root@pve or root@pam", "pvenode cert info", "at most 8")
        assert stage.tests.bodies == []

    play(scene)


REFUSALS: list[tuple[Problem, str, str]] = [
    (BadRequest("the endpoint has no host", field="api_endpoint"), "the endpoint has no host", "api_endpoint"),
    (BadRequest("no such thing", field="failover[1]"), "no such thing", "failover"),
    (BadRequest("too long", field="token_value"), "too long", "secret"),
    (Conflict("there is a cluster of this name", field="name"), "there is a cluster of this name", "name"),
    (BadRequest("the field username is wrong: it is no user", field="username"), " it is no user", "username"),
    (AuthenticationFailed("refused: 401", reason="authentication"), "refused: 401", "secret"),
    (AuthenticationFailed("a second factor: create an API token", reason="tfa"), "create an API token", "secret"),
    (BadGateway("connection refused", reason="unreachable"), "connection refused", "api_endpoint"),
    (DeadlineExceeded("no answer within 15 s", reason="timeout"), "no answer within 15 s", "api_endpoint"),
    (BadGateway("a web page answers", reason="malformed"), "a web page answers", "api_endpoint"),
    (BadGateway("pip install 'etlmon[proxmox]'", reason="missing_package"), "not done: pip install", ""),
    (BadGateway("403 Permission check failed", reason="refused"), "not done: 403 Permission", ""),
    (Forbidden("commands from another host need a token"), "not done: commands from another host", ""),
    (BadRequest("what now", field="tls.fingerprint"), "not done: what now", ""),
]
"""What the node says, what is shown of it, and where: below which field, or (empty) below all of them."""


def test_a_refusal_is_said_below_its_field_or_below_all() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        for number, (_, words, field) in enumerate(REFUSALS):
            await stage.press_do()
            await stage.eye.until(lambda sent=number: len(stage.tests.bodies) > sent, "the test")  # type: ignore[misc]
            await stage.eye.until_shown(words)
            await stage.eye.until(lambda: "Testing" not in stage.eye.screen, "its end")
            assert stage.focused() == (field or "do"), words
            assert str(stage.do.label) == "Test"

    play(scene, tests=[problem for problem, _, _ in REFUSALS])


def test_a_refusal_to_register_leaves_all_that_was_typed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.test()
        await stage.eye.press("enter")
        await stage.eye.until_shown("another was faster")
        assert (stage.focused(), stage.dialog.form.secret) == ("name", SECRET)
        await stage.type(name="other")
        await stage.test()
        await stage.eye.press("enter")
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert [body["name"] for body in stage.registers.bodies] == ["서울-신규", "other"]

    play(scene, registers=[Conflict("another was faster", field="name"), pve("other")])


# The certificate


def test_an_unknown_certificate_is_shown_and_trusted_only_when_told_to() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.press_do()
        await stage.eye.until_shown("signed", "Nothing secret was sent to it.", "pvenode cert info", "Trust it")
        halves = NEW_PRINT[:47], NEW_PRINT[48:]
        assert all(half in stage.eye.screen for half in halves)
        await stage.eye.press("enter")
        await stage.eye.until_shown("Its certificate is signed by nobody known.")
        assert (stage.dialog.form.verify, len(stage.tests.bodies)) == ("system", 1)
        await stage.press_do()
        await stage.eye.until_shown("Trust it")
        await stage.eye.press("tab", "enter")
        await stage.eye.until_shown("It answers:")
        assert stage.tests.bodies[-1]["tls"] == {"verify": "fingerprint", "ca": "", "fingerprint": NEW_PRINT}
        await stage.eye.press("enter")
        await stage.eye.until(lambda: not stage.is_open, "the end")
        assert stage.registers.bodies[0]["tls"]["fingerprint"] == NEW_PRINT

    play(scene, tests=[UNTRUSTED, UNTRUSTED, PROBE])


def test_a_certificate_that_is_another_one_than_the_one_given_is_not_offered_to_be_trusted() -> None:
    problem = BadGateway(f"it shows {NEW_PRINT}", reason="changed_certificate", fingerprint=NEW_PRINT)

    async def scene(stage: Stage) -> None:
        await stage.fill(verify="fingerprint", fingerprint=OLD_PRINT)
        await stage.press_do()
        await stage.eye.until_shown("it shows", "4C:D2:4C:D2")
        assert stage.focused() == "fingerprint"
        assert not isinstance(stage.eye.app.screen, ConfirmDialog)

    play(scene, tests=[problem])


def test_the_certificate_of_an_authority_is_read_from_a_file_here(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(pem)

    async def scene(stage: Stage) -> None:
        await stage.fill(verify="ca", ca_file=str(tmp_path / "ca.pem"))
        await stage.test()
        assert stage.tests.bodies[0]["tls"] == {"verify": "ca", "ca": pem, "fingerprint": ""}

    play(scene)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is not there"), (b"x" * (LONGEST_CA + 1), "is larger than 256"), (b"\xff\xfe", "is not PEM")],
)
def test_a_file_that_cannot_be_the_authority_says_why(tmp_path: Path, content: bytes | None, words: str) -> None:
    name = "ca.pem"
    if content is not None:
        (tmp_path / name).write_bytes(content)

    async def scene(stage: Stage) -> None:
        await stage.fill(verify="ca", ca_file=str(tmp_path / name))
        await stage.press_do()
        await stage.eye.until(lambda: words in " ".join(stage.eye.screen.split()), words)
        assert (stage.focused(), stage.tests.bodies) == ("ca_file", [])

    play(scene)


# The secret


def test_the_secret_is_never_on_the_screen_in_a_notice_or_in_the_clipboard() -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        stage.dialog.set_focus(stage.control("secret"))
        for keys in (("shift+home", "ctrl+shift+c", "super+c"), ("shift+home", "ctrl+x")):
            await stage.eye.press(*keys)
            assert SECRET not in stage.eye.app.clipboard
        await stage.type(secret=SECRET)
        seen = [stage.eye.screen]
        await stage.press_do()
        await stage.eye.until_shown("refused")
        seen.append(stage.eye.screen)
        await stage.eye.press("escape")
        seen += [stage.eye.screen, *stage.eye.notices, repr(stage.tests), repr(body_of(Form(secret=SECRET)))[:9]]
        assert not [text for text in seen[:3] if SECRET in text or "SECRET" in text]
        assert "*" * len(SECRET) in seen[0]
        assert SECRET not in repr(Form(secret=SECRET))
        assert SECRET not in repr(body_of(Form(secret=SECRET, name="x", api_endpoint="y", username="z")))

    play(scene, tests=[AuthenticationFailed("refused", reason="authentication")])


# Leaving it, and a node that is not there


@pytest.mark.parametrize("keys", [("escape",), ("ctrl+c",), ("up", "up", "enter")])
def test_it_can_be_left_and_nothing_is_sent(keys: tuple[str, ...]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.eye.press(*(("shift+tab", "shift+tab", "enter") if "up" in keys else keys))
        assert not stage.is_open
        assert stage.tests.bodies == []
        assert stage.eye.app.is_running

    play(scene)


def test_the_answer_to_a_registration_that_was_left_comes_as_a_notice() -> None:
    async def scene(stage: Stage) -> None:
        stage.registers.gate = asyncio.Event()
        await stage.fill()
        await stage.test()
        await stage.eye.press("enter")
        await stage.eye.until_shown("Registering it ...")
        await stage.eye.press("escape")
        stage.registers.gate.set()
        await stage.eye.until(lambda: bool(stage.eye.notices), "the notice")
        assert stage.eye.notices == ["web1: 서울-신규 is healthy; it is watched from now on"]

    play(scene)


def test_the_refusal_of_a_registration_that_was_left_names_the_cluster() -> None:
    async def scene(stage: Stage) -> None:
        stage.registers.gate = asyncio.Event()
        await stage.fill()
        await stage.test()
        await stage.eye.press("enter")
        await stage.eye.until_shown("Registering it ...")
        await stage.eye.press("escape", "n")
        stage.registers.gate.set()
        await stage.eye.until(lambda: bool(stage.eye.notices), "the notice")
        assert stage.eye.notices == ["web1: 서울-신규: not done: another was faster (409 Conflict)"]
        assert stage.dialog.form.name == "", "the new form is another one"
        assert not stage.dialog._said

    play(scene, registers=[Conflict("another was faster")])


def test_a_node_that_breaks_off_leaves_it_open_whether_it_was_registered() -> None:
    async def breaking_off(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        return await (hanging_up if request.method == "POST" else well)(fake, request)

    async def scene(stage: Stage) -> None:
        await stage.fill()
        await stage.test()
        stage.fake.behave = breaking_off
        await stage.eye.press("enter")
        await stage.eye.until_shown("it is not known whether it was done")

    play(scene)


def test_another_node_behind_the_address_hears_no_secret() -> None:
    slow = Ui(refresh_interval=30, health_interval=30)  # type: ignore[arg-type]

    async def scene(stage: Stage) -> None:
        await stage.fill()
        stage.fake.node_id = "id-9"
        await stage.press_do()
        await stage.eye.until_shown("not done: this is another node than the one that")
        assert stage.tests.bodies == []

    play(scene, ui=slow)


def test_a_read_only_ui_opens_no_form() -> None:
    async def scene(stage: Stage) -> None:
        await stage.eye.press("n")
        assert not stage.is_open
        assert stage.eye.notices == ["No cluster can be registered: this UI was started read-only"]

    play(scene, opened=False, read_only=True)


@pytest.mark.parametrize(
    ("size", "ascii_only"),
    [((200, 60), False), ((80, 24), True), ((80, 24), False), ((60, 15), False), ((40, 10), True), ((20, 5), False)],
)
def test_no_size_of_the_terminal_breaks_the_form(size: tuple[int, int], ascii_only: bool) -> None:
    ui = Ui(ascii=True, refresh_interval=0.1) if ascii_only else QUICK  # type: ignore[arg-type]

    async def scene(stage: Stage) -> None:
        ways: tuple[dict[str, Any], ...] = ({}, {"verify": "fingerprint"}, {"name": "서울" * 120, "secret": "x" * 300})
        for fields in ways:
            await stage.type(**fields)
            await stage.press_do()
            assert screen_widths(stage.eye.app) == {size[0]}
            assert stage.do.region.bottom <= size[1]
            if ascii_only:
                shown = [char for char in stage.eye.screen if not char.isascii() and not "가" <= char <= "힣"]
                assert shown == []
        await stage.eye.press("escape")
        assert len(stage.eye.app.screen_stack) == 1

    play_at(scene, size, ui)


def play_at(scene: Any, size: tuple[int, int], ui: Ui) -> None:
    """On a screen that may be too small to show the rows of the view."""

    async def main(stage: Stage) -> None:
        await stage.eye.press("n")
        await scene(stage)

    play(main, size=size, ui=ui, opened=False, shown=size[0] >= 40)

"""One of a few words, and a field of a form."""

import pytest
from textual.pilot import Pilot

from tests.ui.textsnap import screen_lines, screen_styles
from tests.ui.widgets.stage import HOSTILE, Stage, play
from ui.glyphs import ASCII
from ui.widgets.choice import Choice
from ui.widgets.formfield import FormField, PlainInput, SecretInput

OPTIONS = (("token", "API token"), ("password", "비밀번호"), ("none", "x"))


def test_the_first_is_chosen_until_a_key_or_a_click_chooses_another() -> None:
    choice = Choice(OPTIONS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert screen_lines(stage)[0].startswith("▸API token  비밀번호  x ")
        choice.focus()
        found = []
        for key in ("right", "l", "space", "left", "ㅗ", "h"):
            await pilot.press(key)
            found.append(choice.value)
        assert found == ["password", "none", "token", "none", "password", "token"]
        await pilot.click(choice, offset=(13, 0))
        assert choice.value == "password"
        assert [screen_styles(stage, 0)[1][0], screen_lines(stage)[0][:11]] == ["▸비밀번호 ", " API token "]
        await pilot.click(choice, offset=(60, 0))
        assert choice.value == "password"

    stage = play(choice, act=act)
    assert len(stage.told) == 7, "one message a change"


def test_a_value_can_be_chosen_and_one_that_is_not_there_cannot() -> None:
    choice = Choice(OPTIONS)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        choice.choose("none")
        choice.choose("none")
        await pilot.pause()
        assert choice.value == "none"
        with pytest.raises(ValueError, match="nothing"):
            choice.choose("nothing")

    assert len(play(choice, act=act).told) == 1


def test_what_is_chosen_can_be_seen_without_colours() -> None:
    choice = Choice(OPTIONS[::2])

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        choice.choose("none")
        await pilot.pause()
        assert screen_lines(stage)[0].rstrip() == " API token >x"

    play(choice, act=act, glyphs=ASCII)


def test_a_complaint_stands_below_its_field_as_long_as_it_holds() -> None:
    field = FormField("user", PlainInput("root@pam", most=10))

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        assert (field.lines, screen_lines(stage)[0].rstrip()) == (1, "user          root@pam")
        field.complain("its realm is missing: it is no user without one", 40)
        await pilot.pause()
        assert field.lines == 3
        shown = [line.rstrip() for line in screen_lines(stage)[1:4]]
        assert shown == [" " * 14 + "its realm is missing: it", " " * 14 + "is no user without one", ""]
        field.complain("", 40)
        await pilot.pause()
        assert (field.lines, screen_lines(stage)[1].strip()) == (1, "")
        field.hide(away=True)
        assert field.lines == 0

    play(field, act=act)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_complaint_does_no_harm(text: str) -> None:
    field = FormField("user", PlainInput("", most=10))

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        field.complain(text, 40)
        await pilot.pause()
        assert not set("\x1b\x9b\x07\u202e\r\n\t") & set("".join(screen_lines(stage)))

    play(field, act=act)


@pytest.mark.parametrize("glyphs", [None, ASCII], ids=["unicode", "ascii"])
def test_a_secret_is_taken_as_it_is_and_shown_as_stars(glyphs: object) -> None:
    secret = SecretInput(most=20)

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        secret.focus()
        await pilot.press(*"p비 !")
        await pilot.press("shift+left", "shift+left", "ctrl+c", "ctrl+x")
        assert (secret.value, stage.clipboard) == ("p비", "")
        assert "**" in screen_lines(stage)[0]
        await pilot.press("x", "shift+home", "ctrl+shift+c")
        assert stage.clipboard == ""
        assert (secret.value, screen_lines(stage)[0].count("*")) == ("p비x", 3)

    play(FormField("secret", secret), act=act) if glyphs is None else play(FormField("", secret), act=act, glyphs=ASCII)

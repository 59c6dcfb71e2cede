from dataclasses import fields

import pytest
from rich.cells import cell_len

from ui.glyphs import ASCII, SEVERITY, UNICODE, WORDS, Glyphs, glyphs_of


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_symbol_is_one_cell_wide(glyphs: Glyphs) -> None:
    for field in fields(Glyphs):
        text = getattr(glyphs, field.name)
        assert len(text) == len(getattr(UNICODE, field.name))
        assert all(cell_len(character) == 1 for character in text), field.name


def test_the_twins_are_ascii_and_replace_every_symbol_in_a_text() -> None:
    everything = "".join(getattr(UNICODE, field.name) for field in fields(Glyphs))
    assert not everything.isascii()
    assert ASCII.text(everything).isascii()
    assert ASCII.text("한글 ● 1") == "한글 * 1"
    assert UNICODE.text(everything) == everything


def test_the_states_are_told_apart_by_symbol_and_by_word() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len({glyphs.state(state) for state in SEVERITY}) == len(SEVERITY)
    assert set(WORDS) == set(SEVERITY)
    assert len(set(WORDS.values())) == len(SEVERITY)


def test_an_app_that_chose_nothing_gets_the_symbols() -> None:
    class Chosen:
        glyphs = ASCII

    assert glyphs_of(Chosen()) is ASCII
    assert glyphs_of(object()) is UNICODE

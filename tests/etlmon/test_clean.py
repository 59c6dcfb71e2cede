"""Hostile text made visible."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.clean import clean, clean_json


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;ZXZpbA==\x07", "·]52;c;ZXZpbA==·"),
        ("\x1b[2J\x1b[31mred", "·[2J·[31mred"),
        ("a\nb\tc\rd\x00e\x7f", "a·b·c·d·e·"),
        ("c1 \x9b31m \x85", "c1 ·31m ·"),
        ("photo_\u202egpj.exe", "photo_·gpj.exe"),
        ("\u2066isolated\u2069 \u061c", "·isolated· ·"),
        ("ad\u200bmin \u200d \ufeff \u2060 \u00ad", "ad·min · · · ·"),
        ("line\u2028break\u2029", "line·break·"),
        ("odd byte \udcff, lone \ud800", "odd byte ·, lone ·"),
        ("tag \U000e0041", "tag ·"),
    ],
)
def test_what_drives_a_terminal_or_hides_from_the_eye_becomes_a_dot(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@pytest.mark.parametrize(
    "text", ["/data/한글/파일.csv", "日本語", "emoji 🔥 ok", "e\u0301", "[/nope] [@click=app.quit]", "…·─"]
)
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_no_control_surrogate_or_bidirectional_character_survives() -> None:
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    direction = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "BN"}
    left = [
        hex(code)
        for code in range(0x110000)
        if (unicodedata.category(chr(code)) in hidden or unicodedata.bidirectional(chr(code)) in direction)
        and clean(chr(code)) == chr(code)
    ]
    # Format characters of notations that terminals do not know are not hidden: they are drawn as boxes.
    assert left == [hex(code) for code in range(0x1BCA0, 0x1BCA4)]


@given(st.text())
def test_json_is_cleaned_as_its_strings_are(text: str) -> None:
    for ascii_only in (True, False):
        document = json.dumps({"key": [text]}, ensure_ascii=ascii_only)
        assert json.loads(clean_json(document.encode())) == {"key": [clean(text)]}


def test_every_character_is_cleaned_alike_in_a_text_and_in_json() -> None:
    for first in range(0, 0x110000, 0x800):
        text = "".join(map(chr, range(first, first + 0x800)))
        assert json.loads(clean_json(json.dumps([*text]).encode())) == [clean(character) for character in text]
        if not 0xD800 <= first < 0xE000:
            plain = json.dumps([*text], ensure_ascii=False).encode()
            assert json.loads(clean_json(plain)) == [clean(character) for character in text]


def test_keys_of_json_are_cleaned_too() -> None:
    assert json.loads(clean_json(rb'{"a\u001bb": 1}')) == {"a·b": 1}


@pytest.mark.parametrize("document", [rb'"\\u001b"', rb'"C:\\new\\table"', rb'"\"quoted\" \/ slash"', b"[\n\t1,\r\n2]"])
def test_what_only_looks_like_an_escape_is_left_alone(document: bytes) -> None:
    assert json.loads(clean_json(document)) == json.loads(document)


def test_lone_surrogates_are_shown_and_pairs_are_kept() -> None:
    assert json.loads(clean_json(rb'"\ud83d\ude00 \ude00\ud83d \ud83dx \udb40\udc41"')) == "😀 ·· ·x ·"


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        clean_json(b'"\\n\xff"')


def test_text_without_anything_hostile_comes_back_as_the_very_same_bytes() -> None:
    document = json.dumps([{"path": "/data/in/한글.csv", "count": 5}], ensure_ascii=False).encode()
    assert clean_json(document) is document

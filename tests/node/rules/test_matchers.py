"""Which label sets a rule is about."""

import time

import pytest

from node.rules.errors import RuleError
from node.rules.matchers import MATCH_SEC, all_fit, compile_matchers


@pytest.mark.parametrize(
    ("text", "fits", "fits_not"),
    [
        ("sda", ["sda"], ["sdb", "sda1", "", "SDA"]),
        ("!sda", ["sdb", ""], ["sda"]),
        ("~sd.*", ["sda", "sd"], ["nvme-sda", "", "xsda"]),
        ("~sda|sdb", ["sda", "sdb"], ["sdab", "xsdb"]),
        ("!~sd.*", ["nvme0n1", ""], ["sda"]),
        ("", [""], ["sda"]),
        ("!", ["sda"], [""]),
        ("~", [""], ["sda"]),
        ("~/데이터/.*", ["/데이터/들어온"], ["/data/in"]),
    ],
)
def test_a_matcher_fits_the_whole_value(text: str, fits: list[str], fits_not: list[str]) -> None:
    matchers = compile_matchers({"device": text})
    assert [value for value in [*fits, *fits_not] if all_fit(matchers, (("device", value),))] == fits


def test_every_matcher_must_fit_and_a_label_that_is_missing_is_empty() -> None:
    matchers = compile_matchers({"device": "sda", "mode": "!user"})
    assert all_fit(matchers, (("device", "sda"),))
    assert not all_fit(matchers, (("device", "sda"), ("mode", "user")))
    assert not all_fit(matchers, (("mode", "system"),))


def test_a_value_over_several_lines_is_one_value() -> None:
    matchers = compile_matchers({"path": "~/in"})
    assert not all_fit(matchers, (("path", "/in\n/out"),))


@pytest.mark.parametrize("text", ["~[", "~(", "!~*", "~" + "a" * 2000, "~(?P<x>a)(?P<x"])
def test_what_is_no_expression_is_refused_by_the_name_of_its_label(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        compile_matchers({"device": text})
    assert caught.value.key == "labels.device"


@pytest.mark.parametrize("label", ["", "1x", "a-b", "a b", "경로"])
def test_what_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(RuleError, match="no name of a label"):
        compile_matchers({label: "x"})


def test_an_expression_that_would_take_for_ever_does_not_match() -> None:
    matchers = compile_matchers({"path": r"~(a+a+)+b"})
    began = time.process_time()  # the others' time does not count
    assert not all_fit(matchers, (("path", "a" * 5000),))
    assert time.process_time() - began < 20 * MATCH_SEC


@pytest.mark.parametrize(
    "text", ["~(?:[ab]{1000}){1000}", "!~(?:(?:a{1000}){1000}){1000}", "~" + "(" * 30 + "a" + ")+" * 30]
)
def test_an_expression_that_would_fill_the_memory_is_refused_before_it_is_compiled(text: str) -> None:
    with pytest.raises(RuleError, match="it repeats too much") as caught:
        compile_matchers({"device": text})
    assert caught.value.key == "labels.device"

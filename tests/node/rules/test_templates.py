"""The texts of alerts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.clean import clean
from etlmon.contract.alerts_rules import LONGEST_TEXT
from node.rules.errors import RuleError
from node.rules.templates import LONGEST_VALUE, Facts, number, parse_template


def facts(value: float | None = 12017.0, **labels: str) -> Facts:
    return Facts(
        node="node-1",
        rule="backlog",
        metric="etlmon_path_file_count",
        severity="warning",
        condition="> 10000",
        threshold=10000.0,
        value=value,
        labels=labels,
    )


def rendered(text: str, value: float | None = 12017.0, **labels: str) -> str:
    return parse_template(text, "summary").render(facts(value, **labels))


def test_every_name_is_put_in() -> None:
    text = "{{node}} {{ rule }} {{ metric }} {{severity}} {{ condition }} {{ threshold }} {{ value }} {{ labels.path }}"
    expected = "node-1 backlog etlmon_path_file_count warning > 10000 10000 12017 /data/in"
    assert rendered(text, path="/data/in") == expected
    assert rendered("{{ $labels.path }}: {{ $value }}", path="/in") == "/in: 12017"
    assert rendered("{{ labels }}", path="/in", job="7") == "path=/in, job=7"


def test_what_is_not_there_says_so() -> None:
    assert rendered("{{ labels.path }} {{ labels }} {{ value }}", None) == "(no path) no labels nothing"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (93.0, "93"), (93.456, "93.46"), (93.4, "93.4"), (0.0, "0"), (-0.5, "-0.5"), (0.00123, "0.00123"),
        (1e14, "100000000000000"), (1.5e18, "1.5e+18"), (float("inf"), "inf"), (-3.0, "-3"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{{ value | bytes }}", 512, "512 B"),
        ("{{ value | bytes }}", 3.4 * 2**30, "3.4 GiB"),
        ("{{ value | bytes }}", -2048, "-2.0 KiB"),
        ("{{ value|bytes }}", 2.0**70, "1048576.0 PiB"),
        ("{{ value | duration }}", 5400, "1h30m"),
        ("{{ value | duration }}", 61.7, "1m2s"),
        ("{{ value | duration }}", 1.25, "1s250ms"),
        ("{{ value | duration }}", -3600, "-1h"),
        ("{{ value | duration }}", float("inf"), "inf"),
        ("{{ threshold | duration }}", 1, "2h46m40s"),
    ],
)
def test_a_number_may_have_a_unit(text: str, value: float, expected: str) -> None:
    assert rendered(text, value) == expected


@given(st.text(max_size=50))
def test_what_is_put_in_is_never_looked_at_again_and_is_harmless(value: str) -> None:
    assert rendered("[{{ labels.path }}]", path=value) == f"[{clean(value) or '(no path)'}]"
    assert rendered("{{ labels.path }}", path="{{ value }}") == "{{ value }}"


def test_texts_are_bounded() -> None:
    assert len(rendered("{{ labels.path }}", path="x" * 10_000)) == LONGEST_VALUE
    assert len(rendered("{{ labels.path }}" * 50, path="x" * 10_000)) == LONGEST_TEXT


@pytest.mark.parametrize(
    "text",
    [
        "{{ path }}", "{{ labels.a.b }}", "{{ value | furlongs }}", "{{ node | bytes }}", "{{ value", "value }}",
        "{{ }}", "{{ 1 + 1 }}", "{{ labels['x'] }}", "{{ {{ value }} }}", "{{ config.items() }}", "x" * 2001,
    ],
)  # fmt: skip
def test_what_cannot_be_put_in_is_refused(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_template(text, "description")
    assert caught.value.key == "description"


def test_single_braces_are_text() -> None:
    assert rendered("{value} { } %s") == "{value} { } %s"

"""Which alerts a silence is about."""

from datetime import timedelta
from typing import Any

import pytest

from etlmon.contract.alerts_rules import Silence
from node.alerts import silences as silences_module
from node.alerts.silences import Covering, Quiet
from node.rules.matchers import compile_matchers
from tests.node.alerts.told import AT, alert


def silence(number: int = 1, hours: float = 1, **fields: Any) -> Silence:
    """One that is in force."""
    ends_at = AT + timedelta(hours=hours)
    facts = {"reason": "moved", "created_by": "kim", "created_at": AT, "starts_at": AT, "ends_at": ends_at}
    return Silence(**{"id": number, "active": True, **facts, **fields})


@pytest.mark.parametrize(
    ("fields", "is_covered"),
    [
        ({}, True),
        ({"rule": "landing_backlog"}, True),
        ({"rule": "others"}, False),
        ({"labels": {"path": "/data/in1"}}, True),
        ({"labels": {"path": "/data/in2"}}, False),
        ({"labels": {"path": "~/data/.*"}}, True),
        ({"labels": {"path": "!/data/in1"}}, False),
        ({"labels": {"path": "/data/in1", "mode": ""}}, True),
        ({"labels": {"mode": ""}}, True),
        ({"labels": {"mode": "user", "path": "/data/in1"}}, False),
        ({"labels": {"path": "/data/in1"}, "rule": "others"}, False),
        ({"active": False}, False),
    ],
)
def test_a_silence_covers_what_its_rule_and_its_labels_fit(fields: dict[str, Any], is_covered: bool) -> None:
    assert (Quiet([silence(**fields)]).silence_of(alert()) is not None) is is_covered


def test_of_several_silences_the_one_that_lasts_longest_counts() -> None:
    path = {"path": "/data/in1"}
    all_ = [silence(1, 2), silence(2, 5, labels=path), silence(3, 3, labels=path), silence(4, 9, rule="others")]
    found = Quiet(all_).silence_of(alert())
    assert found is not None
    assert found.id == 2


def test_how_many_alerts_a_silence_covers_is_told_of_those_that_begin_later_too() -> None:
    waiting = Covering(silence(labels={"path": "~.*1"}, active=False))
    assert waiting.covers("landing_backlog", (("path", "/data/in1"),))
    assert not waiting.covers("landing_backlog", (("path", "/data/in2"),))


def test_each_silence_is_compiled_once_however_many_alerts_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def counted(labels: dict[str, str]) -> Any:
        compiled.append(labels)
        return compile_matchers(labels)

    monkeypatch.setattr(silences_module, "compile_matchers", counted)
    quiet = Quiet([silence(number, labels={"path": f"~/nowhere/{number}"}) for number in range(400)])
    assert [quiet.silence_of(alert(number)) for number in range(3)] == [None] * 3
    assert len(compiled) == 400

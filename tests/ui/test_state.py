"""What the UI knows of its nodes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etlmon.contract.endpoint import Page
from etlmon.contract.fs import FS, Mount
from etlmon.contract.node import NODE, NodeInfo
from etlmon.contract.paths import PATHS
from ui.state import Fleet, NodeState, Question, answered, failed, refused, trusted

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MOUNTS = Question(FS)
WHO = Question(NODE)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_node() -> NodeState:
    return NodeState(name="web2", address="http://web2:8080")


def a_mount(used: float = 10.0) -> Mount:
    return Mount(mount_point="/data", used_percent=used, collected_at=NOW)


def info(**changes: object) -> NodeInfo:
    fields = {name: getattr(NODE.example, name) for name in NODE.example.__struct_fields__}
    return NodeInfo(**{**fields, **changes})


def test_an_answer_is_held_with_the_time_it_came() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one", etag='"a"', elapsed_ms=4.0)
    held = node.held(MOUNTS)
    assert held is not None
    assert (held.value, held.received_at, held.etag) == ([a_mount()], NOW, '"a"')
    assert (node.up, node.latency_ms, node.last_ok, node.node_id) == (True, 4.0, NOW, "one")


def test_not_modified_makes_the_held_answer_fresh_again() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one", etag='"a"')
    node = answered(node, MOUNTS, None, now=later(2), node_id="one", etag='"a"')
    held = node.held(MOUNTS)
    assert held is not None
    assert (held.value, held.received_at) == ([a_mount()], later(2))


def test_questions_with_different_queries_are_different_and_the_pace_makes_no_difference() -> None:
    assert Question(PATHS, Page(limit=5)).key != Question(PATHS, Page(limit=6)).key != Question(PATHS).key
    assert Question(PATHS, Page(limit=5), "slow").key == Question(PATHS, Page(limit=5)).at("once").key


def test_a_silent_node_keeps_its_values_and_says_since_when_and_how_often_it_was_tried() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one")
    node = failed(node, "connection refused", now=later(2), next_try=later(3))
    node = failed(node, "no answer within 3 s", now=later(4), next_try=later(6))
    assert (node.up, node.reason, node.since, node.fails) == (False, "no answer within 3 s", later(2), 2)
    assert node.next_try == later(6)
    assert node.answer(MOUNTS) == [a_mount()]
    assert node.stale


def test_a_node_that_is_back_counts_from_its_return() -> None:
    node = failed(a_node(), "connection refused", now=NOW, next_try=later(1))
    node = answered(node, MOUNTS, [], now=later(5), node_id="one")
    assert (node.up, node.reason, node.fails, node.next_try, node.since) == (True, "", 0, None, later(5))
    assert not node.stale


def test_another_node_behind_the_address_changes_nothing_that_is_held() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one")
    node = answered(node, MOUNTS, [a_mount(99)], now=later(2), node_id="two", etag='"b"')
    assert node.changed
    assert node.stale
    assert node.answer(MOUNTS) == [a_mount()]
    node = answered(node, WHO, info(node_id="two", node_name="web9", hostname="nine"), now=later(3), node_id="two")
    assert node.describe() == "another node answers: web9 on nine"
    assert "another node answers" in node.refuses_acts()


def test_the_right_node_back_behind_the_address_is_taken_in_again() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one")
    node = answered(node, MOUNTS, [a_mount(99)], now=later(2), node_id="two")
    node = answered(node, MOUNTS, [a_mount(11)], now=later(4), node_id="one")
    assert not node.changed
    assert node.answer(MOUNTS) == [a_mount(11)]


def test_a_trusted_node_starts_without_what_the_one_before_said() -> None:
    node = answered(a_node(), MOUNTS, [a_mount()], now=NOW, node_id="one")
    assert trusted(node) is node
    node = trusted(answered(node, MOUNTS, [a_mount(99)], now=later(2), node_id="two"))
    assert (node.node_id, node.changed, node.answer(MOUNTS)) == ("two", False, None)


def test_a_refused_question_keeps_its_reason_until_it_is_answered() -> None:
    node = refused(a_node(), MOUNTS, "no such mount (404 NotFound)", now=NOW)
    assert node.up
    assert node.refusals[MOUNTS.key] == "no such mount (404 NotFound)"
    assert answered(node, MOUNTS, [], now=NOW).refusals == {}


@pytest.mark.parametrize(("off", "shown"), [(0.0, 0.0), (4.0, 0.0), (-4.0, 0.0), (60.0, 60.0), (-3600.0, -3600.0)])
def test_a_clock_that_is_off_by_more_than_the_network_explains_is_told(off: float, shown: float) -> None:
    node = answered(a_node(), MOUNTS, [], now=NOW, server_date=later(off), elapsed_ms=0.0)
    assert node.skew == timedelta(seconds=shown)
    assert node.clock(NOW) == later(shown)


@pytest.mark.parametrize(
    ("node", "read_only", "reason"),
    [
        (a_node(), False, "has not answered yet"),
        (failed(a_node(), "connection refused", now=NOW, next_try=NOW), False, "connection refused"),
        (answered(a_node(), WHO, info(), now=NOW), True, "read-only"),
        (answered(a_node(), WHO, info(read_only=True), now=NOW), False, "web2 is read-only"),
        (answered(a_node(), WHO, info(commands_refused="no token"), now=NOW), False, "no token"),
    ],
)
def test_acts_are_refused_with_the_reason(node: NodeState, read_only: bool, reason: str) -> None:
    assert reason in node.refuses_acts(read_only=read_only)


def test_acts_are_allowed_on_a_node_that_answers() -> None:
    assert answered(a_node(), WHO, info(), now=NOW).refuses_acts() == ""


def test_a_name_that_is_not_the_node_s_own_is_told() -> None:
    node = answered(a_node(), WHO, info(node_name="prod-etl-01", hostname="etl01"), now=NOW)
    assert node.describe() == "is prod-etl-01 on etl01"
    assert replace(node, name="prod-etl-01").describe() == ""


def a_fleet() -> Fleet:
    return Fleet([("a", "http://a"), ("b", "http://b"), ("c", "http://c")], chosen="b")


def test_the_chosen_node_moves_round_the_end() -> None:
    fleet = a_fleet()
    assert fleet.chosen == "b"
    fleet.step(2)
    assert fleet.chosen == "a"
    fleet.step(-1)
    assert fleet.chosen == "c"
    with pytest.raises(KeyError):
        fleet.choose("d")


def test_a_node_to_start_with_that_does_not_exist_is_the_first() -> None:
    assert Fleet([("a", "http://a"), ("b", "http://b")], chosen="z").chosen == "a"


def test_a_paused_screen_shows_what_was_known_at_the_pause_and_counts_what_came_since() -> None:
    fleet = a_fleet()
    fleet.update(answered(fleet.live("a"), MOUNTS, [a_mount(1)], now=NOW))
    fleet.pause(NOW)
    fleet.update(answered(fleet.live("a"), MOUNTS, [a_mount(2)], now=later(2)))
    assert fleet.shown("a").answer(MOUNTS) == [a_mount(1)]
    assert fleet.live("a").answer(MOUNTS) == [a_mount(2)]
    assert (fleet.waiting, fleet.paused_at) == (1, NOW)
    fleet.resume()
    assert fleet.shown("a").answer(MOUNTS) == [a_mount(2)]
    assert fleet.paused_at is None


def test_what_is_asked_for_the_first_time_while_paused_is_shown() -> None:
    fleet = a_fleet()
    fleet.update(answered(fleet.live("a"), MOUNTS, [a_mount(1)], now=NOW))
    fleet.pause(NOW)
    fleet.update(answered(fleet.live("a"), WHO, info(), now=later(2)))
    assert fleet.shown("a").answer(WHO) == info()
    assert fleet.shown("a").answer(MOUNTS) == [a_mount(1)]


def test_two_tunnels_to_one_node_are_found_out() -> None:
    fleet = a_fleet()
    for name, identity in (("a", "one"), ("b", "two"), ("c", "one")):
        fleet.update(answered(fleet.live(name), MOUNTS, [], now=NOW, node_id=identity))
    assert (fleet.twin("a"), fleet.twin("b"), fleet.twin("c")) == ("c", "", "a")

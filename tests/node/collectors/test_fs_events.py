"""What counts as news about a mount."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from etlmon.contract.fs import Mount, MountState
from node.collectors.fs_events import changes, level

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
DATA = Mount(mount_point="/data", device="/dev/sdb1", fstype="ext4", used_percent=50.0, collected_at=NOW)


def changed(**fields: object) -> Mount:
    return msgspec.structs.replace(DATA, **fields)


def in_state(state: MountState) -> Mount:
    stuck_since = NOW - timedelta(minutes=4) if state == "stuck" else None
    return changed(state=state, error_message="the reason", stuck_since=stuck_since)


def kinds(*looks: Sequence[Mount] | None) -> list[str]:
    levels: dict[str, int] = {}
    found = []
    before = None if looks[0] is None else {mount.mount_point: mount for mount in looks[0]}
    for look in looks[1:]:
        assert look is not None
        after = {mount.mount_point: mount for mount in look}
        found += [event.kind for event in changes(before, after, levels, NOW)]
        before = after
    return found


def test_a_mount_that_is_no_longer_watched_is_no_news_while_it_is_there() -> None:
    before = {"/data": DATA}
    assert list(changes(before, {}, {}, NOW, there={"/", "/data"})) == []
    assert [event.kind for event in changes(before, {}, {}, NOW, there={"/"})] == ["mount_removed"]


def test_a_mount_that_recovers_after_the_clock_was_set_back_was_not_stuck_for_less_than_nothing() -> None:
    stuck = changed(state="stuck", stuck_since=NOW + timedelta(hours=1))
    [event] = changes({"/data": stuck}, {"/data": DATA}, {}, NOW)
    assert event.message == "/data answers again after 0 s"


def test_nothing_is_news_while_nothing_changes() -> None:
    assert kinds([DATA], [DATA], [changed(used_percent=51.0)]) == []


def test_mounts_of_the_first_look_are_not_news_but_their_troubles_are() -> None:
    assert kinds(None, [DATA]) == []
    assert kinds(None, [in_state("stuck")]) == ["mount_stuck"]
    assert kinds(None, [changed(used_percent=95.0)]) == ["filled_critical"]


@pytest.mark.parametrize(
    ("state", "begin", "end"),
    [
        ("stuck", "mount_stuck", "mount_recovered"),
        ("error", "mount_failed", "mount_recovered"),
        ("denied", "mount_denied", "mount_recovered"),
        ("not_mounted", "mount_missing", "mount_back"),
    ],
)
def test_a_trouble_is_told_when_it_begins_and_when_it_ends(state: MountState, begin: str, end: str) -> None:
    assert kinds([DATA], [in_state(state)], [in_state(state)], [DATA], [DATA]) == [begin, end]


def test_one_trouble_that_turns_into_another_is_told() -> None:
    assert kinds([DATA], [in_state("stuck")], [in_state("error")], [DATA]) == [
        "mount_stuck",
        "mount_failed",
        "mount_recovered",
    ]


def test_a_recovery_says_how_long_it_took() -> None:
    [event] = changes({"/data": in_state("stuck")}, {"/data": DATA}, {}, NOW)
    assert event.message == "/data answers again after 240 s"
    assert (event.domain, event.key, event.severity, event.at) == ("fs", "/data", "info", NOW)


def test_a_trouble_carries_its_reason() -> None:
    [event] = changes({"/data": DATA}, {"/data": in_state("not_mounted")}, {}, NOW)
    assert event.message == "/data is not mounted: the reason"
    assert event.severity == "critical"


def test_a_mount_that_comes_or_goes_is_told() -> None:
    assert kinds([], [DATA], []) == ["mount_added", "mount_removed"]


def test_an_expected_mount_that_is_no_longer_expected_is_not_removed() -> None:
    assert kinds([in_state("not_mounted")], []) == []


def test_turning_read_only_is_critical_and_turning_back_is_told() -> None:
    assert kinds([DATA], [changed(read_only=True)], [DATA]) == ["turned_read_only", "turned_writable"]


def test_another_file_system_at_the_place_did_not_turn_read_only() -> None:
    assert kinds([DATA], [changed(read_only=True, device="/dev/sr0")]) == []


def test_usage_that_swings_round_a_threshold_is_told_once() -> None:
    swing = [[changed(used_percent=percent)] for percent in (89.0, 90.0, 89.5, 90.1, 88.5, 90.5)]
    assert kinds([DATA], *swing) == ["filled_warning", "filled_critical"]


def test_usage_that_falls_well_below_is_told_and_may_rise_again() -> None:
    course = [[changed(used_percent=percent)] for percent in (91.0, 87.9, 77.9, 85.0)]
    assert kinds([DATA], *course) == ["filled_critical", "usage_fell", "usage_fell", "filled_warning"]


def test_inodes_run_out_like_space_does() -> None:
    levels: dict[str, int] = {}
    [event] = changes({"/data": DATA}, {"/data": changed(inodes_used_percent=99.0)}, levels, NOW)
    assert (event.kind, event.message) == ("filled_critical", "/data uses 99.0% of its inodes")


def test_last_known_sizes_of_a_stuck_mount_raise_nothing() -> None:
    assert kinds([DATA], [msgspec.structs.replace(in_state("stuck"), used_percent=99.0)]) == ["mount_stuck"]


@pytest.mark.parametrize(
    ("percent", "before", "after"),
    [(79.9, 0, 0), (80.0, 0, 1), (90.0, 0, 2), (88.0, 2, 2), (87.9, 2, 1), (78.0, 1, 1), (77.9, 2, 0), (100.0, 1, 2)],
)
def test_levels_rise_at_the_threshold_and_fall_below_it(percent: float, before: int, after: int) -> None:
    assert level(changed(used_percent=percent), before) == after

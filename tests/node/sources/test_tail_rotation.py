"""Files that are renamed, deleted and made anew: each is read to its end, and the next from its beginning."""

import os
from pathlib import Path
from typing import Any

import pytest

from node.sources.tail_siblings import by_age, is_rotated_name, rotated
from tests.node.sources.tailing_files import Followed, append, open_descriptors, rotate
from tests.peers import ext4


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "one")
    return path


@pytest.fixture
def followed(log: Path) -> Followed:
    followed = Followed(log)
    followed.look()
    return followed


def test_the_end_of_the_old_file_comes_before_the_new_one(log: Path, followed: Followed) -> None:
    append(log, "two")
    rotate(log)
    append(log, "three")
    batch = followed.look()
    assert [chunk.lines for chunk in batch.chunks] == [["two"], ["three"]]
    assert batch.rotations == 1
    assert [(state.rotated, state.offset) for state in batch.files] == [(True, 8), (False, 6)]
    assert batch.lost == []


def test_a_writer_that_never_opens_the_new_file_is_followed_in_the_old_one(log: Path, followed: Followed) -> None:
    with log.open("a") as writer:
        rotate(log)
        append(log, "new 1")
        assert followed.new_lines() == ["new 1"]
        for number in range(3):
            writer.write(f"old {number}\n")
            writer.flush()
            append(log, f"new {number}")
            assert followed.new_lines(after=600) == [f"old {number}", f"new {number}"]


def test_a_rotated_file_is_let_go_when_it_was_quiet_for_long(log: Path, followed: Followed) -> None:
    before = open_descriptors()
    rotate(log)
    followed.look()
    assert followed.tail.due_in(followed.now) == pytest.approx(900, abs=1)
    batch = followed.look(after=901)
    assert [(place.rotated, place.ended) for place in batch.places] == [(True, True), (False, False)]
    followed.look()
    assert open_descriptors() == before


def test_a_file_that_was_let_go_and_grows_is_taken_up_again(log: Path, followed: Followed) -> None:
    rotate(log)
    followed.look()
    followed.look(after=901)
    append(log.with_name("app.log.1"), "late")
    assert followed.new_lines(after=61) == ["late"]
    assert followed.new_lines() == []


def test_the_unfinished_line_of_a_rotated_file_is_given_as_partial(log: Path, followed: Followed) -> None:
    with log.open("a") as writer:
        writer.write("half")
        writer.flush()
        rotate(log)
        assert followed.new_lines() == []
        assert followed.tail.due_in(followed.now) == pytest.approx(5, abs=1)
        batch = followed.look(after=6)
    assert [(chunk.lines, set(chunk.partial)) for chunk in batch.chunks] == [(["half"], {0})]


def test_a_deleted_file_that_nobody_writes_to_is_let_go_at_once_with_all_it_held(log: Path, followed: Followed) -> None:
    append(log, "two")
    with log.open("a") as file:
        file.write("half")
    before = open_descriptors()
    log.unlink()
    batch = followed.look()
    assert [(chunk.lines, set(chunk.partial)) for chunk in batch.chunks] == [(["two", "half"], {1})]
    assert (batch.status, batch.lost) == ("missing", [])
    followed.look()
    assert open_descriptors() == before - 1


def test_a_deleted_file_is_followed_as_long_as_a_writer_has_it_open(log: Path, followed: Followed) -> None:
    with log.open("a") as writer:
        log.unlink()
        append(log, "new")
        assert followed.new_lines() == ["new"]
        writer.write("to the deleted one\n")
        writer.flush()
        assert followed.new_lines(after=800) == ["to the deleted one"]
    before = open_descriptors()
    followed.look()
    followed.look()
    assert open_descriptors() == before - 1


def test_the_new_file_may_come_late(log: Path, followed: Followed) -> None:
    rotate(log, create=False)
    assert followed.look().status == "missing"
    append(log.with_name("app.log.1"), "still old")
    assert followed.new_lines() == ["still old"]
    append(log, "new")
    batch = followed.look(after=3600)
    assert ([chunk.lines for chunk in batch.chunks], batch.status, followed.rotations) == ([["new"]], "ok", 1)


def test_files_that_came_and_went_between_two_looks_are_read_in_order_of_their_age(
    log: Path, followed: Followed
) -> None:
    for number in range(8):
        append(log, f"line {number}")
        rotate(log)
    append(log, "last")
    assert followed.all_new_lines() == [*(f"line {number}" for number in range(8)), "last"]
    assert followed.look(after=6).lost == []
    assert followed.lines == ["one", *(f"line {number}" for number in range(8)), "last"]
    assert followed.rotations == 8


def test_dated_files_that_came_and_went_between_two_looks_are_read(log: Path, followed: Followed) -> None:
    for day in range(10, 15):
        append(log, f"day {day}")
        log.rename(log.with_name(f"app.log-202611{day}"))
    append(log, "today")
    assert followed.all_new_lines() == [*(f"day {day}" for day in range(10, 15)), "today"]
    assert followed.rotations == 5


def test_a_rotation_in_the_midst_of_a_look_gives_nothing_twice(
    log: Path, followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(log)
    append(log, "two")
    real = os.scandir
    pending = ["three"]

    def scandir(path: str) -> Any:
        if pending:
            rotate(log)
            append(log, pending.pop())
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        followed.look()
    followed.all_new_lines()
    assert followed.lines == ["one", "two", "three"]
    assert followed.rotations == 2


def test_rotated_files_that_were_there_before_are_never_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    for name in ("app.log.1", "app.log.2", "app.log-20261101", "app.log.old"):
        append(tmp_path / name, f"in {name}")
    append(log, "one")
    followed = Followed(log)
    followed.look()
    for number in range(3):
        rotate(log)
        append(log, f"new {number}")
        followed.look()
        followed.restart()
    followed.look(after=1000)
    assert followed.lines == ["one", "new 0", "new 1", "new 2"]


def test_what_a_session_writes_into_a_file_rotated_before_first_sight_is_read(tmp_path: Path) -> None:
    log, old = tmp_path / "xferlog", tmp_path / "xferlog.1"
    append(old, "old")
    append(log, "one")
    followed = Followed(log)
    followed.look()
    append(old, "the session goes on")
    assert followed.new_lines(after=61) == ["the session goes on"]


def test_other_logs_with_a_similar_name_are_left_alone(log: Path, followed: Followed) -> None:
    rotate(log)
    for name in ("app.log.errors", "app.log.lock", "app.login", "app-2.log", "app.log.1.txt"):
        append(log.with_name(name), "another log")
    append(log, "two")
    assert followed.all_new_lines() == ["two"]


def test_files_that_share_a_header_are_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    header = ["# fields: date time message", "# version 1"]
    append(log, *header, "one")
    followed = Followed(log)
    followed.look()
    for number in range(3):
        rotate(log)
        append(log, *header, f"new {number}")
        followed.restart()
        assert followed.new_lines() == [*header, f"new {number}"]


def test_an_empty_twin_is_no_twin(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.touch()
    followed = Followed(log)
    followed.look()
    rotate(log)
    followed.restart()
    append(log.with_name("app.log.1"), "to the old one")
    append(log, "to the new one")
    assert followed.all_new_lines() == ["to the old one", "to the new one"]


def test_a_link_that_is_switched_leads_on_and_back_to_where_it_was(tmp_path: Path) -> None:
    first, second, link = tmp_path / "a" / "first.log", tmp_path / "b" / "second.log", tmp_path / "current"
    for target in (first, second):
        target.parent.mkdir()
        append(target, f"in {target.name}")
    link.symlink_to(first)
    followed = Followed(link)
    assert followed.new_lines() == ["in first.log"]
    assert followed.tail.directories == {str(tmp_path), str(first.parent)}
    for target in (second, first, second):
        link.unlink()
        link.symlink_to(target)
        append(target, f"more in {target.name}")
        followed.restart()
        followed.look()
    assert followed.lines == [
        "in first.log",
        "in second.log",
        "more in second.log",
        "more in first.log",
        "more in second.log",
    ]
    assert followed.lost == []


def test_a_link_that_leads_to_one_dated_file_after_the_other_misses_none(tmp_path: Path) -> None:
    link = tmp_path / "current"
    append(tmp_path / "app-20261101.log", "before")
    append(tmp_path / "app-20261102.log", "day 2")
    link.symlink_to("app-20261102.log")
    followed = Followed(link)
    followed.look()
    followed.stop()
    for day in (3, 4, 5):
        append(tmp_path / f"app-2026110{day}.log", f"day {day}")
        link.unlink()
        link.symlink_to(f"app-2026110{day}.log")
    followed.start()
    followed.all_new_lines()
    assert followed.lines == [f"day {day}" for day in (2, 3, 4, 5)]


def test_a_file_that_is_replaced_by_a_longer_copy_of_itself_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, *(f"line {number}" for number in range(300)))
    followed = Followed(log)
    followed.look()
    fresh = tmp_path / "fresh"
    fresh.write_bytes(log.read_bytes() + b"more\n")
    fresh.replace(log)
    assert followed.new_lines() == ["more"]


@pytest.mark.peer("loop")
def test_an_inode_that_is_used_again_never_makes_a_new_file_look_like_the_old_one(tmp_path: Path) -> None:
    with ext4(tmp_path / "mount") as where:
        log = where / "app.log"
        header = "the same header in each file"
        append(log, header)
        followed = Followed(log)
        followed.look()
        inodes = {log.stat().st_ino}
        for number in range(5):
            followed.stop()
            log.unlink()
            append(log, header, f"line {number}")
            inodes.add(log.stat().st_ino)
            followed.start()
            assert followed.new_lines() == [header, f"line {number}"]
        followed.stop()
    assert len(inodes) == 1, "the file system was meant to use the inode again"
    assert [lost.reason for lost in followed.lost] == ["gone"] * 5


def test_no_more_rotated_files_are_held_than_allowed(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, "one")
    followed = Followed(log, most_rotated=3)
    before = open_descriptors()
    for number in range(8):
        followed.look()
        rotate(log)
        append(log, f"line {number}")
    followed.look()
    followed.look()
    assert open_descriptors() == before + 4
    assert followed.lines == ["one", *(f"line {number}" for number in range(8))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.log.1", True),
        ("app.log.12.gz", True),
        ("app.log-20261121", True),
        ("app.log-20261121-1732147200.xz", True),
        ("app.log.2026-11-21T06:00:00Z", True),
        ("app.log.old", True),
        ("app-20261121.log", True),
        ("app.1.log", True),
        ("app-1.log", False),
        ("app.log", False),
        ("app.log.errors", False),
        ("app.log.1.tmp", False),
        ("myapp.log.1", False),
    ],
)
def test_rotated_names_are_known(name: str, expected: bool) -> None:
    assert is_rotated_name(name, "app.log") is expected


def test_files_of_the_same_age_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    for name in ("app.log.10", "app.log.9", "app.log.1", "app.log-20261102", "app.log-20261101"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000, 1000))
    names = [Path(sibling.path).name for sibling in sorted(rotated(str(tmp_path / "app.log")), key=by_age)]
    assert names.index("app.log.10") < names.index("app.log.9") < names.index("app.log.1")
    assert names.index("app.log-20261101") < names.index("app.log-20261102")

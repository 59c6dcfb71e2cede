"""One log of many files: those that match come and go, and rotation may stay within the pattern."""

import shutil
from pathlib import Path

import pytest

from tests.node.sources.tailing_files import Followed, append, copytruncate, open_descriptors, rotate


def test_every_file_that_matches_is_followed_and_says_where_its_lines_come_from(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.txt"):
        append(tmp_path / name, f"in {name}")
    followed = Followed(tmp_path / "*.log")
    batch = followed.look()
    assert [(Path(chunk.path).name, chunk.lines) for chunk in batch.chunks] == [
        ("a.log", ["in a.log"]),
        ("b.log", ["in b.log"]),
    ]
    assert len({chunk.key for chunk in batch.chunks}) == 2
    followed.restart()
    append(tmp_path / "b.log", "more")
    assert followed.new_lines() == ["more"]


def test_no_file_that_matches_is_missing_and_one_that_comes_is_read_whole(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "app-*.log", start="end")
    batch = followed.look()
    assert (batch.status, batch.files) == ("missing", [])
    assert "no file matches" in (batch.error or "")
    append(tmp_path / "app-1.log", "first")
    assert followed.tail.stirred()
    batch = followed.look()
    assert (followed.lines, batch.status) == (["first"], "ok")


def test_the_file_of_a_new_day_is_found_at_once(tmp_path: Path) -> None:
    append(tmp_path / "app-20261120.log", "yesterday")
    followed = Followed(tmp_path / "app-*.log", start="end")
    followed.look()
    append(tmp_path / "app-20261120.log", "last of yesterday")
    append(tmp_path / "app-20261121.log", "today")
    assert followed.new_lines() == ["last of yesterday", "today"]
    assert followed.rotations == 0


def test_directories_may_be_wild_too(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        append(tmp_path / name / "app.log", f"in {name}")
    followed = Followed(tmp_path / "*" / "app.log")
    assert followed.new_lines() == ["in a", "in b"]
    assert followed.tail.directories == {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "b")}
    (tmp_path / "c").mkdir()
    followed.look()
    append(tmp_path / "c" / "app.log", "in c")
    assert followed.new_lines(after=6) == ["in c"]


def test_files_that_rotate_within_the_pattern_are_read_once(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(tmp_path / "app.log.1", "old")
    append(log, "one")
    followed = Followed(tmp_path / "app.log*")
    assert followed.new_lines() == ["one"], "what was rotated away before is not read"
    for number in range(6):
        append(log, f"before {number}")
        rotate(log)
        append(log, f"after {number}")
        if number == 3:
            followed.restart()
        followed.look()
    expected = ["one"]
    for number in range(6):
        expected += [f"before {number}", f"after {number}"]
    assert followed.lines == expected
    assert followed.rotations == 6
    assert followed.lost == []


def test_a_compressed_file_that_matches_is_not_opened(tmp_path: Path) -> None:
    append(tmp_path / "app.log", "one")
    append(tmp_path / "app.log.2.gz", "not text")
    assert Followed(tmp_path / "app.log*").new_lines() == ["one"]


@pytest.mark.parametrize("seen", [True, False])
def test_copies_that_match_are_not_read_again(tmp_path: Path, seen: bool) -> None:
    log = tmp_path / "app.log"
    append(log, *(f"line {number}" for number in range(200)))
    followed = Followed(tmp_path / "app.log*")
    followed.look()
    before = len(followed.lines)
    for number in range(4):
        append(log, f"new {number}")
        if seen:
            followed.look()
        for old in range(5, 0, -1):
            copy = log.with_name(f"app.log.{old}")
            if copy.exists():
                copy.rename(log.with_name(f"app.log.{old + 1}"))
        copytruncate(log)
        followed.look(after=6)
        if number == 2:
            followed.restart()
    followed.look(after=6)
    assert followed.lines[before:] == [f"new {number}" for number in range(4)]
    assert {lost.reason for lost in followed.lost} == {"truncated"}


def test_a_copy_that_is_seen_before_the_file_is_truncated_is_not_read_again(tmp_path: Path) -> None:
    log, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    append(log, "one", "two", "three")
    followed = Followed(tmp_path / "app.log*")
    followed.look()
    copy.touch()
    followed.look()
    copy.write_bytes(log.read_bytes()[:6])
    followed.look()
    followed.restart()
    append(log, "four")
    shutil.copyfile(log, copy)
    followed.look()
    append(log, "five")
    log.write_text("six\n")
    followed.look()
    followed.restart()
    followed.look(after=6)
    assert followed.lines == ["one", "two", "three", "four", "six"]
    assert [lost.reason for lost in followed.lost] == ["truncated"]


def test_a_file_that_only_begins_like_another_is_read_whole(tmp_path: Path) -> None:
    append(tmp_path / "app.log", "# header", "one")
    followed = Followed(tmp_path / "app.log*")
    followed.look()
    worker = tmp_path / "app.log.worker"
    append(worker, "# header")
    followed.look()
    append(worker, "two")
    followed.look()
    assert followed.lines == ["# header", "one", "# header", "two"]


def test_only_so_many_files_are_open_and_each_is_read(tmp_path: Path) -> None:
    before = open_descriptors()
    followed = Followed(tmp_path / "*.log", most_open=10)
    for number in range(60):
        append(tmp_path / f"{number}.log", f"a {number}")
    followed.all_new_lines()
    followed.look()
    assert open_descriptors() <= before + 10
    assert not followed.tail.stirred()
    for number in range(60):
        append(tmp_path / f"{number}.log", f"b {number}")
    followed.all_new_lines()
    assert sorted(followed.lines) == sorted([f"{part} {number}" for part in "ab" for number in range(60)])
    followed.look()
    assert open_descriptors() <= before + 10


def test_a_closed_file_that_is_deleted_or_moved_away_is_no_loss(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "*.log", most_open=2)
    for number in range(6):
        append(tmp_path / f"{number}.log", f"line {number}")
    followed.all_new_lines()
    followed.look()
    for number in range(3):
        (tmp_path / f"{number}.log").unlink()
        (tmp_path / f"{number + 3}.log").rename(tmp_path / f"{number + 3}.old")
    followed.look()
    followed.look(after=100)
    assert (followed.lost, len(followed.lines)) == ([], 6)


def test_an_inode_that_is_used_again_by_another_file_of_the_glob_skips_nothing(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "*.log", most_open=1)
    for number in range(30):
        path = tmp_path / f"{number:02d}.log"
        append(path, "the same first line", f"line {number}")
        followed.all_new_lines()
        if number % 3:
            path.unlink()
        if number % 7 == 0:
            followed.restart()
    assert [line for line in followed.lines if line.startswith("line")] == [f"line {number}" for number in range(30)]
    assert followed.lines.count("the same first line") == 30


def test_a_busy_file_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    append(tmp_path / "busy.log", *("x" * 1000 for _ in range(5000)))
    append(tmp_path / "quiet.log", "heard")
    batch = Followed(tmp_path / "*.log").look()
    assert batch.more
    assert "heard" in [line for chunk in batch.chunks for line in chunk.lines]


def test_what_cannot_be_opened_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "read")
    (tmp_path / "b.log").mkdir()
    batch = Followed(tmp_path / "*.log").look()
    assert [chunk.lines for chunk in batch.chunks] == [["read"]]
    assert batch.status == "error"
    assert "b.log is a directory" in (batch.error or "")

"""Files that are truncated: nothing is given twice, and what may be missing is reported."""

import os
import shutil
from pathlib import Path

import pytest

from tests.node.sources.tailing_files import Followed, append, copytruncate, rotate


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "one", "two")
    return path


@pytest.fixture
def followed(log: Path) -> Followed:
    followed = Followed(log)
    followed.look()
    return followed


def test_a_truncated_file_is_read_from_its_beginning_and_the_loss_reported(log: Path, followed: Followed) -> None:
    log.write_text("new\n")
    batch = followed.look()
    assert [chunk.lines for chunk in batch.chunks] == [["new"]]
    (lost,) = batch.lost
    assert (lost.reason, lost.offset, lost.lost_bytes, lost.inode) == ("truncated", 8, 0, log.stat().st_ino)
    assert "truncated after byte 8" in lost.message
    assert (batch.rotations, len(batch.places)) == (0, 1)


def test_a_file_that_grew_beyond_its_old_size_after_a_truncation_is_noticed(log: Path, followed: Followed) -> None:
    log.write_text("quite another content, and longer\n")
    assert followed.new_lines() == ["quite another content, and longer"]
    assert [lost.reason for lost in followed.lost] == ["truncated"]


def test_a_file_of_the_same_size_with_another_content_is_noticed(log: Path, followed: Followed) -> None:
    log.write_text("eno\nowt\n")
    assert followed.new_lines() == ["eno", "owt"]
    assert [lost.reason for lost in followed.lost] == ["truncated"]


def test_bytes_that_were_seen_and_not_read_count_as_lost(log: Path, followed: Followed) -> None:
    append(log, "x" * 99)
    followed.look(paused=True)
    os.truncate(log, 0)
    followed.look()
    assert [(lost.reason, lost.lost_bytes) for lost in followed.lost] == [("truncated", 100)]


def test_a_file_that_is_cut_short_goes_on_and_what_was_not_read_is_lost(log: Path, followed: Followed) -> None:
    with log.open("a") as file:
        file.write("unfinished")
    followed.look()
    os.truncate(log, 8)
    followed.look()
    append(log, "three")
    assert followed.new_lines() == ["three"]
    assert [(lost.reason, lost.lost_bytes) for lost in followed.lost] == [("truncated", 10)]


def test_the_rest_of_a_copied_file_is_read_from_its_copy_and_nothing_twice(log: Path, followed: Followed) -> None:
    append(log, "three")
    with log.open("a") as file:
        file.write("half")
    copytruncate(log, "lost")
    append(log, "new")
    batch = followed.look()
    assert [(chunk.lines, set(chunk.partial)) for chunk in batch.chunks] == [(["three", "half"], {1}), (["new"], set())]
    assert [(lost.reason, lost.lost_bytes) for lost in batch.lost] == [("truncated", None)]
    assert "apart from what its copy holds" in batch.lost[0].message
    followed.look(after=1000)
    followed.restart()
    assert followed.look(after=1000).chunks == []


def test_copies_are_made_again_and_again_and_each_line_comes_once(log: Path, followed: Followed) -> None:
    written = ["one", "two"]
    for number in range(10):
        append(log, *(lines := [f"{number} a", f"{number} b"]))
        written += lines
        if number % 3:
            followed.look()
        if number % 4 == 0:
            followed.restart()
        for old in range(5, 0, -1):
            copy = log.with_name(f"app.log.{old}")
            if copy.exists():
                copy.rename(log.with_name(f"app.log.{old + 1}"))
        copytruncate(log)
    followed.all_new_lines()
    assert followed.lines == written


def test_a_copy_made_while_the_node_is_down_is_finished(log: Path, followed: Followed) -> None:
    followed.stop()
    append(log, "three")
    copytruncate(log)
    append(log, "four")
    shutil.move(log.with_name("app.log.1"), log.with_name("app.log.2"))
    copytruncate(log)
    append(log, "five")
    followed.start()
    assert followed.all_new_lines() == ["three", "four", "five"]
    assert [lost.reason for lost in followed.lost] == ["truncated"]


def test_a_copy_is_found_though_the_file_was_rotated_away_since(log: Path, followed: Followed) -> None:
    append(log, "three")
    copytruncate(log)
    append(log, "four")
    rotate(log)
    append(log, "five")
    assert followed.all_new_lines() == ["three", "four", "five"]


def test_an_old_file_with_the_same_header_is_no_copy(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(tmp_path / "app.log.1", "# header", "an old line")
    append(log, "# header")
    followed = Followed(log)
    followed.look()
    log.write_text("# new\n")
    followed.all_new_lines()
    assert followed.lines == ["# header", "# new"]


def test_a_copy_without_a_truncation_is_never_read(log: Path, followed: Followed) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(300)))
    followed.all_new_lines()
    lines = len(followed.lines)
    followed.stop()
    append(log, "more")
    shutil.copyfile(log, log.with_name("app.log-20261121"))
    rotate(log)
    append(log, "new")
    followed.start()
    followed.all_new_lines()
    assert followed.lines[lines:] == ["more", "new"]


@pytest.mark.parametrize("skipped", [100, 5_000, 3_000_000])
def test_the_hole_that_a_writer_leaves_who_does_not_append_is_no_line(log: Path, skipped: int) -> None:
    followed = Followed(log)
    followed.look()
    with log.open("r+b", buffering=0) as writer:
        for number in range(3):
            writer.seek(skipped * (number + 1))
            os.truncate(log, 0)
            followed.look()
            writer.write(b"line %d\n" % number)
            assert followed.all_new_lines() == [f"line {number}"]
            writer.write(b"next %d\n" % number)
            followed.restart()
            assert followed.all_new_lines() == [f"next {number}"]
    assert [lost.reason for lost in followed.lost] == ["truncated"] * 3


def test_space_that_is_allocated_and_not_written_yet_is_no_line(log: Path, followed: Followed) -> None:
    with log.open("r+b", buffering=0) as writer:
        os.posix_fallocate(writer.fileno(), 0, 20_000)
        assert followed.new_lines() == []
        assert followed.new_lines(after=6) == []
        assert not followed.tail.stirred()
        assert followed.tail.due_in(followed.now) is None
        writer.seek(8)
        writer.write(b"written in place\n")
        assert followed.new_lines() == ["written in place"]
    assert followed.lost == []


def test_a_truncation_that_could_not_be_stored_is_noticed_again(log: Path, followed: Followed) -> None:
    append(log, "three")
    copytruncate(log)
    append(log, "four")
    first = followed.look(stored=False)
    followed.restore()
    again = followed.look()
    assert [chunk.lines for chunk in first.chunks] == [chunk.lines for chunk in again.chunks] == [["three"], ["four"]]
    assert [lost.reason for lost in again.lost] == ["truncated"]
    assert followed.look().lost == []


def test_a_copy_that_ends_before_what_was_read_is_never_read(log: Path, followed: Followed) -> None:
    append(log, *(f"line {number} {'=' * 40}" for number in range(40)))
    followed.look()
    shutil.copyfile(log, log.with_name("app.log.1"))
    append(log, "read between the copy and the truncation")
    followed.look()
    os.truncate(log, 0)
    assert followed.new_lines() == []
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    assert followed.new_lines() == []
    append(log, "new")
    assert followed.all_new_lines() == ["new"]
    assert len(followed.lines) == len(set(followed.lines)) == 44

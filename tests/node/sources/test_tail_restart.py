"""What happened while the node was down is found out, as far as it left a trace."""

import gzip
import os
import time
from pathlib import Path

import pytest

from tests.node.sources.tailing_files import Followed, append, rotate


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "one")
    return path


@pytest.fixture
def followed(log: Path) -> Followed:
    followed = Followed(log, start="end")
    append(log, "two")
    followed.look()
    append(log, "three")
    followed.look()
    followed.stop()
    return followed


def compress(path: Path) -> None:
    """As gzip does: the compressed file has the time of its original."""
    status = path.stat()
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


def test_the_rotated_file_is_finished_then_those_in_between_then_the_new_one(log: Path, followed: Followed) -> None:
    append(log, "four")
    for number in range(4):
        rotate(log)
        append(log, f"file {number}")
    followed.start()
    assert followed.all_new_lines() == ["four", "file 0", "file 1", "file 2", "file 3"]
    assert followed.lost == []


def test_a_rotated_file_is_found_under_any_name_in_its_directory(log: Path, followed: Followed) -> None:
    append(log, "four")
    log.rename(log.with_name("kept for the auditor"))
    append(log, "five")
    followed.start()
    assert followed.all_new_lines() == ["four", "five"]
    assert followed.lost == []


def test_a_file_that_is_gone_is_reported_once_and_the_new_one_read_whole(log: Path, followed: Followed) -> None:
    log.unlink()
    append(log.with_name("keeps the inode busy"), "x")
    append(log, "new")
    followed.start()
    assert followed.all_new_lines() == ["new"]
    (lost,) = followed.lost
    assert (lost.reason, lost.lost_bytes, lost.offset) == ("gone", None, 14)
    assert "not to be found" in lost.message
    followed.restart()
    assert followed.look(after=100).lost == []
    assert len(followed.lost) == 1


def test_a_compressed_file_is_not_opened_and_named_in_the_loss(log: Path, followed: Followed) -> None:
    append(log, "four")
    rotate(log)
    compress(log.with_name("app.log.1"))
    append(log, "five")
    followed.start()
    assert followed.all_new_lines() == ["five"]
    (lost,) = followed.lost
    assert "app.log.1.gz, which is compressed" in lost.message


def test_each_file_that_was_compressed_before_it_was_read_is_reported(log: Path, followed: Followed) -> None:
    append(log, "four")
    for number in range(3):
        rotate(log)
        append(log, f"file {number}")
    compress(log.with_name("app.log.1"))
    compress(log.with_name("app.log.2"))
    followed.start()
    assert followed.all_new_lines() == ["four", "file 2"]
    assert sorted(Path(lost.path).name for lost in followed.lost) == ["app.log.1.gz", "app.log.2.gz"]
    followed.restart()
    followed.look(after=100)
    assert (len(followed.lost), followed.rotations) == (2, 3)


def test_compressing_what_was_read_is_no_loss(log: Path, followed: Followed) -> None:
    followed.start()
    for number in range(4):
        append(log, f"file {number}")
        rotate(log)
        followed.all_new_lines()
        compress(log.with_name("app.log.1"))
        log.with_name("app.log.1.gz").rename(log.with_name(f"app.log.{number + 5}.gz"))
    followed.all_new_lines()
    assert followed.lost == []


def test_what_was_read_stands_for_one_compressed_file_only(log: Path, followed: Followed) -> None:
    followed.start()
    rotate(log)
    followed.all_new_lines()
    compress(log.with_name("app.log.1"))
    log.with_name("app.log.1.gz").rename(log.with_name("app.log.3.gz"))
    followed.all_new_lines()
    append(log, "seen")
    followed.all_new_lines()
    for text in ("never seen", "last"):
        rotate(log)
        append(log, text)
    compress(log.with_name("app.log.1"))
    compress(log.with_name("app.log.2"))
    assert followed.all_new_lines() == ["last"]
    assert [Path(lost.path).name for lost in followed.lost] == ["app.log.1.gz"]
    assert followed.rotations == 3


def test_a_file_that_is_still_written_to_while_it_is_compressed_is_no_loss(log: Path, followed: Followed) -> None:
    followed.start()
    with log.open("a") as late:
        rotate(log)
        packed = log.with_name("app.log.1.gz")
        packed.write_bytes(b"half")
        followed.all_new_lines()
        os.utime(packed)
        time.sleep(0.02)  # a clock tick of the file system
        late.write("late\n")
        late.flush()
        log.with_name("app.log.1").unlink()
        append(log, "new")
        assert followed.all_new_lines() == ["late", "new"]
    assert followed.lost == []


def test_nothing_is_called_gone_as_long_as_nothing_is_at_the_path(tmp_path: Path) -> None:
    home, away = tmp_path / "mounted", tmp_path / "not mounted"
    home.mkdir()
    log = home / "app.log"
    append(log, "one")
    followed = Followed(log)
    followed.look()
    followed.stop()
    home.rename(away)
    followed.start()
    assert followed.look().status == "missing"
    assert followed.look(after=100).lost == []
    home.mkdir()
    followed.look(after=100)
    home.rmdir()
    away.rename(home)
    append(log, "two")
    assert followed.new_lines() == ["two"]
    assert followed.lost == []


def test_both_the_old_and_the_new_file_are_followed_after_a_restart(log: Path, followed: Followed) -> None:
    followed.start()
    with log.open("a") as writer:
        rotate(log)
        append(log, "new")
        followed.look()
        followed.stop()
        writer.write("to the old one\n")
    append(log, "to the new one")
    rotate(log)
    append(log, "to the newest one")
    followed.start()
    assert followed.all_new_lines() == ["to the old one", "to the new one", "to the newest one"]


def test_a_file_from_a_backup_in_the_place_of_the_known_one_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, *(f"line {number}" for number in range(300)))
    followed = Followed(log)
    followed.look()
    followed.stop()
    content = log.read_bytes()
    log.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").unlink()
    log.write_bytes(content + b"more\n")
    followed.start()
    assert followed.new_lines() == ["more"]


def test_a_batch_that_could_not_be_stored_is_given_again_after_several_rotations(log: Path, followed: Followed) -> None:
    followed.start()
    for number in range(3):
        append(log, f"file {number}")
        rotate(log)
    append(log, "last")
    lost = followed.look(stored=False)
    log.with_name("app.log.2").unlink()
    followed.restore()
    again = followed.look()
    lines = [[line for chunk in batch.chunks for line in chunk.lines] for batch in (lost, again)]
    assert lines[0] == lines[1] == ["file 0", "file 1", "file 2", "last"]
    assert again.rotations == 1
    assert followed.look().chunks == []


def test_another_path_in_the_settings_is_another_log(log: Path, followed: Followed) -> None:
    other = log.with_name("other.log")
    append(other, "old", "last")
    again = Followed(other, start="tail", start_lines=1)
    again.places, again.known = followed.places, True
    again.start()
    assert again.new_lines() == ["last"]
    assert again.lost == []

"""Lines that belong together: a record reaches to the next line that begins one."""

import time
from pathlib import Path

import pytest

from node.sources.tail_frame import MOST_RECORD_LINES
from tests.node.sources.tailing_files import Followed, append

START = r"^\d{4}-"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_a_stack_trace_is_one_record(log: Path) -> None:
    append(log, "2026-1 fine", "2026-2 ERROR", "Traceback", "  File x", "ValueError", "2026-3 fine")
    followed = Followed(log, record_start=START)
    assert followed.new_lines() == ["2026-1 fine", "2026-2 ERROR\nTraceback\n  File x\nValueError"]
    assert followed.new_lines(after=6) == ["2026-3 fine"]


def test_the_last_record_waits_for_what_may_still_belong_to_it(log: Path) -> None:
    append(log, "2026-1 ERROR", "Traceback")
    followed = Followed(log, record_start=START)
    batch = followed.look()
    assert (batch.chunks, batch.files[0].offset) == ([], 0)
    assert not followed.tail.stirred()
    assert followed.tail.due_in(followed.now) == pytest.approx(5, abs=0.5)
    append(log, "  File x")
    followed.restart()
    assert followed.new_lines() == []
    append(log, "2026-2")
    batch = followed.look()
    assert [chunk.lines for chunk in batch.chunks] == [["2026-1 ERROR\nTraceback\n  File x"]]
    assert batch.chunks[0].partial == frozenset()


def test_a_silent_record_is_given_with_its_unfinished_line(log: Path) -> None:
    log.write_text("2026-1 ERROR\nTrace")
    followed = Followed(log, record_start=START)
    followed.look()
    batch = followed.look(after=6)
    assert [(chunk.lines, set(chunk.partial)) for chunk in batch.chunks] == [(["2026-1 ERROR\nTrace"], {0})]
    append(log, "back", "2026-2")
    assert followed.new_lines() == ["back"]


def test_lines_before_the_first_start_are_a_record_too(log: Path) -> None:
    append(log, "left over", "of something", "2026-1")
    assert Followed(log, record_start=START).new_lines() == ["left over\nof something"]


def test_a_record_without_end_is_given_in_several_and_nothing_of_it_is_lost(log: Path) -> None:
    many = ["2026-1", *(f"line {number}" for number in range(1200))]
    long = ["2026-2", *("x" * 20_000 for _ in range(8)), "2026-3"]
    append(log, *many, *long)
    followed = Followed(log, record_start=START)
    followed.all_new_lines()
    assert "\n".join(followed.lines).split("\n") == many + long[:-1]
    assert max(record.count("\n") for record in followed.lines) + 1 == MOST_RECORD_LINES
    assert max(map(len, followed.lines)) <= 64 * 1024


def test_a_cut_line_marks_its_record(log: Path) -> None:
    append(log, "2026-1", "short", "x" * 70_000, "after", "2026-2")
    batch = Followed(log, record_start=START).look()
    (chunk,) = batch.chunks
    assert [record[:7] for record in chunk.lines] == ["2026-1\n", "x" * 7, "after"]
    assert chunk.truncated == {1}


def test_records_do_not_depend_on_where_a_batch_ends(log: Path) -> None:
    records = []
    with log.open("w") as file:
        for number in range(20_000):
            record = "\n".join([f"2026-{number}", *("  at line" for _ in range(number % 7))])
            records.append(record)
            file.write(f"{record}\r\n".replace("\n", "\r\n") if number % 2 else f"{record}\n")
    followed = Followed(log, record_start=START, batch_bytes=50_000)
    followed.all_new_lines()
    followed.look(after=6)
    assert [record.replace("\r", "") for record in followed.lines] == records


def test_the_record_of_a_rotated_file_ends_with_it(log: Path) -> None:
    append(log, "2026-1", "more")
    followed = Followed(log, record_start=START)
    followed.look()
    log.unlink()
    append(log, "2026-2", "2026-3")
    assert followed.new_lines() == ["2026-1\nmore", "2026-2"]


def test_a_start_that_takes_too_long_to_find_is_given_up_and_every_line_stands_alone(log: Path) -> None:
    lines = ["a" * 60 + "!"] * 200
    append(log, *lines)
    followed = Followed(log, record_start="(a|aa)+$")
    began = time.process_time()  # the others' time does not count
    assert followed.new_lines() == lines[:-1]
    assert time.process_time() - began < 2

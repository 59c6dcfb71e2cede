"""Following one file: whole lines, once each, whatever stands in them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.tail_frame import frame
from node.sources.tail_types import LONGEST_LINE_BYTES
from tests.node.sources.tailing_files import Followed, append, open_descriptors


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_gives_each_line_once_as_it_is_written(log: Path) -> None:
    append(log, "one", "two")
    followed = Followed(log)
    assert followed.new_lines() == ["one", "two"]
    assert followed.new_lines() == []
    append(log, "three", "")
    assert followed.new_lines() == ["three", ""]


def test_a_restart_goes_on_where_the_stored_places_are(log: Path) -> None:
    append(log, "one", "two")
    followed = Followed(log)
    followed.look()
    append(log, "three")
    followed.restart()
    assert followed.new_lines() == ["three"]


def test_what_could_not_be_stored_is_given_again_from_the_same_open_file(log: Path) -> None:
    append(log, "one")
    followed = Followed(log)
    followed.look()
    append(log, "two")
    assert followed.new_lines(stored=False) == ["two"]
    log.unlink()
    followed.restore()
    assert followed.new_lines() == ["two"]


@pytest.mark.parametrize(
    ("start", "lines", "expected"),
    [
        ("tail", 2, ["c", "d"]),
        ("tail", 0, []),
        ("tail", 50, ["a", "b", "c", "d"]),
        ("end", 500, []),
        ("beginning", 1, ["a", "b", "c", "d"]),
    ],
)
def test_at_first_sight_it_begins_where_the_options_say(log: Path, start: str, lines: int, expected: list[str]) -> None:
    append(log, *"abcd")
    followed = Followed(log, start=start, start_lines=lines)
    assert followed.new_lines() == expected
    append(log, "e")
    assert followed.new_lines() == ["e"]


def test_the_last_lines_of_a_large_file_are_found_from_its_end(log: Path) -> None:
    log.write_bytes(b"".join(b"%d %s\n" % (number, b"x" * (number % 300)) for number in range(20_000)))
    followed = Followed(log, start="tail", start_lines=1500)
    numbers = [int(line.split()[0]) for line in followed.all_new_lines()]
    assert numbers == list(range(18_500, 20_000))


def test_the_last_lines_are_not_looked_for_without_end(log: Path) -> None:
    log.write_bytes(b"x" * 3_000_000 + b"\n" + b"y" * 3_000_000 + b"\nlast\n")
    followed = Followed(log, start="tail", start_lines=5)
    assert followed.all_new_lines() == ["last"]


@pytest.mark.parametrize("start", ["tail", "end"])
def test_a_line_that_is_not_finished_at_first_sight_is_given_whole(log: Path, start: str) -> None:
    log.write_text("old\nbegun")
    followed = Followed(log, start=start, start_lines=0)
    assert followed.new_lines() == []
    append(log, " and done")
    assert followed.new_lines() == ["begun and done"]


def test_a_file_that_comes_later_is_read_from_its_beginning(log: Path) -> None:
    followed = Followed(log, start="end")
    batch = followed.look()
    assert (batch.status, batch.chunks) == ("missing", [])
    assert "not there" in (batch.error or "")
    append(log, "first")
    assert followed.new_lines() == ["first"]


def test_a_file_that_comes_while_the_node_is_down_is_read_from_its_beginning(log: Path) -> None:
    followed = Followed(log, start="end")
    followed.look()
    followed.stop()
    append(log, "first")
    followed.start()
    assert followed.new_lines() == ["first"]


def test_a_last_line_without_line_feed_waits(log: Path) -> None:
    log.write_text("whole\nhal")
    followed = Followed(log)
    assert followed.new_lines() == ["whole"]
    append(log, "f")
    assert followed.new_lines() == ["half"]


def test_a_last_line_that_falls_silent_is_given_as_partial_and_its_rest_as_a_line_of_its_own(log: Path) -> None:
    log.write_text("whole\nha")
    followed = Followed(log)
    followed.look()
    assert 4.5 < (followed.tail.due_in(followed.now) or 0) <= 5
    batch = followed.look(after=5.1)
    assert [chunk.lines for chunk in batch.chunks] == [["ha"]]
    assert batch.chunks[0].partial == {0}
    assert followed.tail.due_in(followed.now) is None
    append(log, "lf", "next")
    assert followed.new_lines() == ["lf", "next"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_end_that_comes_after_its_partial_line_makes_no_empty_line(log: Path, ending: str) -> None:
    log.write_text("half")
    followed = Followed(log)
    followed.look()
    assert followed.new_lines(after=6) == ["half"]
    followed.restart()
    with log.open("a", newline="") as file:
        file.write(f"{ending}\nnext\n")
    assert followed.new_lines() == ["", "next"]


def test_a_carriage_return_belongs_to_the_line_end(log: Path) -> None:
    log.write_bytes(b"dos\r\nunix\ninner\rone\r\nlast\r")
    followed = Followed(log)
    assert followed.new_lines() == ["dos", "unix", "inner\rone"]
    assert followed.new_lines(after=6) == ["last"]
    with log.open("ab") as file:
        file.write(b"\nnext\r\n")
    assert followed.new_lines() == ["next"]


def test_bad_bytes_stay_visible_and_control_characters_stay(log: Path) -> None:
    log.write_bytes(b"a\x00b\x1b[31m\tc\n" + b"\xff\xfe bad \xed\xa0\x80\n" + "한글 🎉\n".encode() + b"\xed\x95\n")
    lines = Followed(log).new_lines()
    assert lines == ["a\x00b\x1b[31m\tc", "\\xff\\xfe bad \\xed\\xa0\\x80", "한글 🎉", "\\xed\\x95"]
    assert all(line.encode("utf-8") for line in lines)


def test_only_a_line_feed_ends_a_line(log: Path) -> None:
    log.write_text("a\x0bb\x0cc\x1cd\x85e\u2028f\n")
    assert Followed(log).new_lines() == ["a\x0bb\x0cc\x1cd\x85e\u2028f"]


def test_a_long_line_is_cut_and_marked_and_the_next_one_is_whole(log: Path) -> None:
    log.write_bytes(b"before\n" + b"x" * (LONGEST_LINE_BYTES + 1) + b"\n" + b"y" * LONGEST_LINE_BYTES + b"\r\nafter\n")
    batch = Followed(log).look()
    (chunk,) = batch.chunks
    assert [(line[:2], len(line)) for line in chunk.lines] == [("be", 6), ("xx", 65536), ("yy", 65536), ("af", 5)]
    assert chunk.truncated == {1}


def test_a_long_line_is_not_cut_inside_a_character(log: Path) -> None:
    log.write_text("x" + "한" * 30_000 + "\nnext\n")
    cut, after = Followed(log).new_lines()
    assert cut == "x" + "한" * ((LONGEST_LINE_BYTES - 1) // 3)
    assert after == "next"


def test_a_line_of_ten_megabytes_is_never_held_in_memory_and_given_once(log: Path) -> None:
    followed = Followed(log)
    followed.look()
    with log.open("ab") as file:
        for part in range(40):
            file.write(b"%d" % (part % 10) * 262_144)
            file.flush()
            followed.all_new_lines()
            assert followed.look().files[0].offset == file.tell()
            if part % 10 == 5:
                followed.restart()
        file.write(b"end\nnext\n")
    followed.all_new_lines()
    assert [line[:5] for line in followed.lines] == ["00000", "next"]


def test_one_look_gives_about_a_batch_and_says_that_there_is_more(log: Path) -> None:
    append(log, *(f"{number:0100d}" for number in range(30_000)))
    followed = Followed(log)
    batch = followed.look()
    given_bytes = sum(len(line) + 1 for line in batch.chunks[0].lines)
    assert 1024 * 1024 <= given_bytes <= 1024 * 1024 + 300_000
    assert batch.more
    assert followed.tail.stirred()
    followed.all_new_lines()
    assert [int(line) for line in followed.lines] == list(range(30_000))


def test_paused_it_reads_nothing_and_loses_nothing(log: Path) -> None:
    append(log, "one")
    followed = Followed(log)
    followed.look()
    append(log, "two")
    assert followed.new_lines(paused=True) == []
    assert followed.tail.due_in(followed.now) is None
    log.rename(log.with_name("app.log.1"))
    append(log, "three")
    batch = followed.look(paused=True)
    assert (batch.rotations, batch.chunks) == (1, [])
    log.with_name("app.log.1").unlink()
    assert followed.new_lines() == ["two", "three"]


def test_it_knows_without_reading_whether_something_stirred(log: Path) -> None:
    append(log, "one")
    followed = Followed(log)
    followed.look()
    assert not followed.tail.stirred()
    append(log, "two")
    assert followed.tail.stirred()
    followed.look(paused=True)
    append(log, "three")
    assert not followed.tail.stirred(), "growth is nothing to a paused log"
    log.rename(log.with_name("app.log.1"))
    assert followed.tail.stirred()
    followed.look()
    assert not followed.tail.stirred()
    append(log.with_name("app.log.1"), "late")
    assert followed.tail.stirred()
    followed.look()
    append(log, "new")
    assert followed.tail.stirred()


def test_an_unfinished_line_does_not_stir_again_and_again(log: Path) -> None:
    log.write_text("half")
    followed = Followed(log)
    followed.look()
    assert not followed.tail.stirred()


def test_close_gives_every_descriptor_back(log: Path) -> None:
    append(log, "one")
    before = open_descriptors()
    followed = Followed(log)
    followed.look()
    log.rename(log.with_name("app.log.1"))
    append(log, "two")
    followed.look()
    assert open_descriptors() == before + 2
    followed.stop()
    assert open_descriptors() == before


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\n", b"\r\n", b"\r", b"x" * 9, b"x" * 10, b"x" * 11, "한".encode() * 4, b"\0"]),
    ),
    max_size=25,
)


@given(pieces=PIECES, step=st.integers(30, 60))
def test_lines_do_not_depend_on_where_the_blocks_end(pieces: list[bytes], step: int) -> None:
    data = b"".join(pieces) + b"\n"
    lines: list[str] = []
    offset, skipping = 0, False
    while offset < len(data):
        framed = frame(data[offset : offset + step], 10, skipping=skipping)
        assert framed.consumed
        lines += framed.lines
        offset, skipping = offset + framed.consumed, framed.skipping
    expected = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    assert len(lines) == len(expected)
    for line, raw in zip(lines, expected, strict=True):
        if len(raw) <= 10:
            assert line == raw.decode("utf-8", "backslashreplace")
        else:
            assert raw.decode("utf-8", "backslashreplace").startswith(line)

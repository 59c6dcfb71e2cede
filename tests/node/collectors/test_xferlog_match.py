import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.collectors.xferlog_match import Files, Logged, ends_in, logged, may_be

VSFTPD_SAFE = frozenset(range(0x21, 0x7F))


def as_vsftpd_logs(name: bytes) -> bytes:
    """Blanks become _, all that is not printable ASCII becomes ?; so it was seen of 3.0.3."""
    return bytes(ord("_") if code == 0x20 else code if code in VSFTPD_SAFE else ord("?") for code in name)


def files(root: str, *paths: str, size: int = 5) -> Files:
    known = Files(root)
    for path in paths:
        known.add(path, size, 0.0)
    return known


def named(known: Files, path: str) -> list[str]:
    return sorted(file.path for file in known.named(logged(path)))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/in/a.csv", Logged((b"in",), b"a.csv")),
        ("/a.csv", Logged((), b"a.csv")),
        ("//in/./x/../a.csv", Logged((b"in",), b"a.csv")),
        ("/../../a.csv", Logged((), b"a.csv")),
        ("/home/etl/", Logged((b"home", b"etl"), None)),
        ("/", Logged((), None)),
        ("", Logged((), None)),
        ("a.csv", Logged((), b"a.csv")),
    ],
)
def test_a_logged_path_has_its_parts_without_detours(path: str, found: Logged) -> None:
    assert logged(path) == found


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("a b.csv", "a_b.csv"),
        ("a_b.csv", "a_b.csv"),
        ("정산 마감.csv", "??????_??????.csv"),
        ("정산_마감.csv", "정산_마감.csv"),
        ("a?b*.csv", "a?b*.csv"),
        ("tab\there", "tab?here"),
        ("tab\there", "tab_here"),
    ],
)
def test_a_name_may_stand_as_this_in_a_log(name: str, pattern: str) -> None:
    assert may_be(name.encode(), pattern.encode())


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("ab", "a_b"), ("axb", "a_b"), ("é", "?"), ("a b", "a b c"), ("a.csv", "A.csv"), ("a b", "a*b"), ("é!", "___")],
)
def test_a_name_is_no_other(name: str, pattern: str) -> None:
    assert not may_be(name.encode(), pattern.encode())


@given(st.lists(st.binary(min_size=1).filter(lambda part: b"/" not in part and b"\0" not in part), min_size=1))
def test_every_file_is_found_by_what_vsftpd_logs_of_it(parts: list[bytes]) -> None:
    if any(part in (b".", b"..") for part in parts):
        return
    path = os.fsdecode(b"/".join(parts))
    known = files("/srv/ftp", path)
    pattern = as_vsftpd_logs(b"/".join(parts)).decode()
    assert named(known, f"/srv/ftp/{pattern}") == [path]
    assert named(known, f"/{pattern}") == [path]


def test_the_very_path_wins_over_one_below_the_root_and_that_over_any_other() -> None:
    known = files("/srv", "in/a.csv", "srv/in/a.csv", "other/in/a.csv", "other/srv/in/a.csv")
    assert named(known, "/srv/in/a.csv") == ["in/a.csv"]
    assert named(known, "/in/a.csv") == ["in/a.csv"]
    assert named(known, "/other/in/a.csv") == ["other/in/a.csv"]


def test_a_path_below_another_root_of_a_session_is_found_by_its_end() -> None:
    known = files("/home", "etl/in/a.csv", "bob/in/b.csv")
    assert named(known, "/in/a.csv") == ["etl/in/a.csv"]
    assert named(files("/srv/ftp", "in/a.csv"), "/ftp/in/a.csv") == ["in/a.csv"]


def test_bytes_that_are_no_utf8_are_found_as_they_are_written_down() -> None:
    known = files("/srv", os.fsdecode(b"in/caf\xe9.csv"))
    assert named(known, r"/in/caf\xe9.csv") == [os.fsdecode(b"in/caf\xe9.csv")]


def test_files_of_a_size_are_found_in_the_logged_directory_alone() -> None:
    known = files("/srv", "in dir/a", "in dir/b", "out/c", "d")
    known.add("in dir/larger", 6, 0.0)
    assert [file.path for file in known.beside(logged("/in_dir/x"), 5)] == ["in dir/a", "in dir/b"]
    assert [file.path for file in known.beside(logged("/x"), 5)] == ["d"]


def test_files_of_a_name_and_size_are_found_anywhere() -> None:
    known = files("/srv", "x/a b", "y/a_b", "y/a_c")
    assert [file.path for file in known.elsewhere(logged("/in/a_b"), 5)] == ["x/a b", "y/a_b"]
    assert known.elsewhere(logged("/in/a_b"), 6) == known.elsewhere(logged("/in/"), 5) == []


def test_a_directory_is_known_by_what_changed_in_it() -> None:
    known = files("/srv", "in dir/a")
    known.add_directory("out/")
    assert [known.has_directory(logged(path)) for path in ("/srv/in_dir/x", "/in_dir/x", "/out/x", "/x", "/tmp/x")] == [
        True, True, True, True, False,
    ]  # fmt: skip
    assert not Files("/srv").has_directory(logged("/x"))


@given(st.lists(st.binary(max_size=3)), st.lists(st.binary(max_size=3)))
def test_any_parts_are_compared(parts: list[bytes], pattern: list[bytes]) -> None:
    assert ends_in(tuple(parts), ()) is True
    assert ends_in(tuple(parts), pattern) in (True, False)

"""Command lines as they may be seen."""

import time

import pytest

from node.sources.process_command import LONGEST_SHOWN, arguments_of, shown


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (b"", []),
        (b"\0\0", []),
        (b"python3\0-c\0print(1)\0", ["python3", "-c", "print(1)"]),
        (b"a\0\0b\0", ["a", "", "b"]),
        (b"postgres: writer process   \0\0\0\0", ["postgres: writer process"]),
        (b"nginx: master process /usr/sbin/nginx", ["nginx: master process /usr/sbin/nginx"]),
        (b"a\xff\0b\n\x1b[2J\0", ["a\\xff", "b\n\x1b[2J"]),
    ],
)
def test_arguments_are_what_the_process_was_given(content: bytes, arguments: list[str]) -> None:
    assert arguments_of(content) == arguments


def test_a_long_command_line_is_cut_and_says_so() -> None:
    text = shown(["java", "-cp", "x" * 100_000, "Main"])
    assert len(text) == LONGEST_SHOWN + 3
    assert text.startswith("java -cp xxx")
    assert text.endswith("x...")
    assert shown(["a"] * 10) == "a a a a a a a a a a"


@pytest.mark.parametrize("offset", range(-60, 20, 7))
def test_no_secret_slips_through_where_it_is_cut(offset: int) -> None:
    padding = "x" * (LONGEST_SHOWN + offset)
    for secret in (["--password", "hunter2hunter2"], ["ftp://me:hunter2hunter2@host/"], ["--token=hunter2hunter2"]):
        assert "hunter" not in shown([padding, *secret])


def test_a_hostile_command_line_takes_no_time() -> None:
    began = time.process_time()
    for piece in ("--password ", "://a:", "mysql -p", "token=", '"', "'", "-", "a.", "curl -u a:"):
        shown([piece * 10_000])
        shown([piece] * 5_000)
    assert time.process_time() - began < 3

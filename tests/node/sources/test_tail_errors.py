"""What keeps a log from being read is told in words, raises nothing, and loses nothing."""

import errno
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from tests.node.sources.tailing_files import Followed, append, rotate


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "one")
    return path


def test_a_directory_is_no_log(tmp_path: Path) -> None:
    batch = Followed(tmp_path).look()
    assert batch.status == "error"
    assert (
        batch.error == f"{tmp_path} is a directory, not a regular file; name a file, or a glob such as {tmp_path}/*.log"
    )


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "app.log"
    os.mkfifo(pipe)
    batch = Followed(pipe).look()
    assert (batch.status, "is a named pipe" in (batch.error or "")) == ("error", True)
    with pytest.raises(OSError, match="No such device"):
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)


def test_a_link_in_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    batch = Followed(tmp_path / "a").look()
    assert (batch.status, "circle" in (batch.error or "")) == ("error", True)


def test_a_missing_directory_is_a_missing_file(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "none" / "app.log")
    assert followed.look().status == "missing"
    assert followed.tail.directories == frozenset()
    (tmp_path / "none").mkdir()
    append(tmp_path / "none" / "app.log", "one")
    assert followed.tail.stirred()
    assert followed.new_lines() == ["one"]


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, *paths: Path) -> None:
    """Opening these fails, as it does for a user without the right to."""
    real = os.open

    def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path) in map(str, paths) and flags & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(number, os.strerror(number), path)
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", opened)


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (errno.EACCES, "denied", "permission denied; let the user"),
        (errno.EMFILE, "error", "too many open files; raise the limit"),
        (errno.EIO, "error", "input/output error"),
    ],
)
def test_a_file_that_cannot_be_opened_is_read_once_it_can(
    log: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: str, words: str
) -> None:
    followed = Followed(log, start="tail", start_lines=1)
    append(log, "two")
    with monkeypatch.context() as patch:
        refuse(patch, number, log)
        batch = followed.look()
        assert (batch.status, batch.chunks, batch.lost) == (status, [], [])
        assert words in (batch.error or "")
        assert not followed.tail.stirred(), "it is tried again at its interval"
    batch = followed.look()
    assert (batch.status, batch.error) == ("ok", None)
    assert followed.lines == ["two"], "first sight is when it could be read"


def test_files_that_could_not_be_opened_for_a_while_are_read_in_their_order(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = Followed(log)
    followed.look()
    with monkeypatch.context() as patch:
        refuse(patch, errno.EMFILE, log, log.with_name("app.log.1"), log.with_name("app.log.2"))
        for number in range(3):
            append(log, f"line {number}")
            rotate(log)
            followed.look()
        followed.look(after=100)
    followed.all_new_lines()
    followed.look(after=100)
    assert followed.lines == ["one", "line 0", "line 1", "line 2"]
    assert followed.lost == []


def test_a_file_that_cannot_be_read_is_told_and_goes_on(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(log)
    followed.look()
    append(log, "two")

    def failing(*_: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", failing)
        batch = followed.look()
    assert (batch.status, batch.error) == ("error", f"cannot read {log}: input/output error")
    assert followed.new_lines() == ["two"]


def test_a_stale_file_handle_is_opened_anew(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(log)
    followed.look()
    append(log, "two")

    def stale(*_: Any) -> bytes:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", stale)
        assert followed.look().status == "error"
    assert followed.new_lines() == ["two"]
    assert followed.lost == []


def test_the_real_limit_on_open_files_stops_nothing_for_good(tmp_path: Path) -> None:
    for number in range(50):
        append(tmp_path / f"{number}.log", f"line {number}")
    followed = Followed(tmp_path / "*.log", most_open=100)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    free = [number for number in range(500) if number not in used]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[20], hard))
    try:
        batch = followed.look()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (batch.status, "too many open files" in (batch.error or "")) == ("error", True)
    followed.all_new_lines()
    assert len(followed.lines) == 50


def test_a_name_that_is_no_utf8_is_followed_and_told_as_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"app-\xff.log")
    append(tmp_path / name, "one")
    followed = Followed(tmp_path / "app-*.log")
    batch = followed.look()
    assert batch.chunks[0].path == f"{tmp_path}/app-\\xff.log"
    followed.restart()
    append(tmp_path / name, "two")
    assert followed.new_lines() == ["two"]
    assert followed.lost == []

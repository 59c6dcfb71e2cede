import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from node.sources.command import Commands, Ended
from tests.node.collecting import until

T = TypeVar("T")


def run(*command: str, within_sec: float = 20.0, **options: Any) -> Ended:
    async def main(commands: Commands) -> Ended:
        return await commands.run(command, within_sec=within_sec, **options)

    return with_commands(main)


def with_commands(act: Callable[[Commands], Awaitable[T]]) -> T:
    async def main() -> T:
        commands = Commands()
        try:
            return await act(commands)
        finally:
            await commands.close()
            assert commands.pids == []

    return asyncio.run(main())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_command_gives_its_output_and_its_status() -> None:
    ended = run("printf", "%s\\n", "a b", "$HOME; id")
    assert ended == Ended(end="ended", status=0, output=b"a b\n$HOME; id\n", program="printf")
    assert ended.is_good
    assert ended.reason is None


def test_a_failure_says_its_status_and_its_first_words() -> None:
    ended = run("sh", "-c", "echo half; echo no such unit >&2; echo more >&2; exit 4")
    assert (ended.end, ended.status, ended.output) == ("ended", 4, b"half\n")
    assert ended.reason == "sh ends with exit status 4: no such unit"


def test_a_signal_is_told_from_an_exit_status() -> None:
    ended = run("sh", "-c", "kill -9 $$")
    assert ended.status == -9
    assert ended.reason == "sh ends with signal 9"


def test_the_environment_is_clean_and_the_input_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    lines = set(run("sh", "-c", "env; cat", environment={"TZ": "UTC"}).output.decode().splitlines())
    assert {line.partition("=")[0] for line in lines} <= {"PATH", "LC_ALL", "TZ", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {"LC_ALL=C", "TZ=UTC"} <= lines


def test_programs_are_not_looked_for_where_the_callers_path_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "systemctl-of-mine"
    own.write_text("#!/bin/sh\necho mine\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run("systemctl-of-mine")
    assert ended.end == "missing"
    assert ended.reason == "there is no systemctl-of-mine here"
    assert run(str(own)).output == b"mine\n"


def test_a_file_that_cannot_be_started_is_a_failure_in_words(tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_text("#!/no/such/interpreter\n")
    file.chmod(0o755)
    assert run(str(file)).reason == "broken cannot be started: No such file or directory"


def test_one_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started = time.monotonic()
    ended = run("sh", "-c", f"sleep 300 & echo $! $$ > {pids}; echo said; wait", within_sec=5.0)
    assert time.monotonic() - started < 60
    assert (ended.end, ended.output, ended.status) == ("timeout", b"said\n", None)
    assert ended.reason == "sh does not end in its time"
    started_pids = [int(pid) for pid in pids.read_text().split()]
    asyncio.run(until(lambda: not any(map(is_alive, started_pids))))


def test_what_a_command_leaves_behind_is_ended_and_nobody_waits_for_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    started = time.monotonic()
    ended = run("sh", "-c", f"sleep 300 & echo $! > {pid}; echo done")
    assert ended.is_good
    assert ended.output == b"done\n"
    assert time.monotonic() - started < 60
    asyncio.run(until(lambda: not is_alive(int(pid.read_text()))))


def test_one_that_says_too_much_is_ended_at_once() -> None:
    ended = run("yes", most_bytes=100_000)
    assert ended.end == "too_much"
    assert len(ended.output) == 100_000
    assert ended.reason == "yes says more than it should"


def test_output_of_exactly_the_limit_is_whole() -> None:
    ended = run("head", "-c", "100000", "/dev/zero", most_bytes=100_000)
    assert ended.is_good
    assert len(ended.output) == 100_000


def test_more_than_a_pipe_holds_comes_whole_and_errors_are_cut() -> None:
    ended = run("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' e >&2; head -c 3000000 /dev/zero; exit 1")
    assert len(ended.output) == 3_000_000
    assert ended.errors == "e" * 4096


def test_a_program_that_closes_its_output_early_still_gives_its_status() -> None:
    assert run("sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 7").status == 7


def test_the_same_program_never_runs_twice_at_once() -> None:
    async def main(commands: Commands) -> None:
        first = asyncio.create_task(commands.run(["sleep", "300"], within_sec=60))
        await until(lambda: len(commands.pids) == 1)
        second = await commands.run(["sleep", "0"], within_sec=60)
        assert second.reason == "sleep of an earlier look still hangs"
        assert (await commands.run(["true"], within_sec=60)).is_good
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert commands.pids == []
        assert (await commands.run(["sleep", "0"], within_sec=60)).is_good

    with_commands(main)


def test_no_descriptor_and_no_process_is_left_over() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def children() -> set[int]:
        return {child.pid for child in psutil.Process().children()}

    async def main(commands: Commands) -> int:
        await commands.run(["true"], within_sec=60)
        before = descriptors()
        for command in (["true"], ["no-such-program"], [sys.executable, "-c", "raise SystemExit(3)"]):
            await commands.run(command, within_sec=60)
        assert commands.pids == []
        return descriptors() - before

    others = children()
    assert with_commands(main) == 0
    assert children() <= others

"""Why a process that was sent a signal is still there: real processes, and a status as the kernel writes it."""

import signal
from pathlib import Path

import pytest

from node.sources.process_end import still_here
from tests.node.commands.victims import victims
from tests.node.programs import state, wait_until

TERM, KILL = signal.SIGTERM, signal.SIGKILL


def test_one_that_ignores_the_signal_says_so() -> None:
    with victims() as made:
        pid = made.stubborn("signal.SIG_IGN").pid
        assert still_here(pid, TERM) == "it ignores SIGTERM"
        assert still_here(pid, KILL) is None


def test_one_that_handles_the_signal_may_take_its_time() -> None:
    with victims() as made:
        pid = made.stubborn("signal.default_int_handler").pid
        assert still_here(pid, TERM) == "it handles SIGTERM itself and may take its time"


def test_one_that_is_stopped_takes_the_signal_when_it_goes_on() -> None:
    with victims() as made:
        process = made.sleeper()
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(process.pid) == "T")
        assert still_here(process.pid, TERM) == "it is stopped, and takes SIGTERM when it goes on (SIGCONT)"


def test_one_that_holds_the_signal_back_says_so() -> None:
    code = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); time.sleep(300)"
    with victims() as made:
        process = made.python(code)
        wait_until(lambda: "SigBlk:\t0000000000004000" in Path(f"/proc/{process.pid}/status").read_text())
        assert still_here(process.pid, TERM) == "it holds SIGTERM back for now"


def test_nothing_is_said_of_one_that_would_end_or_is_gone() -> None:
    with victims() as made:
        process = made.sleeper()
        assert still_here(process.pid, TERM) is None
    assert still_here(process.pid, TERM) is None


@pytest.mark.parametrize(
    ("text", "wchan", "number", "says"),
    [
        ("State:\tD (disk sleep)\n", "rpc_wait_bit", KILL, "it waits in the kernel (rpc_wait_bit) and ends when that"),
        ("State:\tD (disk sleep)\n", "0", TERM, "it waits in the kernel and ends when that returns"),
        ("State:\tS (sleeping)\nNSpid:\t812\t1\n", "0", TERM, "it is the first process of a container"),
        ("State:\tS (sleeping)\nNSpid:\t812\n", "0", TERM, None),
        ("State:\tS (sleeping)\nSigIgn:\tnonsense\n", "0", TERM, None),
        ("Name:\t\udcff\n", "0", TERM, None),
    ],
)
def test_what_the_kernel_says_is_put_into_words(
    tmp_path: Path, text: str, wchan: str, number: signal.Signals, says: str | None
) -> None:
    process = tmp_path / "7"
    process.mkdir()
    (process / "status").write_text(text, errors="surrogateescape")
    (process / "wchan").write_text(wchan)
    found = still_here(7, number, tmp_path)
    assert (found or "").startswith(says or "")
    assert (found is None) == (says is None)

"""A process held by a descriptor: real ones, by the calls of Python and by those of the kernel itself."""

import asyncio
import errno
import fcntl
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.sources.pidfd import LARGEST_PID, Pidfd


@contextmanager
def sleeping() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "300"])
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture(params=["Python's", "the kernel's"])
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python that has the calls, and one that was built without them."""
    if request.param == "the kernel's":
        monkeypatch.delattr(os, "pidfd_open")
        monkeypatch.delattr(signal, "pidfd_send_signal")
    return str(request.param)


@pytest.mark.usefixtures("calls")
def test_a_signal_reaches_the_process_and_its_end_is_told_at_once() -> None:
    async def main() -> None:
        with sleeping() as process, Pidfd.open(process.pid) as held:
            held.send(0)
            before = held.has_ended
            assert not await held.ended(0.02)
            waiting = asyncio.create_task(held.ended(60))
            held.send(signal.SIGTERM)
            assert await waiting
            uncollected = held.has_ended
            assert process.wait(30) == -signal.SIGTERM
            assert (before, uncollected, held.has_ended) == (False, True, True)
            assert await held.ended(60)
            with pytest.raises(ProcessLookupError):
                held.send(signal.SIGTERM)

    asyncio.run(main())


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("pid", [0, -1, LARGEST_PID, LARGEST_PID + 1, 2**40])
def test_what_is_no_process_s_pid_holds_nothing(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        Pidfd.open(pid)


@pytest.mark.usefixtures("calls")
def test_the_id_of_a_thread_holds_nothing() -> None:
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(ProcessLookupError):
            Pidfd.open(thread.native_id)
    finally:
        leave.set()
        thread.join()


@pytest.mark.usefixtures("calls")
def test_what_the_system_refuses_is_told_as_it_says_it() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with sleeping() as process:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                Pidfd.open(process.pid)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert caught.value.errno == errno.EMFILE


def test_a_descriptor_beyond_the_reach_of_select_does_as_well() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    try:
        with sleeping() as process, Pidfd.open(process.pid) as near:
            far = Pidfd(fcntl.fcntl(near._descriptor, fcntl.F_DUPFD_CLOEXEC, 2000))
            with far:
                assert not far.has_ended
                far.send(signal.SIGKILL)
                assert asyncio.run(far.ended(60))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_child_that_the_node_starts_does_not_inherit_it() -> None:
    with sleeping() as process, Pidfd.open(process.pid) as held:
        assert not os.get_inheritable(held._descriptor)

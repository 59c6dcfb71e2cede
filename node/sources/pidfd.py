"""A process held by a descriptor (pidfd_open(2)): what is sent through it reaches this process, or nobody.

A pid is given to another process as soon as its own is gone; such a descriptor never is.
"""

import asyncio
import ctypes
import errno
import os
import select
import signal
from collections.abc import Callable
from typing import Self

LARGEST_PID = 2**22
"""PID_MAX_LIMIT of the kernel: no process has a larger one."""

_PIDFD_SEND_SIGNAL, _PIDFD_OPEN = 424, 434  # the same on every architecture that Python runs on (syscalls(2))


class Pidfd:
    """One process, whatever becomes of its pid. Close it, or use it as a context manager."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, pid: int) -> Self:
        """The process that has the pid now; it may have ended already, and wait for its parent to collect it.

        Raises ProcessLookupError when there is none (the id of a thread is none), and another OSError when the system
        gives no such descriptor: ENOSYS on a kernel before 5.3, EPERM or ENOSYS where a container forbids it.
        """
        if not 0 < pid <= LARGEST_PID:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        try:
            return cls(_open(pid))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):  # so kernels say that it is a thread's
                raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; what becomes of the process does not depend on that."""
        os.close(self._descriptor)

    @property
    def has_ended(self) -> bool:
        """Whether all its threads have ended, be it collected or not."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, number: int) -> None:
        """Send a signal; 0 sends nothing and only asks whether one could be sent.

        Raises ProcessLookupError when it is gone, PermissionError when this user may not signal it.
        """
        _send(self._descriptor, number)

    async def ended(self, within_sec: float) -> bool:
        """Whether it ended by then; returns as soon as it did."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, news.set)
        try:
            async with asyncio.timeout(within_sec):
                await news.wait()
        except TimeoutError:
            return self.has_ended
        finally:
            loop.remove_reader(self._descriptor)
        return True


def _open(pid: int) -> int:
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    # Pythons that are built to run everywhere (those of uv) leave out what their old C library has no name for.
    return _system_call(_PIDFD_OPEN, pid, 0)


def _send(descriptor: int, number: int) -> None:
    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(descriptor, number)
    else:
        _system_call(_PIDFD_SEND_SIGNAL, descriptor, number, None, 0)


def _system_call(number: int, *arguments: int | None) -> int:
    """Raises OSError."""
    call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).syscall
    answer = call(ctypes.c_long(number), *(_argument(one) for one in arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def _argument(value: int | None) -> ctypes.c_long | ctypes.c_void_p:
    return ctypes.c_void_p(None) if value is None else ctypes.c_long(value)

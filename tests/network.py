"""A network of one's own: addresses that are not loopback, without touching the machine's."""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

ELSEWHERE = "192.0.2.1"
"""An address (RFC 5737) that the private network has, and that is not loopback."""

_CLONE_NEWNET = 0x40000000
_SIOCSIFADDR, _SIOCSIFFLAGS = 0x8916, 0x8914  # linux/sockios.h
_IFF_UP = 1


def in_private_network(work: Callable[[], T]) -> T:
    """What `work` returns, run in a thread whose network holds 127.0.0.1 and ELSEWHERE alone. Needs root."""
    with ThreadPoolExecutor(1, initializer=_enter) as pool:
        return pool.submit(work).result(timeout=60)


def _enter() -> None:
    """A network namespace for this thread (unshare(2)), with its loopback interface up (netdevice(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ELSEWHERE))
        fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))

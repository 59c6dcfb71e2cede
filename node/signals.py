"""What the process does on SIGINT, SIGTERM and SIGHUP."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

STOP_SEC = 4.5
"""A stop that takes longer than this ends the process as it stands. Everything committed is safe."""


@contextmanager
def handled(stop: asyncio.Event, hangup: asyncio.Event) -> Iterator[None]:
    """Within the block: a first SIGINT or SIGTERM sets `stop`, a second one exits at once, SIGHUP sets `hangup`.

    The handlers are the interpreter's, not the loop's: they also run while something holds up the loop, and then
    SIGALRM ends the process. For the main thread only.
    """
    loop = asyncio.get_running_loop()
    stopping = False

    def on_stop(number: int, _: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            os._exit(1)
        stopping = True
        signal.setitimer(signal.ITIMER_REAL, STOP_SEC)
        loop.call_soon_threadsafe(_stop, stop, signal.Signals(number).name)

    def on_hangup(_: int, __: FrameType | None) -> None:
        loop.call_soon_threadsafe(hangup.set)

    handlers = {
        signal.SIGINT: on_stop,
        signal.SIGTERM: on_stop,
        signal.SIGHUP: on_hangup,
        signal.SIGALRM: _give_up,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(stop: asyncio.Event, name: str) -> None:
    logger.info("%s: stopping", name)
    stop.set()


def _give_up(_: int, __: FrameType | None) -> None:
    # The log may be what hangs: this goes past it.
    os.write(2, f"etlmon: not everything stopped within {STOP_SEC:g} s; exiting as it stands\n".encode())
    os._exit(1)

"""What systemd wants to hear from a service: ready, reloading, stopping, still alive (sd_notify(3))."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Notifier:
    """Sends datagrams to the socket that systemd named; without one (a shell, a container) it says nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_sec = self._watchdog(environ)
        """How often systemd wants a sign of life; None when it does not."""

    def _watchdog(self, environ: Mapping[str, str]) -> float | None:
        usec = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return int(usec) / 1e6 if self._address and meant and usec.isdecimal() and int(usec) else None

    def send(self, *lines: str) -> None:
        """One message of `NAME=value` lines. systemd gone is no reason to stop working: it is only noted."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.debug("systemd could not be told %s: %s", lines, error)

    def ready(self, status: str) -> None:
        self.send("READY=1", f"STATUS={' '.join(status.split())}")

    def reloading(self) -> None:
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self.send("STOPPING=1", "STATUS=stopping")

    async def keep_alive(self) -> None:
        """Give a sign of life twice in the time systemd waits for one; returns at once when it does not wait."""
        while self.watchdog_sec is not None:
            self.send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_sec / 2)

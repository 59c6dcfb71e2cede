"""The daemon's end of a process that sends one message: what speaks SMTP, or runs somebody else's code, may be lost."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from node.alerts.channels.channel import ChannelError, Sent, said
from node.settings_alerts import AlertChannel
from node.sources.child import Child

_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where the authorities of this system lie, when that is not where OpenSSL looks. Nothing else of the environment goes
there: no proxy, no home."""

_MOST_HEARD = 64 * 1024
_KILL_SEC = 0.5


class Said(msgspec.Struct, kw_only=True):
    """The one line that the process answers with: `sent`, or an `error` and whether it is for good."""

    sent: str | None = None
    refused: str = ""
    error: str = ""
    is_permanent: bool = False


class OneMessage(Child):
    """A process that gets a request, and ends when it has answered."""

    def __init__(self, script: Path, request: bytes) -> None:
        """Start it with the packages that the daemon has. Raises OSError when the system has no room for it.

        The request, with its secrets, goes through a pipe: a command line is anybody's to read.
        """
        packages = [path for path in sys.path if os.path.isabs(path)]  # noqa: PTH117 - a path is text here
        isolated = [sys.executable, "-I", "-S", "-X", "utf8"]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        super().__init__([*isolated, str(script), str(os.getpid()), *packages], environment)
        self._unsent = memoryview(request)
        self._heard = b""
        self._silent = self._loop.create_future()
        self._loop.add_writer(self._requests, self._tell)

    async def answer(self, within_sec: float) -> bytes:
        """All that it says until it ends, or is killed because its time is over. Raises TimeoutError then."""
        try:
            async with asyncio.timeout(within_sec):
                await self._silent
        finally:
            self.abandon()
            await self.wait_ended(_KILL_SEC)
        return self._heard

    def hear(self, chunk: bytes) -> None:
        self._heard = (self._heard + chunk)[:_MOST_HEARD]

    def fell_silent(self) -> None:
        if not self._silent.done():
            self._silent.set_result(None)

    def _tell(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # it has ended; what it said is still to be read
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._loop.remove_writer(self._requests)


async def send(settings: AlertChannel, script: Path, request: bytes) -> Sent:
    """Have the script send it within the channel's time. Raises ChannelError."""
    try:
        heard = await OneMessage(script, request + b"\n").answer(float(settings.timeout))
        answer = msgspec.json.decode(heard, type=Said)
    except TimeoutError as error:
        raise ChannelError(f"not done within {settings.timeout}") from error
    except OSError as error:
        raise ChannelError(f"the process that sends it does not start: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ChannelError("the process that sends it ended without an answer") from error
    if answer.sent is None:
        raise ChannelError(said(answer.error, settings), is_permanent=answer.is_permanent)
    return Sent(said(answer.sent, settings), refused=said(answer.refused, settings))

"""What the channels that speak HTTP have in common: one request, a total time, and what an answer means (RFC 9110)."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from node.alerts.channels.channel import ChannelError, Sent, said
from node.settings_alerts import AlertChannel

KEY_HEADER = "X-Etlmon-Delivery"
"""Carries the key by which a receiver tells that it has the message already."""

LONGEST_RETRY_AFTER_SEC = 3600.0
_TRY_AGAIN = frozenset({408, 425, 429})
_MOST_READ = 1000


async def send(
    settings: AlertChannel, url: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
) -> Sent:
    """Send one request, without a proxy of the environment, and follow no redirect. Raises ChannelError."""
    about = {"Content-Type": "application/json"} if body else {}
    sent = {"User-Agent": "etlmon", **about, **headers}
    limit = aiohttp.ClientTimeout(total=float(settings.timeout))
    try:
        context = await _context(settings)
        async with (
            aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url, data=body, headers=sent, allow_redirects=False, ssl=context) as response,
        ):
            return _judged(response, said(await _beginning(response), settings))
    except TimeoutError as error:
        raise ChannelError(f"no answer within {settings.timeout}") from error
    except (aiohttp.ClientError, ValueError, OSError) as error:
        words = said(_words(error), settings)
        raise ChannelError(words, is_permanent=isinstance(error, aiohttp.InvalidURL)) from None


async def _context(settings: AlertChannel) -> ssl.SSLContext | bool:
    """Raises OSError when the file of the authorities cannot be read."""
    if settings.ca_file is None:
        return True
    try:
        return await asyncio.to_thread(ssl.create_default_context, cafile=settings.ca_file)
    except OSError as error:
        raise OSError(f"the ca_file {settings.ca_file} cannot be used: {error.strerror or error}") from error


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """What the answer begins with. Its status counts also when the rest does not come."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        return (await response.content.read(_MOST_READ)).decode(errors="replace")
    return ""


def _judged(response: aiohttp.ClientResponse, text: str) -> Sent:
    """Raises ChannelError unless it was taken."""
    status = response.status
    words = f"{status} {text or response.reason or ''}".strip()
    if 200 <= status < 300:
        return Sent(words)
    if 300 <= status < 400:
        raise ChannelError(f"{status}: it is redirected elsewhere; configure the address itself", is_permanent=True)
    after = retry_after_sec(response.headers.get("Retry-After", ""), datetime.now(UTC))
    raise ChannelError(words, is_permanent=status < 500 and status not in _TRY_AGAIN, retry_after_sec=after)


def retry_after_sec(text: str, now: datetime) -> float | None:
    """Seconds, or a date (RFC 9110, section 10.2.3); at most an hour. None for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return max(0.0, min(seconds, LONGEST_RETRY_AFTER_SEC))


def _words(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {error.host} is not good: {error.certificate_error}"
        case aiohttp.ClientConnectorDNSError():
            return f"{error.host} is not known"
        case aiohttp.ClientConnectorError():
            return f"{error.host}:{error.port} cannot be reached: {error.os_error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.InvalidURL():
            return "the address is no URL"
        case aiohttp.ClientResponseError():
            return f"the answer is no HTTP: {error.message}"
        case _:
            return str(error) or type(error).__name__

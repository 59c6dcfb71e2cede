"""HTTP to Google or its like: each call has a time in which it ends, whatever the server does.

The time limits of sockets are for one read each, a name server has none at all, and a server may send a byte now and
then for ever. So each call runs in a thread that is left behind when its time is over; the process that holds such
threads is a short-lived one.
"""

import queue
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import requests
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError, ReadTimeoutError

from etlmon import __version__
from node.sources.dataproc_errors import ApiError, of_http

T = TypeVar("T")

USER_AGENT = f"etlmon/{__version__}"
MOST_BYTES = 64 * 1024 * 1024
"""Of one answer."""


class Http:
    """Asks; a session is used by one call at a time, and one that hangs never again."""

    def __init__(self, *, ca_file: str | None = None, proxies: Mapping[str, str] | None = None) -> None:
        """`ca_file` holds the certificates that count instead of certifi's. `proxies`: https_proxy and no_proxy."""
        self._ca_file = ca_file
        self._proxies = proxies or {}
        self._idle: queue.SimpleQueue[requests.Session] = queue.SimpleQueue()

    def get(self, url: str, *, query: Mapping[str, str], headers: Mapping[str, str], within_sec: float) -> bytes:
        """The body of a success. Raises ApiError."""
        return self._ask("GET", url, query, None, headers, within_sec)

    def post(self, url: str, form: Mapping[str, str], *, within_sec: float) -> bytes:
        """The body of a success. Raises ApiError."""
        return self._ask("POST", url, {}, form, {}, within_sec)

    def _ask(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        form: Mapping[str, str] | None,
        headers: Mapping[str, str],
        within_sec: float,
    ) -> bytes:
        session = self._session()
        until = time.monotonic() + within_sec

        def ask() -> tuple[int, Mapping[str, str], bytes]:
            with session.request(
                method,
                url,
                params=query,
                data=form,
                headers={"User-Agent": USER_AGENT, "Accept": "application/json", **headers},
                timeout=max(until - time.monotonic(), 0.001),
                allow_redirects=False,
                stream=True,
                proxies=self._proxies_for(url),
            ) as response:
                return response.status_code, response.headers, response.raw.read(MOST_BYTES + 1, decode_content=True)

        status, headers_back, body = _told(_host_of(url), within_sec, ask)
        self._idle.put(session)
        if status != 200:
            raise of_http(status, headers_back, body)
        if not body:  # JSON is never empty; an answer that breaks off in its head is taken for an empty one
            raise ApiError("UNAVAILABLE", f"{_host_of(url)}: the answer breaks off")
        if len(body) > MOST_BYTES:
            raise ApiError("UNKNOWN", f"the answer has more than {MOST_BYTES >> 20} MiB")
        return body

    def _session(self) -> requests.Session:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            session = requests.Session()
        # Neither proxies nor names and passwords (~/.netrc) from the surroundings.
        session.trust_env = False
        session.verify = self._ca_file or True
        return session

    def _proxies_for(self, url: str) -> dict[str, str]:
        proxy = self._proxies.get("https_proxy")
        if not proxy or should_bypass_proxies(url, self._proxies.get("no_proxy") or None):
            return {}
        return {"https": proxy}


def _told(host: str, within_sec: float, ask: Callable[[], T]) -> T:
    """What `ask` returns in its time. Raises ApiError, whatever it is that goes wrong on the way."""
    caller = ThreadPoolExecutor(1, thread_name_prefix="dataproc-call")
    try:
        return caller.submit(ask).result(within_sec)
    except (TimeoutError, requests.Timeout, ReadTimeoutError) as error:
        raise ApiError("DEADLINE_EXCEEDED", f"{host} does not answer") from error
    except ValueError as error:
        raise ApiError("INVALID_ARGUMENT", f"{host}: {error}") from error
    except (OSError, HTTPError) as error:
        raise ApiError("UNAVAILABLE", f"{host}: {_innermost(error)}") from error
    finally:
        caller.shutdown(wait=False)


def _host_of(url: str) -> str:
    """As it is shown, whatever else stands in a URL that may not even be one."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url


def _innermost(error: BaseException) -> str:
    """What really happened, below what the libraries say of it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

"""Where a node listens, as people write it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from etlmon.clean import clean


@dataclass(frozen=True, slots=True)
class Target:
    """Where a node listens: an URL without a trailing slash, and the socket file when it is a unix socket."""

    url: str
    socket: str | None = None


def parse_address(address: str) -> Target:
    """Read `http://host:port`, `host:port`, `https://...` or `unix:/path.sock`.

    Raises ValueError with an example when it is none of these.
    """
    wrong = f"{clean(address)!r} is not a node's address; write for example http://host:8080 or unix:/run/etlmon.sock"
    if address.startswith("unix:"):
        socket = address.removeprefix("unix:")
        if not socket.startswith("/") or "\0" in socket:
            raise ValueError(wrong)
        return Target("http://localhost", socket)
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(wrong) from error
    odd = parts.username or parts.query or parts.fragment or clean(url) != url or " " in url
    if parts.scheme not in ("http", "https") or not parts.hostname or odd:
        raise ValueError(wrong)
    return Target(url.rstrip("/"))

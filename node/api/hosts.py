"""Which Host headers are answered.

A web page can point a name of its own at 127.0.0.1 and read what answers there (DNS rebinding): by such a name nothing
answers.
"""

import ipaddress
import re
from functools import lru_cache

_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+))(?::[0-9]{1,5})?")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_name(header: str) -> str | None:
    """The name or address in a Host header, without port and brackets, in lower case; None when it is malformed."""
    match = _HOST.fullmatch(header.strip())
    return (match[1] or match[2]).lower().rstrip(".") if match else None


@lru_cache(maxsize=256)
def ip_address(text: str) -> IpAddress | None:
    """The address in the text, an IPv4 one that is mapped into IPv6 as IPv4; None when it is a name."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


@lru_cache(maxsize=8)
def _allowed_names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_canonical(host_name(text) or text.lower()) for text in names)


def _canonical(name: str) -> str:
    """One spelling for each address."""
    address = ip_address(name)
    return name if address is None else str(address)


@lru_cache(maxsize=256)
def is_allowed(header: str | None, names: tuple[str, ...], arrived_at: str | None) -> bool:
    """Whether a request with this Host header is answered.

    `names` are the configured hosts, the host's name and the node's; `arrived_at` is the address of this end of the
    connection, which may be written as it is. The port does not matter: a tunnel changes it.
    """
    name = host_name(header) if header else None
    if name is None:
        return False
    name = _canonical(name)
    return name in _allowed_names(names) or (arrived_at is not None and name == _canonical(arrived_at))


def is_same_origin(origin: str, host: str | None) -> bool:
    """Whether an Origin header (RFC 6454) names the very host and port the request was sent to."""
    return host is not None and origin.partition("://")[2].lower() == host.strip().lower()

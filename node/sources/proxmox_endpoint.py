"""Where a Proxmox VE cluster answers, and how its certificate is told apart: one written form for each."""

import ipaddress
import re
from urllib.parse import urlsplit

DEFAULT_PORT = 8006
LARGEST_PORT = 65535
API_PATH = "/api2/json"
LONGEST_HOST = 253
LONGEST_LABEL = 63
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_PATH = re.compile(r"[A-Za-z0-9._~%/-]*")
_DIGEST = re.compile(r"[0-9A-F]{64}")


def parse(text: str) -> str:
    """`https://host:port` and perhaps a path, as it is stored and asked. Raises ValueError saying what is wrong.

    The scheme may be left out, and so may the port. http is for this host alone, where a tunnel may end: elsewhere
    everybody on the way would read the password.
    """
    text = text.strip()
    if any(char.isspace() or not char.isprintable() for char in text):
        raise ValueError("holds a blank or a control character")
    if text.lower().startswith(("https:", "http:")) and "://" not in text:
        raise ValueError("lacks a slash; write https://host:8006")
    if "@" in text:
        # Before all else: a password may hold a / or a :, and what follows repeats parts of the address.
        raise ValueError("the user and the password stand in fields of their own, not in the address")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("https", "http"):
        raise ValueError("write https://host:8006")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("has a ? or #; write https://host:8006")
    if not _PATH.fullmatch(parts.path):
        raise ValueError(f"has a strange path: {parts.path}")
    host = _host(parts.hostname or "", parts.netloc)
    if parts.scheme == "http" and not _is_this_host(host):
        raise ValueError("is not encrypted; write https (http is for 127.0.0.1, where a tunnel may end)")
    return f"{parts.scheme}://{host}:{_port(parts.netloc)}{parts.path.rstrip('/').removesuffix(API_PATH)}"


def fingerprint_of(text: str) -> str:
    """SHA-256 as Proxmox writes it, `AB:CD:…`, from hex with or without colons or blanks. Raises ValueError.

    What `openssl x509 -fingerprint` puts before it (`sha256 Fingerprint=`) may stay.
    """
    digest = re.sub(r"[:\s]", "", text.rpartition("=")[2]).upper()
    if not _DIGEST.fullmatch(digest):
        raise ValueError("is no SHA-256 fingerprint: 64 hex digits, with or without colons")
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _host(host: str, netloc: str) -> str:
    if netloc.count(":") > 1 and "]" not in netloc:
        raise ValueError("an IPv6 address stands in brackets: https://[2001:db8::1]:8006")
    if not host:
        raise ValueError("names no host; write https://host:8006")
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]"
    if host.replace(".", "").isdecimal():
        return str(ipaddress.IPv4Address(host))
    too_long = len(host) > LONGEST_HOST or max(map(len, host.split("."))) > LONGEST_LABEL
    if too_long or not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name or address")
    return host.lower()


def _port(netloc: str) -> int:
    tail = netloc.rpartition("]")[2] if "]" in netloc else netloc
    _, colon, port = tail.rpartition(":")
    if not colon or not port:
        return DEFAULT_PORT
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) <= LARGEST_PORT:
        raise ValueError(f"{port!r} is no port")
    return int(port)


def _is_this_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

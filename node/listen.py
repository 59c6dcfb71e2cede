"""Where the node listens: TCP on one host and port, or a Unix socket. Every refusal says what to do about it."""

import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from node.settings import listen_address

SOCKET_MODE = 0o660
LOWEST_FREE_PORT = 1024
_TCP_LISTEN = "0A"
_ANY = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, not listened on
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(Exception):
    """The node cannot listen there. One line: what was attempted, what happened, what to do."""


@contextmanager
def listening(
    listen: str, *, key: str = "node.listen", beside: Sequence[socket.socket] = ()
) -> Iterator[tuple[str, Sequence[socket.socket]]]:
    """Sockets for `host:port`, `[v6]:port` or `unix:/path`, and the address to tell people.

    The address is `http://127.0.0.1:8080`, with the port that port 0 became, or `unix:/path`. A Unix socket has mode
    0660 and goes away with the block. `key` is the setting that says so, and `beside` are the sockets of node.listen,
    when that is another one. Raises ListenError, which names the setting.
    """
    try:
        where = listen_address(listen)
    except ValueError as error:
        raise ListenError(f"cannot listen on {listen!r}: {error}") from error
    if isinstance(where, Path):
        with _unix(where, key) as bound:
            yield listen, [bound]
        return
    sockets = _tcp(listen, *where, key, beside)
    try:
        host, port = sockets[0].getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", sockets
    finally:
        for bound in sockets:
            bound.close()


def _tcp(listen: str, host: str, port: int, key: str, beside: Sequence[socket.socket]) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        unknown = f"{host} is not known ({error.strerror}); set {key} to an address of this host"
        raise ListenError(f"cannot listen on {listen}: {unknown}") from error
    addresses = list(dict.fromkeys((entry[0], entry[4]) for entry in found))
    if any(_has(held, *address) for held in beside for address in addresses):
        taken = f"node.listen has port {port} already, and /metrics is answered there, too"
        raise ListenError(f"cannot listen on {listen}: {taken}; set {key} to another port")
    try:
        return _bind_all(addresses, port)
    except OSError as error:
        raise ListenError(f"cannot listen on {listen}: {_reason(error, host, port, key)}") from error


def _has(held: socket.socket, family: int, address: tuple[Any, ...]) -> bool:
    """Whether a socket that listens keeps others from an address: it is the same, or one is that of all interfaces."""
    if held.family != family:
        return False
    host, port = held.getsockname()[:2]
    return port == address[1] and (host == address[0] or not _ANY.isdisjoint((host, address[0])))


def _bind_all(addresses: Sequence[tuple[int, tuple[Any, ...]]], port: int) -> list[socket.socket]:
    """A socket on each address a name stands for, all with one port, also when that is port 0.

    An address this host does not have (`localhost` is often ::1 too, where IPv6 is off) is passed over unless it is the
    last hope.
    """
    sockets: list[socket.socket] = []
    with ExitStack() as undo:
        for number, (family, address) in enumerate(addresses, start=1):
            port = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(undo.enter_context(_bound(family, (address[0], port, *address[2:]))))
            except OSError as error:
                if error.errno not in _NOT_HERE or (number == len(addresses) and not sockets):
                    raise
        undo.pop_all()
    return sockets


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] is IPv6 alone, so that a caller's address is never an IPv4 address in disguise.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        # Two sockets may bind one port before either listens; this finds out now which of them has it.
        bound.listen(0)
    except OSError:
        bound.close()
        raise
    return bound


def _reason(error: OSError, host: str, port: int, key: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken by {_holder(port)}; stop that or set {key} to another port"
        case code if code in _NOT_HERE:
            return f"{host} is no address of this host; `ip address` lists those it has"
        case errno.EACCES | errno.EPERM if port < LOWEST_FREE_PORT:
            return (
                f"ports below {LOWEST_FREE_PORT} need a privilege; "
                f"set {key} to a higher port or give the service CAP_NET_BIND_SERVICE"
            )
        case _:
            return f"{error.strerror}; set {key} to another address"


def _holder(port: int) -> str:
    """Who listens on a TCP port, as far as this process may see it."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listeners(Path("/proc/net") / table, port)}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(descriptor.readlink()) in wanted for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()!r} (pid {process.name})"
    return "another program"


def _listeners(table: Path, port: int) -> Iterator[str]:
    """Socket inodes that listen on `port`: proc(5), /proc/net/tcp."""
    with suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _TCP_LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


@contextmanager
def _unix(path: Path, key: str) -> Iterator[socket.socket]:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        try:
            _remove_stale(path)
            bound.bind(str(path))
            path.chmod(SOCKET_MODE)
            mine = path.stat()
        except OSError as error:
            raise ListenError(f"cannot listen on unix:{path}: {_unix_reason(error, path, key)}") from error
        try:
            yield bound
        finally:
            with suppress(OSError):
                if os.path.samestat(path.stat(), mine):
                    path.unlink()
    finally:
        bound.close()


def _remove_stale(path: Path) -> None:
    """Take away a socket nobody answers on. Raises OSError when somebody does, or when it is no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of that name that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass
    raise OSError(errno.EADDRINUSE, "another program answers on it")


def _unix_reason(error: OSError, path: Path, key: str) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"the directory {path.parent} is not there; create it or set {key} to another path"
        case errno.EACCES | errno.EPERM:
            return f"{path.parent} may not be written; change its permissions or set {key} to another path"
        case errno.EADDRINUSE:
            return f"another program answers on it; stop that or set {key} to another path"
        case _:
            return f"{error.strerror or error}; set {key} to another path"

"""TCP connections by their state, and what the interfaces of the host are: proc_net(5), sysfs(5)."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import get_args

from node.sources.host_proc import SYS
from node.sources.host_types import ConnectionState, Link
from node.sources.proc_reader import ProcReader
from node.sources.procfs import PROC

MOST_SOCKETS = 10_000
"""Of more than these the states are not counted one by one: the kernel takes a microsecond to write each line."""

_LONGEST_TABLE = 200 * MOST_SOCKETS
_STATES: Mapping[bytes, ConnectionState] = {
    b"%02X" % number: state
    for number, state in enumerate(get_args(ConnectionState), start=1)  # net/tcp_states.h
}
_STATE = re.compile(rb"^ *\d+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ ([0-9A-F]{2}) ", re.MULTILINE)
_DOWN = ("down", "lowerlayerdown", "notpresent", "dormant")
_SPEED_AGAIN_SEC = 600.0


def connections(proc: Path = PROC) -> dict[str, int]:
    """How many TCP connections are in each state, IPv4 and IPv6, in the network namespace of this process.

    Of more than MOST_SOCKETS only what the kernel counts itself: TIME_WAIT, and ESTABLISHED with CLOSE_WAIT.
    Nothing when none of it can be read.
    """
    waiting, in_all = parse_sockstat(_read(proc / "net/sockstat"), _read(proc / "net/sockstat6"))
    if in_all <= MOST_SOCKETS:
        tables = [_read(proc / "net" / table, _LONGEST_TABLE + 1) for table in ("tcp", "tcp6")]
        if not any(tables):
            return {}
        if max(map(len, tables)) <= _LONGEST_TABLE:
            return parse_tables(tables)
    established = parse_snmp(_read(proc / "net/snmp"))
    return {"TIME_WAIT": waiting} | ({"ESTABLISHED": established} if established is not None else {})


def _read(file: Path, most: int = 64 * 1024) -> bytes:
    """The first `most` bytes; empty when it cannot be read."""
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(most)
    return b""


def parse_tables(tables: Collection[bytes]) -> dict[str, int]:
    """/proc/net/tcp and tcp6: the states by name, those that none is in as 0."""
    counted = Counter(state for table in tables for state in _STATE.findall(table))
    # A request that is not answered yet is one that was received (`NEW_SYN_RECV`, 0C).
    counted[b"03"] += counted.pop(b"0C", 0)
    return {name: counted[code] for code, name in _STATES.items()}


def parse_sockstat(*files: bytes) -> tuple[int, int]:
    """(TCP connections in TIME_WAIT, TCP sockets in all) of /proc/net/sockstat and sockstat6."""
    waiting = in_use = 0
    for line in b"\n".join(files).splitlines():
        name, *fields = line.split() or [b""]
        if name in (b"TCP:", b"TCP6:"):
            told = dict(zip(fields[::2], fields[1::2], strict=False))
            in_use += int(told.get(b"inuse", 0))
            waiting += int(told.get(b"tw", 0))
    return waiting, in_use + waiting


def parse_snmp(content: bytes) -> int | None:
    """`CurrEstab` of /proc/net/snmp (RFC 4022): connections in ESTABLISHED or CLOSE_WAIT."""
    titles: list[bytes] = []
    for line in content.splitlines():
        name, *fields = line.split() or [b""]
        if name != b"Tcp:":
            continue
        if titles:
            told = dict(zip(titles, fields, strict=False)).get(b"CurrEstab")
            return int(told) if told is not None else None
        titles = fields
    return None


class Links:
    """What the interfaces are: whether they are up, and how fast. It belongs to the event loop it is used in.

    The speed is the driver's answer, which may be long in coming: a child reads it, of real devices alone, when one
    comes up and every ten minutes.
    """

    def __init__(self, sys: Path = SYS) -> None:
        self._places = sys / "class/net"
        self._reader = ProcReader()
        self._links: dict[str, Link] = {}
        self._next_sec = 0.0

    async def look(self, names: Collection[str], now_sec: float) -> Mapping[str, Link]:
        """Each of these interfaces as it is now. `now_sec` is by a clock that nobody can set."""
        up = {name: _is_up(self._places / name) for name in names}
        known = {name: link for name, link in self._links.items() if up.get(name) == link.is_up}
        asked = [name for name, is_up in up.items() if is_up and (name not in known or now_sec >= self._next_sec)]
        if now_sec >= self._next_sec:
            self._next_sec = now_sec + _SPEED_AGAIN_SEC
        speeds = await self._speeds([name for name in asked if (self._places / name / "device").exists()])
        self._links = {
            name: Link(is_up, speeds.get(name) if name in asked else known[name].speed_mbit if name in known else None)
            for name, is_up in up.items()
        }
        return self._links

    async def close(self) -> None:
        await self._reader.close()

    async def _speeds(self, names: Collection[str]) -> dict[str, int]:
        """In Mbit/s; those that their drivers do not know are left out."""
        if not names:
            return {}
        # The reader takes paths below /proc.
        files = {name: f"..{self._places}/{name}/speed" for name in names}
        try:
            told = await self._reader.read(list(files.values()))
        except OSError:  # no process can be started now
            return {}
        speeds = {name: told.get(file, b"").strip() for name, file in files.items()}
        # A driver without a link says -1.
        return {name: int(speed) for name, speed in speeds.items() if speed.isdigit() and int(speed) > 0}


def _is_up(place: Path) -> bool:
    """What is not told counts as up, like the loopback interface, whose state is `unknown`."""
    return _read(place / "operstate", 64).strip().decode("ascii", "replace") not in _DOWN

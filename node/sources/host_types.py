"""What a platform tells of the host at one moment: counters and amounts, before anything is reckoned from them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from etlmon.contract.host import Memory, Pressure


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds that a processor, or all of them, spent in each way since the boot.

    `user` holds nice and what virtual machines used, `system` holds interrupts. None: the platform does not tell it.
    """

    user: float
    system: float
    idle: float
    iowait: float | None = None
    steal: float | None = None


@dataclass(frozen=True, slots=True)
class SwapUse:
    """`in_bytes` and `out_bytes` count since the boot; None where that is not told."""

    total_bytes: int = 0
    used_bytes: int = 0
    in_bytes: int | None = None
    out_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """Since the boot. `busy_ms` is how long the device had work; None where that is not told."""

    read_bytes: int
    write_bytes: int
    reads: int
    writes: int
    busy_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Of a network interface, since the boot."""

    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int
    errors: int
    drops: int


@dataclass(frozen=True, slots=True)
class Look:
    """The host at the moment `at_sec` of a clock that nobody can set.

    Disks and interfaces are by their names, `cores` by the processors' numbers.
    """

    at_sec: float
    cpu: CpuTimes
    cores: Mapping[int, CpuTimes]
    memory: Memory
    swap: SwapUse
    disks: Mapping[str, DiskCounters]
    links: Mapping[str, LinkCounters]
    load: tuple[float, float, float] | None = None
    pressure: tuple[Pressure, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of an interface besides its counters."""

    is_up: bool = True
    speed_mbit: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What one process used: processor time since it started, and the memory it holds.

    A pid with another `started` is another process.
    """

    pid: int
    started: float
    name: str
    cpu_sec: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Processes:
    """Those of the host at one moment, by pid; `count` are all of them, the kernel's own included."""

    at_sec: float
    count: int
    used: Mapping[int, Used] = field(repr=False)


ConnectionState = Literal[
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
]
"""The states of a TCP connection, as netstat(8) and psutil name them."""


class HostSource(Protocol):
    """How a platform is asked for its numbers. It belongs to the event loop it is used in."""

    def look(self, exclude_interfaces: Collection[str] = ()) -> Look:
        """What is cheap to ask for, now, without the interfaces of these patterns. Raises OSError and ValueError."""

    async def processes(self) -> Processes:
        """What each process used. Raises OSError."""

    async def owners(self, pids: Collection[int]) -> Mapping[int, str]:
        """The user of each of these processes, those that are gone left out."""

    async def resident(self, pids: Collection[int]) -> Mapping[int, int]:
        """The memory that each of these processes holds, closer than `processes` tells it; it may be left out."""

    async def connections(self) -> Mapping[str, int]:
        """How many TCP connections are in each state; nothing where that cannot be told."""

    async def links(self, names: Collection[str], now_sec: float) -> Mapping[str, Link]:
        """What each of these interfaces is; one may be left out. `now_sec` is a look's `at_sec`."""

    def booted_at_sec(self) -> float | None:
        """When the host booted, in seconds since 1970."""

    async def close(self) -> None:
        """Give back what it holds."""

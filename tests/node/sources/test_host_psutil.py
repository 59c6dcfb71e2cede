"""The host through psutil: as on a platform without /proc, and beside what /proc tells where there is both."""

import asyncio
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from node.collectors.host import HostCollector, source_of
from node.sources import own_use
from node.sources.host_linux import LinuxHost
from node.sources.host_proc import MOST_INTERFACES
from node.sources.host_psutil import PsutilHost
from node.sources.host_types import Link
from tests.node.collectors.hosts import looked

GIB = 2**30

Times = namedtuple("Times", "user nice system idle")
Memory = namedtuple("Memory", "total available percent used free active inactive wired")
Swap = namedtuple("Swap", "total used free percent sin sout")
Disk = namedtuple("Disk", "read_count write_count read_bytes write_bytes read_time write_time")
Nic = namedtuple("Nic", "bytes_sent bytes_recv packets_sent packets_recv errin errout dropin dropout")


class MacPsutil(ModuleType):
    """What psutil says on macOS to somebody who is not root."""

    class Error(Exception):
        pass

    class AccessDenied(Error):
        pass

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.looks = 0

    def cpu_times(self, percpu: bool = False) -> Any:
        self.looks += not percpu
        times = Times(100.0 + self.looks, 0.0, 50.0, 1000.0 + 3 * self.looks)
        return [times, times] if percpu else times

    def virtual_memory(self) -> Memory:
        return Memory(16 * GIB, 4 * GIB, 75.0, 11 * GIB, 1 * GIB, 0, 0, 2 * GIB)

    def swap_memory(self) -> Swap:
        return Swap(2 * GIB, GIB, GIB, 50.0, 4096, 8192)

    def disk_io_counters(self, *, perdisk: bool, nowrap: bool) -> dict[str, Disk]:
        assert perdisk
        assert not nowrap
        return {"disk0": Disk(10, 20, 1000, 2000, 1, 1)}

    def net_io_counters(self, *, pernic: bool, nowrap: bool) -> dict[str, Nic]:
        assert pernic
        assert not nowrap
        return {"en0": Nic(20, 10, 2, 1, 3, 4, 5, 6), "lo0": Nic(0, 0, 0, 0, 0, 0, 0, 0)}

    def net_if_stats(self) -> dict[str, SimpleNamespace]:
        return {"en0": SimpleNamespace(isup=True, speed=0), "lo0": SimpleNamespace(isup=False, speed=100)}

    def getloadavg(self) -> tuple[float, float, float]:
        return 1.0, 2.0, 3.0

    def boot_time(self) -> float:
        return 1_763_681_513.0

    def net_connections(self, kind: str) -> list[Any]:
        raise self.AccessDenied(kind)

    def process_iter(self, attributes: Sequence[str], ad_value: object) -> Iterator[SimpleNamespace]:
        mine = {"pid": 500, "name": "loader", "create_time": 1.0}
        mine |= {"cpu_times": SimpleNamespace(user=1.0, system=0.5), "memory_info": SimpleNamespace(rss=GIB)}
        root = {"pid": 1, "name": "launchd", "create_time": 1.0, "cpu_times": ad_value, "memory_info": ad_value}
        for told in (root, mine):
            assert set(told) == set(attributes)
            yield SimpleNamespace(info=told)

    def Process(self, pid: int) -> SimpleNamespace:  # noqa: N802 - as psutil calls it
        if pid != 500:
            raise self.AccessDenied(pid)
        return SimpleNamespace(username=lambda: "etl")


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> PsutilHost:
    monkeypatch.setitem(sys.modules, "mac_psutil", MacPsutil("mac_psutil"))
    return PsutilHost("mac_psutil")


def test_what_the_platform_does_not_tell_is_unknown_and_the_rest_is_there(mac: PsutilHost) -> None:
    collector = HostCollector(mac, interval_sec=5, top_n=5, exclude_interfaces=["lo*"], seldom_sec=0)
    host = looked(collector)[-1]
    assert host.cpu is not None
    assert (host.cpu.user, host.cpu.idle, host.cpu.iowait, host.cpu.steal) == (25.0, 75.0, None, None)
    assert [core.number for core in host.cores] == [0, 1]
    assert (host.memory.used_bytes, host.memory.used_percent) == (12 * GIB, 75.0)
    assert (host.memory.cached_bytes, host.memory.buffers_bytes) == (None, None)
    assert (host.swap.used_percent, host.swap.in_bytes_per_sec) == (50.0, 0.0)
    assert [(disk.device, disk.read_bytes_total, disk.busy_percent) for disk in host.disks] == [("disk0", 1000, None)]
    (interface,) = host.interfaces
    assert (interface.name, interface.is_up, interface.speed_mbit) == ("en0", True, None)
    assert (interface.errors_total, interface.drops_total) == (7, 11)
    assert (host.load_1, host.pressure, host.connections) == (1.0, [], {})
    assert (host.processes, [(one.pid, one.user, one.mem_rss_bytes) for one in host.top_memory]) == (
        2,
        [(500, "etl", GIB)],
    )


def test_interfaces_that_are_left_out_do_not_take_the_place_of_others(
    mac: PsutilHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*(f"utun{number}" for number in range(300)), "en0"]
    told = dict.fromkeys(names, Nic(20, 10, 2, 1, 3, 4, 5, 6))
    monkeypatch.setattr(sys.modules["mac_psutil"], "net_io_counters", lambda **_: told)
    assert list(mac.look(["utun*"]).links) == ["en0"]
    assert len(mac.look().links) == MOST_INTERFACES


def test_a_platform_without_psutil_is_an_error_that_names_it() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_psutil_here"):
        PsutilHost("no_psutil_here").look()


def test_only_linux_is_read_without_psutil() -> None:
    assert isinstance(source_of("linux"), LinuxHost)
    assert isinstance(source_of("darwin"), PsutilHost)


def test_the_real_psutil_and_proc_tell_the_same_of_this_host() -> None:
    async def both() -> None:
        by_psutil, by_proc = PsutilHost(), LinuxHost()
        one, other = by_psutil.look(), by_proc.look()
        assert one.memory.total_bytes == other.memory.total_bytes
        assert one.swap.total_bytes == other.swap.total_bytes
        assert set(one.links) == set(other.links)
        for source in (by_psutil, by_proc):
            assert set(source.look(["l?"]).links) == set(one.links) - {"lo"}
        assert set(other.disks) <= set(one.disks)
        assert set(one.cores) == set(other.cores)
        assert one.cpu.idle == pytest.approx(other.cpu.idle, rel=0.01)
        for name, counters in one.links.items():
            assert 0 <= other.links[name].received_bytes - counters.received_bytes < 10_000_000
        assert set(await by_psutil.connections()) == set(await by_proc.connections())
        booted = by_proc.booted_at_sec()
        assert booted is not None
        assert by_psutil.booted_at_sec() == pytest.approx(booted, abs=2)
        assert set(await by_psutil.links(["lo"], 0.0)) == {"lo"}
        assert (await by_psutil.links(["lo"], 0.0))["lo"] == Link(True, None)
        await by_proc.close()
        await by_psutil.close()

    asyncio.run(both())


def test_what_this_process_uses_is_the_same_either_way() -> None:
    program = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    child = subprocess.Popen(program, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        one, other = own_use.by_psutil(), asyncio.run(own_use.by_proc())
        assert one.rss_bytes == pytest.approx(other.rss_bytes, rel=0.1)
        assert one.children_rss_bytes == pytest.approx(other.children_rss_bytes, rel=0.1)
        assert one.children_rss_bytes > 4 * 2**20
        assert one.cpu_sec == pytest.approx(other.cpu_sec, abs=0.5)
    finally:
        child.kill()
        child.communicate()

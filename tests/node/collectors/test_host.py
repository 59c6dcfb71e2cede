"""host: what looks at a machine say of it, and when."""

import asyncio
import errno
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etlmon.contract.host import CpuUse, DiskIo, Host, Interface, Memory, Pressure
from node.collector import Reading, Sample
from node.collectors import host_metrics
from node.collectors.host import SELDOM_SEC, HostCollector, build
from node.collectors.host_samples import samples_of
from node.settings import NodeSettings, Refresh
from node.settings_host import Host as HostSettings
from node.sources import host_top
from node.sources.host_linux import LinuxHost
from node.sources.host_types import CpuTimes, DiskCounters, Link, LinkCounters, Look
from tests.node.collectors.hosts import (
    GIB,
    LOOK,
    NOW,
    MadeUpHost,
    later,
    looked,
    processes,
    readings,
    used,
)


def collector(
    source: MadeUpHost, *, top_n: int = 5, seldom_sec: float = 0.0, exclude: tuple[str, ...] = ("lo",)
) -> HostCollector:
    return HostCollector(source, interval_sec=5, top_n=top_n, exclude_interfaces=exclude, seldom_sec=seldom_sec)


def second(look: Look) -> Host:
    """The host at a look that follows LOOK."""
    return looked(collector(MadeUpHost([LOOK, look])))[1]


def test_the_first_look_knows_amounts_and_counters_and_no_rate() -> None:
    (host,) = looked(collector(MadeUpHost([LOOK])), times=1)
    assert host.cpu is None
    assert host.cores == []
    assert host.memory.used_percent == 25.0
    assert host.disks == [
        DiskIo(device="sda", read_bytes_total=1000, write_bytes_total=2000, reads_total=10, writes_total=20)
    ]
    assert host.interfaces[0].received_bytes_total == 1000
    assert host.interfaces[0].received_bytes_per_sec is None
    assert (host.boot_at, host.uptime_sec) == (NOW - timedelta(hours=1), 3600.0)


def test_the_processor_s_time_between_two_looks_is_divided_up() -> None:
    busy = CpuTimes(user=105.0, system=52.0, idle=801.0, iowait=41.0, steal=11.0)
    host = second(later(LOOK, 5.0, cpu=busy, cores={0: busy, 1: busy}))
    assert host.cpu == CpuUse(user=50.0, system=20.0, idle=10.0, iowait=10.0, steal=10.0, busy=80.0)
    # A processor that was switched on meanwhile has no time before.
    assert [(core.number, core.busy) for core in host.cores] == [(0, 80.0)]


def test_idle_time_that_goes_back_counts_as_none() -> None:
    host = second(later(LOOK, 5.0, cpu=CpuTimes(user=105.0, system=55.0, idle=799.5, iowait=39.0, steal=10.0)))
    assert host.cpu == CpuUse(user=50.0, system=50.0, idle=0.0, iowait=0.0, steal=0.0, busy=100.0)


def test_a_look_in_the_same_tick_is_idle_rather_than_an_error() -> None:
    host = second(later(LOOK, 0.001))
    assert host.cpu is not None
    assert host.cpu.busy == 0.0


def test_a_disk_s_rates_are_a_second_s_and_it_is_never_busier_than_all_the_time() -> None:
    disk = DiskCounters(read_bytes=6000, write_bytes=2000, reads=15, writes=20, busy_ms=20_500)
    (sda,) = second(later(LOOK, 5.0, disks={"sda": disk})).disks
    assert (sda.read_bytes_per_sec, sda.write_bytes_per_sec, sda.reads_per_sec, sda.writes_per_sec) == (1000, 0, 1, 0)
    assert sda.busy_percent == 100.0
    (sda,) = second(later(LOOK, 5.0, disks={"sda": replace(disk, busy_ms=503)})).disks
    assert sda.busy_percent == 0.1


@pytest.mark.parametrize("counter", ["read_bytes", "write_bytes", "reads", "writes"])
def test_a_disk_whose_counter_went_back_has_totals_and_no_rates(counter: str) -> None:
    disk = replace(DiskCounters(6000, 6000, 60, 60, 900), **{counter: 1})
    (sda,) = second(later(LOOK, 5.0, disks={"sda": disk})).disks
    assert sda.writes_total in (60, 1)
    assert [sda.read_bytes_per_sec, sda.write_bytes_per_sec, sda.reads_per_sec, sda.writes_per_sec] == [None] * 4
    assert sda.busy_percent is None


def test_a_disk_s_busy_time_that_alone_went_back_leaves_the_other_rates() -> None:
    (sda,) = second(later(LOOK, 5.0, disks={"sda": DiskCounters(6000, 6000, 60, 60, 1)})).disks
    assert sda.read_bytes_per_sec == 1000
    assert sda.busy_percent is None


def test_an_interface_that_was_made_anew_has_no_rates_until_the_next_look() -> None:
    anew = {"eth0": LinkCounters(10, 20, 1, 2, 0, 0), "lo": LOOK.links["lo"]}
    after = {"eth0": LinkCounters(60, 20, 2, 2, 1, 3), "lo": LOOK.links["lo"]}
    looks = [LOOK, later(LOOK, 5.0, links=anew), later(LOOK, 10.0, links=after)]
    source = MadeUpHost(looks, links_seen={"eth0": Link(True, 1000)})
    hosts = looked(collector(source), times=3)
    assert hosts[1].interfaces[0].received_bytes_per_sec is None
    assert hosts[2].interfaces == [
        Interface(
            name="eth0",
            speed_mbit=1000,
            received_bytes_total=60,
            sent_bytes_total=20,
            received_packets_total=2,
            sent_packets_total=2,
            errors_total=1,
            drops_total=3,
            received_bytes_per_sec=10.0,
            sent_bytes_per_sec=0.0,
            received_packets_per_sec=0.2,
            sent_packets_per_sec=0.0,
        )
    ]


def test_devices_and_interfaces_that_are_gone_are_gone_and_so_are_their_samples() -> None:
    source = MadeUpHost([LOOK, later(LOOK, 5.0, disks={}, links={})])
    told = readings(collector(source))
    assert [sample.labels for sample in told[0].samples if sample.name == "disk_reads_total"] == [{"device": "sda"}]
    assert (told[1].rows[0].disks, told[1].rows[0].interfaces) == ([], [])
    assert not [sample for sample in told[1].samples if {"device", "interface"} & set(sample.labels)]


def test_interfaces_are_left_out_by_pattern() -> None:
    links = dict.fromkeys(["lo", "eth0", "veth1a", "veth2b", "docker0"], LOOK.links["eth0"])
    source = MadeUpHost([later(LOOK, 0, links=links)])
    (host,) = looked(collector(source, exclude=("lo", "veth*")), times=1)
    assert [interface.name for interface in host.interfaces] == ["docker0", "eth0"]


def test_swap_is_told_with_what_comes_and_goes() -> None:
    moving = replace(LOOK.swap, used_bytes=GIB // 4, in_bytes=4096, out_bytes=40960)
    swap = second(later(LOOK, 5.0, swap=moving)).swap
    assert (swap.used_percent, swap.in_bytes_per_sec, swap.out_bytes_per_sec) == (25.0, 819.2, 8192.0)


def test_the_processes_that_use_most_are_ranked_with_their_owners() -> None:
    before = processes(1000.0, used(1, 10.0, 100), used(2, 10.0, 300), used(3, 10.0, 200))
    after = processes(1010.0, used(1, 15.0, 100), used(2, 10.5, 300, name="big"), used(3, 10.0, 200))
    source = MadeUpHost([LOOK, later(LOOK, 10.0)], [before, after], owners_seen={1: "etl", 2: "root"})
    first, host = looked(collector(source, top_n=3))
    assert first.top_cpu == []
    assert first.processes == 103
    # 3 used nothing.
    assert [(one.pid, one.user, one.cpu_percent) for one in host.top_cpu] == [(1, "etl", 50.0), (2, "root", 5.0)]
    assert [(one.pid, one.name, one.cpu_percent) for one in host.top_memory] == [
        (2, "big", 5.0),
        (3, "loader", 0.0),
        (1, "loader", 50.0),
    ]


def test_a_process_that_began_since_the_look_before_counts_with_all_it_used() -> None:
    before = processes(1000.0, used(1, 100.0, 10), used(2, 50.0, 10))
    after = processes(1010.0, used(1, 101.0, 10), used(2, 4.0, 10, started=2.0), used(3, 9.0, 99), used(4, 0.0, 1))
    first, host = looked(collector(MadeUpHost([LOOK, later(LOOK, 10.0)], [before, after])))
    assert [one.cpu_percent for one in first.top_memory] == [None, None]
    # 2 is another process under the pid of one that ended, 3 and 4 were not there.
    assert [(one.pid, one.cpu_percent) for one in host.top_cpu] == [(3, 90.0), (2, 40.0), (1, 10.0)]
    assert [(one.pid, one.cpu_percent) for one in host.top_memory if one.pid > 2] == [(3, 90.0), (4, 0.0)]


def test_processes_of_one_name_are_one_series_whatever_their_pids_are() -> None:
    before = processes(0.0, used(1, 0.0, 100), used(2, 0.0, 50), used(3, 0.0, 10, name="sshd"))
    after = processes(10.0, used(1, 1.0, 100), used(4, 2.0, 70), used(3, 0.5, 10, name="sshd"))
    told = readings(collector(MadeUpHost([LOOK, later(LOOK, 10.0)], [before, after])))[1].samples
    assert [sample for sample in told if sample.name.startswith("process_top_")] == [
        Sample("process_top_cpu_percent", 30.0, {"name": "loader"}),
        Sample("process_top_cpu_percent", 5.0, {"name": "sshd"}),
        Sample("process_top_memory_bytes", 170, {"name": "loader"}),
        Sample("process_top_memory_bytes", 10, {"name": "sshd"}),
    ]


@pytest.mark.parametrize("part", ["connections", "processes"])
def test_what_cannot_be_looked_at_costs_nothing_else_and_fails_the_run(part: str) -> None:
    source = MadeUpHost([later(LOOK, seconds) for seconds in (0.0, 20.0, 25.0)], connections_seen={"LISTEN": 3})
    source.processes_seen = [processes(0.0, used(1, 1.0, 100)), processes(25.0, used(2, 1.0, 100))]
    looking = collector(source, seldom_sec=15.0)
    readings(looking, times=1)
    source.connections_seen = {"LISTEN": 4}
    source.fails[part] = OSError(errno.EMFILE, "Too many open files")
    failing: list[Reading[Host]] = []

    async def fail() -> None:
        async for reading in looking.readings(NOW):
            failing.append(reading)

    with pytest.raises(OSError, match="Too many open files"):
        asyncio.run(fail())
    [reading] = failing
    [host] = reading.rows
    assert host.cpu is not None
    assert host.disks[0].read_bytes_per_sec == 0.0
    assert (host.processes, [one.pid for one in host.top_memory]) == (101, [1])
    assert host.connections == {"LISTEN": 3}
    assert {"memory_used_bytes", "process_top_memory_bytes"} <= {sample.name for sample in reading.samples}
    # The next look tries it again at once, and not after another fifteen seconds.
    del source.fails[part]
    [well] = looked(looking, times=1)
    assert (well.connections, [one.pid for one in well.top_memory]) == ({"LISTEN": 4}, [2])


def test_a_first_look_without_processes_tells_the_rest() -> None:
    source = MadeUpHost([LOOK], fails={"processes": OSError(errno.EMFILE, "Too many open files")})
    looking = collector(source)
    with pytest.raises(OSError, match="Too many open files"):
        readings(looking, times=1)
    assert looking.latest is not None
    assert (looking.latest.memory.used_percent, looking.latest.processes) == (25.0, None)


def test_the_exact_memory_of_the_largest_decides_their_order() -> None:
    seen = processes(1000.0, *(used(pid, 1.0, pid * 100) for pid in range(1, 9)))
    source = MadeUpHost([LOOK], [seen], resident_seen={8: 10, 5: 9999})
    (host,) = looked(collector(source, top_n=2), times=1)
    assert [(one.pid, one.mem_rss_bytes) for one in host.top_memory] == [(5, 9999), (7, 700)]


def test_nobody_looks_at_processes_that_are_not_wanted() -> None:
    source = MadeUpHost([LOOK])
    (host,) = looked(collector(source, top_n=0), times=1)
    assert source.asked == ["connections", "close"]
    assert (host.processes, host.top_cpu, host.top_memory) == (None, [], [])


def test_processes_and_connections_are_looked_at_seldom_and_stay_told_in_between() -> None:
    looks = [later(LOOK, seconds) for seconds in (0.0, 5.2, 9.9, 14.8, 20.0)]
    source = MadeUpHost(looks, [processes(0.0, used(1, 1.0, 100))], {"LISTEN": 3})
    told = readings(collector(source, seldom_sec=15.0), times=5)
    assert source.asked.count("processes") == source.asked.count("connections") == 2
    assert [(len(reading.rows), reading.unchanged) for reading in told] == [
        (1, False),
        (0, True),
        (0, True),
        (1, False),
        (0, True),
    ]
    for reading in told:
        assert Sample("network_connections", 3, {"state": "LISTEN"}) in reading.samples
        assert Sample("process_top_memory_bytes", 100, {"name": "loader"}) in reading.samples


def test_a_slow_collector_looks_at_everything_each_time() -> None:
    source = MadeUpHost([later(LOOK, 60.0 * number) for number in range(3)])
    slow = HostCollector(source, interval_sec=60, top_n=1, seldom_sec=SELDOM_SEC)
    assert len(looked(slow, times=3)) == 3


FULL = Host(
    collected_at=NOW,
    memory=Memory(total_bytes=GIB, cached_bytes=1, buffers_bytes=2),
    cpu=CpuUse(iowait=1.0, steal=0.0, busy=2.0),
    cores=[CpuUse(number=7, busy=3.5)],
    load_1=0.5,
    load_5=0.25,
    load_15=0.125,
    disks=[DiskIo(device="sda", read_bytes_per_sec=1.0, write_bytes_per_sec=2.0, busy_percent=3.0)],
    interfaces=[Interface(name="eth0", received_bytes_per_sec=1.0, sent_bytes_per_sec=2.0)],
    pressure=[Pressure(resource="io", some_avg10=1.0, full_avg10=0.5)],
)


def test_every_number_is_stated_under_the_names_it_is_declared_with() -> None:
    source = MadeUpHost(
        [LOOK, later(LOOK, 5.0)], [processes(0.0, used(1, 1.0, 9)), processes(5.0, used(1, 2.0, 9))], {"LISTEN": 3}
    )
    stated = [*samples_of(FULL), *readings(collector(source))[1].samples]
    declared = {metric.name: set(metric.labels) for metric in host_metrics.METRICS}
    assert {sample.name: set(sample.labels) for sample in stated} == declared


def test_what_is_not_known_is_not_stated() -> None:
    names = {sample.name for sample in samples_of(Host(collected_at=NOW, disks=[DiskIo(device="sda")]))}
    assert "disk_reads_total" in names
    assert not names & {"cpu_usage_percent", "cpu_load_average", "memory_cached_bytes", "disk_busy_percent"}


def test_the_collector_is_built_from_the_settings_and_not_when_it_is_switched_off() -> None:
    (one,) = build(NodeSettings(refresh=Refresh(), host=HostSettings(top_n=3)))
    (same,) = build(NodeSettings(host=HostSettings(top_n=3)))
    (other,) = build(NodeSettings(host=HostSettings(exclude_interfaces=())))
    assert HostSettings().exclude_interfaces == ("lo", "veth*")
    assert one.options == same.options != other.options
    assert build(NodeSettings(host=HostSettings(enabled=False))) == []


def test_a_process_may_call_itself_what_it_likes() -> None:
    text = "open('/proc/self/comm', 'wb').write(b'\\x1b[31m\"\\xff)')\nprint('up', flush=True)\nwhile True: pass"
    program = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        seen = asyncio.run(host_top.look())
    finally:
        program.kill()
        program.communicate()
    assert seen.used[program.pid].name == '\x1b[31m"\\xff)'
    assert 0 < len(seen.used) <= seen.count


@pytest.mark.skipif(sys.platform != "linux", reason="of /proc")
def test_this_real_host_is_seen_with_a_process_that_works_and_one_that_holds_memory() -> None:
    busy = "print('up', flush=True)\nwhile True: pass"
    large = "data = bytearray(120 * 2**20)\nprint('up', flush=True)\nimport time\ntime.sleep(60)"
    programs = [subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) for text in (busy, large)]
    try:
        for program in programs:
            assert program.stdout is not None
            assert program.stdout.readline() == b"up\n"

        async def look() -> Host:
            looking = HostCollector(LinuxHost(), interval_sec=1, top_n=20, seldom_sec=0)
            for _ in range(30):
                async for reading in looking.readings(datetime.now(UTC)):
                    (host,) = reading.rows
                # On a busy machine it may not have had its turn between two looks.
                if programs[0].pid in {one.pid for one in host.top_cpu if (one.cpu_percent or 0) > 5}:
                    break
                await asyncio.sleep(0.5)
            await looking.close()
            return host

        with socket.create_server(("127.0.0.1", 0)):
            host = asyncio.run(look())
    finally:
        for program in programs:
            program.kill()
            program.communicate()
    assert host.cpu is not None
    assert host.cpu.busy > 5
    assert host.cpu.busy + host.cpu.idle + (host.cpu.iowait or 0) == pytest.approx(100, abs=0.1)
    assert programs[0].pid in {one.pid for one in host.top_cpu if (one.cpu_percent or 0) > 5}
    assert programs[1].pid in {one.pid for one in host.top_memory if one.mem_rss_bytes > 120 * 2**20}
    assert host.connections["LISTEN"] >= 1
    assert host.processes == pytest.approx(len([*Path("/proc").glob("[0-9]*")]), abs=50)
    assert {"cpu", "memory", "io"} >= {one.resource for one in host.pressure}

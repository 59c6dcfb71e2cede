"""The host's files in /proc: what stands in them is read as the kernel means it."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from node.sources import host_proc
from node.sources.host_types import CpuTimes, DiskCounters, LinkCounters

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

STAT = b"""\
cpu  1000 200 300 5000 400 10 20 30 50 5
cpu0 600 100 200 2500 200 5 10 15 25 3
cpu3 400 100 100 2500 200 5 10 15 25 2
intr 8915 0 9 0 0
ctxt 12345
btime 1763681513
"""
MEMINFO = b"""\
MemTotal:       16384000 kB
MemFree:         1024000 kB
MemAvailable:    8192000 kB
Buffers:          307200 kB
Cached:          4096000 kB
SwapCached:            0 kB
SwapTotal:       2048000 kB
SwapFree:        1536000 kB
SReclaimable:     204800 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
DISKSTATS = b"""\
   7       0 loop0 26140 243 276578 2778 8391 3597 131988 6143 0 8224 13953 0 0 0 0 6048 5031
   1       0 ram0 5 0 40 0 0 0 0 0 0 0 0
   8       0 sda 1000 20 8000 500 2000 30 16000 900 0 1400 1400 0 0 0 0 0 0
   8       1 sda1 990 20 7900 500 2000 30 16000 900 0 1400 1400 0 0 0 0 0 0
 104       0 cciss/c0d0 7 0 56 1 0 0 0 0 0 3 1
 254       0 dm-0 10 0 80 5 0 0 0 0 0 4 5 0 0 0 0
  43       0 nbd0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   8      16 sdb 12 3 4
"""
NET_DEV = b"""\
Inter-|   Receive                                              |  Transmit
 face |bytes  packets errs drop fifo frame compressed multicast|bytes  packets errs drop fifo colls carrier compressed
    lo: 985 118    0    0    0     0          0         0 985 118    0    0    0     0       0          0
  eth0:1323689335   48569    3    4    0     0        0         0  3579703 32078    5    6    0     0       0        0
eth0:1: 7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0
 caf\xe9: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0
 short: 1 2 3
"""


def test_processor_times_are_seconds_and_count_nobody_twice() -> None:
    everything, cores = host_proc.parse_stat(STAT)
    # guest (50) is part of user, guest_nice (5) of nice.
    assert everything == CpuTimes(
        user=1200 / TICKS, system=330 / TICKS, idle=5000 / TICKS, iowait=400 / TICKS, steal=30 / TICKS
    )
    assert sorted(cores) == [0, 3]
    assert cores[3].user == 500 / TICKS


def test_the_processor_line_of_an_old_kernel_is_enough() -> None:
    everything, cores = host_proc.parse_stat(b"cpu  10 0 20 300\n")
    assert (everything.iowait, everything.steal) == (0.0, 0.0)
    assert everything.system == 20 / TICKS
    assert cores == {}


def test_a_stat_file_without_processors_is_refused() -> None:
    with pytest.raises(ValueError, match="does not tell what the processors do"):
        host_proc.parse_stat(b"intr 0\n")


def test_memory_is_reckoned_as_free_does() -> None:
    memory = host_proc.memory_of(host_proc.parse_meminfo(MEMINFO))
    assert memory.total_bytes == 16_384_000 * 1024
    assert memory.available_bytes == memory.used_bytes == 8_192_000 * 1024
    assert memory.used_percent == 50.0
    assert memory.cached_bytes == (4_096_000 + 204_800) * 1024
    assert memory.buffers_bytes == 307_200 * 1024


def test_where_nothing_says_what_is_available_it_is_estimated_and_never_above_the_total() -> None:
    old = host_proc.memory_of({"MemTotal": 1000, "MemFree": 100, "Buffers": 50, "Cached": 250})
    assert (old.available_bytes, old.used_bytes, old.used_percent) == (400, 600, 60.0)
    container = host_proc.memory_of({"MemTotal": 1000, "MemAvailable": 5000})
    assert (container.available_bytes, container.used_bytes, container.used_percent) == (1000, 0, 0.0)
    with pytest.raises(ValueError, match="how much memory there is"):
        host_proc.memory_of({})


def test_swap_is_an_amount_and_two_counters() -> None:
    swap = host_proc.swap_of(host_proc.parse_meminfo(MEMINFO), b"pswpin 3\npswpout 5\npgpgin 999\n")
    assert (swap.total_bytes, swap.used_bytes) == (2_048_000 * 1024, 512_000 * 1024)
    assert (swap.in_bytes, swap.out_bytes) == (3 * PAGE, 5 * PAGE)
    assert host_proc.swap_of({}, b"").in_bytes is None


def test_disks_are_whole_devices_that_were_ever_used() -> None:
    whole = {"loop0", "ram0", "sda", "sdb", "dm-0", "nbd0", "cciss!c0d0"}
    disks = host_proc.parse_diskstats(DISKSTATS, whole)
    assert sorted(disks) == ["cciss/c0d0", "dm-0", "sda"]
    assert disks["sda"] == DiskCounters(
        read_bytes=8000 * 512, write_bytes=16000 * 512, reads=1000, writes=2000, busy_ms=1400
    )


def test_without_a_list_of_whole_devices_partitions_stand_beside_their_disks(tmp_path: Path) -> None:
    assert host_proc.whole_disks(tmp_path / "nowhere") is None
    assert "sda1" in host_proc.parse_diskstats(DISKSTATS, None)


def test_interfaces_have_what_they_carried_and_lost() -> None:
    links = host_proc.parse_net_dev(NET_DEV)
    assert sorted(links) == ["caf\\xe9", "eth0", "eth0:1", "lo"]
    assert links["eth0"] == LinkCounters(
        received_bytes=1323689335,
        sent_bytes=3579703,
        received_packets=48569,
        sent_packets=32078,
        errors=8,
        drops=10,
    )


def test_a_host_of_containers_has_no_more_interfaces_than_are_told() -> None:
    lines = b"".join(b"veth%d: %s\n" % (number, b"1 " * 16) for number in range(2000))
    links = host_proc.parse_net_dev(b"heading\nheading\n" + lines)
    assert len(links) == host_proc.MOST_INTERFACES


def test_interfaces_that_are_left_out_do_not_take_the_place_of_others() -> None:
    names = [*(b"veth%d" % number for number in range(300)), b"eth0", *(b"br%d" % number for number in range(300))]
    lines = b"".join(b"%s: %s\n" % (name, b"1 " * 16) for name in names)
    links = host_proc.parse_net_dev(b"heading\nheading\n" + lines, ("lo", "veth*"))
    assert list(links)[:2] == ["eth0", "br0"]
    assert len(links) == host_proc.MOST_INTERFACES


def test_pressure_is_what_some_and_all_waited_for() -> None:
    pressure = host_proc.parse_pressure(
        "io",
        b"some avg10=1.50 avg60=2.25 avg300=3.00 total=1\nfull avg10=0.50 avg60=0.25 avg300=0.00 total=1\n",
    )
    assert pressure is not None
    assert (pressure.some_avg10, pressure.some_avg60, pressure.full_avg10, pressure.full_avg60) == (
        1.5,
        2.25,
        0.5,
        0.25,
    )


def test_an_older_kernel_tells_no_full_pressure_of_the_processor_and_a_smaller_one_none_at_all() -> None:
    pressure = host_proc.parse_pressure("cpu", b"some avg10=1.50 avg60=2.25 avg300=3.00 total=1\n")
    assert pressure is not None
    assert pressure.full_avg10 is None
    assert host_proc.parse_pressure("cpu", b"") is None


def test_the_load_is_three_averages() -> None:
    assert host_proc.parse_loadavg(b"3.49 4.20 4.76 6/148 32658\n") == (3.49, 4.2, 4.76)
    assert host_proc.parse_loadavg(b"") is None


def test_the_real_host_is_told_as_its_own_programs_tell_it() -> None:
    look = host_proc.look()
    free = subprocess.run(["free", "-b"], capture_output=True, text=True, check=True).stdout
    assert look.memory.total_bytes == int(free.splitlines()[1].split()[1])
    assert len(look.cores) == os.cpu_count()
    assert "lo" in look.links
    assert set(look.disks) <= {entry.name for entry in Path("/sys/block").iterdir()}
    assert not any(re.match(r"loop|ram", name) for name in look.disks)


def test_processor_time_that_is_used_shows_between_two_looks() -> None:
    before = host_proc.look()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert host_proc.look().cpu.user >= before.cpu.user + 0.1


def test_a_kernel_that_tells_the_least_is_enough(tmp_path: Path) -> None:
    (tmp_path / "stat").write_bytes(STAT)
    (tmp_path / "meminfo").write_bytes(b"MemTotal: 100 kB\nMemFree: 40 kB\n")
    look = host_proc.look(proc=tmp_path, sys=tmp_path)
    assert (look.disks, look.links, look.load, look.pressure) == ({}, {}, None, ())
    assert look.memory.used_percent == 60.0


def test_without_a_proc_file_system_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        host_proc.look(proc=tmp_path)

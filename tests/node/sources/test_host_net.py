"""TCP connections by state, and whether and how fast interfaces are up."""

import asyncio
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.sources import host_net
from node.sources.host_types import Link

HEADING = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(number: int, state: bytes, *, v6: bool = False) -> bytes:
    address = b"0" * 32 if v6 else b"0100007F"
    return (
        b"%4d: %s:8B59 %s:0000 %s 00000000:00000000 00:00000000 00000000     0        0 4324371 1 00 100 0 0 10 0\n"
        % (
            number,
            address,
            address,
            state,
        )
    )


def test_connections_are_counted_by_state_and_a_state_of_none_is_zero() -> None:
    tables = [
        HEADING + line(0, b"0A") + line(1, b"01") + line(10000, b"06") + line(3, b"0C"),
        HEADING + line(0, b"01", v6=True),
    ]
    counted = host_net.parse_tables(tables)
    assert {state: count for state, count in counted.items() if count} == {
        "LISTEN": 1,
        "ESTABLISHED": 2,
        "TIME_WAIT": 1,
        "SYN_RECV": 1,
    }
    assert counted["CLOSE_WAIT"] == 0
    assert len(counted) == 11


def proc_net(folder: Path, **files: bytes) -> Path:
    (folder / "net").mkdir()
    for name, content in files.items():
        (folder / "net" / name).write_bytes(content)
    return folder


def test_of_very_many_connections_the_kernel_s_own_two_numbers_are_told(tmp_path: Path) -> None:
    proc = proc_net(
        tmp_path,
        sockstat=b"sockets: used 70000\nTCP: inuse 20000 orphan 0 tw 45000 alloc 20100 mem 9\nUDP: inuse 2 mem 1\n",
        sockstat6=b"TCP6: inuse 100\n",
        snmp=b"Tcp: RtoAlgorithm MaxConn CurrEstab InSegs\nTcp: 1 -1 19876 5\nUdp: A\nUdp: 1\n",
        tcp=HEADING + line(0, b"01"),
    )
    assert host_net.connections(proc) == {"TIME_WAIT": 45000, "ESTABLISHED": 19876}


def test_a_table_that_grew_beyond_what_is_read_is_not_counted_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_net, "_LONGEST_TABLE", 300)
    proc = proc_net(tmp_path, tcp=HEADING + line(0, b"01") * 5, sockstat=b"TCP: inuse 5 tw 2\n")
    assert host_net.connections(proc) == {"TIME_WAIT": 2}


def test_where_no_table_can_be_read_nothing_is_told(tmp_path: Path) -> None:
    assert host_net.connections(tmp_path) == {}


def test_real_connections_are_counted() -> None:
    with ExitStack() as stack:
        before = host_net.connections()
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        callers = [stack.enter_context(socket.create_connection(server.getsockname())) for _ in range(30)]
        accepted = [stack.enter_context(server.accept()[0]) for _ in callers]
        now = host_net.connections()
        assert len(accepted) == 30
        # Others of this host may come and go meanwhile, a few.
        assert now["ESTABLISHED"] >= before["ESTABLISHED"] + 40
        assert now["LISTEN"] >= 1


def sys_of(folder: Path, name: str, *, state: str, speed: str | None, device: bool = True) -> None:
    place = folder / "class/net" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "operstate").write_text(f"{state}\n")
    if speed is not None:
        (place / "speed").write_text(f"{speed}\n")
    if device:
        (place / "device").mkdir(exist_ok=True)


def looks(sys: Path, *moments: float) -> list[dict[str, Link]]:
    async def look() -> list[dict[str, Link]]:
        links = host_net.Links(sys)
        names = sorted(entry.name for entry in (sys / "class/net").iterdir())
        found = [dict(await links.look(names, moment)) for moment in moments]
        await links.close()
        return found

    return asyncio.run(look())


def test_an_interface_is_up_or_down_and_a_real_one_has_a_speed(tmp_path: Path) -> None:
    sys_of(tmp_path, "eth0", state="up", speed="10000")
    sys_of(tmp_path, "eth1", state="down", speed="1000")
    sys_of(tmp_path, "eth2", state="up", speed="-1")
    sys_of(tmp_path, "lo", state="unknown", speed=None, device=False)
    sys_of(tmp_path, "veth0", state="up", speed="10000", device=False)
    (found,) = looks(tmp_path, 0.0)
    assert found == {
        "eth0": Link(True, 10000),
        "eth1": Link(False, None),
        "eth2": Link(True, None),
        "lo": Link(True, None),
        "veth0": Link(True, None),
    }


def test_the_speed_is_asked_when_an_interface_comes_up_and_every_ten_minutes(tmp_path: Path) -> None:
    async def check() -> None:
        links = host_net.Links(tmp_path)
        sys_of(tmp_path, "eth0", state="up", speed="1000")
        assert (await links.look(["eth0"], 0.0))["eth0"].speed_mbit == 1000
        sys_of(tmp_path, "eth0", state="up", speed="100")
        assert (await links.look(["eth0"], 5.0))["eth0"].speed_mbit == 1000
        assert (await links.look(["eth0"], 601.0))["eth0"].speed_mbit == 100
        sys_of(tmp_path, "eth0", state="down", speed="100")
        assert (await links.look(["eth0"], 606.0))["eth0"] == Link(False, None)
        sys_of(tmp_path, "eth0", state="up", speed="2500")
        assert (await links.look(["eth0"], 611.0))["eth0"] == Link(True, 2500)
        assert await links.look([], 616.0) == {}
        await links.close()

    asyncio.run(check())


def test_a_driver_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    sys_of(tmp_path, "eth0", state="up", speed=None)
    os.mkfifo(tmp_path / "class/net/eth0/speed")
    sys_of(tmp_path, "eth1", state="up", speed="1000")
    (found,) = looks(tmp_path, 0.0)
    assert found == {"eth0": Link(True, None), "eth1": Link(True, 1000)}

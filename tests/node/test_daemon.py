import asyncio
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from node import daemon
from node.listen import ListenError, listening
from node.settings import Node, NodeSettings
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.node.processes import NodeUnderTest, ask, node, scripted_node, wait_until

ANYWHERE = "node: {listen: '127.0.0.1:0', node_name: etl01}\n"


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_a_node_answers_and_ends_with_0_on_sigterm(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        status, health = started.get()
        assert (status, health["status"], health["node_name"]) == (200, "healthy", "etl01")
        assert "fs" in [collector["name"] for collector in health["collectors"]]
        wait_until(lambda: len(started.get("/api/v1/fs")[1]) > 0)
        assert started.stopped() == 0
        assert "Traceback" not in started.output


def test_ctrl_c_ends_it_as_well(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        assert started.address
        started.signal(signal.SIGINT)
        assert started.ended() == 0
        assert "Traceback" not in started.output


def test_what_was_seen_is_there_after_a_restart_and_the_node_is_the_same(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        wait_until(lambda: len(started.get("/api/v1/fs")[1]) > 0)
        identity = started.get("/api/v1/node")[1]["node_id"]
        assert started.stopped() == 0
    with node(tmp_path, ANYWHERE) as again:
        assert again.get("/api/v1/node")[1]["node_id"] == identity
        assert again.get("/api/v1/fs")[1] != []


@pytest.mark.parametrize(
    ("listen", "reached"),
    [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("localhost:0", "localhost")],
)
def test_it_listens_where_it_was_told_to(tmp_path: Path, listen: str, reached: str) -> None:
    with node(tmp_path, f"node: {{listen: '{listen}'}}\n") as started:
        assert ask(f"http://{reached}:{port_of(started.address)}", "/health")[0] == 200


def test_a_name_with_several_addresses_is_answered_on_each_of_them(tmp_path: Path) -> None:
    addresses = {entry[4][0] for entry in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with node(tmp_path, "node: {listen: 'localhost:0'}\n") as started:
        for address in addresses:
            host = f"[{address}]" if ":" in str(address) else address
            assert ask(f"http://{host}:{port_of(started.address)}", "/health")[0] == 200


def test_a_unix_socket_is_for_its_group_and_goes_with_the_node(tmp_path: Path) -> None:
    where = tmp_path / "node.sock"
    with node(tmp_path, f"node: {{listen: 'unix:{where}'}}\n") as started:
        assert started.address == f"unix:{where}"
        assert started.get()[0] == 200
        assert stat.S_IMODE(where.stat().st_mode) == 0o660
        assert started.stopped() == 0
        assert not where.exists()


def test_a_unix_socket_left_by_a_node_that_was_killed_is_replaced(tmp_path: Path) -> None:
    where = tmp_path / "node.sock"
    config = f"node: {{listen: 'unix:{where}'}}\n"
    with node(tmp_path, config) as started:
        assert started.address
        started.signal(signal.SIGKILL)
        started.ended()
    assert where.exists()
    with node(tmp_path, config) as again:
        assert again.get()[0] == 200


def refused(started: NodeUnderTest) -> str:
    """The one line with which it did not start."""
    assert started.ended() == 1
    lines = started.output.splitlines()
    assert len(lines) == 1, started.output
    assert lines[0].startswith("etlmon node: ")
    return lines[0].removeprefix("etlmon node: ")


def test_a_port_that_is_taken_is_named_with_its_holder(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with node(tmp_path, f"node: {{listen: '127.0.0.1:{port}'}}\n") as started:
            line = refused(started)
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: port {port} is taken by ")
    assert f"(pid {os.getpid()}); stop that or set node.listen to another port" in line
    assert not (tmp_path / "etlmon.db").exists()


EVERYWHERE = "0.0.0.0"  # noqa: S104 - on a port that is free, for a moment
METRICS_TOO = "already, and /metrics is answered there, too; set host.metrics_listen to another port"


@pytest.mark.parametrize(
    ("first", "second"), [("127.0.0.1", "localhost"), ("127.0.0.1", EVERYWHERE), (EVERYWHERE, "127.0.0.2")]
)
def test_a_port_for_metrics_that_node_listen_has_is_said_to_be_there_however_it_is_spelled(
    first: str, second: str
) -> None:
    with listening(f"{first}:0") as (address, sockets):
        listen = f"{second}:{port_of(address)}"
        said = f"cannot listen on {listen}: node.listen has port {port_of(address)} {METRICS_TOO}"
        with (
            pytest.raises(ListenError, match=re.escape(said)),
            listening(listen, key="host.metrics_listen", beside=sockets),
        ):
            pass


@pytest.mark.parametrize("second", ["127.0.0.2", "[::1]"])
def test_one_port_on_two_addresses_is_listened_to_on_both(second: str) -> None:
    with listening("127.0.0.1:0") as (address, sockets):
        listen = f"{second}:{port_of(address)}"
        with listening(listen, key="host.metrics_listen", beside=sockets) as (told, _):
            assert told == f"http://{listen}"


def test_a_node_does_not_blame_its_own_port_on_another_program(tmp_path: Path) -> None:
    with listening("127.0.0.1:0") as (address, _):
        port = port_of(address)
    config = f"node: {{listen: '127.0.0.1:{port}'}}\nhost: {{metrics_listen: 'localhost:{port}'}}\n"
    with node(tmp_path, config) as started:
        line = refused(started)
    assert line == f"cannot listen on localhost:{port}: node.listen has port {port} {METRICS_TOO}"


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("192.0.2.1:8080", "192.0.2.1 is no address of this host"),
        ("no-such-host.invalid:8080", "no-such-host.invalid is not known"),
        ("unix:{directory}/absent/node.sock", "the directory {directory}/absent is not there"),
        ("unix:{directory}/a-file", "there is a file of that name that is no socket"),
    ],
)
def test_an_address_it_cannot_have_is_refused_with_the_reason(tmp_path: Path, listen: str, said: str) -> None:
    (tmp_path / "a-file").write_text("mine")
    listen, said = (text.replace("{directory}", str(tmp_path)) for text in (listen, said))
    with node(tmp_path, f"node: {{listen: '{listen}'}}\n") as started:
        assert said in refused(started)
    assert (tmp_path / "a-file").read_text() == "mine"


def test_a_unix_socket_somebody_answers_on_is_left_to_them(tmp_path: Path) -> None:
    where = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(where))
        other.listen()
        with node(tmp_path, f"node: {{listen: 'unix:{where}'}}\n") as started:
            assert "another program answers on it" in refused(started)
        assert where.is_socket()


@pytest.mark.peer("root")
def test_a_low_port_without_the_privilege_is_refused_with_what_to_do(tmp_path: Path) -> None:
    script = """
import os, sys
from node.daemon import main
from node.settings import Node, NodeSettings
os.setgid(65534)
os.setuid(65534)
os.setgid(65534)
os.setuid(65534)
raise SystemExit(main(NodeSettings(node=Node(listen="127.0.0.1:81", db_path=sys.argv[1] + "/etlmon.db"))))
"""
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if lowest <= 81:
        pytest.skip(f"needs port 81 to be privileged: on this host ports from {lowest} on are free to all")
    with scripted_node(tmp_path, script) as started:
        assert "ports below 1024 need a privilege" in refused(started)


def test_a_second_node_on_the_same_database_does_not_start(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as first:
        assert first.address
        with node(tmp_path, ANYWHERE, name="second") as second:
            assert str(first.process.pid) in refused(second)
        assert first.get()[0] == 200


def test_sighup_takes_a_good_file_as_a_whole(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rarely = "refresh: {disk: 10m}\n"  # so that its next turn does not come meanwhile
    with node(tmp_path, ANYWHERE + rarely) as started:
        wait_until(lambda: started.get()[1]["collectors"][0]["status"] == "ok")
        ran_at = started.get()[1]["collectors"][0]["last_run_at"]
        new = f"node: {{listen: '127.0.0.1:0', node_name: renamed}}\n{rarely}paths: [{{path: {data}}}]\n"
        (tmp_path / "node.yaml").write_text(new)
        started.signal(signal.SIGHUP)
        wait_until(lambda: started.get()[1].get("node_name") == "renamed")
        health = started.get()[1]
        assert [collector["name"] for collector in health["collectors"]] == [
            "fs",
            "host",
            f"paths:{data}",
            "cron",
            "clusters",
        ]
        assert health["collectors"][0]["last_run_at"] == ran_at, "an unchanged collector does not begin anew"
        wait_until(lambda: [row["status"] for row in started.get("/api/v1/paths")[1]] == ["OK"])
        assert started.stopped() == 0


def test_sighup_refuses_a_bad_file_keeps_the_old_one_and_says_so(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        assert started.get()[1]["status"] == "healthy"
        (tmp_path / "node.yaml").write_text("node: {node_name: renamed}\nrefresh: {disk: 5 parsecs}\n")
        started.signal(signal.SIGHUP)
        wait_until(lambda: started.get()[1]["status"] == "degraded")
        health = started.get()[1]
        assert health["node_name"] == "etl01"
        assert len(health["problems"]) == 1
        assert health["problems"][0].startswith("the configuration was refused, the old one stays in force: ")
        assert "node.yaml:2: refresh.disk" in health["problems"][0]
        assert "node.yaml:2: refresh.disk" in started.output
        (tmp_path / "node.yaml").write_text(ANYWHERE)
        started.signal(signal.SIGHUP)
        wait_until(lambda: started.get()[1]["status"] == "healthy")


def test_sighup_refuses_a_log_file_that_cannot_be_written_and_changes_nothing(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        assert started.get()[1]["status"] == "healthy"
        (tmp_path / "node.yaml").write_text("node: {node_name: renamed}\nlogging: {file: /dev/null/node.log}\n")
        started.signal(signal.SIGHUP)
        wait_until(lambda: started.get()[1]["status"] == "degraded")
        assert started.get()[1]["node_name"] == "etl01"
        assert "/dev/null/node.log can not be written" in started.output


def test_sighup_changes_what_is_logged(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        assert started.address
        (tmp_path / "node.yaml").write_text(f"{ANYWHERE}logging: {{format: json}}\n")
        started.signal(signal.SIGHUP)
        wait_until(lambda: '"message":' in started.output)


def test_what_needs_a_restart_is_said_in_the_log(tmp_path: Path) -> None:
    with node(tmp_path, ANYWHERE) as started:
        before = started.address
        (tmp_path / "node.yaml").write_text("node: {listen: '127.0.0.1:1', node_name: etl01}\n")
        started.signal(signal.SIGHUP)
        wait_until(lambda: "node.listen changed and needs a restart" in started.output)
        assert ask(before, "/api/v1/health")[1]["status"] == "healthy"


def test_without_a_file_sighup_changes_nothing(tmp_path: Path) -> None:
    script = """
import sys
from etlmon import logs
from node.daemon import main
from node.settings import Node, NodeSettings
logs.set_up(level="info", format="text", file=None)
raise SystemExit(main(NodeSettings(node=Node(listen="127.0.0.1:0", db_path=sys.argv[1] + "/etlmon.db"))))
"""
    with scripted_node(tmp_path, script) as started:
        assert started.address
        started.signal(signal.SIGHUP)
        wait_until(lambda: "the node was started without a configuration file" in started.output)
        assert started.get()[1]["status"] == "healthy"
        assert started.stopped() == 0


def test_systemd_is_told_of_every_turn_of_the_service(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)

        def heard(wanted: str) -> str:
            while wanted not in (message := systemd.recv(4096).decode()):
                pass
            return message

        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with node(tmp_path, ANYWHERE, env=env) as started:
            assert started.address in heard("READY=1")
            began = time.monotonic()
            for _ in range(10):
                heard("WATCHDOG=1")
            assert time.monotonic() - began < 6  # a second, on a machine that is not busy
            started.signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in heard("RELOADING=1")
            heard("READY=1")
            started.signal(signal.SIGTERM)
            heard("STOPPING=1")
            assert started.ended() == 0


STUBBORN = """
import asyncio, sys, threading, time
from collections.abc import AsyncIterator
from etlmon import logs
from node import daemon
from node.listen import ListenError, listening
from node.collector import Collector, Reading, Registration
from node.settings import Node, NodeSettings

class Stubborn(Collector):
    domain, name, interval_sec, deadline_sec = "tests", "stubborn", 60.0, 60.0
    async def readings(self, now):
        {behaviour}
        yield Reading()

async def record(db, rows): ...
daemon.COLLECTORS = (Registration("tests", lambda _: [Stubborn()], record),)
logs.set_up(level="info", format="text", file=None)
settings = NodeSettings(node=Node(listen="127.0.0.1:0", db_path=sys.argv[1] + "/etlmon.db"))
raise SystemExit(daemon.main(settings))
"""
DEAF = """
        print("stuck", flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
"""
BLOCKED_THREAD = """
        print("stuck", flush=True)
        await asyncio.to_thread(time.sleep, 60)
"""
BLOCKED_LOOP = """
        await asyncio.sleep(0.5)
        print("stuck", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("behaviour", [DEAF, BLOCKED_THREAD], ids=["deaf to cancellation", "blocked in a thread"])
def test_a_stuck_collector_is_left_behind_and_the_node_ends_with_0(tmp_path: Path, behaviour: str) -> None:
    with scripted_node(tmp_path, STUBBORN.replace("{behaviour}", behaviour.strip())) as started:
        wait_until(lambda: "stuck" in started.output)
        assert started.stopped() == 0
        assert "Traceback" not in started.output


@pytest.mark.peer("fuse")
def test_a_dead_mount_holds_up_neither_the_start_nor_the_answers_nor_the_stop(tmp_path: Path) -> None:
    with hangfs(tmp_path / "nas") as nas:
        nas.hang("statfs", "readdir", "getattr", "read")
        config = (
            f"{ANYWHERE}refresh: {{disk: 500ms}}\nfs: {{probe_timeout: 200ms}}\npaths: [{{path: {nas.mount_point}}}]\n"
        )
        with node(tmp_path, config) as started:

            def state() -> str:
                rows = started.get("/api/v1/fs")[1]
                return next((row["state"] for row in rows if row["mount_point"] == str(nas.mount_point)), "not seen")

            wait_until(lambda: state() == "stuck")
            wait_until(lambda: nas.holds("statfs"))
            ran_at = started.get()[1]["collectors"][0]["last_run_at"]
            wait_until(lambda: started.get()[1]["collectors"][0]["last_run_at"] > ran_at)
            assert started.stopped() == 0


def test_a_collector_that_holds_up_everything_does_not_keep_the_process(tmp_path: Path) -> None:
    with scripted_node(tmp_path, STUBBORN.replace("{behaviour}", BLOCKED_LOOP.strip())) as started:
        wait_until(lambda: "stuck" in started.output)
        assert started.stopped() == 1
        assert "not everything stopped within 4.5 s" in started.output


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with scripted_node(tmp_path, STUBBORN.replace("{behaviour}", DEAF.strip())) as started:
        wait_until(lambda: "stuck" in started.output)
        started.signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in started.output)
        began = time.monotonic()
        started.signal(signal.SIGTERM)
        assert started.ended(5) == 1
        assert time.monotonic() - began < 3  # the first one alone takes 4.5 s


def test_within_another_program_it_starts_and_stops_as_that_says(tmp_path: Path) -> None:
    settings = NodeSettings(node=Node(listen="127.0.0.1:0", db_path=str(tmp_path / "etlmon.db")))
    handler = signal.getsignal(signal.SIGTERM)

    async def check() -> None:
        stop, addresses = asyncio.Event(), list[str]()
        running = asyncio.create_task(daemon.run(settings, ready=addresses.append, stop=stop))
        async with asyncio.timeout(30):
            await until(lambda: bool(addresses))
            assert signal.getsignal(signal.SIGTERM) is handler
            status, _ = await asyncio.to_thread(ask, addresses[0], "/health")
            assert status == 200
            stop.set()
            await running

    asyncio.run(check())
    assert not (tmp_path / "etlmon.db-wal").exists()


def test_a_failed_start_gives_back_what_it_had_taken(tmp_path: Path) -> None:
    (tmp_path / "etlmon.db").write_text("this is no database at all, whatever its name says")
    where = tmp_path / "node.sock"
    with node(tmp_path, f"node: {{listen: 'unix:{where}'}}\n") as started:
        assert "not an SQLite file" in refused(started)
    assert not where.exists()


IN_A_CONTAINER = """
import os, sys
node = "from node import daemon; from node.settings import Node, NodeSettings; import sys; from etlmon import logs;"
node += "logs.set_up(level='info', format='text', file=None);"
node += "raise SystemExit(daemon.main(NodeSettings(node=Node(listen='127.0.0.1:0', db_path=sys.argv[1] + '/db'))))"
hidden = 'mount -t tmpfs none /proc/sys/kernel/random && exec "$@"'
os.execvp("unshare", ["unshare", "--mount", "sh", "-c", hidden, "sh", sys.executable, "-c", node, sys.argv[1]])
"""


@pytest.mark.peer("tmpfs")
def test_a_host_that_hides_its_boot_id_is_watched_without_it(tmp_path: Path) -> None:
    with scripted_node(tmp_path, IN_A_CONTAINER) as started:
        assert started.get("/api/v1/node")[1]["boot_id"] == ""
        assert started.stopped() == 0


HOMELESS = """
import os
from node import daemon
from node.listen import ListenError, listening
from node.settings import Node, NodeSettings
for name in ("HOME", "XDG_STATE_HOME"):
    os.environ.pop(name, None)
os.setgroups([])
os.setuid(54321)
raise SystemExit(daemon.main(NodeSettings(node=Node(listen="127.0.0.1:0"))))
"""


@pytest.mark.peer("root")
def test_a_user_without_a_home_is_told_to_say_where_the_database_belongs(tmp_path: Path) -> None:
    with scripted_node(tmp_path, HOMELESS) as started:
        assert started.ended() == 1
        assert "user 54321 has no home directory; set node.db_path" in started.output
        assert "Traceback" not in started.output

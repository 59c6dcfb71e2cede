"""Real FTP servers, real clients, and a node that is told nothing but where the log lies."""

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ftp import CHROOT, USER, XFERLOG, proftpd, put, vsftpd
from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import program

pytestmark = [pytest.mark.peer("root"), pytest.mark.peer("unshare"), pytest.mark.peer("vsftpd")]

KOREAN = "정산 마감.csv"
MANGLED = "?" * 6 + "_" + "?" * 6 + ".csv"
BIG = 60_000_000
PAGE = 500

Row = dict[str, Any]


@contextmanager
def watching(directory: Path, log: Path, more: str = "") -> Iterator[NodeUnderTest]:
    config = f"node: {{listen: '127.0.0.1:0'}}\nxferlog: {{path: '{log}'{more}}}\n"
    with node(directory, config) as started:
        yield started


def rows(started: NodeUnderTest, query: str = "") -> list[Row]:
    """Transfers as the node lists them, oldest first."""
    found: list[Row] = []
    page = f"limit={PAGE}{query}"
    while True:
        status, answer = started.get(f"/api/v1/xferlog?{page}")
        assert status == 200, answer
        found += answer
        if len(answer) < PAGE:
            return list(reversed(found))
        page = f"limit={PAGE}{query}&before={answer[-1]['id']}"


def seen(started: NodeUnderTest, count: int) -> list[Row]:
    """The transfers, once there are so many."""
    wait_until(lambda: len(rows(started)) >= count)
    return rows(started)


def names(found: list[Row]) -> list[str]:
    return [Path(row["filename"]).name for row in found]


def source(started: NodeUnderTest) -> Row:
    answer = started.get("/api/v1/xferlog/source")[1]
    assert len(answer) == 1
    return dict(answer[0])


def local(directory: Path, name: str, size: int) -> Path:
    file = directory / name
    with file.open("wb") as out:
        out.truncate(size)
    return file


def killed(command: Sequence[str | Path], until: Callable[[], bool]) -> None:
    """A client that dies by SIGKILL as soon as the condition holds."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        try:
            wait_until(until)
        finally:
            client.send_signal(signal.SIGKILL)


@pytest.mark.peer("curl")
@pytest.mark.peer("lftp")
def test_a_stock_vsftpd_is_seen_when_only_the_path_is_configured(tmp_path: Path) -> None:
    content = local(tmp_path, "content", 4096)
    with vsftpd() as server, watching(tmp_path, server.log) as started:
        assert server.curl("-T", content, server.url("in file.csv")) == 0
        assert server.curl("-T", content, server.url(KOREAN)) == 0
        assert server.curl("-o", tmp_path / "got", server.url("in file.csv")) == 0
        assert server.lftp("mkdir 새폴더", 'mv "in file.csv" "out file.csv"', f'rm "{KOREAN}"', "get nothing.csv") != 0
        found = seen(started, 7)
        home = str(server.home)
        assert [(row["direction"], row["outcome"], row["bytes"]) for row in found] == [
            ("upload", "complete", 4096),
            ("upload", "complete", 4096),
            ("download", "complete", 4096),
            ("mkdir", "complete", 0),
            ("rename", "complete", 0),
            ("delete", "complete", 0),
            ("download", "refused", 0),
        ]
        assert found[0]["filename"] == f"{home}/in file.csv"
        assert found[1]["filename"] == f"{home}/{MANGLED.replace('_', ' ')}"
        assert {row["username"] for row in found} == {USER}
        assert {row["remote_host"] for row in found} == {"127.0.0.1"}
        assert found[4]["filename"].startswith(f"{home}/in file.csv")
        assert "out file.csv" in found[4]["filename"]
        state = source(started)
        assert (state["format"], state["status"], state["unparsed_total"]) == ("vsftpd", "following", 0)
        assert state["size_bytes"] == state["offset"] == server.log.stat().st_size


@pytest.mark.peer("curl")
@pytest.mark.peer("lftp")
def test_the_standard_log_tells_refused_killed_and_complete_apart_as_far_as_it_can(tmp_path: Path) -> None:
    big, small = local(tmp_path, "big", BIG), local(tmp_path, "small", 100)
    with vsftpd({**XFERLOG, **CHROOT}) as server, watching(tmp_path, server.xferlog) as started:
        assert server.curl("-T", small, server.url(KOREAN)) == 0
        assert server.lftp("get nothing.csv") != 0
        arriving = server.home / "killed.csv"
        slowly = (program("curl"), "--limit-rate", "4M")
        killed(
            [*slowly, "-T", big, server.url("killed.csv")],
            lambda: arriving.exists() and arriving.stat().st_size > 500_000,
        )
        local(server.home, "large", BIG)
        got = tmp_path / "got"
        killed([*slowly, "-o", got, server.url("large")], lambda: got.exists() and got.stat().st_size > 500_000)
        upload, refused, cut, interrupted = seen(started, 4)
        assert (upload["filename"], upload["outcome"], upload["bytes"]) == (f"/{MANGLED}", "complete", 100)
        assert (refused["filename"], refused["outcome"], refused["bytes"]) == ("/nothing.csv", "refused", 0)
        assert (refused["direction"], refused["status"]) == ("download", "incomplete")
        # vsftpd takes the end of a killed client's connection for the end of the file: only the size tells.
        assert (cut["filename"], cut["status"]) == ("/killed.csv", "complete")
        assert 500_000 < cut["bytes"] == arriving.stat().st_size < BIG
        assert (interrupted["filename"], interrupted["outcome"]) == ("/large", "interrupted")
        assert 0 < interrupted["bytes"] < BIG
        assert {row["access_mode"] for row in rows(started)} == {"real"}
        assert source(started)["format"] == "xferlog"


@pytest.mark.peer("logrotate")
@pytest.mark.parametrize("settings", [{}, XFERLOG], ids=["native", "standard"])
def test_sessions_that_go_on_writing_into_rotated_logs_are_followed(tmp_path: Path, settings: dict[str, str]) -> None:
    with vsftpd(settings) as server:
        log = server.xferlog if settings else server.log
        # As Debian's own /etc/logrotate.d/vsftpd has it: nobody tells the sessions.
        conf = tmp_path / "logrotate.conf"
        conf.write_text(f"{log} {{\n create 640 root adm\n missingok\n notifempty\n rotate 4\n}}\n")
        rotate: list[str | Path] = [program("logrotate"), "-f", "-s", tmp_path / "state", conf]
        with (
            watching(tmp_path, log) as started,
            server.session() as oldest,
        ):
            put(oldest, "1")
            seen(started, 1)
            subprocess.run(rotate, check=True)
            with server.session() as newer:
                put(newer, "2")
                put(oldest, "3")
                # A busy node could take two rotations for one.
                wait_until(lambda: source(started)["rotations"] == 1)
                subprocess.run(rotate, check=True)
                with server.session() as newest:
                    for number, session in enumerate((newest, newer, oldest) * 3, start=4):
                        put(session, str(number))
                    seen(started, 12)
                    wait_until(lambda: source(started)["files"] == 3)
            time.sleep(0.3)
            assert sorted(map(int, names(rows(started)))) == list(range(1, 13))
            assert source(started)["gaps"] == 0
            assert source(started)["rotations"] == 2


def test_transfers_are_filtered_and_added_up_by_the_node(tmp_path: Path) -> None:
    with vsftpd({**XFERLOG, **CHROOT}) as server:
        with server.session() as session:
            for number in range(5):
                put(session, f"sales_{number}.csv", b"x" * 1000)
            put(session, "stock.csv", b"x" * 500)
            session.retrbinary("RETR stock.csv", lambda _: None)
        # What was written before the node came is read from the beginning.
        with watching(tmp_path, server.xferlog) as started:
            every = seen(started, 7)
            assert names(rows(started, "&filename=*sales_*")) == [f"sales_{number}.csv" for number in range(5)]
            assert names(rows(started, "&filename=*sales_%3F.csv&direction=upload")) == names(every)[:5]
            assert names(rows(started, "&direction=download")) == ["stock.csv"]
            assert rows(started, f"&user={USER}&host=127.0.0.1&status=complete&outcome=complete") == every
            assert rows(started, "&user=nobody") == []
            assert rows(started, f"&since={every[-1]['log_time']}")[-1] == every[-1]
            assert rows(started, f"&until={every[0]['log_time']}") == []
            for by, key in (("user", USER), ("host", "127.0.0.1")):
                (row,) = started.get(f"/api/v1/xferlog/summary?by={by}")[1]
                assert row["key"] == key
                assert (row["transfers"], row["uploads"], row["downloads"]) == (7, 6, 1)
                assert (row["upload_bytes"], row["download_bytes"]) == (5500, 500)
                assert (row["interrupted"], row["refused"]) == (0, 0)
            hours = started.get("/api/v1/xferlog/summary?by=hour")[1]
            assert sum(row["transfers"] for row in hours) == 7


def test_an_upload_that_is_gone_from_the_disk_is_found(tmp_path: Path) -> None:
    with vsftpd({**XFERLOG, **CHROOT}) as server:
        with server.session() as session:
            for name in ("stays.csv", "goes.csv", "shrinks.csv"):
                put(session, name, b"x" * 1000)
        (server.home / "goes.csv").unlink()
        local(server.home, "shrinks.csv", 10)
        local(server.home, "copied by hand.csv", 10)
        more = f", root: '{server.home}', reconcile_interval: 1s"
        with watching(tmp_path, server.xferlog, more) as started:
            wait_until(lambda: len(started.get("/api/v1/xferlog/findings")[1]) >= 3)
            found = started.get("/api/v1/xferlog/findings")[1]
            assert {(row["kind"], Path(row["filename"]).name) for row in found} == {
                ("missing", "goes.csv"),
                ("shorter", "shrinks.csv"),
                ("unlogged", "copied by hand.csv"),
            }
            wait_until(lambda: [row["on_disk"] for row in rows(started)] == ["present", "missing", "shorter"])


@pytest.mark.parametrize("settings", [{}, XFERLOG], ids=["native", "standard"])
def test_each_of_many_transfers_at_once_is_stored_once_though_the_node_is_killed(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    sessions, enough = 8, threading.Event()
    with vsftpd(settings) as server, ThreadPoolExecutor(sessions) as pool:
        log = server.xferlog if settings else server.log

        def upload(number: int) -> list[str]:
            sent: list[str] = []
            with server.session() as session:
                while not enough.wait(0.02):
                    put(session, f"{number}_{len(sent)}.csv")
                    sent.append(f"{number}_{len(sent)}.csv")
            return sent

        uploads = [pool.submit(upload, number) for number in range(sessions)]
        try:
            kill_once_it_reads(tmp_path, log, behind=0)
            kill_once_it_reads(tmp_path, log, behind=log.stat().st_size)
        finally:
            enough.set()
        sent = [name for done in uploads for name in done.result()]
        with watching(tmp_path, log) as started:
            found = seen(started, len(sent))
            assert Counter(names(found)) == dict.fromkeys(sent, 1)
            assert source(started)["transfers_total"] == len(sent)


def kill_once_it_reads(directory: Path, log: Path, *, behind: int) -> None:
    """A node that dies while it reads what was written after so many bytes."""
    with watching(directory, log) as started:
        wait_until(lambda: any(row["offset"] > behind for row in started.get("/api/v1/xferlog/source")[1]))
        started.signal(signal.SIGKILL)
        started.ended()


@pytest.mark.peer("curl")
@pytest.mark.peer("lftp")
@pytest.mark.peer("proftpd")
def test_a_proftpd_writes_names_in_their_own_letters_and_deletions(tmp_path: Path) -> None:
    content = local(tmp_path, "content", 4096)
    with proftpd() as server, watching(tmp_path, server.xferlog) as started:
        assert server.curl("-T", content, server.url(KOREAN)) == 0
        assert server.curl("-o", tmp_path / "got", server.url(KOREAN)) == 0
        assert server.lftp(f'rm "{KOREAN}"') == 0
        found = seen(started, 3)
        assert [row["direction"] for row in found] == ["upload", "download", "delete"]
        assert {row["filename"] for row in found} == {f"{server.home}/{KOREAN.replace(' ', '_')}"}
        assert [row["bytes"] for row in found[:2]] == [4096, 4096]
        assert source(started)["unparsed_total"] == 0

"""The child process that reads an account: what it is given, what it says, and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from etlmon.units import Duration
from node.settings_dataproc import DataprocTimeouts
from node.sources import dataproc
from node.sources.dataproc import Dataproc, DataprocError
from node.sources.dataproc_types import ClusterLine, DataprocTask, DoneLine, RegionLine, RegionsLine
from tests.fakes.dataproc import fake_dataproc
from tests.fakes.dataproc_estate import Estate, Region, cluster
from tests.fakes.dataproc_service import Fault
from tests.node.collecting import until
from tests.node.sources.dataproc_asking import QUICK, Heard, account_of, read, read_in_child, task_of
from tests.node.sources.test_dataproc_http import body_of, serving

T = TypeVar("T")

TWO = {"us-east1": Region([cluster("etl")]), "us-west1": Region([cluster("other")])}


def with_asker(act: Callable[[Dataproc], Awaitable[T]]) -> T:
    async def main() -> T:
        asker = Dataproc()
        try:
            return await act(asker)
        finally:
            await asker.close()
            assert asker.pids == []

    return asyncio.run(main())


async def all_of(asker: Dataproc, task: DataprocTask) -> Heard:
    return Heard([line async for line in asker.collect(task)])


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def bytes_of(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def test_the_daemon_itself_never_imports_what_the_child_needs() -> None:
    code = "import sys, node.daemon, node.sources.dataproc; print(*{name.split('.')[0] for name in sys.modules})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(ended.stdout.split())
    assert "node" in imported
    assert imported & {"google", "grpc", "requests", "urllib3", "cryptography"} == set()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_child_says_the_same_as_a_run_in_this_process(tmp_path: Path, transport: str) -> None:
    with fake_dataproc(Estate.large(60, ["us-east1", "us-west1"], jobs_per_cluster=3)) as google:
        task = task_of(account_of(google, tmp_path, transport=transport))
        heard, here = read_in_child(task), read(task)
    assert heard.clusters == here.clusters
    assert len(heard.clusters) == 60
    assert [line.result.region for line in heard.of(RegionLine)] != []
    assert heard.done.calls == here.done.calls


def test_clusters_arrive_while_other_regions_are_still_asked(tmp_path: Path) -> None:
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "us-west1"] = [Fault(hang=True, always=True)]

        async def first(asker: Dataproc) -> str:
            async with aclosing(asker.collect(task_of(account_of(google, tmp_path)))) as lines:
                async for line in lines:
                    if isinstance(line, ClusterLine):
                        return line.cluster.cluster_name
            return "none"

        assert with_asker(first) == "etl"


def test_the_key_stands_in_no_list_of_processes(tmp_path: Path) -> None:
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "*"] = [Fault(hang=True, always=True)]
        task = task_of(account_of(google, tmp_path))

        async def look(asker: Dataproc) -> list[bytes]:
            seen: list[bytes] = []
            async with aclosing(asker.collect(task)) as lines:
                async for line in lines:
                    if isinstance(line, RegionsLine):
                        (pid,) = asker.pids
                        seen += [bytes_of(pid, "cmdline"), bytes_of(pid, "environ")]
                        break
            return seen

        command, environment = with_asker(look)
    assert b"etlmon-dataproc\0data\0" in command
    assert b"PRIVATE" not in command + environment
    assert environment == b"GRPC_VERBOSITY=NONE\0"
    assert "PRIVATE" not in repr(task)


def test_leaving_early_ends_the_child(tmp_path: Path) -> None:
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "*"] = [Fault(hang=True, always=True)]

        async def leave(asker: Dataproc) -> int:
            lines = asker.collect(task_of(account_of(google, tmp_path)))
            await anext(lines)
            (pid,) = asker.pids
            await lines.aclose()
            return pid

        assert not is_there(with_asker(leave))


def test_closing_ends_every_child_and_says_so_to_who_listens(tmp_path: Path) -> None:
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "*"] = [Fault(hang=True, always=True)]

        async def close(asker: Dataproc) -> None:
            task = task_of(account_of(google, tmp_path))
            runs = [asyncio.create_task(all_of(asker, task)) for _ in range(2)]
            await until(lambda: len(google.seen("ListClusters")) == 4)
            assert len(asker.pids) == 2
            await asker.close()
            assert asker.pids == []
            for run in runs:
                with pytest.raises(DataprocError, match="ended before it was done"):
                    await run

        with_asker(close)


def test_a_child_that_dies_is_an_error_and_what_it_said_before_counts(tmp_path: Path) -> None:
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "us-west1"] = [Fault(hang=True, always=True)]

        names: list[str] = []

        async def kill(asker: Dataproc) -> None:
            async for line in asker.collect(task_of(account_of(google, tmp_path))):
                if isinstance(line, ClusterLine):
                    names.append(line.cluster.cluster_name)
                if isinstance(line, RegionLine):
                    os.kill(asker.pids[0], signal.SIGKILL)

        with pytest.raises(DataprocError, match="ended before it was done"):
            with_asker(kill)
    assert names == ["etl"]


def test_a_child_that_hangs_is_killed_some_time_after_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataproc, "_GRACE_SEC", 1.0)
    # Its start counts: on a busy machine that alone takes seconds.
    settings = msgspec.structs.replace(QUICK, timeouts=DataprocTimeouts(total=Duration(8.0)))
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        google.faults["ListClusters", "us-west1"] = [Fault(hang=True, always=True)]

        async def stop(asker: Dataproc) -> tuple[Heard, int]:
            lines, pid = [], 0
            async for line in asker.collect(task_of(account_of(google, tmp_path), settings)):
                lines.append(line)
                if isinstance(line, RegionLine):
                    (pid,) = asker.pids
                    os.kill(pid, signal.SIGSTOP)
            return Heard(lines), pid

        heard, pid = with_asker(stop)
    assert list(heard.clusters) == ["etl"]
    assert heard.of(DoneLine) == []
    assert not is_there(pid)


def test_a_task_may_be_longer_than_a_pipe_holds(tmp_path: Path) -> None:
    earlier = {f"p{number}": [float(ago % 60) + 0.123 for ago in range(3000)] for number in range(10)}
    with fake_dataproc(Estate.of({"p1": TWO})) as google:
        account = account_of(google, tmp_path, projects=("p1",))
        quota = msgspec.structs.replace(QUICK.quota, per_minute=0)
        heard = read_in_child(task_of(account, msgspec.structs.replace(QUICK, quota=quota), earlier_calls=earlier))
    assert len(heard.clusters) == 2


def test_who_listens_slowly_lets_the_child_wait_and_misses_nothing(tmp_path: Path) -> None:
    count = 6000
    with fake_dataproc(Estate.large(count, ["us-east1"]), most_per_page=1000) as google:
        task = task_of(account_of(google, tmp_path, include_jobs=False))

        async def slowly(asker: Dataproc) -> tuple[Heard, int]:
            lines: list[Any] = []
            waiting = [0]

            def bytes_waiting() -> int:
                waiting.extend(len(child._heard) for child in asker._children)
                return waiting[-1]

            async for line in asker.collect(task):
                lines.append(line)
                if len(lines) == 10:
                    await until(lambda: bytes_waiting() > 1 << 20)
                bytes_waiting()
            return Heard(lines), max(waiting)

        heard, most = with_asker(slowly)
    assert len(heard.clusters) == count
    assert most < (1 << 20) + (1 << 17)


@pytest.mark.parametrize("library", ["grpc", "google.cloud.dataproc_v1", "requests"])
def test_a_missing_library_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    without = dataproc._CODE.replace("main()", f"sys.modules[{library!r}] = None\nmain()")
    monkeypatch.setattr(dataproc, "_CODE", without)
    with fake_dataproc(Estate.of({"p1": TWO})) as google, pytest.raises(DataprocError) as caught:
        read_in_child(task_of(account_of(google, tmp_path)))
    assert "pip install 'etlmon[dataproc]'" in str(caught.value)
    assert library in str(caught.value)


def test_a_mistake_in_the_child_is_told_with_its_place_and_without_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "import node.sources.dataproc_run as run\nrun.Run.run = lambda self: int('hunter2')\nmain()"
    monkeypatch.setattr(dataproc, "_CODE", dataproc._CODE.replace("main()", broken))
    with fake_dataproc(Estate.of({"p1": TWO})) as google, pytest.raises(DataprocError) as caught:
        read_in_child(task_of(account_of(google, tmp_path)))
    assert "ValueError in" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_child_ends_by_itself_when_nobody_is_there_to_kill_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = (
        "import time, node.sources.dataproc_child as child, node.sources.dataproc_run as run\n"
        "child.SPARE_SEC = 0\nrun.Run.run = lambda self: time.sleep(600)\nmain()"
    )
    monkeypatch.setattr(dataproc, "_CODE", dataproc._CODE.replace("main()", hanging))
    monkeypatch.setattr(dataproc, "_GRACE_SEC", 60.0)
    settings = msgspec.structs.replace(QUICK, timeouts=DataprocTimeouts(total=Duration(1.0)))
    with fake_dataproc(Estate.of({"p1": TWO})) as google, pytest.raises(DataprocError, match="ended before"):
        read_in_child(task_of(account_of(google, tmp_path), settings))


@pytest.mark.parametrize("said", ["hello", '{"line": "weather"}', '{"line": "cluster"}'])
def test_nonsense_from_the_child_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(dataproc, "_CODE", f"print({said!r})")
    with fake_dataproc(Estate.of({"p1": TWO})) as google, pytest.raises(DataprocError, match="not understood"):
        read_in_child(task_of(account_of(google, tmp_path)))


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with fake_dataproc(Estate.of({"p1": TWO})) as google, pytest.raises(DataprocError, match="cannot be started"):
        read_in_child(task_of(account_of(google, tmp_path)))


def test_a_proxy_of_the_service_is_for_tls_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anonymous: dict[str, Any] = {"credentials_file": None, "anonymous": True, "region_filter": ("us-east1",)}
    with serving(body_of(b"", "502 No")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with fake_dataproc(Estate.of({"p1": TWO})) as google:
            assert len(read_in_child(task_of(account_of(google, tmp_path))).clusters) == 2
            assert proxy.heard == []
        with fake_dataproc(Estate.of({"p1": TWO}), tls=True, needs_token=False) as google:
            account = account_of(google, tmp_path, insecure=False, compute_endpoint="", **anonymous)
            assert read_in_child(task_of(account)).states == {"us-east1": "failed"}
            assert proxy.heard[0].startswith(f"CONNECT {google.endpoint} ".encode())
            seen = len(proxy.heard)
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            account = account_of(
                google,
                tmp_path,
                insecure=False,
                compute_endpoint="",
                ca_file=str(google.ca_file(tmp_path)),
                **anonymous,
            )
            assert list(read_in_child(task_of(account)).clusters) == ["etl"]
            assert len(proxy.heard) == seen

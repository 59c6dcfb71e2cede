"""A whole node beside a mount that does not answer."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.fs import FS
from etlmon.contract.node import EVENTS
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import tmpfs

CONFIG = """
node: {{listen: "127.0.0.1:0"}}
refresh: {{disk: 200ms}}
fs: {{probe_timeout: {patience}}}
paths:
  - {{path: "{inside}", scan_interval: 500ms, timeout: 2s}}
  - {{path: "{beside}", scan_interval: 500ms}}
"""


@pytest.fixture
def served(tmp_path: Path) -> Any:
    with hangfs(tmp_path / "served") as mounted:
        yield mounted


def config(served: HangFs, beside: Path, patience: str = "2s") -> str:
    """`patience`: with little of it a mount that is well may be said to be stuck while the machine is busy."""
    return CONFIG.format(inside=served.mount_point, beside=beside, patience=patience)


def mount(running: NodeUnderTest, point: Path) -> dict[str, Any]:
    status, mounts = running.get(FS.path)
    assert status == 200
    return next((row for row in mounts if row["mount_point"] == str(point)), {})


def wait_for_state(running: NodeUnderTest, point: Path, state: str) -> None:
    wait_until(lambda: mount(running, point).get("state") == state)


def held(running: NodeUnderTest) -> tuple[int, int]:
    """Threads and descriptors of the node itself."""
    process = Path(f"/proc/{running.process.pid}")
    return len(os.listdir(process / "task")), len(os.listdir(process / "fd"))  # noqa: PTH208


@pytest.mark.peer("fuse")
@pytest.mark.peer("tmpfs")
def test_every_other_value_stays_fresh_beside_a_stuck_mount(tmp_path: Path, served: HangFs) -> None:
    with tmpfs(tmp_path / "beside") as beside, node(tmp_path, config(served, beside)) as running:
        wait_for_state(running, served.mount_point, "ok")
        served.hang("statfs", "getattr", "readdir")
        wait_for_state(running, served.mount_point, "stuck")
        last = mount(running, served.mount_point)
        (beside / "file").write_bytes(b"x" * 1024 * 1024)
        for _ in range(5):
            before = mount(running, beside)["collected_at"]
            began = time.monotonic()
            wait_until(lambda before=before: mount(running, beside)["collected_at"] > before)  # type: ignore[misc]
            assert time.monotonic() - began < 10  # beside one that holds them up they stay as they are
        assert mount(running, beside)["used_bytes"] == 1024 * 1024
        wait_until(lambda: _path(running, beside).get("file_count") == 1)
        assert mount(running, served.mount_point)["collected_at"] == last["collected_at"]
        assert mount(running, served.mount_point)["used_bytes"] == last["used_bytes"]
        served.release()
        wait_for_state(running, served.mount_point, "ok")


@pytest.mark.peer("fuse")
def test_the_node_stops_in_time_and_knows_after_a_restart_since_when_the_mount_is_stuck(
    tmp_path: Path, served: HangFs
) -> None:
    with node(tmp_path, config(served, tmp_path)) as running:
        wait_for_state(running, served.mount_point, "ok")
        served.hang("statfs", "getattr", "readdir")
        wait_for_state(running, served.mount_point, "stuck")
        since = mount(running, served.mount_point)["stuck_since"]
        assert running.stopped() == 0
    with node(tmp_path, config(served, tmp_path)) as restarted:
        wait_for_state(restarted, served.mount_point, "stuck")
        assert mount(restarted, served.mount_point)["stuck_since"] == since
        served.release()
        wait_for_state(restarted, served.mount_point, "ok")
        _, events = restarted.get(f"{EVENTS.path}?domain=fs&key={served.mount_point}")
        assert [event["kind"] for event in events] == ["mount_recovered", "mount_stuck"]
        assert restarted.stopped() == 0


@pytest.mark.peer("fuse")
def test_a_mount_that_comes_and_goes_costs_the_node_no_thread_and_no_descriptor(tmp_path: Path, served: HangFs) -> None:
    with node(tmp_path, config(served, tmp_path, patience="300ms")) as running:

        def cycle() -> None:
            served.hang("statfs")
            wait_for_state(running, served.mount_point, "stuck")
            served.release()
            wait_for_state(running, served.mount_point, "ok")

        wait_for_state(running, served.mount_point, "ok")
        for _ in range(3):
            cycle()
        threads, descriptors = held(running)
        for _ in range(12):
            cycle()
        # On a busy machine a few more may be in use at once; twelve cycles would leave at least twelve.
        wait_until(lambda: held(running)[0] <= threads + 6 and held(running)[1] <= descriptors + 6)


def _path(running: NodeUnderTest, path: Path) -> dict[str, Any]:
    _, rows = running.get("/api/v1/paths")
    return next((row for row in rows if row["path"] == str(path)), {})

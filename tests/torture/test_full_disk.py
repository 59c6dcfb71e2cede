"""The node's own disk is full for a while: what the log still holds is stored when there is room again."""

import time
from pathlib import Path

import pytest

from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import tmpfs
from tests.torture.following import KEEP_ALL, caught_up, rename_chain, state, writer
from tests.torture.verdict import judge, over_api
from tests.torture.writer import line

LINES_PER_SEC = 2000


def health(started: NodeUnderTest) -> str:
    return str(started.get("/api/v1/health")[1]["status"])


@pytest.mark.peer("tmpfs")
def test_a_full_disk_holds_the_lines_up_and_loses_none(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    with tmpfs(tmp_path / "small", "size=64m") as small, writer(log, LINES_PER_SEC) as writes:
        config = f"node: {{listen: '127.0.0.1:0', db_path: '{small}/etlmon.db'}}\n"
        config += f"logs: [{{name: app, path: '{log}', start: beginning}}]\n{KEEP_ALL}"
        with node(tmp_path, config) as started:
            wait_until(lambda: state(started, "app").get("lines_total", 0) > 0)
            filler = small / "filler"
            fill(filler)
            wait_until(lambda: health(started) == "degraded")
            stored = state(started, "app")["lines_total"]
            # The file that goes on while nothing can be stored is rotated, too: its descriptor is kept.
            rename_chain(log)
            writes.hang_up()
            time.sleep(0.5)
            filler.unlink()
            wait_until(lambda: state(started, "app").get("lines_total", 0) > stored, within_sec=40)
            written = writes.end()
            caught_up(started, "app", line(written - 1), within_sec=40)
            verdict = judge(written, over_api(started.address, "app"))
            assert verdict.perfect, verdict
            wait_until(lambda: health(started) == "healthy", within_sec=40)


def fill(file: Path) -> None:
    """Write until not one byte more can be written."""
    with file.open("wb", buffering=0) as out:
        for size in (65536, 4096, 1):
            while True:
                try:
                    out.write(b"x" * size)
                except OSError:
                    break

"""`etlmon demo`: this very host as a node with a small generated ETL, and the terminal UI on top.

Everything lives in one temporary directory and ends with the demo: the node (a child on a free loopback port), the
generated ETL and its cron (two more) and the files. Without a terminal it prints one snapshot instead of the UI.
"""

import argparse
import asyncio
import contextlib
import ctypes
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from etlmon.client import NodeClient, NodeError
from etlmon.contract.cron import CRON
from etlmon.contract.paths import PATHS
from etlmon.contract.processes import PROCESSES
from etlmon.contract.xferlog import XFERLOG_SOURCE
from etlmon.demo_etl import FOLDERS

START_SEC = 20.0
PR_SET_PDEATHSIG = 1
_LISTENING = re.compile(r"listening on (http://\S+)")

NODE_YAML = """\
node:
  listen: 127.0.0.1:0
  db_path: {root}/etlmon.db
refresh:
  disk: 2s
  process: 2s
  cron: 5s
  host: 2s
alerts:
  evaluation_interval: 5s
  rules:
    - name: rejected_files
      metric: etlmon_path_file_count
      labels: {{path: {root}/etl/rejected}}
      condition: "> 0"
      summary: "rejected files: {{{{ value }}}}"
cron:
  system_crontab: {root}/etl/cron/crontab
  cron_d: {root}/etl/cron/cron.d
  spool: [{root}/etl/cron/crontabs]
  anacrontab: {root}/etl/cron/anacrontab
  run_log: {root}/etl/log/cron.log
  grace: 30s
process_watch:
  - {{name: etl_worker, match: "etl_worker --spool {root}/etl ", min: 3, max: 8}}
  - {{name: landing, match: "demo_etl {root}"}}
logs:
  - name: app
    path: {root}/etl/log/app.log
    start: beginning
    timestamp: "%Y-%m-%d %H:%M:%S,%f"
    multiline: {{start: '^[0-9]{{4}}-'}}
  - {{name: jobs, path: {root}/etl/log/jobs.log, start: beginning, timestamp: iso}}
xferlog:
  path: {root}/etl/log/vsftpd.log
paths:
  - {{path: {root}/etl/landing, name: landing, scan_interval: 2s, sizes: true}}
  - {{path: {root}/etl/staging, name: staging, scan_interval: 2s, sizes: true}}
  - {{path: {root}/etl/archive, name: archive, scan_interval: 5s, sizes: true}}
  - {{path: {root}/etl/rejected, name: rejected, scan_interval: 5s}}
"""


class DemoError(Exception):
    """The demo could not start: one line for the user."""


def _end_with_parent() -> None:
    """In a child before exec: end when the demo ends, however it ends (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _child(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
        )
    try:
        yield child
    finally:
        if child.stdin is not None:
            child.stdin.close()
        child.terminate()
        try:
            child.wait(timeout=6)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def demo_node(config: str = NODE_YAML) -> Iterator[str]:
    """Start the generated ETL and a node that watches it; yields the node's address once it answers.

    `{root}` in the configuration is the demo's own directory. Raises DemoError with the node's own last words when it
    does not start.
    """
    try:
        scratch = tempfile.TemporaryDirectory(prefix="etlmon-demo-", ignore_cleanup_errors=True)
    except OSError as error:
        raise DemoError(
            f"the demo has no place for its files: {error}; set TMPDIR to a directory you can write"
        ) from error
    with scratch as directory:
        root = Path(directory)
        (root / "node.yaml").write_text(config.format(root=root), encoding="utf-8")
        (root / "etl").mkdir()
        etl_command = [sys.executable, "-m", "etlmon.demo_etl", str(root / "etl")]
        cron_command = [sys.executable, "-m", "etlmon.demo_cron", str(root / "etl"), "-L", "15"]
        node_command = [sys.executable, "-m", "etlmon", "node", "-c", str(root / "node.yaml")]
        with (
            _child(etl_command, root / "etl.log"),
            _child(cron_command, root / "cron.log"),
            _child(node_command, root / "node.log") as node,
        ):
            yield _address(node, root / "node.log")


def _address(node: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_SEC
    while time.monotonic() < end:
        text = log.read_text(encoding="utf-8", errors="replace")
        if found := _LISTENING.search(text):
            return found.group(1)
        if node.poll() is not None:
            break
        time.sleep(0.02)
    last = text.strip().splitlines()[-1:] or ["it said nothing"]
    raise DemoError(f"the demo's node did not start: {last[0]}")


async def _first_looks(address: str) -> None:
    """Return when everything has been looked at once, or after START_SEC whatever is there."""
    client = NodeClient(address)
    try:
        async with asyncio.timeout(START_SEC):
            while True:
                with contextlib.suppress(NodeError):
                    if await _is_all_there(client):
                        return
                await asyncio.sleep(0.1)
    except TimeoutError:
        return
    finally:
        await client.close()


async def _is_all_there(client: NodeClient) -> bool:
    paths = (await client.ask(PATHS)).unwrap()
    is_counted = len(paths) == len(FOLDERS) and all(path.status == "OK" for path in paths)
    lists = [await client.ask(endpoint) for endpoint in (PROCESSES, CRON, XFERLOG_SOURCE)]
    return is_counted and all(answer.unwrap() for answer in lists)


def main(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 when it was shown, 1 when it could not start."""
    try:
        with demo_node() as address:
            if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty():
                from ui.app import run
                from ui.settings import NodeAddress, UiSettings

                settings = UiSettings(nodes=(NodeAddress(name="this host", address=address),))
                return run(settings, read_only=arguments.read_only)
            return _snapshot(address)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1


def _snapshot(address: str) -> int:
    from ui.status import print_status

    asyncio.run(_first_looks(address))
    # What is wrong with this host is shown, but it is not the demo that failed.
    print_status([address])
    print("A terminal shows more: run the same command in one.")
    return 0

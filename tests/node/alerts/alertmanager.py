"""A real Alertmanager with a receiver behind it, and what it believes in."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.node.processes import ask, wait_until
from tests.peers import program

CONFIG = """
route: {{receiver: hook, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}}
receivers:
- name: hook
  webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""


class Alertmanager:
    def __init__(self, url: str) -> None:
        self.url = url

    def alerts(self) -> list[Any]:
        """Those that it believes in now. Raises OSError as long as it does not answer."""
        status, found = ask(self.url, "/api/v2/alerts")
        if status != 200:
            raise OSError(f"Alertmanager answers {status}")
        alerts: list[Any] = found
        return alerts

    def answers(self) -> bool:
        try:
            self.alerts()
        except OSError:
            return False
        return True


@contextmanager
def alertmanager(folder: Path, hook: str, port: int = 0) -> Iterator[Alertmanager]:
    """One that tells `hook`, on loopback alone, until the block ends."""
    command = program("alertmanager")
    folder.mkdir(exist_ok=True)
    config = folder / "am.yml"
    config.write_text(CONFIG.format(url=hook))
    port = port or _free_port()
    listen = f"127.0.0.1:{port}"
    options = [f"--config.file={config}", f"--storage.path={folder / 'data'}", f"--web.listen-address={listen}"]
    with (folder / "am.log").open("ab") as log:
        process = subprocess.Popen([command, *options, "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        known = Alertmanager(f"http://{listen}")
        wait_until(known.answers, 30)
        yield known
    finally:
        process.kill()
        process.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

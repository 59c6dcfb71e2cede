import os
import socket
from pathlib import Path

import pytest

from node.notify import Notifier


def test_an_abstract_socket_hears_it_as_well(tmp_path: Path) -> None:
    name = f"etlmon-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name)
        systemd.settimeout(5)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready("listening")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=listening"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_without_anybody_to_hear_it_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready("listening")
    notifier.stopping()
    assert notifier.watchdog_sec is None


@pytest.mark.parametrize(
    ("environ", "every_sec"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_is_meant_for(environ: dict[str, str], every_sec: float | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog_sec == every_sec


def test_a_status_that_holds_a_line_break_cannot_forge_another_message(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).ready("refused: a\nSTOPPING=1")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=refused: a STOPPING=1"

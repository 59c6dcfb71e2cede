"""A real node and a real Proxmox VE server: a cluster is registered, looked into and forgotten from the terminal."""

from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, etlmon
from tests.fakes.proxmox import TOKEN, fake_proxmox
from tests.node.processes import node

pytestmark = pytest.mark.peer("tmux")


def type_in(terminal: Terminal, *texts: str) -> None:
    """Each text, and on to the next field."""
    for text in texts:
        if text:
            terminal.type(text)
        terminal.keys("Enter")


def test_a_cluster_is_registered_trusted_looked_into_and_forgotten(tmp_path: Path) -> None:
    config = "node: {listen: 127.0.0.1:0, node_name: prod-etl-01}\nrefresh: {clusters: 1s}\n"
    with (
        fake_proxmox(unauthorized_delay_sec=0.05) as pve,
        node(tmp_path, config) as host,
        etlmon("ui", "--node", host.address, width=80, height=24) as terminal,
    ):
        terminal.wait_for("Quit")
        terminal.keys("8")
        terminal.wait_for("No cluster is watched.")
        terminal.keys("n")
        terminal.wait_for("Register a Proxmox cluster")
        type_in(terminal, "서울-운영", pve.url, "root@pam", "", "mon", "wrong-value", "", "", "")
        screen = terminal.wait_for("Trust it")
        assert pve.fingerprint[:47] in screen
        assert not pve.calls, "something was sent before the certificate was trusted"
        terminal.keys("Tab", "Enter")
        terminal.wait_for("check its name")
        # The cursor is where the wrong value is, and what is typed takes its place.
        type_in(terminal, TOKEN, "", "", "", "")
        screen = terminal.wait_for("It answers:")
        assert "Register" in screen
        assert TOKEN not in screen
        terminal.keys("Enter")
        terminal.wait(lambda screen: "PVE" in screen and "healthy" in screen, "the cluster")
        terminal.keys("Enter")
        terminal.wait_for("Nodes")
        pve.state.node("pve2").online = False
        terminal.keys("Escape")
        terminal.wait_for("degraded")
        pve.change_certificate()
        terminal.wait_for("unhealthy")
        terminal.keys("C")
        screen = terminal.wait_for("Trust a certificate")
        assert pve.fingerprint[48:] in screen
        terminal.keys("Tab", "Enter")
        terminal.wait_for("degraded")
        terminal.keys("d")
        terminal.wait_for("Nothing is done to the cluster itself.")
        terminal.keys("Tab", "Enter")
        terminal.wait_for("No cluster is watched.")
        assert {call.method for call in pve.calls} == {"GET"}
        assert TOKEN not in host.output + (tmp_path / "etlmon.db").read_bytes().decode("latin-1")

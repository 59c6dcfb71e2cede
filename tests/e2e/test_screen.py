"""A real node, a real `etlmon ui` in a real terminal, and the keys an operator presses."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from tests.e2e.terminal import Terminal, etlmon
from tests.node.processes import NodeUnderTest, node

pytestmark = pytest.mark.peer("tmux")

HOSTILE = "in\x1b]52;c;aA\x07[red]한글\u202e"


def cells(line: str) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in line)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def host(tmp_path: Path) -> Iterator[NodeUnderTest]:
    """A node that watches a landing directory, a missing one, and one with a hostile name."""
    for name in ("landing", HOSTILE):
        (tmp_path / name).mkdir()
        for number in range(12):
            (tmp_path / name / f"sales_{number}.csv").touch()
    hostile, named = (text.encode("unicode_escape").decode() for text in (f"{tmp_path}/{HOSTILE}", HOSTILE))
    config = f"""
node: {{listen: "127.0.0.1:{free_port()}", node_name: prod-etl-01}}
refresh: {{disk: 1s}}
paths:
  - {{path: {tmp_path}/landing, name: landing, scan_interval: 1s}}
  - {{path: {tmp_path}/gone, name: gone, scan_interval: 1s}}
  - {{path: "{hostile}", name: "{named}", scan_interval: 1s}}
"""
    with node(tmp_path, config) as started:
        assert started.address
        yield started


def look_at(host: NodeUnderTest, *more: str, width: int = 120, height: int = 36) -> "Iterator[Terminal]":
    with etlmon("ui", "--node", host.address, *more, width=width, height=height) as terminal:
        terminal.wait_for("Quit")
        yield terminal


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 36), (200, 60)])
def test_the_operator_walks_through_the_views_and_leaves(host: NodeUnderTest, width: int, height: int) -> None:
    for terminal in look_at(host, width=width, height=height):
        screen = terminal.wait_for("gone")
        assert "Overview" in screen or "Over" in screen
        terminal.keys("2")
        terminal.wait_for("/dev/shm")  # Enter opens a row, so there has to be one
        terminal.keys("Enter")
        terminal.wait_for("device")
        terminal.keys("Escape")
        # A key right behind ESC is alt+key to a terminal: wait for what ESC did, as a person does.
        terminal.wait_for("MOUNT")
        terminal.keys("3")
        screen = terminal.wait(lambda text: "landing" in text and "12" in text, "the count of landing")
        assert all(cells(line) <= width for line in screen.splitlines())
        assert len(screen.splitlines()) == height
        terminal.keys("?")
        terminal.wait_for("esc close")
        terminal.keys("q")
        terminal.wait(lambda text: "Refresh" in text and "esc close" not in text, "the help to close")
        terminal.keys("q")
        assert terminal.wait_exit() == 0


def test_a_node_that_dies_is_named_with_the_reason_and_its_values_stay_until_it_is_back(
    host: NodeUnderTest, tmp_path: Path
) -> None:
    for terminal in look_at(host):
        terminal.keys("3")
        terminal.wait_for("landing")
        host.signal(signal.SIGKILL)
        host.ended()
        screen = terminal.wait(lambda text: "refused" in text and "retry" in text, "the reason and the next try")
        assert "landing" in screen, "the last values stay"
        terminal.keys("R")
        terminal.wait_for("not done")
        (tmp_path / "landing" / "late.csv").touch()
        with node(tmp_path, (tmp_path / "node.yaml").read_text(encoding="utf-8"), name="again") as again:
            assert again.address == host.address
            terminal.keys("r")
            terminal.wait(lambda text: "13" in text and "refused" not in text, "the node to be back")


def test_a_filter_is_typed_and_left_and_keys_in_it_only_type(host: NodeUnderTest) -> None:
    for terminal in look_at(host):
        terminal.keys("3")
        terminal.wait_for("gone")
        terminal.type("/landq")  # in one burst, as a slow line delivers it
        terminal.wait_for("landq")
        terminal.keys("BSpace")
        terminal.wait(lambda text: "landing" in text and "gone" not in text.split("Path")[-1], "the filtered rows")
        terminal.keys("Enter", "Escape")
        terminal.wait(lambda text: "gone" in text, "all rows again")
        assert terminal.exit_status() is None


def test_the_korean_letters_on_the_same_keys_do_the_same(host: NodeUnderTest) -> None:
    for terminal in look_at(host):
        terminal.wait_for("gone")
        terminal.type("ㅂ")
        assert terminal.wait_exit() == 0


def test_a_scan_is_asked_for_and_the_node_says_that_it_began(host: NodeUnderTest, tmp_path: Path) -> None:
    for terminal in look_at(host):
        terminal.keys("3")
        terminal.wait_for("landing")
        terminal.keys("/")
        terminal.type("landing")
        terminal.wait_for("1 of 3")
        terminal.keys("Enter")
        terminal.wait_for("Scan now")
        terminal.keys("R")
        terminal.wait(lambda text: "scan" in text.lower() and str(tmp_path) in text, "what became of the scan")


def test_hostile_names_reach_the_terminal_as_harmless_text(host: NodeUnderTest) -> None:
    for terminal in look_at(host):
        terminal.keys("3")
        terminal.wait_for("[red]한글")
        painted = terminal.screen(colours=True)
        assert "\x1b]52" not in painted
        assert "\u202e" not in painted


def test_ascii_draws_with_ascii_alone(host: NodeUnderTest) -> None:
    for terminal in look_at(host, "--ascii"):
        terminal.keys("2")
        screen = terminal.wait_for("USED%")
        assert screen.isascii()


def test_a_node_that_was_never_there_is_named_with_the_reason() -> None:
    with etlmon("ui", "--node", f"http://127.0.0.1:{free_port()}") as terminal:
        terminal.wait(lambda text: "refused" in text and "retry in" in text, "the reason and the next try")
        terminal.keys("C-c")
        assert terminal.wait_exit() == 0


def test_a_resize_repaints_the_whole_screen(host: NodeUnderTest) -> None:
    for terminal in look_at(host):
        terminal.keys("2")
        terminal.wait_for("USED%")
        terminal.resize(80, 24)
        screen = terminal.wait(lambda text: len(text.splitlines()) == 24 and "USED%" in text, "the smaller screen")
        assert all(cells(line) <= 80 for line in screen.splitlines())


def test_a_dumb_terminal_is_refused_with_the_command_that_works_there() -> None:
    with etlmon("ui", env={"TERM": "dumb"}) as terminal:
        terminal.wait_for("etlmon status")
        assert terminal.wait_exit() == 1

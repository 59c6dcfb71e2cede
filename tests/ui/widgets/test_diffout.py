"""The bytes that are written must leave on the terminal what a full redraw would."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from tests.peers import program
from ui.widgets.diffout import Shadow

STYLES = [None, Style(color="red"), Style(color="#7aa2f7", bold=True), Style(bgcolor="#2b3a67")]
WIDTH = 20
ROOT = Path(__file__).parents[3]


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    """A line of exactly WIDTH cells, of narrow and wide characters in runs of several styles."""
    segments: list[Segment] = []
    left = WIDTH
    while left:
        text = draw(st.sampled_from(["a", "bc", "한", "─█", "글자", "e\u0301", "1 2", "🇰🇷"]))
        cells = Segment(text).cell_length
        if cells > left:
            text, cells = " " * left, left
        segments.append(Segment(text, draw(st.sampled_from(STYLES))))
        left -= cells
    return Strip(segments, WIDTH)


class Terminal:
    """As much of a terminal as the bytes need: cursor positions, styles, wide characters."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, str]] = {}

    def write(self, output: str) -> None:
        x = y = 0
        style = ""
        while output:
            if output.startswith("\x1b["):
                end = next(index for index, character in enumerate(output) if character in "Hm")
                if output[end] == "H":
                    y, x = (int(part) - 1 for part in output[2:end].split(";"))
                else:
                    style = output[2:end].removeprefix("0")
                output = output[end + 1 :]
                continue
            width = cell_len(output[0])
            if not width:
                # A combining mark melts into what stands to its left.
                before = next(place for place in range(x - 1, -1, -1) if self.cells[place, y][0])
                self.cells[before, y] = (self.cells[before, y][0] + output[0], style)
            for cell in range(width):
                self.cells[x, y] = (output[0] if cell == 0 else "", style)
                x += 1
            output = output[1:]


@given(st.lists(st.lists(strips(), min_size=2, max_size=2), min_size=1, max_size=6))
def test_the_changes_leave_what_a_full_redraw_would(frames: list[list[Strip]]) -> None:
    shadow, terminal = Shadow(), Terminal()
    for frame in frames:
        terminal.write(shadow.changes(frame, Size(WIDTH, 2), ColorSystem.TRUECOLOR))
        fresh = Terminal()
        fresh.write(Shadow().changes(frame, Size(WIDTH, 2), ColorSystem.TRUECOLOR))
        assert terminal.cells == fresh.cells
        assert shadow.changes(frame, Size(WIDTH, 2), ColorSystem.TRUECOLOR) == ""


def test_only_the_runs_that_differ_are_written() -> None:
    def line(number: str) -> list[Strip]:
        return [Strip([Segment("mount "), Segment(number, STYLES[1]), Segment(" of all")])]

    shadow = Shadow()
    shadow.changes(line("93%"), Size(16, 1), ColorSystem.TRUECOLOR)
    assert shadow.changes(line("94%"), Size(16, 1), ColorSystem.TRUECOLOR) == "\x1b[1;8H\x1b[31m4\x1b[0m"
    assert shadow.changes(line("9%"), Size(16, 1), ColorSystem.TRUECOLOR).endswith(" of all")
    shadow.forget()
    assert "mount" in shadow.changes(line("9%"), Size(16, 1), ColorSystem.TRUECOLOR)
    assert "mount" in shadow.changes(line("9%"), Size(15, 1), ColorSystem.TRUECOLOR)


class Tmux:
    """A terminal that can be looked at, in a server of its own."""

    def __init__(self, tmux: Path, socket: Path, command: list[str]) -> None:
        self._base = [str(tmux), "-S", str(socket), "-f", "/dev/null"]
        self.size = (100, 30)
        self.counted = 0
        self.run("-u", "new-session", "-d", "-x", "100", "-y", "30", *command)

    def run(self, *arguments: str) -> str:
        return subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=True).stdout

    def resize(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.run("resize-window", "-x", str(width), "-y", str(height))

    def settled(self) -> str:
        """The screen, once the app has said that it did all it was told to, and the screen came to rest."""
        self.run("send-keys", "C-t")
        self.counted += 1
        done = f"{self.size[0]}x{self.size[1]} #{self.counted}"
        deadline = time.monotonic() + 30
        before, since = "", time.monotonic()
        while time.monotonic() < deadline:
            now = self.run("capture-pane", "-p", "-e")
            if now != before:
                before, since = now, time.monotonic()
            elif re.search(rf"{done}(?!\d)", re.sub(r"\x1b\[[\d;]*m", "", now)) and time.monotonic() - since > 0.25:
                return now
            time.sleep(0.05)
        pytest.fail(f"the screen never came to {done}:\n{before}")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    app = Path(__file__).with_name("diff_stage.py")
    # COLUMNS and LINES would tell the app another size than the terminal has.
    environment = [
        "-u",
        "COLUMNS",
        "-u",
        "LINES",
        f"PYTHONPATH={ROOT}",
        "COLORTERM=truecolor",
        "TEXTUAL_ANIMATIONS=none",
    ]
    command = ["env", *environment, sys.executable, str(app)]
    terminal = Tmux(program("tmux"), tmp_path / "tmux", command)
    try:
        deadline = time.monotonic() + 30
        while "MOUNT" not in terminal.run("capture-pane", "-p") and time.monotonic() < deadline:
            time.sleep(0.05)
        yield terminal
    finally:
        terminal.run("kill-server")


@pytest.mark.peer("tmux")
def test_on_a_real_terminal_nothing_is_ever_left_behind(tmux: Tmux) -> None:
    dice = random.Random(20261121)
    keys = ["j", "k", "G", "g", "C-d", "C-u", "n", "n", "m", "Escape", "f", "x", "Escape", "t", "Tab"]
    for round_number in range(16):
        for key in dice.choices(keys, k=dice.randint(1, 6)):
            tmux.run("send-keys", key)
        if round_number % 4 == 3:
            tmux.resize(dice.randint(60, 120), dice.randint(12, 40))
        shown = tmux.settled().splitlines()
        tmux.run("send-keys", "C-l")
        redrawn = tmux.settled().splitlines()
        # The last line counts the keys.
        assert redrawn[:-1] == shown[:-1]

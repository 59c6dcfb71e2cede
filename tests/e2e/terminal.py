"""A real terminal (tmux) with a real `etlmon` in it: keys in, screen out."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

WAIT_SEC = 60.0
ENDED = "ended with "


class Terminal:
    """One tmux server of its own; `keys` types, `screen` is what a person sees."""

    def __init__(
        self, command: list[str], *, width: int, height: int, env: dict[str, str], folder: Path | None = None
    ) -> None:
        self._socket = f"etlmon-test-{uuid.uuid4().hex[:12]}"
        variables = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **env}
        # Whoever runs the tests may say how wide their own terminal is: that is not this one.
        program = "env -u COLUMNS -u LINES " + shlex.join(
            [f"{name}={value}" for name, value in variables.items()] + command
        )
        # The shell outlives the program, so that its last words and its exit status can be read.
        line = f"{program}; echo '{ENDED}'$?; exec sleep 1000"
        size = ("-x", str(width), "-y", str(height), "-c", str(folder or Path.cwd()))
        self._tmux("-f", "/dev/null", "-u", "new-session", "-d", "-s", "t", *size, line)
        self._tmux("set-option", "-g", "escape-time", "0")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names: `j`, `Enter`, `Escape`, `C-c`."""
        for key in keys:
            self._tmux("send-keys", "-t", "t", key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-t", "t", "-l", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def screen(self, *, colours: bool = False) -> str:
        return self._tmux("capture-pane", "-t", "t", "-p", *(["-e"] if colours else []))

    def exit_status(self) -> int | None:
        """The program's exit status, None while it runs."""
        found = re.search(rf"{ENDED}(\d+)", self.screen())
        return int(found[1]) if found else None

    def wait(self, condition: Callable[[str], bool], what: str) -> str:
        """The first screen for which the condition holds; AssertionError with the last screen when none comes."""
        end = time.monotonic() + WAIT_SEC
        while time.monotonic() < end:
            screen = self.screen()
            if condition(screen):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"waited {WAIT_SEC:.0f} s for {what}; the screen was:\n{screen}")

    def wait_for(self, text: str) -> str:
        return self.wait(lambda screen: text in screen, repr(text))

    def wait_exit(self) -> int:
        self.wait(lambda _: self.exit_status() is not None, "the program to end")
        status = self.exit_status()
        assert status is not None
        return status

    def kill(self) -> None:
        """End the program as `kill -9` does."""
        shell = int(self._tmux("display-message", "-t", "t", "-p", "#{pane_pid}"))
        for child in Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)

    def close(self) -> None:
        self._tmux("kill-server")


@contextlib.contextmanager
def etlmon(
    *arguments: str, width: int = 120, height: int = 36, env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """`etlmon ARGUMENTS` in a terminal of that size."""
    home = {"XDG_CONFIG_HOME": "/dev/null", "PYTHONPATH": str(Path.cwd())}
    terminal = Terminal(
        [sys.executable, "-m", "etlmon", *arguments], width=width, height=height, env={**home, **(env or {})}
    )
    try:
        yield terminal
    finally:
        terminal.close()

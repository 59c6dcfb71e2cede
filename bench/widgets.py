"""What a refresh of a table costs: processor time and bytes to the terminal, beside Textual's own DataTable.

Each table is shown by an app of its own on a real pseudo-terminal of 120x36 cells: 50 rows of 9 columns, of which at
every refresh five rows change in one cell each. The bytes are counted where the terminal would read them.
"""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import Figure

ROUNDS = 25
_ROOT = Path(__file__).parents[1]
_QUIET_SEC = 0.12
_LONGEST_SEC = 20.0


def run() -> list[Figure]:
    """P6b's bytes, and the processor time of a refresh."""
    measured = {kind: _measure(kind) for kind in ("keyed", "keyed-diff", "datatable", "datatable-diff")}
    plain, diff = measured["keyed"], measured["keyed-diff"]
    stock, stock_diff = measured["datatable"], measured["datatable-diff"]
    return [
        Figure(
            id="P6b",
            what="bytes to the terminal when 5 cells changed",
            measured=diff[0],
            unit="bytes",
            budget=2000,
            peers=(
                ("without DiffOutput", plain[0]),
                ("DataTable", stock[0]),
                ("DataTable and DiffOutput", stock_diff[0]),
            ),
            note="50 rows, 120x36, truecolor",
        ),
        Figure(
            id="P6b",
            what="processor time of such a refresh",
            measured=diff[1],
            unit="ms",
            peers=(
                ("without DiffOutput", plain[1]),
                ("DataTable", stock[1]),
                ("DataTable and DiffOutput", stock_diff[1]),
            ),
        ),
    ]


def _measure(kind: str) -> tuple[float, float]:
    """Median bytes and milliseconds of processor time of a refresh."""
    written: list[float] = []
    spent: list[float] = []
    with _app(kind) as (pid, terminal):
        _read_until_quiet(terminal, at_least=b"MOUNT")
        for _ in range(ROUNDS):
            before = _cpu_ms(pid)
            os.write(terminal, b"n")
            written.append(len(_read_until_quiet(terminal)))
            spent.append(_cpu_ms(pid) - before)
    return statistics.median(written), statistics.median(spent)


@contextmanager
def _app(kind: str) -> Iterator[tuple[int, int]]:
    """The app on a terminal of its own: its process id, and the other end of the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_ANIMATIONS": "none",
            "PYTHONPATH": str(_ROOT),
        }
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        # The size must be known before the app asks for it.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        os.execve(sys.executable, [sys.executable, "-m", "bench.widgets_app", kind], environment)  # noqa: S606
    try:
        yield pid, terminal
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_until_quiet(terminal: int, *, at_least: bytes = b"") -> bytes:
    """What is written until nothing has been for a moment."""
    output = b""
    deadline = time.monotonic() + _LONGEST_SEC
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], _QUIET_SEC)[0]:
            output += os.read(terminal, 1 << 16)
        elif output and at_least in output:
            return output
    raise TimeoutError(f"the app did not draw within {_LONGEST_SEC:.0f} s; it wrote {output[-300:]!r}")


def _cpu_ms(pid: int) -> float:
    """Processor time of all threads (proc(5), schedstat: nanoseconds on a processor)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

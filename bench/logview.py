"""P6c: the Log view over a million stored lines: opened at the end, paged, jumped through, filtered.

A real node holds the lines, the terminal UI runs on a real pseudo-terminal. lnav opens the file that they came from;
its time is from its own start, and it reads the file itself.
"""

import contextlib
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from bench.figure import Figure
from bench.processes import memory
from bench.pty_screen import PtyScreen, running
from bench.tail import Node, node, until, write_lines
from bench.ui import ui

LINES = 1_000_000
ROUNDS, PAGES = 5, 100
RARE = r"^\d{6}7777 "
"""One line of 10,000."""

WIDTH, HEIGHT = 160, 48
PAGE_UP = b"\x1b[5~"
MIB = 1024 * 1024


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="etlmon-bench-") as name, _stored(Path(name)) as (started, log):
        return _measure(started, *_lnav(log))


@contextlib.contextmanager
def _stored(scratch: Path) -> Iterator[tuple[Node, Path]]:
    """A node that has stored all the lines of a file."""
    log = scratch / "app.log"
    write_lines(log, LINES)
    with node(scratch, log, keep_all=True) as started:
        until(lambda: bool(started.log().get("lines_total", 0) >= LINES), "all lines to be stored")
        yield started, log


def _measure(started: Node, lnav_ms: float | None, lnav_mib: float | None) -> list[Figure]:
    stamp, middle = _middle(started)
    with running(ui(f"http://127.0.0.1:{started.port}"), width=WIDTH, height=HEIGHT) as screen:
        screen.until(lambda output: b"Overview" in output, "the overview")
        screen.press(b"4")
        screen.drain(2)
        closed = memory(screen.pid).rss_bytes
        opened, jumped, filtered = [], [], []
        for _ in range(ROUNDS):
            opened.append(_open(screen))
            jumped.append(_jump(screen, stamp, middle))
            filtered.append(_filter(screen))
            _close(screen)
        _open(screen)
        paged = _scroll(screen, PAGES)
        before = memory(screen.pid).rss_bytes
        paged += _scroll(screen, PAGES)
        after = memory(screen.pid).rss_bytes
    peers = () if lnav_ms is None else (("lnav from its start", lnav_ms),)
    return [
        _figure("open at the end", opened, 150, peers),
        _figure("jump to a time in the middle", jumped),
        _figure("a page up", paged),
        _figure("filter by a regular expression, first hits", filtered, 300),
        Figure(
            id="P6c",
            what=f"memory growth of the UI by {PAGES} pages more, after the first {PAGES}",
            measured=(after - before) / MIB,
            unit="MiB",
            note=f"{closed / MIB:.1f} MiB before the log was opened, {after / MIB:.1f} at last"
            + ("" if lnav_mib is None else f"; lnav has {lnav_mib:.1f}"),
        ),
    ]


def _figure(
    what: str, times: list[float], budget: float | None = None, peers: tuple[tuple[str, float], ...] = ()
) -> Figure:
    return Figure(
        id="P6c",
        what=f"log view of {LINES:,} lines: {what}",
        measured=statistics.median(times),
        unit="ms",
        budget=budget,
        peers=peers,
        note=f"median of {len(times)}, {min(times):.0f} to {max(times):.0f}",
    )


def _middle(started: Node) -> tuple[bytes, range]:
    """A time as it is typed, and the numbers of the lines around where it leads."""
    at = started.get(f"/api/v1/logs/app?start={LINES // 2}&limit=1")[0]["created_at"]
    first = started.get(f"/api/v1/logs/app?since={quote(at)}&lines=1")
    number = int(first[0]["line"][:10])
    return at.encode(), range(max(0, number - HEIGHT), number + HEIGHT)


def _shows(numbers: Iterable[int]) -> Callable[[bytes], bool]:
    """Whether one of these lines was drawn whole. Cells that stay the same are not drawn again, so not each one is."""
    marks = [f"{number:010d} INFO".encode() for number in numbers]
    return lambda output: any(mark in output for mark in marks)


def _ms(screen: PtyScreen, keys: bytes, condition: Callable[[bytes], bool], what: str) -> float:
    at = screen.press(keys)
    return (screen.until(condition, what) - at) * 1000


def _open(screen: PtyScreen) -> float:
    took = _ms(screen, b"\r", _shows([LINES - 1]), "the last line")
    screen.drain(0.5)
    return took


def _close(screen: PtyScreen) -> None:
    screen.press(b"\x1b")
    screen.drain(1)


def _jump(screen: PtyScreen, stamp: bytes, middle: range) -> float:
    screen.press(b"J")
    screen.drain(0.3)
    screen.press(stamp)
    screen.drain(0.3)
    took = _ms(screen, b"\r", _shows(middle), "the middle")
    screen.drain(0.3)
    screen.press(b"G")
    screen.drain(0.5)
    return took


def _filter(screen: PtyScreen) -> float:
    screen.press(b"&")
    screen.drain(0.3)
    screen.press(RARE.encode())
    screen.drain(0.3)
    hits = re.compile(rb"\d7777\D")
    took = _ms(screen, b"\r", lambda output: hits.search(output) is not None, "the first hits")
    screen.drain(0.5)
    screen.press(b"\\")
    screen.drain(0.5)
    return took


def _scroll(screen: PtyScreen, pages: int) -> list[float]:
    """Milliseconds from the key to the first byte of each page."""
    times = []
    for _ in range(pages):
        times.append(_ms(screen, PAGE_UP, bool, "a page"))
        screen.drain(0.1)
    return times


def _lnav(log: Path) -> tuple[float, float] | tuple[None, None]:
    """Milliseconds until it shows the last line, and its memory in MiB; Nones without it."""
    path = shutil.which("lnav")
    if path is None:
        return None, None
    times, sizes = [], []
    for _ in range(3):
        with running([path, str(log)], width=WIDTH, height=HEIGHT) as screen:
            times.append((screen.until(_shows([LINES - 1]), "the last line") - screen.started) * 1000)
            time.sleep(1)
            sizes.append(memory(screen.pid).rss_bytes / MIB)
    return statistics.median(times), statistics.median(sizes)

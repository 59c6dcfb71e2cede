"""P6 and P6b: the terminal UI on a real pseudo-terminal, in front of real servers in another process."""

import asyncio
import base64
import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from aiohttp import web

from bench.figure import Figure
from bench.pty_screen import PtyScreen, running
from etlmon.contract.fs import FS, Mount
from etlmon.contract.host import HOST_HISTORY, HistoryPoint
from tests.fakes.nodes import FakeNode, closed_port, well

STARTS, SWITCHES, KEYS = 7, 40, 60
NODES, DOWN, CHANGING = 45, 5, 5
WATCH_SEC = 14.0
_ROUND = re.compile(rb"([a-z])\1{7}")
_CLIPBOARD = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07")


def mounts(number: int) -> list[Mount]:
    """Four mounts; the name of the first tells which request it answers, and no letter of it is that of the one before.

    The terminal is sent only the letters that changed; so this name is always sent whole.
    """
    letter = "abcdefghijklmnopqrstuvwxyz"[number % 26]
    now = datetime.now(UTC)
    total = 4 * 10**12
    return [
        Mount(
            mount_point=name,
            total_bytes=total,
            used_bytes=used * total // 100,
            avail_bytes=(100 - used) * total // 100,
            used_percent=float(used),
            collected_at=now,
            fstype="ext4",
        )
        for name, used in ((f"/round-{letter * 8}", 61), ("/", 23), ("/home", 41), ("/var", 12))
    ]


def minutes(number: int) -> list[HistoryPoint]:
    """How busy the processors of a node were in each of the last minutes: a shape that moves on as time does."""
    minute = int(time.time()) // 60
    busy = [(at, float((at * 37 + number * 11) % 100)) for at in range(minute - 10, minute + 1)]
    return [HistoryPoint(at=datetime.fromtimestamp(at * 60, UTC), min=one, max=one, avg=one) for at, one in busy]


class CountingNode(FakeNode):
    """Its first mount is named after the request, when `counts`; else its answer never changes."""

    def __init__(self, number: int, *, counts: bool) -> None:
        super().__init__(node_id=f"id-{number}")
        self.count = 0
        self.answers[FS.path] = mounts(0)
        self.answers[HOST_HISTORY.path] = lambda _request: minutes(number)
        self.behave = _counting if counts else well


async def _counting(fake: FakeNode, request: web.Request) -> web.StreamResponse:
    assert isinstance(fake, CountingNode)
    if request.path == FS.path:
        fake.count += 1
        fake.answers[FS.path] = mounts(fake.count)
    return await well(fake, request)


async def serve(count: int, changing: int) -> None:
    """Run the nodes and print their addresses; ends with this process."""
    async with contextlib.AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(CountingNode(n, counts=n < changing)) for n in range(count)]
        print(" ".join(node.url for node in nodes), flush=True)
        await asyncio.Event().wait()


@contextlib.contextmanager
def served(count: int, changing: int) -> Iterator[list[str]]:
    command = [sys.executable, "-m", "bench.ui", str(count), str(changing)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().split()
        finally:
            child.kill()


def ui(*urls: str) -> list[str]:
    return [sys.executable, "-m", "etlmon", "ui", *(part for url in urls for part in ("--node", url))]


def painted(command: list[str], mark: bytes) -> float:
    """Milliseconds from the start of a program until it has drawn the mark."""
    with running(command) as screen:
        return (screen.until(lambda output: mark in output, mark.decode()) - screen.started) * 1000


def first_paint(url: str) -> Figure:
    painted(ui(url), b"Overview")  # compiles what is not compiled yet
    ours = statistics.median(painted(ui(url), b"Overview") for _ in range(STARTS))
    peers = [
        (name, statistics.median(painted([path], mark) for _ in range(3)))
        for name, mark in (("htop", b"Mem"), ("btop", b"cpu"), ("glances", b"CPU"))
        if (path := shutil.which(name))
    ]
    return Figure(
        id="P6", what="UI first paint", measured=ours, unit="ms", budget=700, peers=tuple(peers), note="median"
    )


def newest(output: bytes) -> bytes:
    """The last answer that was drawn; empty when there is none."""
    found: list[bytes] = _ROUND.findall(output)
    return found[-1] if found else b""


def switches(screen: PtyScreen) -> list[float]:
    """Milliseconds from the key that opens the mounts to an answer on the screen that was asked for after it."""
    times: list[float] = []
    for _ in range(SWITCHES):
        screen.press(b"3")
        screen.drain(0.12)
        known = newest(bytes(screen.output))
        at = screen.press(b"2")
        times.append((screen.until(lambda output: newest(output) not in (b"", known), "an answer") - at) * 1000)  # noqa: B023
    return times


def echoes(screen: PtyScreen) -> list[float]:
    """Milliseconds from a cursor key to the first byte that it draws."""
    times: list[float] = []
    for number in range(KEYS):
        screen.drain(0.04)
        at = screen.press(b"j" if number % 2 == 0 else b"k")
        times.append((screen.until(bool, "an echo") - at) * 1000)
    return times


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def keys_and_views(url: str) -> list[Figure]:
    with running(ui(url)) as screen:
        screen.until(lambda output: b" 61% /" in output, "the overview")
        screen.press(b"2")
        screen.drain(0.5)
        to_answer, to_echo = switches(screen), echoes(screen)
    return [
        Figure(
            id="P6",
            what="view switch, with the node's answer (p95)",
            measured=p95(to_answer),
            unit="ms",
            budget=100,
            note=f"median {statistics.median(to_answer):.0f} ms",
        ),
        Figure(
            id="P6",
            what="key to echo (p95)",
            measured=p95(to_echo),
            unit="ms",
            budget=50,
            note=f"median {statistics.median(to_echo):.0f} ms",
        ),
    ]


def watched(screen: PtyScreen, seconds: float) -> tuple[float, float]:
    """Per cent of a core and bytes a refresh (2 s) while nobody presses a key."""
    cpu, at = screen.cpu_sec(), time.perf_counter()
    count = screen.drain(seconds)
    taken = time.perf_counter() - at
    return (screen.cpu_sec() - cpu) / taken * 100, count / taken * 2


def row_under_cursor(screen: PtyScreen) -> bytes:
    """The first cell of the row, as `y` copies it."""
    screen.press(b"y")
    screen.until(lambda output: _CLIPBOARD.search(output) is not None, "the clipboard")
    copied: bytes = _CLIPBOARD.findall(bytes(screen.output))[-1]
    return base64.b64decode(copied)


def lost_keys(screen: PtyScreen) -> int:
    """In how many of three rounds 30 keys at once lead elsewhere than 30 keys one by one."""
    screen.press(b"ss")  # by mount: an order that stays
    screen.drain(0.5)
    screen.press(b"g")
    for _ in range(30):
        screen.press(b"j")
        screen.drain(0.05)
    slowly = row_under_cursor(screen)
    lost = 0
    for _ in range(3):
        screen.press(b"g")
        screen.drain(0.2)
        screen.press(b"j" * 30)
        lost += row_under_cursor(screen) != slowly
    return lost


def fleet() -> list[Figure]:
    with served(NODES, CHANGING) as urls, running(ui(*urls, *(closed_port() for _ in range(DOWN)))) as screen:
        screen.until(lambda output: b"45 up" in output, "all nodes")
        screen.drain(3.0)
        overview_cpu, overview_bytes = watched(screen, WATCH_SEC)
        screen.press(b"2a")
        screen.drain(3.0)
        all_cpu, all_bytes = watched(screen, WATCH_SEC)
        lost = lost_keys(screen)
    what = f"{NODES + DOWN} nodes, {DOWN} of them down"
    return [
        Figure(id="P6b", what=f"{what}: overview", measured=overview_cpu, unit="% of a core", budget=15),
        Figure(id="P6b", what=f"{what}: mounts of all, every 2 s", measured=all_cpu, unit="% of a core", budget=15),
        Figure(
            id="P6b",
            what=f"{what}: to the terminal, every 2 s, {CHANGING} rows changing",
            measured=all_bytes,
            unit="bytes",
            budget=2048,
            note=f"overview {overview_bytes:.0f}",
        ),
        Figure(id="P6b", what="rounds of 30 fast keys that lost one", measured=lost, unit="of 3", budget=0),
    ]


def run() -> list[Figure]:
    """P6 in front of one node, P6b in front of fifty."""
    with served(1, 1) as urls:
        return [first_paint(urls[0]), *keys_and_views(urls[0]), *fleet()]


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))

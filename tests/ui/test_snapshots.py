"""What the operator sees, kept as text: `ETLMON_WRITE_SNAPSHOTS=1 pytest tests/ui/test_snapshots.py` writes it anew."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import PAINTED_SEC, Looking, looking
from tests.ui.textsnap import screen_widths
from ui.problems import QUESTIONS

FILES = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 36), (200, 60)]

SCREENS: dict[str, tuple[str, ...]] = {
    "overview": (),
    "overview-detail": ("enter",),
    "fs": ("2",),
    "fs-all-nodes": ("2", "a"),
    "fs-detail": ("2", "enter"),
    "paths": ("3",),
    "paths-detail": ("3", "G", "k", "k", "enter"),
    "processes": ("5",),
    "processes-all-nodes": ("5", "a"),
    "processes-detail": ("5", "G", "k", "k", "enter"),
    "processes-detail-stopped": ("5", "enter"),
    "cron": ("6",),
    "cron-all-nodes": ("6", "a"),
    "cron-clock": ("6", "t"),
    "cron-detail": ("6", "enter"),
    "cron-runs": ("6", "v"),
    "cron-run": ("6", "v", "j", "j", "enter"),
    "cron-sources": ("6", "V"),
    "cron-source": ("6", "V", "enter"),
    "xferlog": ("7",),
    "xferlog-all-nodes": ("7", "a"),
    "xferlog-detail": ("7", "j", "enter"),
    "xferlog-users": ("7", "v"),
    "xferlog-findings": ("7", "V", "V"),
    "xferlog-find": ("7", "f", "i", "s", "colon", "r", "e", "f", "u", "s", "e", "d", "enter"),
    "clusters": ("8",),
    "clusters-all-nodes": ("8", "a"),
    "clusters-counts": ("8", "v"),
    "clusters-detail": ("8", "j", "j", "j", "enter"),
    "clusters-dataproc": ("8", "j", "j", "enter"),
    "clusters-jobs": ("8", "v", "v"),
    "clusters-run": ("8", "V", "enter"),
    "clusters-find": ("8", "f", "k", "i", "n", "d", "colon", "p", "v", "e", "enter"),
    "host": ("0",),
    "host-all-nodes": ("0", "a"),
    "host-week": ("0", *(3 * ["greater_than_sign"])),
    "host-detail": ("0", "enter"),
    "host-processes": ("0", "v"),
    "help": ("2", "question_mark"),
    "hosts": ("H",),
}


async def settled(eye: Looking) -> None:
    """Everything that was asked has been answered, and painted."""

    def answered() -> bool:
        names = [name for name in eye.app.fleet.names if eye.app.fleet.live(name).up is not False]
        wanted = eye.app.view.questions(eye.app.session.names(eye.app.view))
        return all(
            node.held(question) is not None
            for node in map(eye.app.fleet.live, names)
            for question in (*QUESTIONS, *wanted.get(node.name, ()))
        ) and all(node.up is not None for node in map(eye.app.fleet.live, eye.app.fleet.names))

    await eye.until(answered, "all answers")
    eye.app.paint()
    await eye.until(answered, "the answers of the detail")
    eye.app.paint()
    await eye.pilot.pause()


def is_alike(name: str, screen: str) -> bool:
    file = FILES / f"{name}.txt"
    writes = bool(os.environ.get("ETLMON_WRITE_SNAPSHOTS"))
    return writes or not file.exists() or screen + "\n" == file.read_text(encoding="utf-8")


def compare(name: str, screen: str) -> None:
    file = FILES / f"{name}.txt"
    if os.environ.get("ETLMON_WRITE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(screen + "\n", encoding="utf-8")
    assert screen + "\n" == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_looks_as_it_did(name: str, size: tuple[int, int]) -> None:
    async def main() -> str:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "prod-etl-01")
            in_trouble(two, "dw-load-02")
            async with looking([("prod-etl-01", one.url), ("dw-load-02", two.url)], size=size) as eye:
                eye.app.choose("dw-load-02")
                await settled(eye)
                for key in SCREENS[name]:
                    await eye.press(key)
                    await settled(eye)
                assert screen_widths(eye.app) == {size[0]}

                def look() -> str:
                    """The ports are the system's, and no part of it."""
                    known = eye.screen.replace(one.url, "http://127.0.0.1:11111")
                    return known.replace(two.url, "http://127.0.0.1:22222")

                # What is painted last may come a little later on a busy machine.
                end = time.monotonic() + PAINTED_SEC
                while not is_alike(title, look()) and time.monotonic() < end:
                    await eye.pilot.pause(0.1)
                return look()

    title = f"{name}-{size[0]}x{size[1]}"
    compare(title, asyncio.run(main()))

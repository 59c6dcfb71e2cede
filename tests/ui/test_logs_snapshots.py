"""What the operator sees of logs, kept as text: `ETLMON_WRITE_SNAPSHOTS=1 pytest` of this file writes it anew."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode
from tests.ui.logbook import in_trouble, well
from tests.ui.looking import looking
from tests.ui.test_logs import lines_of
from tests.ui.textsnap import screen_widths
from ui.settings import Ui

FILES = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 36)]

SCREENS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "logs": (("4",), ("3 logs", "no such file")),
    "logs-all-nodes": (("4", "a"), ("5 logs", "web1")),
    "log": (("4", "j", "enter"), ("404 lines", "Traceback")),
    "log-paused": (("4", "j", "enter", "k", "k", "k", "m", "t"), ("1 marked", "Traceback")),
    "log-filtered": (("4", "j", "enter", "ampersand", *"worker-7", "enter", "x", *"debug", "enter"), ("27 of 404",)),
    "log-searched": (("4", "j", "enter", "slash", *"한글|long", "enter"), ("45 of 404",)),
    "log-typing": (("4", "j", "enter", "slash", *"(job"), ("search", "(job")),
    "log-wrapped": (("4", "j", "enter", "w"), ("404 lines", "long long")),
    "log-line": (("4", "j", "enter", "k", "k", "enter"), ("line 402", "They said nothing")),
    "log-merged": (("4", "a", "j", "space", "j", "j", "space", "enter"), ("app", "2 nodes")),
    "log-all-nodes": (("4", "j", "enter", "a"), ("2 nodes", "web1", "web2")),
    "log-pause-question": (("4", "j", "enter", "P"), ("Pause app", "its place is kept")),
    "log-help": (("4", "j", "enter", "question_mark"), ("Keys", "next_error")),
}
# Two screens have every symbol between them.
SHOWN = [(name, False) for name in SCREENS] + [("log", True), ("log-line", True)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "ascii_only"), SHOWN, ids=lambda value: {True: "ascii", False: "unicode"}.get(value, value)
)
def test_the_screen_looks_as_it_did(name: str, ascii_only: bool, size: tuple[int, int]) -> None:
    keys, there = SCREENS[name]

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("web1", well(one, "web1").url), ("web2", in_trouble(two, "web2").url)]
            ui = Ui(default_node="web2", ascii=ascii_only)
            async with looking(nodes, size=size, ui=ui) as eye:
                await eye.until(lambda: all(eye.app.fleet.live(node).up for node in ("web1", "web2")), "both nodes")
                for number, key in enumerate(keys):
                    await eye.press(key)
                    if number == 0:
                        await eye.until_shown("nightly", "app")
                    if key == "enter" and lines_of(eye).is_on_screen:
                        await eye.until(lambda: lines_of(eye).current is not None, "lines")
                await eye.until_shown(*there)
                assert screen_widths(eye.app) == {size[0]}
                suffix = "-ascii" if ascii_only else ""
                await eye.looks_like(FILES / f"{name}-{size[0]}x{size[1]}{suffix}.txt")

    asyncio.run(main())

"""The alerts and their dialogs, kept as text: `ETLMON_WRITE_SNAPSHOTS=1 pytest` of this file writes it anew."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import Looking, looking
from tests.ui.test_app import known
from tests.ui.textsnap import screen_widths
from ui.settings import Ui

FILES = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 36)]

Steps = tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
"""One after the other: the name of the picture, the keys that lead to it from the one before, and what shows that it is
there.
"""

ROWS: Steps = (
    ("alerts", ("9",), ("서울 적재가", "ops-mail: notices are tried")),
    ("alerts-clock", ("t",), (" 05:20",)),
    ("alerts-detail", ("t", "t", "j", "enter"), ("etlmon_fs_used_percent{mount=/data}, 3h",)),
    ("alerts-history", ("escape", "v"), ("Alert history", "/data/in/7")),
    ("alerts-silences", ("v",), ("Silences", "maintenance")),
    ("alerts-silence-detail", ("enter",), ("covers now",)),
    ("alerts-notices", ("escape", "v"), ("Notices", "3 alerts on")),
    ("alerts-rules", ("v",), ("Alert rules", "invalid")),
    ("alerts-rule", ("j", "enter"), ("disk_nearly_full", "Open alerts of it", "R replays it")),
    ("alerts-channels", ("escape", "v"), ("Alert channels", "ops-mail", "failing")),
    ("alerts-all-nodes", ("escape", "a"), ("all nodes", "channels fail on 1")),
)
DIALOGS: Steps = (
    ("alerts-acknowledge", ("9", "A", *"kim"), ("Acknowledge 1 alert", "kim")),
    ("alerts-silence", ("escape", "M", *"disk"), ("Silence alerts", "from now to")),
    ("alerts-silence-wrong", ("up", "x", "tab", "tab", "tab", "enter"), ("2hx", "is no time")),
    ("alerts-end-silence", ("escape", "v", "v", "d"), ("End a silence",)),
)


def walk(size: tuple[int, int], ui: Ui, steps: Steps, suffix: str = "") -> None:
    """Press the keys, and compare what they lead to."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("prod-etl-01", says(one, "prod-etl-01").url), ("dw-load-02", in_trouble(two, "dw-load-02").url)]
            async with looking(nodes, size=size, ui=ui) as eye:
                await eye.until(lambda: all(known(eye, node) for node in eye.app.fleet.names), "all answers")
                for name, keys, there in steps:
                    await press(eye, keys)
                    await eye.until_shown(*there)
                    assert screen_widths(eye.app) == {size[0]}
                    await eye.looks_like(FILES / f"{name}-{size[0]}x{size[1]}{suffix}.txt")

    asyncio.run(main())


async def press(eye: Looking, keys: tuple[str, ...]) -> None:
    """Press them one after the other; those that act on a row wait until there is one."""
    for key in keys:
        if key in ("enter", "j", "d", "A", "M") and len(eye.app.screen_stack) == 1:
            await eye.until(lambda: bool(eye.app.view.shown_rows), "rows")  # type: ignore[attr-defined]
        await eye.press(key)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_rows_and_their_details_look_as_they_did(size: tuple[int, int]) -> None:
    walk(size, Ui(default_node="dw-load-02"), ROWS)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
def test_the_dialogs_look_as_they_did(ascii_only: bool, size: tuple[int, int]) -> None:
    ui = Ui(default_node="dw-load-02", ascii=ascii_only)
    walk(size, ui, DIALOGS, "-ascii" if ascii_only else "")

"""The question about a process, kept as text: `ETLMON_WRITE_SNAPSHOTS=1 pytest` of this file writes it anew."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import looking
from tests.ui.test_app import known
from tests.ui.textsnap import screen_widths
from ui.settings import Ui
from ui.views.rows_table import RowsTable

FILES = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 36)]

SCREENS: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "kill": (12357, (), ("SIGTERM — ask",)),
    "kill-at-once": (12357, ("ctrl+k", *"123"), ("SIGKILL — end",)),
    "kill-still-alive": (12357, ("tab", "enter"), ("it still runs", "type 12357")),
    "kill-not-allowed": (990, (), ("kill.allow does not name",)),
}
SHOWN = [(name, False) for name in SCREENS] + [("kill-at-once", True)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "ascii_only"), SHOWN, ids=lambda value: {True: "ascii", False: "unicode"}.get(value, value)
)
def test_the_question_looks_as_it_did(name: str, ascii_only: bool, size: tuple[int, int]) -> None:
    pid, keys, there = SCREENS[name]

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("prod-etl-01", says(one, "prod-etl-01").url), ("dw-load-02", in_trouble(two, "dw-load-02").url)]
            async with looking(nodes, size=size, ui=Ui(default_node="dw-load-02", ascii=ascii_only)) as eye:
                await eye.until(lambda: all(known(eye, node) for node in eye.app.fleet.names), "all answers")
                await eye.press("5")
                table = eye.app.view.query_one(RowsTable)
                await eye.until(lambda: len(table.keys) == 8, "the rows")
                table.move_to(next(key for key in table.keys if f" {pid} " in key))
                await eye.press("d")
                await eye.until(lambda: "looking for" not in eye.screen, "the children")
                await eye.press(*keys)
                text = [word.replace("—", "-") if ascii_only else word for word in there]
                await eye.until_shown(*text)
                assert screen_widths(eye.app) == {size[0]}
                suffix = "-ascii" if ascii_only else ""
                await eye.looks_like(FILES / f"{name}-{size[0]}x{size[1]}{suffix}.txt")

    asyncio.run(main())

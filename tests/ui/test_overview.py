"""The Overview: what it shows of a node at which width, and the history of its processors."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from etlmon.contract.errors import NotFound
from etlmon.contract.host import HOST, HOST_HISTORY, HistoryPoint
from etlmon.contract.node import HEALTH
from tests.fakes.nodes import FakeNode, closed_port
from tests.ui.hosts import says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.playing import QUICK
from ui.settings import Ui
from ui.views.overview_fields import FIELDS
from ui.views.table import TableView
from ui.widgets.columns import lay_out

NO_HOST = NotFound("this node does not watch its host", reason="disabled")
NO_HISTORY = NotFound("there is no such endpoint", reason="no_such_endpoint")
QUICK_ASCII = Ui(refresh_interval=0.1, health_interval=0.2, ascii=True)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode], Awaitable[None]]


def minutes(*values: float | None) -> list[HistoryPoint]:
    """How busy the processors were in each minute, the last of them now; None: nothing is known of it."""
    first = NOW.replace(second=0) - timedelta(minutes=len(values) - 1)
    return [
        HistoryPoint(at=first + timedelta(minutes=place), min=0.0, max=100.0, avg=value)
        for place, value in enumerate(values)
        if value is not None
    ]


RISING = minutes(99, 0, 5, 13, 26, 38, 51, 63, 76, 88, 100)
BLOCKS = "▁▁▂▃▄▅▆▇██"


def play(scene: Scene, *, size: tuple[int, int] = (80, 24), ui: Ui = QUICK, **answers: Any) -> None:
    """One node, whose history of its processors rises; `host` and `history` are other answers of it."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            says(fake, "web1")
            fake.answers[HOST_HISTORY.path] = answers.get("history", RISING)
            fake.answers[HOST.path] = answers.get("host", fake.answers[HOST.path])
            async with looking([("web1", fake.url), ("web2", closed_port())], ui=ui, size=size) as eye:
                await eye.until_shown("✕ 1 down" if not ui.ascii else "x 1 down", "41%")
                await scene(eye, fake)

    asyncio.run(main())


def head(eye: Looking) -> str:
    return next(line for line in eye.screen.splitlines() if "FULLEST MOUNT" in line)


def labels(eye: Looking) -> list[str]:
    return head(eye).replace("FULLEST MOUNT", "FULLEST").strip("│ ").rpartition("│")[2].split()


def cell(eye: Looking, node: str, label: str) -> str:
    """What stands below the label, with the blanks at its left: as wide as the column is."""
    rows = [line for line in eye.screen.splitlines() if line.startswith(("  ●", "  ✕")) and f" {node} " in line]
    slots = {slot.column.label: slot for slot in lay_out([field.column for field in FIELDS], 80, indent=2)}
    slot = slots[label]
    return rows[0][slot.x : slot.x + slot.width] if rows else ""


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((80, 24), "STATE NODE CPU 10m MEM FULLEST ALERT SEEN"),
        ((100, 30), "STATE NODE CPU 10m MEM FULLEST ALERT SEEN"),
        ((120, 36), "STATE NODE CPU 10m MEM FULLEST PROC ALERT ERR/m SEEN"),
        ((72, 24), "STATE NODE CPU MEM FULLEST ALERT SEEN"),
    ],
)
def test_what_matters_most_of_a_node_is_on_the_screen_of_any_width(size: tuple[int, int], expected: str) -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        assert labels(eye) == expected.split()

    play(scene, size=size)


def test_fifty_nodes_and_their_scroll_bar_take_no_column_away() -> None:
    for width, wanted in ((80, {"cpu", "recent", "memory", "alerts"}), (94, {"processes", "errors", "memory"})):
        shown = {slot.column.key for slot in lay_out([field.column for field in FIELDS], width - 1, indent=2)}
        assert wanted <= shown


def test_the_last_ten_minutes_stand_beside_how_busy_the_processors_are() -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        await eye.until_shown(f"12% {BLOCKS}  38%")
        assert cell(eye, "web1", "10m") == BLOCKS

    play(scene)


def test_the_blocks_have_ascii_twins() -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        await eye.until_shown("12% ..,:-=+*##  38%")

    play(scene, ui=QUICK_ASCII)


def test_a_value_holds_for_two_minutes_and_then_there_is_a_blank() -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        await eye.until_shown("12%  ███  ▁▁▁█  38%")

    play(scene, history=minutes(None, 100, None, None, None, None, 0, None, None, 100))


def test_nothing_but_the_blocks_moves_when_a_minute_is_over() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown(f"{BLOCKS}  38% ███▎────  41% /home        0   now")
        before = eye.screen.splitlines()
        eye.clock.advance(60)
        fake.headers["Date"] = eye.clock.now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        fake.answers[HOST_HISTORY.path] = [
            *RISING[1:],
            HistoryPoint(at=RISING[-1].at + timedelta(minutes=1), min=0.0, max=0.0, avg=0.0),
        ]
        row = next(place for place, line in enumerate(before) if BLOCKS in line)
        wanted = before[row].replace(BLOCKS, "▁▂▃▄▅▆▇██▁")
        # An answer from before the minute may come after it, and then the clocks differ for a moment.
        await eye.until(lambda: eye.screen.splitlines()[row] == wanted, wanted)
        assert head(eye) in before

    play(scene)


def test_a_node_that_does_not_watch_its_host_has_neither_and_is_well() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: _asked(fake, HEALTH.path) > 2, "every question to be asked")
        assert [cell(eye, "web1", label).strip() for label in ("CPU", "10m", "MEM")] == ["─", "─", "─"]
        assert cell(eye, "web1", "STATE") == "● OK  "

    play(scene, host=NO_HOST, history=NO_HISTORY)


@pytest.mark.parametrize("history", [NO_HISTORY, []], ids=["refused", "empty"])
def test_without_a_history_there_is_the_present_alone(history: Any) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown(" 12% ", " 38% ")
        await eye.until(lambda: _asked(fake, HOST_HISTORY.path) > 1, "the history to be asked for")
        assert [cell(eye, "web1", label).strip() for label in ("CPU", "10m", "MEM")] == ["12%", "─", "38%"]
        assert cell(eye, "web1", "STATE") == "● OK  "

    play(scene, history=history)


def test_a_node_that_is_down_says_why_and_when_it_is_asked_again() -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        await eye.until(lambda: cell(eye, "web2", "10m").startswith("retry "), "when it is asked again")
        assert [cell(eye, "web2", label).strip() for label in ("STATE", "CPU", "MEM")] == ["✕ DOWN", "─", "─"]
        assert cell(eye, "web2", "FULLEST MOUNT") == "connection refused    "

    play(scene)


def test_it_is_one_question_at_the_slow_pace_while_it_is_on_the_screen() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: _asked(fake, HEALTH.path) > 4, "some rounds")
        assert 1 < _asked(fake, HOST_HISTORY.path) <= _asked(fake, HEALTH.path) + 1
        (question,) = {path for _, path in fake.requests if path.startswith(HOST_HISTORY.path)}
        assert "last=600" in question
        assert "step=60" in question
        await eye.press("2")
        count = _asked(fake, HOST_HISTORY.path)
        rounds = _asked(fake, HEALTH.path)
        await eye.until(lambda: _asked(fake, HEALTH.path) > rounds + 2, "some more rounds")
        assert _asked(fake, HOST_HISTORY.path) <= count + 1, "what is not on the screen is not asked for"

    play(scene)


def _asked(fake: FakeNode, path: str) -> int:
    return sum(asked.partition("?")[0] == path for _, asked in fake.requests)


def test_the_order_and_the_file_have_no_use_for_a_picture() -> None:
    async def scene(eye: Looking, _fake: FakeNode) -> None:
        view = eye.app.view
        assert isinstance(view, TableView)
        await eye.until_shown(BLOCKS)
        head_of_file, *rows = view.export()[2].splitlines()
        assert head_of_file.startswith("node,state,cpu,memory,fullest,")
        assert not any("▂" in row for row in rows)
        await eye.press("s", "s")
        await eye.until_shown("sort cpu▼")
        await eye.press("s")
        await eye.until_shown("sort memory▼")

    play(scene)

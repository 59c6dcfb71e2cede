"""The processes on the screen: the worst first, what each uses, and all that is to be said of one."""

import asyncio
import csv
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.contract.node import EVENTS
from etlmon.contract.processes import PROCESS, PROCESS_HISTORY, PROCESS_WATCHES, PROCESSES
from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.running import absent, looked, process, watch
from tests.ui.test_app import known
from tests.ui.textsnap import screen_widths
from ui.settings import Ui
from ui.views.rows_table import RowsTable
from ui.widgets.chart import Chart
from ui.widgets.lines import Lines

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode, FakeNode], Awaitable[None]]


def play(scene: Scene, *, size: tuple[int, int] = (120, 36), ui: Ui = QUICK) -> None:
    """Two nodes, one well and one in trouble; the processes of the one in trouble are on the screen."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            nodes = [("web1", says(one, "web1").url), ("web2", in_trouble(two, "web2").url)]
            async with looking(nodes, size=size, ui=ui) as eye:
                eye.app.choose("web2")
                await eye.until(lambda: all(known(eye, name) for name in eye.app.fleet.names), "all answers")
                await eye.press("5")
                await eye.until(lambda: len(table(eye).keys) == 8, "the rows")
                await scene(eye, one, two)

    asyncio.run(main())


def table(eye: Looking) -> RowsTable:
    return eye.app.view.query_one(RowsTable)


def rows(eye: Looking) -> list[str]:
    """Watch and pid of each row, as they stand."""
    return [" ".join(key.partition("\n")[2].split()[:2]) for key in table(eye).keys]


async def opened(eye: Looking, row: str) -> None:
    """Open the detail of a row."""
    table(eye).move_to(table(eye).keys[rows(eye).index(row)])
    await eye.press("enter")


def detail(eye: Looking) -> str:
    return "\n".join("".join(text for text, _ in line) for line in eye.app.view.query_one(Lines)._lines)


def test_the_worst_stands_first_what_does_not_run_then_what_does_nothing() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        assert rows(eye) == [
            "vsftpd None",
            "nightly None",
            "etl_worker 12477",
            "etl_worker 12391",
            "loader 990",
            "etl_worker 12357",
            "etl_worker 12476",
            "rsync None",
        ]
        for words in ("◆ STOPPED", "▲ error", "▲ zombie", "▲ D state", "▲ 1 of 3", "● running", "● stopped"):
            assert words in eye.screen
        for values in ("72.7 ▆▇▇██ █▇▆▆", "1598", "9.0G", "1d 01:07:03"):
            assert values in eye.screen

    play(scene)


def test_a_row_says_why_nothing_runs_or_what_ran_last() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        (ftp,) = (line for line in eye.screen.splitlines() if "◆ STOPPED" in line)
        assert "ran 4 min ago: vsftpd /etc/vsftpd.conf" in ftp
        (nightly,) = (line for line in eye.screen.splitlines() if "▲ error" in line)
        assert "/run/nightly.pid is missing" in nightly

    play(scene, size=(200, 40))


def test_a_row_shows_the_command_without_the_directory_it_lies_in_when_that_is_sure() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESSES.path] = [
            process(1, process_name="worker", cmdline="/opt/etl/bin/worker --out /data/worker"),
            process(2, process_name="renamed", cmdline="/opt/etl/bin/other --x"),
            process(3, process_name="sh", cmdline="sh -c /usr/bin/sh"),
            process(4, process_name="tool", cmdline="/opt/my dir/tool"),
        ]
        await eye.until_shown(
            " worker --out /data/worker", " /opt/etl/bin/other --x", " sh -c /usr/bin/sh", " /opt/my dir/tool"
        )

    play(scene, size=(200, 40))


def test_too_many_is_a_warning_and_a_watch_that_may_be_absent_is_well() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESSES.path] = [process(1), process(2), absent("rsync")]
        two.answers[PROCESS_WATCHES.path] = [
            watch(running=2, max=1, state="too_many"),
            watch("rsync", 0, min=0, state="ok"),
        ]
        await eye.until_shown("▲ 2 > 1", "● stopped")

    play(scene)


def test_the_detail_says_all_there_is_and_draws_the_watch() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "etl_worker 12357")
        await eye.until(lambda: "supervisord" in detail(eye), "the look at it")
        await eye.until_shown("CPU % of etl_worker, a column each 10m", "RSS", "200%", "500M")
        text = " ".join(detail(eye).split())
        for words in (
            "python3 12357 ─ running",
            "command python3 /opt/etl/bin/worker.py --job load_1 --shard 1 --token=*** [queue=in]",
            "runs for 1d 01:07:03",
            "CPU 72.7 % of a core, 1.6 % of the host, 05:36:33 since it started",
            "RSS, threads 333M, 4",
            "read, written 900M, 12M",
            "open files 17 of 1,024",
            "executable /usr/bin/python3.11",
            "The watch etl_worker looks for match etl_worker should run 1 to 8 runs 4 run",
            "starts, stops 3, 2 restarts 2",
            "Ending it d ends it, after a question",
            "Children (3) PID USER STATE CPU% RSS COMMAND 12358 etl sleeping 0.3 48M sqlldr control=load_12358.ctl",
            "Parents, nearest first",
            "Files it has open /var/log/etl/worker.log /data/in/한글파일.csv",
        ):
            assert words in text

    play(scene)


def test_the_detail_of_what_does_not_run_says_since_when_and_what_happened() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        await opened(eye, "vsftpd None")
        await eye.until(lambda: "ended after 3d" in detail(eye), "the events")
        text = " ".join(detail(eye).split())
        assert "vsftpd ─ none runs last seen 4 min ago last command /usr/sbin/vsftpd /etc/vsftpd.conf" in text
        assert "runs none runs, since 4 min ago" in text
        assert "Children" not in text
        assert any(EVENTS.path in path and "vsftpd" in path for _, path in two.requests)
        assert not any(path.startswith("/api/v1/processes/None") for _, path in two.requests)

    play(scene)


def test_a_process_that_hangs_says_where_in_the_kernel() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await opened(eye, "etl_worker 12391")
        assert "waits in rpc_wait_bit_killable" in detail(eye)
        assert "hangs in the kernel (rpc_wait_bit_killable)" in detail(eye)

    play(scene)


def test_what_was_looked_at_under_the_same_pid_before_is_not_shown_for_another_process() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESS.path] = looked(12357, start_time=NOW, cwd="/of/another")
        await opened(eye, "etl_worker 12357")
        await eye.until(lambda: any("/processes/12357" in path for _, path in two.requests), "the look")
        await eye.until(lambda: eye.app.fleet.live("web2").refusals == {}, "the answer")
        assert "/of/another" not in detail(eye)
        assert "Looking ..." in detail(eye)

    play(scene)


def test_the_detail_of_a_process_that_ends_stays_and_says_so() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        await opened(eye, "etl_worker 12357")
        two.answers[PROCESSES.path] = [process(1)]
        await eye.until(lambda: "12357 ─ has ended; these are the last values" in detail(eye), "the end")
        await eye.press("d")
        await eye.until_shown("Kill process", "it has ended meanwhile")
        await eye.press("escape", "escape")
        assert rows(eye) == ["etl_worker 1"]

    play(scene)


def test_a_process_that_was_restarted_is_another_row_and_the_cursor_does_not_take_it_for_the_old_one() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        table(eye).move_to(table(eye).keys[5])
        before = table(eye).cursor_key
        two.answers[PROCESSES.path] = [process(12357, start_time=NOW - timedelta(seconds=3), runtime_sec=3.0)]
        await eye.until(lambda: len(table(eye).keys) == 1, "the restart")
        assert table(eye).cursor_key != before

    play(scene)


def test_all_nodes_stand_together_with_a_column_for_the_node() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("a")
        await eye.until_shown("NODE", "web1", "10 rows")
        assert rows(eye)[0] == "vsftpd None"

    play(scene)


def test_sorting_by_cpu_and_filtering_by_command_work_as_everywhere() -> None:
    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("s", "s", "s", "s")
        assert "sort cpu▼" in eye.screen
        assert rows(eye)[:2] == ["etl_worker 12476", "etl_worker 12357"]
        await eye.press("slash", *"queue=in", "enter")
        await eye.until(lambda: rows(eye) == ["etl_worker 12357"], "the match")

    play(scene, size=(200, 40))


def test_saving_writes_every_field_of_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(eye: Looking, _one: FakeNode, _two: FakeNode) -> None:
        await eye.press("o")
        (file,) = (tmp_path / "etlmon").iterdir()
        saved = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        assert [row["pid"] for row in saved][5] == "12357"
        assert saved[5]["cmdline"].endswith("[queue=in]")
        assert saved[5]["mem_rss_bytes"] == str(333 * 2**20)

    play(scene)


def test_a_node_that_watches_nothing_says_how_to_watch_something() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESSES.path], two.answers[PROCESS_WATCHES.path] = [], []
        await eye.until_shown("No process is watched. Name some under process_watch: in node.yaml")
        await eye.press("d")
        assert len(eye.app.screen_stack) == 1

    play(scene)


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (60, 15), (40, 10), (20, 5)])
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
def test_no_size_of_the_terminal_breaks_a_line(size: tuple[int, int], ascii_only: bool) -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESS.path] = looked(12357, 3, files=["/var/log/etl/worker.log"])
        two.answers[PROCESSES.path] = [process(12357, wchan="w", state="disk_sleep"), absent("x", last_seen_at=NOW)]
        await eye.until(lambda: len(rows(eye)) == 2, "the rows")
        for keys in (("j",), ("enter",), ("escape", "k", "enter")):
            await eye.press(*keys)
            assert screen_widths(eye.app) == {size[0]}
            if ascii_only:
                assert {char for char in eye.screen if not char.isascii()} == set()

    play(scene, size=size, ui=Ui(ascii=ascii_only, refresh_interval=0.1))  # type: ignore[arg-type]


def test_the_charts_stay_the_same_widgets_while_their_values_come() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        await opened(eye, "etl_worker 12357")
        await eye.until_shown("200%", "500M")
        charts = list(eye.app.view.query(Chart))
        assert len(charts) == 2
        answered = len(two.requests)
        await eye.until(lambda: len(two.requests) > answered + 6, "more answers")
        assert list(eye.app.view.query(Chart)) == charts
        await eye.press("escape")
        await opened(eye, "rsync None")
        await eye.until_shown("CPU % of rsync")
        assert len(eye.app.view.query(Chart)) == 2

    play(scene)


def test_without_a_history_the_charts_say_so() -> None:
    async def scene(eye: Looking, _one: FakeNode, two: FakeNode) -> None:
        two.answers[PROCESS_HISTORY.path] = []
        await opened(eye, "etl_worker 12357")
        await eye.until_shown("No values yet.")

    play(scene)

"""The view of the host, as an operator uses it."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable

import pytest

from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.host import HOST, HOST_HISTORY, DiskIo, Host, Memory
from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.machines import MB, host, host_in_trouble, machine, user
from tests.ui.textsnap import screen_widths
from ui.problems.host import QUESTION
from ui.settings import Ui
from ui.views.rows_table import RowsTable
from ui.widgets.chart import Chart

QUICK = Ui(refresh_interval=0.2, health_interval=0.5)  # type: ignore[arg-type]
"""For what changes while it is looked at; what stays as it is is asked once."""

Scene = Callable[[Looking, FakeNode], Awaitable[None]]


def play(
    scene: Scene,
    *,
    size: tuple[int, int] = (120, 36),
    trouble: bool = True,
    keys: tuple[str, ...] = (),
    ui: Ui | None = None,
    set_up: Callable[[FakeNode], object] = lambda _: None,
) -> None:
    """Someone who looks at the host of a node."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            (in_trouble if trouble else says)(fake, "web1")
            set_up(fake)
            async with looking([("web1", fake.url)], size=size, ui=ui) as eye:
                await eye.press("0")
                await eye.until(lambda: asked(fake, "GET /api/v1/host"), "the host")
                await eye.press(*keys)
                await scene(eye, fake)

    asyncio.run(main())


def asked(fake: FakeNode, *words: str) -> bool:
    return any(all(word in f"{method} {path}" for word in words) for method, path in fake.requests)


def rows(eye: Looking) -> list[str]:
    return [key.rpartition("\n")[2] for key in eye.app.view.query_one(RowsTable).keys]


def line_of(eye: Looking, word: str) -> str:
    return next(line for line in eye.screen.splitlines() if word in line)


def disks_of(eye: Looking) -> list[DiskIo] | None:
    seen = eye.app.fleet.live("web1").answer(QUESTION)
    return None if seen is None else seen.disks


def charts(eye: Looking) -> list[Chart]:
    """The charts that are on the screen."""
    return [one for one in eye.app.view.query(Chart) if one.region.area and one.is_on_screen]


def test_what_runs_out_stands_first_and_the_rest_in_the_order_in_which_it_is_looked_at() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        assert rows(eye) == [
            "memory", "cpu", "swap", "wait memory", "wait io", "etlmon",
            "load", "wait cpu", "disk nvme0n1", "disk sdb", "net bond0", "net eth1", "tcp",
        ]  # fmt: skip

    play(scene)


def test_a_row_says_how_much_is_used_what_goes_through_and_what_it_does() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        said = {
            word: " ".join(line_of(eye, word).split())
            for word in ("memory  ", "swap  ", "nvme0n1  ", "bond0  ", "eth1  ")
        }
        assert "98% ─ 1.1G left of 64G ◆ CRIT" in said["memory  "]
        assert "95% 8.5M/s 7.6G of 8.0G, in 2.0M/s, out 6.5M/s ▲ WARN" in said["swap  "]
        assert "99% 600M/s read 212M/s, wrote 388M/s ● OK" in said["nvme0n1  "]
        assert "91% 120M/s in 108M/s, out 12M/s" in said["bond0  "], "of a line of 1,000 Mbit/s"
        assert "─ 0/s down, in 0/s, out 0/s" in said["eth1  "]
        assert "read ─, wrote ─" in line_of(eye, "disk sdb"), "not known is not zero"

    play(scene, size=(200, 50))


def test_six_charts_show_the_hour_and_the_peak_of_it() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown(
            "CPU 63% peak 80%", "memory 98% peak 98%", "load 31 peak 30", "nvme0n1 600M/s peak 558M/s",
            "bond0 120M/s peak 113M/s", "wait io 82% peak 70%", "Host · web1 · 1 h",
        )  # fmt: skip
        assert len(charts(eye)) == 6
        assert all("█" in eye.screen or "⠉" in eye.screen for _ in charts(eye))
        assert {one.region.width for one in charts(eye)} <= {30, 31, 32}

    play(scene)


def test_the_time_is_made_longer_and_shorter_and_each_time_is_asked_for() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        for name, last, step in (("6 h", 21600, 180), ("24 h", 86400, 600), ("7 d", 604800, 3600)):
            await eye.press("greater_than_sign")
            await eye.until_shown(f"Host · web1 · {name}")
            wanted = ("/host/history", "cpu_usage_percent", f"last={last}", f"step={step}")
            await eye.until(lambda wanted=wanted: asked(fake, *wanted), name)  # type: ignore[misc]
            await eye.until_shown("CPU 63% peak 80%")
        await eye.press("greater_than_sign")
        await eye.until_shown("· 7 d")
        await eye.press("less_than_sign", "less_than_sign", "less_than_sign", "less_than_sign")
        await eye.until_shown("Host · web1 · 1 h")

    play(scene)


def test_beside_the_rows_stand_the_processes_that_use_most() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("MOST CPU", "MOST MEMORY", "etl_loader", "적재-작업자")
        assert "4242 etl_loader     190.0  900M" in eye.screen
        assert "901 postgres        12.5   31G" in eye.screen
        assert "\u202e" not in eye.screen
        assert "[x]·evil" in eye.screen

    play(scene)


def test_v_turns_to_the_processes_with_their_user_and_their_share_of_the_memory() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("Top processes · web1", "6 rows", "MEM%")
        assert rows(eye) == ["4242", "4243", "4244", "4245", "4246", "901"]
        assert line_of(eye, "31G").split()[-3:] == ["12.5", "31G", "48%│"]
        await eye.press("enter")
        await eye.until_shown("etl_loader 4242", "190.0 % of a core, 11.9 % of the host", "process_watch in node.yaml")
        await eye.press("escape", "escape")
        await eye.until_shown("13 numbers")

    play(scene, keys=("v",))


def test_a_process_that_is_watched_says_by_which_watch() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("Top processes · web1")
        await eye.press("enter")
        await eye.until_shown("worker 801", "etl_worker (see Processes)", "python3 /opt/etl/bin/worker.py")

    watched = host(top_cpu=[user(801, "worker", 21.5, 333 * MB)], top_memory=[])
    play(scene, trouble=False, keys=("v",), set_up=lambda fake: machine(fake, watched))


DETAILS = {
    "memory": ("98% used, 1.1G left", "available", "68,719,476,736 B"),
    "cpu": ("waiting for disks", "12 d ago, up 12d 03:00:00", "24% of the processors' time goes to", "Each of them"),
    "swap": ("7.6G of 8.0G (95.0%)", "2.0M/s, 6.5M/s"),
    "wait io": ("some waited for io", "full waited for io", "66.0% of 10 s, 58.0% of a minute"),
    "etlmon": ("CPU of the node", "memory of the node", "3.40% of a core", "91M (limit: 80M)", "Events"),
    "load": ("31.20", "processes", "212"),
    "disk nvme0n1": ("nvme0n1 read", "nvme0n1 written", "nvme0n1 busy", "120 reads a second", "4,000,000"),
    "net bond0": ("bond0 received", "bond0 sent", "up, 1,000 Mbit/s", "17, 4,021 since the host"),
    "tcp": ("ESTABLISHED", "TIME_WAIT", "CLOSE_WAIT   0"),
}


def test_the_detail_shows_its_numbers_large_and_what_they_came_to() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        for word, texts in DETAILS.items():
            while eye.app.view.query_one(RowsTable).cursor_key != f"web1\n{word}":
                await eye.press("j")
            await eye.press("enter")
            await eye.until_shown(f"Host · web1 · {word} · 1 h", "The last 1 h", "LEAST", "30 min ago", *texts)
            assert charts(eye)
            assert all(one.region.height > 18 for one in charts(eye)), "more than half of the pane"
            await eye.press("escape")
        await eye.until_shown("13 numbers", "CPU 63%")

    play(scene, size=(160, 50))


def test_in_the_detail_the_time_is_made_longer_as_well() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        await eye.press("enter")
        await eye.until_shown("memory · 1 h", "30 min ago")
        await eye.press("greater_than_sign")
        await eye.until_shown("memory · 6 h", "The last 6 h", "3 h ago")
        await eye.press("escape")
        await eye.until_shown("Host · web1 · 6 h", "CPU 63% peak 80%")

    play(scene)


def test_the_cores_stand_in_the_detail_of_the_processors() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        await eye.press("j", "enter")
        await eye.until_shown("Each of them", "  0  █████████▌   95%", " 15  ███▌──────   35%")

    play(scene, size=(160, 60))


def test_all_nodes_stand_in_one_list_without_charts() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "web1")
            in_trouble(two, "web2")
            async with looking([("web1", one.url), ("web2", two.url)]) as eye:
                await eye.press("0", "a")
                await eye.until_shown(
                    "Host · all nodes", "NODE", "web1           cpu", "web2           cpu", "25 numbers"
                )
                assert charts(eye) == []
                assert "MOST CPU" not in eye.screen
                await eye.press("a")
                await eye.until_shown("CPU 12%", "Host · web1 · 1 h")

    asyncio.run(main())


def test_a_host_without_disks_pressure_swap_or_a_first_look_shows_what_there_is() -> None:
    bare = Host(collected_at=NOW, memory=Memory(total_bytes=2**30, used_bytes=2**29, used_percent=50.0))

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("3 numbers", "memory 50%")
        assert rows(eye) == ["cpu", "memory", "etlmon"]
        assert len(charts(eye)) == 2
        assert "MOST CPU" not in eye.screen
        await eye.press("enter")
        await eye.until_shown("not known yet: it takes two looks")
        await eye.press("escape", "v")
        await eye.until_shown("No process is reported")
        machine(fake, host_in_trouble())
        await eye.press("V")
        await eye.until_shown("13 numbers", "nvme0n1")

    play(scene, trouble=False, set_up=lambda fake: machine(fake, bare), ui=QUICK)


def test_a_node_without_a_history_says_so_in_the_charts_and_in_the_detail() -> None:
    def forget(fake: FakeNode) -> None:
        fake.answers[HOST_HISTORY.path] = NotFound("no history is kept of it", field="metric")

    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("No values yet.", "CPU 63% ", "13 numbers")
        assert "peak" not in eye.screen
        await eye.press("enter")
        await eye.until_shown("no history is kept of it")

    play(scene, set_up=forget)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (NotFound("the host is not watched here; set host.enabled to true"), "the host is not watched here"),
        (Unavailable("the host was not seen yet; ask again in a moment"), "the host was not seen yet"),
    ],
)
def test_a_host_that_is_not_watched_is_told_in_words_and_is_no_problem(problem: object, text: str) -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("web1 did not answer this", text)
        assert charts(eye) == []
        assert "crit" not in eye.screen.splitlines()[0]

    play(scene, trouble=False, set_up=lambda fake: fake.answers.update({HOST.path: problem}))


def test_devices_come_and_go_and_an_open_detail_stays_where_it_is() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        while eye.app.view.query_one(RowsTable).cursor_key != "web1\ndisk nvme0n1":
            await eye.press("j")
        await eye.press("enter")
        await eye.until_shown("nvme0n1 written")
        fake.answers[HOST.path] = host(disks=[])
        await eye.until(lambda: disks_of(eye) == [], "no disk")
        assert "nvme0n1 written" in eye.screen, "the last that is known of it"
        await eye.press("escape")
        await eye.until(lambda: "disk nvme0n1" not in rows(eye), "it is gone")

    play(scene, ui=QUICK)


def test_a_host_with_very_many_devices_asks_for_a_bounded_number_of_histories() -> None:
    many = host(disks=[DiskIo(device=f"sd{number}", read_bytes_total=number) for number in range(256)])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("numbers", "sd255 ─")
        await eye.until(lambda: asked(fake, "/host/history", "pressure"), "the histories")
        assert len({path for _, path in fake.requests if "/host/history" in path and "last=3600" in path}) == 8

    play(scene, trouble=False, set_up=lambda fake: machine(fake, many))


@pytest.mark.parametrize(("width", "beside"), [(116, True), (115, False), (99, True), (90, False)])
def test_the_processes_stand_beside_the_rows_where_these_keep_room(width: int, beside: bool) -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("1.1G left of 64G")
        await eye.until(lambda: ("MOST CPU" in eye.screen) == beside, "the processes")

    play(scene, size=(width, 30))


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (99, 17), (100, 18), (300, 90)])
def test_it_fits_every_screen(size: tuple[int, int]) -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until(lambda: len(rows(eye)) == 13, "rows")
        await eye.until(lambda: bool(charts(eye)) == (size[1] >= 22), "charts where there is room")
        await eye.press("j", "enter", "escape", "v", "enter", "escape")
        assert screen_widths(eye.app) == {size[0]}

    play(scene, size=size)


def test_in_ascii_nothing_else_is_drawn() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("13 numbers", "peak 80%")
        await eye.press("v")
        assert {letter for letter in eye.screen if not letter.isascii()} <= set("적재작업자서울지점")

    play(scene, ui=Ui(ascii=True))


def test_what_is_saved_has_every_field() -> None:
    async def scene(eye: Looking, _: FakeNode) -> None:
        await eye.until_shown("13 numbers")
        name, suffix, text = eye.app.view.export()
        saved = list(csv.DictReader(io.StringIO(text)))
        assert (name, suffix, len(saved)) == ("host-web1", ".csv", 13)
        assert saved[0] | {"now": ""} == {
            "node": "web1", "what": "memory", "use_percent": "98.4", "bytes_per_sec": "", "now": "", "state": "crit",
        }  # fmt: skip
        await eye.press("v")
        assert "4242,etl_loader,etl,190.0," in eye.app.view.export()[2]

    play(scene)


def test_a_paused_screen_stands_still() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("CPU 63%")
        await eye.press("p")
        fake.answers[HOST.path] = host()
        await eye.until(lambda: eye.app.fleet.waiting > 3, "answers meanwhile")
        assert "CPU 63%" in eye.screen
        await eye.press("p")
        await eye.until_shown("CPU 12%")

    play(scene, ui=QUICK)

"""The reader over real connections: pages, searches, streams, jumps, files, and what happens when the node is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.client import NodeClient
from etlmon.contract.errors import Unavailable
from etlmon.contract.logs import LOGS
from tests.fakes.logs import BEGIN, FakeLog
from tests.fakes.nodes import FakeNode, refusing, slow, well
from tests.ui.looking import NOW
from ui.reader import Lines, Reader
from ui.reader.lines import MOST_LINES, PAGE
from ui.reader.reading import Around, Export, LineFilter, LogName, Reading, Seek, Step
from ui.reader.single import LogDocument
from ui.state import Fleet, Question, answered
from ui.widgets.logrow import Key

WAIT_SEC = 30.0
SCREEN = 30


class Desk:
    """Somebody who reads: a screen of SCREEN lines at `top`, or at the end while following."""

    def __init__(self, fakes: Mapping[str, FakeNode]) -> None:
        self.fakes = fakes
        self.fleet = Fleet([(name, fake.url) for name, fake in fakes.items()])
        self.changes = 0
        self.reader = Reader(self.fleet, NodeClient, on_change=self._changed, clock=lambda: NOW)
        self.reading = Reading(logs=())
        self.top: int | None = None

    def _changed(self) -> None:
        self.changes += 1

    @property
    def document(self) -> Lines:
        assert self.reader.document is not None
        return self.reader.document

    def hear(self) -> None:
        """The poller brings news of every node."""
        for name, fake in self.fakes.items():
            rows = [log.row for log in fake.logs.values()]
            node = answered(self.fleet.live(name), Question(LOGS), rows, now=NOW, node_id=fake.node_id)
            self.fleet.update(node)
            self.reader.heard(name)

    def read(self, *logs: str, top: int | None = None, **more: object) -> None:
        """Show these logs (`log`, or `node/log`), with other fields of Reading."""
        names = tuple(LogName(*one.rsplit("/", 1)) if "/" in one else LogName("web1", one) for one in logs)
        self.top = top
        self.reading = Reading(logs=names, following=top is None, **more)  # type: ignore[arg-type]
        self.look()

    def look(self) -> None:
        """Have the reader see what is on the screen now."""
        count = 0 if self.reader.document is None else len(self.reader.document)
        top = max(0, count - SCREEN) if self.top is None else self.top
        reading = self.reading
        self.reader.watch(
            Reading(
                logs=reading.logs,
                filter=reading.filter,
                find=reading.find,
                places=(top, top + SCREEN - 1),
                following=reading.following,
            )
        )

    @property
    def screen(self) -> list[str]:
        """What stands on the screen; `···` is not here yet."""
        count = len(self.document)
        top = max(0, count - SCREEN) if self.top is None else self.top
        rows = [self.document.row(place) for place in range(top, min(count, top + SCREEN))]
        return ["···" if row is None else row.text for row in rows]

    async def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_SEC
        while not condition():
            assert time.monotonic() < end, f"waited {WAIT_SEC} s; the screen is {self.screen}"
            self.look()
            await asyncio.sleep(0.01)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it is so, while nobody looks at the screen."""
    async with asyncio.timeout(WAIT_SEC):
        while not condition():  # noqa: ASYNC110 - there is nothing else to wait for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(*logs: FakeLog, nodes: int = 1) -> AsyncIterator[Desk]:
    """A desk over nodes web1, web2 .. that all have these logs."""
    fakes = {f"web{number}": FakeNode(node_id=f"id-{number}") for number in range(1, nodes + 1)}
    for fake in fakes.values():
        await fake.__aenter__()
        fake.logs = {log.name: log for log in logs}
    desk = Desk(fakes)
    desk.hear()
    try:
        yield desk
    finally:
        await desk.reader.close()
        for fake in fakes.values():
            await fake.__aexit__()


def play(scene: Callable[[Desk], Awaitable[None]], *logs: FakeLog, nodes: int = 1) -> None:
    async def main() -> None:
        async with reading(*logs, nodes=nodes) as desk:
            await scene(desk)

    asyncio.run(main())


def app(count: int) -> FakeLog:
    return FakeLog("app").write(*(f"line {number}" for number in range(1, count + 1)))


def asked(desk: Desk) -> list[str]:
    """The pages that were asked for so far."""
    return [path for _, path in desk.fakes["web1"].requests if "start=" in path]


def screen_of(first: int, count: int = SCREEN) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


# Pages


def test_a_log_opens_at_its_end_with_one_question_for_lines() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen == screen_of(9971))
        lines = [path for _, path in desk.fakes["web1"].requests if "/logs/app?" in path and "follow=true" not in path]
        assert len(lines) == 1
        assert len(desk.document) == 10_000

    play(scene, app(10_000))


def test_what_comes_into_the_log_is_there_at_once_and_nothing_of_it_is_asked_for_again() -> None:
    log = app(1000)

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: log.streams == 1)
        log.write("news", "more news")
        await desk.until(lambda: desk.screen[-2:] == ["news", "more news"])
        assert desk.document.arrived == 1002
        assert [path for path in asked(desk) if "start=1001" in path or "start=1002" in path] == []

    play(scene, log)


def test_a_place_anywhere_is_asked_for_by_its_page_once() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen == screen_of(99_971))
        desk.read("app", top=49_999)
        assert desk.screen == ["···"] * SCREEN
        await desk.until(lambda: desk.screen == screen_of(50_000))
        await desk.until(lambda: not desk.document._in_flight)  # type: ignore[union-attr]
        pages = asked(desk)
        assert len(pages) == len(set(pages))
        assert all("limit=256" in page or "limit=160" in page for page in pages)
        for top in range(49_999, 50_040):
            desk.read("app", top=top)
        await desk.until(lambda: desk.screen == screen_of(50_040))
        assert len(asked(desk)) <= len(pages) + 1

    play(scene, app(100_000))


def test_what_is_only_scrolled_past_is_not_asked_for() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen == screen_of(99_971))
        before = len(asked(desk))
        for top in range(0, 90_000, 300):
            desk.read("app", top=top)
        desk.read("app", top=90_000)
        await desk.until(lambda: desk.screen == screen_of(90_001))
        assert len(asked(desk)) - before <= 3

    play(scene, app(100_000))


def test_scrolled_from_end_to_end_no_more_is_held_than_may_be() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen == screen_of(59_971))
        for top in range(0, 59_000, 1500):
            desk.read("app", top=top)
            await desk.until(lambda top=top: desk.screen == screen_of(top + 1))  # type: ignore[misc]
        cache = desk.document.sources[0].lines
        assert cache.lines <= MOST_LINES + 3 * PAGE

    play(scene, app(60_000))


def test_when_the_oldest_lines_go_every_row_keeps_its_key() -> None:
    log = app(1000)

    async def scene(desk: Desk) -> None:
        desk.read("app", top=500)
        await desk.until(lambda: desk.screen == screen_of(501))
        key = desk.document.key_at(500)
        log.drop(300)
        desk.hear()
        assert desk.document.place_of(key) == 200
        assert desk.document.key_at(200) == key
        assert len(desk.document) == 700
        assert desk.document.place_of(Key(5, 0, "web1", "app")) == 0

    play(scene, log)


def test_gaps_and_rotations_stand_between_the_lines_and_every_place_has_its_key() -> None:
    log = app(10).gap("the file was truncated", 52_000)
    log.inode = 132
    log.write("after", "later").gap("one", None).gap("two", None)

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen[-5:] == ["the file was truncated", "after", "later", "one", "two"])
        document = desk.document
        assert len(document) == 15
        keys = [document.key_at(place) for place in range(15)]
        assert len(set(keys)) == 15
        assert [document.place_of(key) for key in keys] == list(range(15))
        rows = [document.row(place) for place in range(15)]
        assert [row.rotated for row in rows if row is not None] == [False] * 11 + [True] + [False] * 3
        assert isinstance(document, LogDocument)
        assert document.line_count == 12
        log.gap("live", 5)
        await desk.until(lambda: desk.screen[-1] == "live")

    play(scene, log)


# Searches


def test_the_first_matches_are_there_while_the_search_goes_on_and_the_count_grows() -> None:
    log = FakeLog("app").write(*(f"job {number} {'x' if number % 7 else 'Match'}" for number in range(1, 5001)))
    log.search_lines = 600

    async def scene(desk: Desk) -> None:
        counts: list[tuple[int, bool]] = []
        desk.read("app", filter=LineFilter(keep="match"))
        while not (desk.document.progress and desk.document.progress.total and desk.document.progress.is_done):
            progress = desk.document.progress
            assert progress is not None
            if not counts or counts[-1][0] != progress.found:
                counts.append((progress.found, progress.is_done))
            desk.look()
            await asyncio.sleep(0)
        assert len(counts) > 4
        assert counts == sorted(counts)
        await desk.until(lambda: desk.screen[-1] == "job 4998 Match")
        progress = desk.document.progress
        assert progress is not None
        assert (progress.found, progress.searched, progress.total) == (714, 5000, 5000)
        desk.read("app", filter=LineFilter(keep="match"), top=0)
        await desk.until(lambda: desk.screen == [f"job {number} Match" for number in range(7, 7 * 31, 7)])

    play(scene, log)


def test_lines_that_come_are_searched_too() -> None:
    log = app(100)

    async def scene(desk: Desk) -> None:
        desk.read("app", filter=LineFilter(keep="new", exclude="old"))
        await desk.until(lambda: log.streams == 1 and desk.document.progress is not None and desk.document.is_ready)
        await desk.until(lambda: (progress := desk.document.progress) is not None and progress.is_done)
        for _ in range(3):
            log.write("a new line", "an old new line", "other")
            await asyncio.sleep(0)
        await desk.until(lambda: desk.screen == ["a new line"] * 3)
        assert desk.document.arrived == 3

    play(scene, log)


def test_a_search_ends_at_the_oldest_line_and_a_match_that_went_is_let_go() -> None:
    log = FakeLog("app").write(*(["hit", "miss"] * 50))

    async def scene(desk: Desk) -> None:
        desk.read("app", filter=LineFilter(keep="hit"))
        await desk.until(lambda: len(desk.document) == 50)
        log.drop(20)
        desk.hear()
        assert len(desk.document) == 40

    play(scene, log)


def test_what_the_node_does_not_search_for_is_told() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app", filter=LineFilter(keep="(unclosed"))
        await desk.until(lambda: bool(desk.document.progress and desk.document.progress.complaint))
        assert desk.document.progress is not None
        assert "missing )" in desk.document.progress.complaint

    play(scene, app(10))


def test_a_find_hides_nothing_and_is_counted() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app", find="line 1")
        await desk.until(lambda: (progress := desk.document.find_progress) is not None and progress.found == 12)
        assert len(desk.document) == 100
        desk.read("app")
        assert desk.document.find_progress is None

    play(scene, app(100))


# Jumps


@pytest.mark.parametrize("search_lines", [None, 10])
def test_a_step_goes_to_the_nearest_error_or_match_in_its_direction(search_lines: int | None) -> None:
    texts = [f"{'ERROR' if number in (20, 150) else 'INFO'} job={number % 9}" for number in range(1, 201)]
    log = FakeLog("app").write(*texts)
    log.search_lines = search_lines

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.document.is_ready)

        async def step(seq: int, direction: int, pattern: str = "") -> int | str:
            errand = Step(origin=Key(seq, 0, "web1", "app"), direction=direction, pattern=pattern)  # type: ignore[arg-type]
            found = await desk.reader.run(errand)
            return found.words if found.key is None else found.key.seq

        assert await step(200, -1) == 150
        assert await step(150, -1) == 20
        assert await step(20, -1) == "No error before this one."
        assert await step(20, 1) == 150
        assert await step(150, 1) == "No error after this one."
        assert await step(10, 1, "JOB=3") == "No line matches after this one."
        assert await step(10, 1, "job=3") == 12
        desk.read("app", filter=LineFilter(keep="error"))
        assert await step(1, 1, "job=6") == 150

    play(scene, log)


def test_a_step_waits_for_nobody_when_the_search_has_been_there() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app", find="line 1")
        await desk.until(lambda: (progress := desk.document.find_progress) is not None and progress.found == 12)
        before = len(desk.fakes["web1"].requests)
        found = await desk.reader.run(Step(origin=Key(100, 0, "web1", "app"), direction=-1, pattern="line 1"))
        assert found.key == Key(19, 0, "web1", "app")
        found = await desk.reader.run(Step(origin=Key(19, 0, "web1", "app"), direction=1, pattern="line 1"))
        assert found.key == Key(100, 0, "web1", "app")
        assert len(desk.fakes["web1"].requests) == before

    play(scene, app(100))


def test_a_time_is_found_and_one_that_is_too_new_gives_the_newest_line() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.document.is_ready)
        found = await desk.reader.run(Seek(moment=BEGIN + timedelta(seconds=40)))
        assert found.key == Key(40, 0, "web1", "app")
        found = await desk.reader.run(Seek(moment=BEGIN + timedelta(days=1)))
        assert found.key == Key(100, 0, "web1", "app")
        assert found.words == "No line is as new as that; this is the newest."

    play(scene, app(100))


def test_other_logs_of_the_node_are_asked_what_they_said_at_the_time() -> None:
    other = FakeLog("loader", 2).write(*(f"loader {number}" for number in range(1, 200)))

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.document.is_ready)
        row = desk.document.row(99)
        assert row is not None
        found = await desk.reader.run(Around(row=row))
        assert [(log, near.text) for log, near in found.rows] == [
            ("loader", f"loader {number}") for number in range(98, 103)
        ]

    play(scene, app(100), other)


# Files


def test_what_the_filter_lets_through_is_saved_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.document.is_ready)
        found = await desk.reader.run(Export(stem="logs-web1-app"))
        assert found.path is not None
        assert found.path.read_text().splitlines() == screen_of(5001, 10_000)
        desk.read("app", filter=LineFilter(keep="7$"))
        await desk.until(
            lambda: (progress := desk.document.progress) is not None and progress.is_done and progress.total > 0
        )
        found = await desk.reader.run(Export(stem="logs-web1-app"))
        assert found.path is not None
        assert found.path.read_text().splitlines() == [f"line {number}" for number in range(7, 15_001, 10)]
        assert found.path.stat().st_mode & 0o777 == 0o600

    play(scene, app(15_000))


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))

    async def scene(desk: Desk) -> None:
        desk.read("app")
        found = await desk.reader.run(Export(stem="x"))
        assert found.failed
        assert "Not a directory" in found.words

    play(scene, app(3))


# When the node is away


def test_a_stream_that_breaks_off_is_taken_up_with_nothing_left_out_or_twice() -> None:
    log = app(50)

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: log.streams == 1)
        log.hang_up()
        log.write("while away")
        source = desk.document.sources[0]
        await desk.until(lambda: source.lost is not None)
        await desk.until(lambda: source.lost is None)
        log.write("back")
        await desk.until(lambda: desk.screen[-3:] == ["line 50", "while away", "back"])

    play(scene, log)


def test_a_page_that_does_not_come_now_comes_later_and_the_trouble_is_known_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(NodeClient.__init__.__kwdefaults__, "timeout", 2.0)  # type: ignore[arg-type]

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.screen == screen_of(971))
        desk.fakes["web1"].behave = slow(60)
        desk.read("app", top=0)
        source = desk.document.sources[0]
        await desk.until(lambda: source.trouble is not None)
        desk.fakes["web1"].behave = well
        await desk.until(lambda: desk.screen == screen_of(1))
        assert source.trouble is None

    play(scene, app(1000))


def test_another_node_behind_the_same_address_gives_no_line() -> None:
    async def scene(desk: Desk) -> None:
        desk.fakes["web1"].node_id = "stranger"
        desk.read("app")
        source = desk.document.sources[0]
        await desk.until(lambda: source.trouble is not None)
        assert source.trouble is not None
        assert "another node answers here" in source.trouble[0]
        assert source.lines.lines == 0

    play(scene, app(100))


def test_an_errand_that_fails_says_why() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: desk.document.is_ready)
        desk.fakes["web1"].behave = refusing(Unavailable("the store is full"))
        found = await desk.reader.run(Step(origin=Key(3, 0, "web1", "app"), direction=1))
        assert found.failed
        assert found.words == "the store is full (503 Unavailable)"

    play(scene, app(100))


def test_while_no_log_is_shown_nothing_is_followed_and_what_is_held_is_painted_at_once_later() -> None:
    log = app(100)

    async def scene(desk: Desk) -> None:
        desk.read("app")
        await desk.until(lambda: log.streams == 1 and desk.screen == screen_of(71))
        desk.reader.watch(None)
        await eventually(lambda: not log.streams)
        log.write("meanwhile")
        desk.read("app")
        assert desk.screen == screen_of(71)
        await desk.until(lambda: desk.screen[-1] == "meanwhile")

    play(scene, log)


# Several logs


def test_several_logs_stand_in_one_order_and_older_ones_come_as_they_are_scrolled_to() -> None:
    second = FakeLog("loader", 2, begin=BEGIN + timedelta(milliseconds=500))
    second.write(*(f"loader {number}" for number in range(1, 2001)))

    async def scene(desk: Desk) -> None:
        desk.read("app", "loader")
        await desk.until(lambda: desk.screen[-2:] == ["line 2000", "loader 2000"])
        seen = len(desk.document)
        assert seen < 1000
        for _ in range(40):
            desk.read("app", "loader", top=0)
            key = desk.document.key_at(0)
            if key.seq == 1:
                break
            await desk.until(lambda key=key: desk.document.key_at(0) != key)  # type: ignore[misc]
        rows = [desk.document.row(place) for place in range(len(desk.document))]
        texts = [row.text for row in rows if row is not None]
        assert texts == [text for number in range(1, 2001) for text in (f"line {number}", f"loader {number}")]

    play(scene, app(2000), second)


def test_what_comes_into_any_of_them_is_shown_and_counted() -> None:
    first, second = app(100), FakeLog("loader", 2).write("one")

    async def scene(desk: Desk) -> None:
        desk.read("app", "loader")
        await desk.until(lambda: first.streams == second.streams == 1)
        at = BEGIN + timedelta(hours=1)
        second.write("new in loader", created_at=at)
        await desk.until(lambda: desk.screen[-1] == "new in loader")
        first.write("new in app", created_at=at + timedelta(seconds=1))
        await desk.until(lambda: desk.screen[-2:] == ["new in loader", "new in app"])
        assert desk.document.arrived == 2

    play(scene, first, second)


def test_steps_and_times_lead_through_all_of_them_far_beyond_what_is_held() -> None:
    first, second = app(3000), FakeLog("loader", 2, begin=BEGIN + timedelta(milliseconds=500))
    second.write(*(f"loader {number} {'ERROR' if number in (5, 1500) else ''}" for number in range(1, 3001)))

    async def scene(desk: Desk) -> None:
        desk.read("app", "loader")
        await desk.until(lambda: desk.document.is_ready)
        at = desk.document.key_at(len(desk.document) - 1)
        found = await desk.reader.run(Step(origin=at, direction=-1))
        assert found.key == Key(1500, 0, "web1", "loader")
        place = desk.document.place_of(found.key)
        assert desk.document.key_at(place) == found.key
        near = [desk.document.row(place + by) for by in (-1, 0, 1)]
        assert [row.text.strip() for row in near if row] == ["line 1500", "loader 1500 ERROR", "line 1501"]
        found = await desk.reader.run(Step(origin=found.key, direction=-1))
        assert found.key == Key(5, 0, "web1", "loader")
        found = await desk.reader.run(Step(origin=Key(7, 0, "web1", "app"), direction=1))
        assert found.key == Key(1500, 0, "web1", "loader")
        found = await desk.reader.run(Seek(moment=BEGIN + timedelta(seconds=2000)))
        assert found.key == Key(2000, 0, "web1", "app")
        desk.read("app", "loader")
        await desk.until(lambda: desk.screen[-1].strip() == "loader 3000")

    play(scene, first, second)


def test_the_same_log_of_several_nodes_is_one_document() -> None:
    async def scene(desk: Desk) -> None:
        desk.read("web1/app", "web2/app")
        await desk.until(lambda: len(desk.document) == 200)
        nodes = [desk.document.key_at(place).node for place in range(4)]
        assert nodes == ["web1", "web2", "web1", "web2"]

    play(scene, app(100), nodes=2)

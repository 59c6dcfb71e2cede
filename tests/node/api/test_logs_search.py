"""Finding lines: what is found, how long it may take, and that nobody else waits for it."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.errors import BadRequest
from etlmon.contract.logs import LogQuery
from node.api import logs_search
from node.api.logs_search import Filter, Found, Searches
from node.settings import NodeSettings, WatchedLog
from node.store import logs as store
from node.store.database import Database
from node.store.logs import Bounds
from node.store.logs_lines import Span
from tests.node.api.test_logs import get
from tests.node.store.log_batches import PATH, batch, put
from tests.node.store.opened import opened
from tests.serving import serving

SETTINGS = NodeSettings(logs=(WatchedLog(name="app", path=PATH),))
LINES = ("loaded a.csv", "ERROR in a.csv", "warning: b.csv", "error in b.csv", "한글 Error | 5 ms", "line 1\nERROR 2")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def bounds_of(database: Database) -> Bounds:
    bounds = await database.read(store.bounds, "app")
    assert bounds is not None
    return bounds


async def find(database: Database, query: LogQuery, limit: int = 100, *, newest: bool = True) -> Found:
    bounds = await bounds_of(database)
    span = Span(first=bounds.first_seq, last=bounds.last_seq, newest=newest)
    return await Searches(database).find(bounds, span, limit, Filter.of(query))


@pytest.mark.parametrize(
    ("filter_", "seqs"),
    [
        ({"grep": "ERROR"}, [2, 6]),
        ({"grep": "(?i)error"}, [2, 4, 5, 6]),
        ({"grep": "(?i)ERROR"}, [2, 4, 5, 6]),
        ({"grep": "(?i)한글"}, [5]),
        ({"grep": "ERROR|warning"}, [2, 3, 6]),
        ({"grep": "(?i)ERROR|WARNING"}, [2, 3, 4, 5, 6]),
        ({"grep": "^ERROR"}, [2, 6]),
        ({"grep": r"\d+$"}, [6]),
        ({"grep": r"a\.csv"}, [1, 2]),
        ({"grep": r"\|"}, [5]),
        ({"grep": "[ab].csv"}, [1, 2, 3, 4]),
        ({"grep": r"(?<=in )\w\.csv"}, [2, 4]),
        ({"grep": "(?i)é"}, []),
        ({"exclude": "csv"}, [5, 6]),
        ({"exclude": "(?i)ERROR"}, [1, 3]),
        ({"exclude": r"\w\.csv"}, [5, 6]),
        ({"grep": "csv", "exclude": "^l"}, [2, 3, 4]),
        ({"grep": r"c.v", "exclude": "(?i)error"}, [1, 3]),
        ({"severity": "error"}, [2, 4]),
        ({"severity": "warning", "grep": "b"}, [3, 4]),
        ({"severity": "warning", "exclude": r"\bb\b"}, [2]),
        ({"grep": "ſ"}, []),
    ],
)
def test_lines_are_found_as_the_expression_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filter_: dict[str, Any], seqs: list[int]
) -> None:
    monkeypatch.setattr(logs_search, "SEARCH_SEC", 60.0)  # no search says on a busy machine that it came half the way
    query = LogQuery(**filter_)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*LINES, severities={1: 3, 2: 2, 3: 3}))
            assert await find(database, query) == Found(seqs=seqs[::-1])
            assert await find(database, query, newest=False) == Found(seqs=seqs)
            assert await find(database, query, 1) == Found(seqs=seqs[::-1][:1])

    run(main())


def test_a_search_over_the_api_goes_either_way_and_may_answer_seqs_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(
                node.database, batch(*(f"{number} {'odd' if number % 2 else 'even'}" for number in range(1, 301)))
            )
            number = 1 << 40

            async def seqs(query: str) -> list[int]:
                status, headers, body = await get(node, query)
                assert (status, headers["X-Last-Seq"]) == (200, "300")
                return [one if isinstance(one, int) else one["seq"] for one in body]

            assert await seqs("?grep=odd&lines=3") == [295, 297, 299]
            assert await seqs(f"?grep=odd&lines=3&before={number + 101}") == [95, 97, 99]
            assert await seqs(f"?grep=odd&lines=3&after={number + 101}") == [103, 105, 107]
            assert await seqs("?grep=odd&lines=2&start=101") == [101, 103]
            assert await seqs("?grep=odd") == list(range(101, 301, 2))
            assert await seqs("?grep=odd&matches=seq") == list(range(299, 0, -2))
            assert await seqs("?grep=odd&matches=seq&limit=2") == [299, 297]
            assert await seqs(f"?grep=odd&matches=seq&limit=2&after={number}") == [3, 1]
            assert await seqs("?grep=nothing&matches=seq") == []

    run(main())


@pytest.mark.parametrize("newest", [True, False])
def test_a_search_that_runs_out_of_time_says_how_far_it_came_and_nothing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: bool
) -> None:
    monkeypatch.setattr(logs_search, "SEARCH_SEC", 0.0)
    monkeypatch.setattr(logs_search, "SLICE_SEC", 60.0)  # each look does all of its lines, also on a busy machine
    monkeypatch.setattr(logs_search, "_FIRST", 100)
    monkeypatch.setattr(logs_search, "_MOST", 100)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*(f"{number % 7}" for number in range(1, 1001))))
            bounds = await bounds_of(database)
            span, seqs, rounds = Span(first=1, last=1000, newest=newest), list[int](), 0
            while True:
                found = await Searches(database).find(bounds, span, 1000, Filter(grep=r"^[0]$"))
                seqs, rounds = seqs + found.seqs, rounds + 1
                if found.searched is None:
                    break
                assert rounds < 20
                span = span.beyond(Span(first=found.searched, last=found.searched, newest=newest))
            assert sorted(seqs) == list(range(7, 1001, 7))
            assert seqs == sorted(seqs, reverse=newest)
            assert rounds == 10

    run(main())


@pytest.mark.parametrize("newest", [True, False])
def test_slow_expressions_are_stopped_line_by_line_and_go_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: bool
) -> None:
    monkeypatch.setattr(logs_search, "SEARCH_SEC", 0.05)
    monkeypatch.setattr(logs_search, "SLICE_SEC", 0.005)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            # Some milliseconds for each line that does not match.
            await put(database, batch(*("a" * 23 + ("!" if number % 5 else "") for number in range(1, 101))))
            bounds = await bounds_of(database)
            span, seqs, rounds = Span(first=1, last=100, newest=newest), list[int](), 0
            while not span.is_empty:
                found = await Searches(database).find(bounds, span, 1000, Filter(grep="^(a|aa)+$"))
                seqs, rounds = seqs + found.seqs, rounds + 1
                if found.searched is None:
                    break
                assert span.first <= found.searched <= span.last
                span = span.beyond(Span(first=found.searched, last=found.searched, newest=newest))
            assert sorted(seqs) == list(range(5, 101, 5))
            assert rounds > 1

    run(main())


def test_an_expression_that_never_ends_is_refused_with_the_line_it_could_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_search, "LINE_SEC", 0.05)

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("fine", "a" * 60 + "!", "aaa"))
            status, _, body = await get(node, "?grep=^(a|aa)%2B$&lines=1")
            assert (status, [line["seq"] for line in body]) == (200, [3])
            # The first look ends before that line, the next one begins with it.
            status, _, body = await get(node, f"?grep=^(a|aa)%2B$&before={(1 << 40) + 3}")
            assert (status, body["details"]) == (400, {"field": "grep"})
            assert "takes longer than 0.05 s for the line 2" in body["message"]

    run(main())


def test_questions_do_not_wait_for_searches(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, *(batch(*("x" * 100 for _ in range(10_000))) for _ in range(10)))

            async def search() -> None:
                for _ in range(3):
                    status, _, _ = await get(node, r"?grep=z\d%2B")
                    assert status == 200

            searching = [asyncio.create_task(search()) for _ in range(8)]
            waits = []
            while not all(task.done() for task in searching):
                started = time.perf_counter()
                assert (await get(node, "?lines=10"))[0] == 200
                waits.append(time.perf_counter() - started)
                await asyncio.sleep(0.005)
            await asyncio.gather(*searching)
            waits.sort()
            assert waits[len(waits) // 2] < 0.25, waits

    run(main())


def test_a_caller_who_goes_away_ends_the_search(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, *(batch(*("x" * 100 for _ in range(10_000))) for _ in range(5)))
            searches, bounds = Searches(database), await bounds_of(database)
            span = Span(first=1, last=bounds.last_seq)
            for _ in range(5):
                search = asyncio.create_task(searches.find(bounds, span, 100, Filter(grep=r"z\d+")))
                await asyncio.sleep(0.01)
                search.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await search
            found = await asyncio.wait_for(searches.find(bounds, span, 1, Filter(grep="x")), 30)
            assert found.seqs == [50_000]

    run(main())


def test_a_bad_expression_is_refused_before_anything_is_read() -> None:
    with pytest.raises(BadRequest, match="exclude is no regular expression") as caught:
        Filter.of(LogQuery(grep="fine", exclude="(?P<"))
    assert caught.value.details == {"field": "exclude"}
    assert Filter.of(LogQuery()).is_empty
    assert not Filter.of(LogQuery(severity="info")).is_empty

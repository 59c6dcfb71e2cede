"""What a reader holds: lines within bounds, the seqs of a search, stretches of several logs in one order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from etlmon.client import NodeClient
from etlmon.contract.logs import SEQ_BITS, LogGap, LogLine
from tests.fakes.nodes import closed_port
from ui.reader.lines import PAGE, LineCache
from ui.reader.matches import Dense, Matches
from ui.reader.merge import Merge
from ui.reader.part import Part
from ui.reader.reading import LineFilter, LogName
from ui.reader.source import Source
from ui.state import Fleet

AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)


def line(seq: int, text: str = "", *, number: int = 1, at: float | None = None, **more: object) -> LogLine:
    created_at = AT + timedelta(seconds=seq if at is None else at)
    values: dict[str, object] = {"id": number << SEQ_BITS | seq, "seq": seq, "line": text, "created_at": created_at}
    return LogLine(**{**values, **more})  # type: ignore[arg-type]


def source(log: str) -> Source:
    address = closed_port()
    fleet = Fleet([("web1", address)])
    return Source(LogName("web1", log), NodeClient(address), fleet, lambda: None, lambda: AT)


def part(order: int, *lines: LogLine, older: bool = False, newer: bool = False) -> Part:
    made = Part(source(f"log{order}"), order)
    made.replace(lines, has_older=older, has_newer=newer)
    return made


# The lines of one log


def test_what_was_looked_at_longest_ago_is_forgotten_first_and_what_is_shown_never() -> None:
    cache = LineCache(most_lines=3 * PAGE)
    for page in range(3):
        cache.put(line(seq) for seq in range(page * PAGE, (page + 1) * PAGE))
    cache.get(0)
    cache.show([2 * PAGE])
    cache.put(line(seq) for seq in range(3 * PAGE, 4 * PAGE))
    assert [cache.peek(page * PAGE) is not None for page in range(4)] == [True, False, True, True]
    assert cache.lines == 3 * PAGE


def test_long_lines_are_bounded_by_their_bytes() -> None:
    cache = LineCache(most_bytes=2**20)
    for seq in range(0, 200 * PAGE, PAGE):
        cache.put([line(seq, "x" * 2**16)])
    assert cache.bytes <= 2**20
    assert cache.lines == 16
    assert cache.peek(199 * PAGE) is not None


def test_a_million_lines_that_went_by_leave_no_more_than_the_bound() -> None:
    cache = LineCache(most_lines=1000)
    for start in range(0, 1_000_000, 1000):
        cache.show(range(start, start + 40))
        cache.put(line(seq) for seq in range(start, start + 100))
    assert cache.lines <= 1000 + PAGE


def test_the_same_line_twice_is_held_once() -> None:
    cache = LineCache()
    cache.put([line(1, "abc"), line(1, "abc")])
    assert (cache.lines, cache.bytes) == (1, 3)


# Which lines there are


def test_all_seqs_are_dense() -> None:
    dense = Dense(5, 9)
    assert [dense[position] for position in range(len(dense))] == [5, 6, 7, 8, 9]
    assert [dense.up_to(seq) for seq in (0, 4, 5, 9, 20)] == [0, 0, 1, 5, 5]
    assert len(Dense(1, 0)) == 0


@given(seqs=st.sets(st.integers(1, 200)), split=st.integers(0, 200), ask=st.integers(0, 201))
def test_matches_found_downwards_and_upwards_stand_in_order(seqs: set[int], split: int, ask: int) -> None:
    matches = Matches()
    matches.begin(split)
    below = sorted((seq for seq in seqs if seq <= split), reverse=True)
    for start in range(0, len(below), 3):
        matches.add_older(below[start : start + 3], below[min(start + 2, len(below) - 1)])
    matches.add_newer(sorted(seq for seq in seqs if seq > split), 200)
    every = sorted(seqs)
    assert [matches[position] for position in range(len(matches))] == every
    assert matches.up_to(ask) == len([seq for seq in every if seq <= ask])
    assert matches.step(ask, 1) == next((seq for seq in every if seq > ask), None)
    assert matches.step(ask, -1) == next((seq for seq in reversed(every) if seq < ask), None)
    matches.drop_below(ask)
    assert [matches[position] for position in range(len(matches))] == [seq for seq in every if seq >= ask]


def test_a_filter_and_a_search_are_one_expression_each_with_its_own_case() -> None:
    query = LineFilter(keep="error", exclude="DEBUG").query_with("Job=7")
    assert query.exclude == "DEBUG"
    assert query.grep == "^(?=(?s:.*?)(?i:error))(?=(?s:.*?)(?:Job=7))"
    assert LineFilter().query_with("job").grep == "(?i)job"


# Several logs by time


def test_lines_of_several_logs_stand_by_time_and_those_of_one_in_its_order() -> None:
    merge = Merge([part(0, line(1), line(3), line(5)), part(1, line(1, at=2), line(2, at=0), line(3, at=4))])
    assert [(entry.order, entry.seq) for entry in merge.entries] == [(0, 1), (1, 1), (1, 2), (0, 3), (1, 3), (0, 5)]


def test_what_may_lie_between_is_not_shown_until_it_is_known() -> None:
    merge = Merge([part(0, *map(line, range(1, 10))), part(1, line(5), line(6), older=True, newer=True)])
    assert [entry.seq for entry in merge.entries if entry.order == 0] == [5, 6]


def test_the_time_in_the_line_counts_unless_it_is_impossible() -> None:
    late = part(0, line(1, at=100, event_at=AT), line(2, at=101, event_at=AT + timedelta(days=400)))
    # The second would be of next year: it stands where it was read.
    assert [time - AT.timestamp() for time in late.times] == [0, 101]


def test_lines_without_a_time_stay_with_the_line_before_that_has_one() -> None:
    trace = part(0, line(1, at=50, event_at=AT), line(2, at=50), line(3, at=50, event_at=AT + timedelta(seconds=9)))
    assert [time - AT.timestamp() for time in trace.times] == [0, 0, 9]
    plain = part(0, line(1, at=50), line(2, at=60))
    plain.add_newer([line(3, at=70)], 3)
    assert [time - AT.timestamp() for time in plain.times] == [50, 60, 70]


@given(times=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=60))
def test_lines_that_come_one_by_one_give_the_same_order_as_all_at_once(times: list[tuple[int, int]]) -> None:
    parts = [part(order) for order in range(3)]
    for one in parts:
        one.high = 0
    merge = Merge(parts)
    for order, at in times:
        one = parts[order]
        merge.append(one, [line(one.high + 1, at=at)])
        assert [entry.time for entry in merge.entries] == sorted(entry.time for entry in merge.entries)
    arrived = [(entry.order, entry.seq) for entry in merge.entries]
    merge.changed()
    assert [(entry.order, entry.seq) for entry in merge.entries] == arrived
    for place, entry in enumerate(merge.entries):
        assert merge.place_of(merge.key_of(entry)) == place


def test_a_merge_lets_go_of_one_end_when_it_holds_too_much() -> None:
    parts = [part(0, *map(line, range(1, 101))), part(1, *map(line, range(1, 101)))]
    merge = Merge(parts, most_lines=100)
    merge.trim(oldest=True)
    assert len(merge.entries) <= 100
    assert merge.has_older
    assert not merge.has_newer
    assert merge.entries[-1].seq == 100
    merge = Merge(parts, most_lines=40)
    merge.trim(oldest=False)
    assert merge.has_newer
    assert merge.entries[0].seq == parts[0].lines[0].seq


def test_a_gap_stands_behind_its_line_in_a_merge() -> None:
    one, other = part(0, line(1), line(3)), part(1, line(2, at=2))
    one.source.gaps = [LogGap(id=7, at=AT, path="x", reason="truncated", message="m", seq=1)]
    merge = Merge([one, other])
    assert [(entry.order, entry.seq, entry.gap) for entry in merge.entries] == [
        (0, 1, 0),
        (0, 1, 1),
        (1, 2, 0),
        (0, 3, 0),
    ]

"""The order of rows, the histories for charts, and what is saved: pure."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.contract.fs import FS_HISTORY, FsHistoryQuery, FsPoint
from ui.glyphs import State
from ui.save import rows_csv, save, save_directory
from ui.state import NodeState, Question, answered
from ui.views.detail import Detail, Section, facts
from ui.views.history import STEPS_SEC, ceiling, even, history_questions, history_values
from ui.views.rows import RESORT_SEC, Arranger, Field, Row, Sort
from ui.widgets.cells import width_of
from ui.widgets.lines import Line, grid, wrap_runs

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
NODE = NodeState(name="web2", address="http://web2:8080")

NAME: Field[tuple[str, int | None]] = Field("name", "NAME", 8, lambda row: row.item[0], lambda row: row.item[0])
SIZE: Field[tuple[str, int | None]] = Field(
    "size", "SIZE", 8, lambda row: str(row.item[1]), lambda row: row.item[1], right=True
)
FIELDS = (NAME, SIZE)


def a_row(name: str, size: int | None = 0, level: State = "ok") -> Row[tuple[str, int | None]]:
    return Row(key=name, node=NODE, item=(name, size), level=level, now=NOW, times="relative")


def names(rows: list[Row[tuple[str, int | None]]]) -> list[str]:
    return [row.key for row in rows]


def test_the_worst_stands_first_and_equals_stay_in_their_order() -> None:
    rows = [a_row("c"), a_row("b", level="warn"), a_row("a"), a_row("d", level="down"), a_row("e", level="crit")]
    assert names(Sort().sorted(rows, FIELDS)) == ["d", "e", "b", "c", "a"]


def test_names_sort_upwards_and_numbers_downwards_and_what_is_not_known_is_last_both_ways() -> None:
    rows = [a_row("b", 2), a_row("a", None), a_row("c", 3)]
    assert names(Sort("name").sorted(rows, FIELDS)) == ["a", "b", "c"]
    assert names(Sort("size").sorted(rows, FIELDS)) == ["c", "b", "a"]
    assert names(Sort("size").turned().sorted(rows, FIELDS)) == ["b", "c", "a"]


def test_s_goes_through_severity_and_every_column_that_can_be_sorted() -> None:
    fixed: Field[tuple[str, int | None]] = Field("fixed", "FIXED", 3, lambda _row: "")
    sort, seen = Sort(), []
    for _ in range(4):
        seen.append(sort.key)
        sort = sort.step((NAME, fixed, SIZE))
    assert seen == ["severity", "name", "size", "severity"]


def test_rows_keep_their_places_between_sorts() -> None:
    arranger: Arranger[tuple[str, int | None]] = Arranger()
    arranger.by(Sort("size"))
    assert names(arranger.arrange([a_row("a", 1), a_row("b", 2)], FIELDS, NOW)) == ["b", "a"]
    swapped = [a_row("a", 3), a_row("b", 2)]
    assert names(arranger.arrange(swapped, FIELDS, NOW + timedelta(seconds=RESORT_SEC - 1))) == ["b", "a"]
    assert names(arranger.arrange(swapped, FIELDS, NOW + timedelta(seconds=RESORT_SEC))) == ["a", "b"]


def test_a_row_that_turns_worse_comes_up_at_once_unless_a_dialog_is_open() -> None:
    arranger: Arranger[tuple[str, int | None]] = Arranger()
    arranger.arrange([a_row("a"), a_row("b")], FIELDS, NOW)
    worse = [a_row("a"), a_row("b", level="crit")]
    assert names(arranger.arrange(worse, FIELDS, NOW, hold=True)) == ["a", "b"]
    assert names(arranger.arrange(worse, FIELDS, NOW)) == ["b", "a"]


def test_a_new_row_under_an_open_dialog_comes_last() -> None:
    arranger: Arranger[tuple[str, int | None]] = Arranger()
    arranger.arrange([a_row("a"), a_row("b")], FIELDS, NOW)
    later = NOW + timedelta(hours=1)
    rows = [a_row("new", level="down"), a_row("b"), a_row("a")]
    assert names(arranger.arrange(rows, FIELDS, later, hold=True)) == ["a", "b", "new"]


def points(count: int, step: int) -> list[FsPoint]:
    return [
        FsPoint(at=NOW - timedelta(seconds=step * back), used_bytes=0, avail_bytes=0, used_percent=float(back))
        for back in reversed(range(count))
    ]


def ask(step: int) -> Question[list[FsPoint]]:
    return Question(FS_HISTORY, FsHistoryQuery(mount="/", step=step))


def a_mount_row(node: NodeState) -> Row[str]:
    return Row(key="/", node=node, item="/", level="ok", now=NOW, times="relative")


def asked(node: NodeState) -> list[str]:
    return [question.key for question in history_questions(a_mount_row(node), ask)]


def values(node: NodeState) -> tuple[list[float | None], int]:
    return history_values(a_mount_row(node), ask, lambda point: point.used_percent, hold_sec=0)


def test_a_young_node_is_asked_for_finer_histories_as_long_as_they_fill_the_chart() -> None:
    day, half_minute, seconds = STEPS_SEC
    assert asked(NODE) == [ask(day).key]
    young = answered(NODE, ask(day), points(3, day), now=NOW)
    assert asked(young) == [ask(day).key, ask(half_minute).key]
    assert values(young)[1] == day, "what is held is shown until the finer one is there"
    young = answered(young, ask(half_minute), points(50, half_minute), now=NOW)
    assert (len(values(young)[0]), values(young)[1]) == (50, half_minute)
    new = answered(young, ask(half_minute), points(5, half_minute), now=NOW)
    assert asked(new) == [ask(day).key, ask(half_minute).key, ask(seconds).key]
    new = answered(new, ask(seconds), points(40, seconds), now=NOW)
    assert (len(values(new)[0]), values(new)[1]) == (40, seconds)
    old = answered(new, ask(day), points(100, day), now=NOW)
    assert asked(old) == [ask(day).key]
    assert (len(values(old)[0]), values(old)[1]) == (100, day)


def test_nothing_held_is_no_history() -> None:
    assert values(NODE) == ([], STEPS_SEC[0])


def test_a_step_without_a_point_is_a_gap() -> None:
    at = [NOW - timedelta(seconds=30 * back) for back in (3, 1, 0)]
    assert even([(at[0], 3.0), (at[1], 1.0), (at[2], 0.0)], 30, NOW, hold_sec=0) == [3.0, None, 1.0, 0.0]


def test_a_value_holds_until_the_next_one_but_not_for_ever() -> None:
    at = [NOW - timedelta(seconds=30 * back) for back in (6, 1)]
    assert even([(at[0], 3.0), (at[1], 1.0)], 30, NOW, hold_sec=60) == [3.0, 3.0, 3.0, None, None, 1.0, 1.0]


def test_points_from_the_future_and_from_long_ago_are_left_out() -> None:
    assert even([(NOW + timedelta(hours=1), 1.0), (NOW - timedelta(days=9), 2.0)], 30, NOW, hold_sec=60) == []


@pytest.mark.parametrize(("largest", "end"), [(0, 10), (10, 10), (11, 20), (33, 50), (51, 100), (1204, 2000)])
def test_an_axis_ends_at_a_round_number(largest: float, end: float) -> None:
    assert ceiling(largest) == end


def test_columns_of_a_detail_are_as_wide_as_their_widest_cell_in_cells() -> None:
    lines = grid([("서울", "1"), ("a", "22")], right=(1,), head=("NAME", "N"))
    assert ["".join(text for text, _ in line) for line in lines] == ["NAME   N", "서울   1", "a     22"]
    assert grid([]) == []


@given(st.text(max_size=80), st.integers(8, 40))
def test_a_wrapped_line_fits_and_loses_nothing_but_its_breaks(text: str, width: int) -> None:
    line: Line = grid([(text,)])[0]
    parts = wrap_runs(line, width)
    assert all(sum(width_of(part) for part, _ in one) <= width for one in parts)
    whole = "".join(part for part, _ in line)
    rest = "".join(part for one in parts for part, _ in one)
    assert rest.replace(" ", "") == whole.replace(" ", "")


def test_a_detail_as_text_has_its_title_and_says_what_is_not_there() -> None:
    detail = Detail(title="/data", sections=(Section("Facts", facts(("type", "ext4"))), Section("Events", (), "None.")))
    assert detail.text() == "/data\nFacts\n  type  ext4\n\nEvents\n  None."


def test_csv_holds_every_column_of_every_record_and_no_formula() -> None:
    text = rows_csv([{"node": "web2", "path": "=cmd()", "list": [1, 2]}, {"node": "web2", "more": '한글, "x"'}])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0] == {"node": "web2", "path": "'=cmd()", "list": "[1, 2]", "more": ""}
    assert rows[1]["more"] == '한글, "x"'


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    first = save(tmp_path / "new", "fs-web2", ".csv", "one", NOW)
    second = save(tmp_path / "new", "fs-web2", ".csv", "two", NOW)
    assert (first.name, second.name) == ("fs-web2-20261121-060000.csv", "fs-web2-20261121-060000-2.csv")
    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("stem", ["../../etc/passwd", "fs-a/b\x1b", "", "..."])
def test_a_name_from_elsewhere_stays_in_the_directory(tmp_path: Path, stem: str) -> None:
    path = save(tmp_path, stem, ".txt", "", NOW)
    assert path.parent == tmp_path
    assert "\x1b" not in path.name


def test_files_are_saved_below_the_user_s_own_data() -> None:
    assert save_directory({"XDG_DATA_HOME": "/x"}) == Path("/x/etlmon")
    assert save_directory({"XDG_DATA_HOME": "relative", "HOME": "/home/me"}) == Path("/home/me/.local/share/etlmon")

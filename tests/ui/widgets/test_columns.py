from hypothesis import given
from hypothesis import strategies as st

from ui.widgets.columns import GAP, Column, lay_out

COLUMN = st.builds(
    Column, st.just("k"), st.just("L"), st.integers(1, 30), flex=st.booleans(), priority=st.integers(0, 3)
)


@given(st.lists(COLUMN, max_size=8), st.integers(0, 150), st.sampled_from([0, 2]))
def test_columns_stand_side_by_side_and_fit_unless_they_may_not_be_dropped(
    columns: list[Column], width: int, indent: int
) -> None:
    slots = lay_out(columns, width, indent=indent)
    x = indent
    for slot in slots:
        assert slot.x == x
        assert slot.column is columns[slot.index]
        assert slot.width >= slot.column.width
        x += slot.width + GAP
    dropped = set(range(len(columns))) - {slot.index for slot in slots}
    assert all(columns[index].priority > 0 for index in dropped)
    if any(slot.column.priority for slot in slots) or not slots:
        assert x - GAP <= max(width, indent)
    if any(slot.column.flex for slot in slots) and x - GAP <= width:
        assert x - GAP == width


def test_the_highest_priority_goes_first_and_the_rightmost_of_two() -> None:
    columns = [
        Column("a", "A", 10),
        Column("b", "B", 10, priority=1),
        Column("c", "C", 10, priority=2),
        Column("d", "D", 10, priority=2),
    ]
    kept = {width: "".join(slot.column.key for slot in lay_out(columns, width)) for width in (43, 42, 31, 20, 5)}
    assert kept == {43: "abcd", 42: "abc", 31: "ab", 20: "a", 5: "a"}


def test_a_flexible_column_is_never_wider_than_it_may_be_and_the_next_one_gets_the_rest() -> None:
    columns = [Column("name", "NAME", 10, flex=True, most=24), Column("text", "TEXT", 10, flex=True)]
    assert [slot.width for slot in lay_out(columns, 27)] == [13, 13]
    assert [slot.width for slot in lay_out(columns, 121)] == [24, 96]
    assert [slot.width for slot in lay_out(columns, 9)] == [10, 10]

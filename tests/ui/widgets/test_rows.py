import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.widgets.rows import Rows

KEYS = st.lists(st.sampled_from([f"key{number}" for number in range(30)]), unique=True)


def filled(keys: list[str]) -> Rows:
    rows = Rows()
    rows.replace(keys, [(key,) for key in keys], None)
    return rows


@given(st.data(), KEYS.filter(bool), KEYS)
def test_the_cursor_stays_on_its_key_whatever_comes_and_goes(
    data: st.DataObject, keys: list[str], next_keys: list[str]
) -> None:
    rows = filled(keys)
    rows.move_to(data.draw(st.integers(0, len(keys) - 1)))
    key, place = rows.cursor_key, rows.cursor
    moved = rows.replace(next_keys, [(one,) for one in next_keys], None)
    if key in next_keys:
        assert (rows.cursor_key, moved) == (key, False)
        assert next_keys[rows.cursor] == key
    elif next_keys:
        assert moved
        assert rows.cursor == min(place, len(next_keys) - 1)
        assert rows.cursor_key == next_keys[rows.cursor]
    else:
        assert rows.cursor_key is None
        assert rows.cursor == 0


@given(st.lists(KEYS, min_size=1, max_size=8), st.data())
def test_marks_belong_to_keys_and_go_with_them(generations: list[list[str]], data: st.DataObject) -> None:
    rows = Rows()
    expected: set[str] = set()
    for keys in generations:
        rows.replace(keys, [(key,) for key in keys], None)
        expected &= set(keys)
        assert rows.marked == expected
        if keys:
            rows.move_to(data.draw(st.integers(0, len(keys) - 1)))
            rows.toggle_mark()
            assert rows.cursor_key is not None
            expected ^= {rows.cursor_key}
        assert rows.marked == expected


@given(KEYS, st.integers(-100, 100))
def test_the_cursor_never_leaves_the_rows(keys: list[str], index: int) -> None:
    rows = filled(keys)
    rows.move_to(index)
    assert rows.cursor_key == (keys[max(0, min(index, len(keys) - 1))] if keys else None)
    assert sum(line.under_cursor for line in rows.lines(0, 99)) == min(1, len(keys))


@pytest.mark.parametrize(
    ("keys", "rows", "tones"),
    [(["a", "a"], [("1",), ("2",)], None), (["a"], [("1",), ("2",)], None), (["a"], [("1",)], ["dim", "dim"])],
)
def test_rows_without_a_key_of_their_own_are_refused_and_change_nothing(
    keys: list[str], rows: list[tuple[str]], tones: None
) -> None:
    table = filled(["old"])
    with pytest.raises(ValueError, match="one key of its own"):
        table.replace(keys, rows, tones)
    assert table.keys == ("old",)

"""The judge itself: a verdict that cannot fail proves nothing."""

from tests.torture.verdict import Verdict, judge
from tests.torture.writer import line


def judged(written: int, *numbers: int) -> Verdict:
    return judge(written, [(seq, line(number)) for seq, number in enumerate(numbers, start=1)])


def test_every_line_once_and_in_order_is_perfect() -> None:
    assert judged(5, *range(5)).perfect
    assert judged(0).perfect


def test_missing_lines_are_found_with_their_place() -> None:
    assert judged(9, 0, 1, 4, 5, 7).lost == [(2, 3, 2), (6, 6, 4), (8, 8, 5)]
    assert judged(3).lost == [(0, 2, 0)]
    assert judged(9, 0, 1, 4, 5, 7).lost_lines == 4


def test_a_line_that_comes_again_is_twice() -> None:
    verdict = judged(3, 0, 1, 1, 2, 0)
    assert (verdict.twice, verdict.lost, verdict.disordered) == ([1, 0], [], [])
    assert not verdict.perfect


def test_a_line_that_comes_late_is_out_of_order_and_not_lost() -> None:
    verdict = judged(5, 0, 3, 1, 2, 4)
    assert (verdict.disordered, verdict.lost, verdict.twice) == ([1, 2], [], [])
    assert not verdict.perfect


def test_a_line_that_nobody_wrote_is_wrong() -> None:
    verdict = judge(2, [(1, line(0)), (2, line(1)[:-1]), (3, line(7)), (4, "")])
    assert len(verdict.wrong) == 3
    assert verdict.lost == [(1, 1, 1)]

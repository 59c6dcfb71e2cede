"""The short form of `python -m tests.torture.killing`: one moment after the other, then all of them."""

import random

import pytest

from tests.torture.killing import MOMENTS, torture

pytestmark = [pytest.mark.peer("root"), pytest.mark.peer("unshare")]


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ("never", "exited"),
        ("before the request", "identity_changed"),
        ("before the look", "identity_changed"),
        ("after the look", "gone"),
        ("before the signal", "gone"),
    ],
)
def test_a_pid_that_is_given_to_another_process_never_gets_that_one_killed(moment: str, outcome: str) -> None:
    seed = random.randrange(2**32)
    course = torture(8, seed, (moment,))
    assert course.perfect, f"{course}\nrandom seed {seed}"
    assert dict(course.outcomes) == {outcome: 8}
    assert course.lured == (0 if moment == "never" else 8)


def test_whenever_a_pid_is_given_away_nobody_else_is_hit_and_each_attempt_is_audited() -> None:
    seed = random.randrange(2**32)
    course = torture(60, seed, MOMENTS)
    assert course.perfect, f"{course}\nrandom seed {seed}"
    assert sum(course.outcomes.values()) == 60

"""The short form of `make torture`."""

import random
from pathlib import Path

import pytest

from tests.torture.kills import torture

ROUNDS = 6


@pytest.mark.timeout(180)
def test_a_node_killed_again_and_again_stores_every_line_once_and_in_order(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    course = torture(tmp_path, ROUNDS, random.Random(seed))
    assert course.perfect, f"{course}\nrandom seed {seed}"

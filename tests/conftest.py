"""For every test: a test that names a peer does not run without it."""

import pytest

from tests.peers import require


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            require(name)

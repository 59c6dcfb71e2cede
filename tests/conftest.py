"""For every test: a test that names a peer does not run without it."""

import os

import pytest

from tests.peers import require


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            require(name)


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: many tests wait, for a minute to begin or for a program to answer."""
    return (os.cpu_count() or 1) + 2

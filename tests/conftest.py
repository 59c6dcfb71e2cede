"""For every test: a test that names a peer does not run without it."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.peers import are_required, require

# A busy machine is slow, and nothing is wrong with it. Where every peer is required the examples are always the same,
# so that a change is judged by what it changes; everywhere else they are new each time.
settings.register_profile(
    "etlmon", deadline=None, derandomize=are_required(), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("etlmon")


# In the background a shell lets its programs ignore the interrupt; those that tests start and interrupt must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            require(name)


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: many tests wait, for a minute to begin or for a program to answer."""
    return (os.cpu_count() or 1) + 2

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that may take longest come first, each to another worker: at the end everybody would wait for them.

    The scheduler gives every worker an even share of the list, and what is left of one to those that are done.
    """
    long = sorted((item for item in items if _patience_sec(item)), key=_patience_sec, reverse=True)
    others = [item for item in items if not _patience_sec(item)]
    count, workers = len(items), getattr(config, "workerinput", {}).get("workercount", 1)
    items.clear()
    for number in range(workers):
        share = (count - len(items)) // (workers - number)
        mine = long[number::workers]
        most = max(0, share - len(mine))
        items += mine + others[:most]
        others = others[most:]
    items += others


def _patience_sec(item: pytest.Item) -> float:
    """How long a test may take, where it says so itself."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: many tests wait, for a minute to begin or for a program to answer."""
    return (os.cpu_count() or 1) + 2

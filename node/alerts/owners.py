"""Who cannot state numbers now, from how the collectors fare."""

from collections.abc import Iterable

from etlmon.contract.node import CollectorHealth
from node.rules.alert import Sources

ABOUT = "runner:{}"
"""Under this name the runner states how a collector fares, once it has run."""


def sources_of(collectors: Iterable[CollectorHealth]) -> Sources:
    starting, failing = set(), set()
    for one in collectors:
        if one.consecutive_failures or one.status in ("failing", "overdue"):
            failing.add(one.name)
        elif one.last_success_at is None:
            starting |= {one.name, ABOUT.format(one.name)}
    return Sources(starting, failing)

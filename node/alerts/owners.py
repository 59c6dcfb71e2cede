"""Who cannot state numbers now, from how the collectors fare."""

from collections.abc import Iterable, Mapping, Sequence

from etlmon.contract.node import CollectorHealth
from etlmon.labels import Labels
from node.rules.alert import Sources
from node.store.rows import storable

ABOUT = "runner:{}"
"""Under this name the runner states how a collector fares, once it has run."""


def sources_of(collectors: Iterable[CollectorHealth], unmeasured: Mapping[str, Sequence[Mapping[str, str]]]) -> Sources:
    """`unmeasured` is what the collectors say of their own numbers, see SampleTable."""
    starting, failing = set(), set()
    for one in collectors:
        if one.consecutive_failures or one.status in ("failing", "overdue"):
            failing.add(one.name)
        elif one.last_success_at is None:
            starting |= {one.name, ABOUT.format(one.name)}
    told = {owner: [tidy(tuple(sorted(one.items()))) for one in several] for owner, several in unmeasured.items()}
    return Sources(starting, failing, told)


def tidy(labels: Labels) -> Labels:
    """Labels as they come back from the store."""
    if all(value.isascii() for _, value in labels):
        return labels
    return tuple((name, storable(value)) for name, value in labels)

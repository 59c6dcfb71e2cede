"""A rule over what is stored: when it would have told. The same engine judges, by the times of the stored points."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from etlmon.contract.alerts import BacktestFiring
from etlmon.labels import Labels
from node.alerts.engine import Engine
from node.rules.alert import OpenAlert, Tick
from node.rules.rule import Rule
from node.samples import Stated

MOST_FIRINGS = 1000
"""The latest are kept."""

LATE_STEPS = 3
"""A number is still there when it is this many points late."""


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A number over the time that begins at `at`; of a level that is not rolled up the three are one."""

    at: datetime
    labels: Labels
    min: float
    max: float
    avg: float


@dataclass(slots=True)
class Replay:
    """What came of it."""

    series: int = 0
    notices: int = 0
    firings: list[BacktestFiring] = field(default_factory=list)


def backtest(rule: Rule, points: Iterable[StoredPoint], step: timedelta, *, node: str) -> Replay:
    """Replay stored points, the oldest first, of which one stands for a `step`.

    It is judged once for each time at which there are points: a node that was down judged nothing. The rule counts as
    switched on, and as one of this node.
    """
    engine = Engine(node, [_switched_on(rule)])
    replay, seen = Replay(), dict[Labels, Stated]()
    known: set[Labels] = set()
    for at, group in groupby(points, key=lambda point: point.at):
        for point in group:
            seen[point.labels] = Stated(rule.metric, point.labels, value_of(rule, point), at)
        known |= seen.keys()
        for labels in [one for one, stated in seen.items() if at - stated.at > LATE_STEPS * step]:
            del seen[labels]
        tick = engine.tick(at, seen.values())
        engine.saved(tick)
        _note(replay, tick)
    replay.series = len(known)
    replay.firings += [_firing(alert) for alert in engine.alerts() if alert.state == "active"]
    replay.firings = sorted(replay.firings, key=lambda firing: firing.triggered_at)[-MOST_FIRINGS:]
    return replay


def value_of(rule: Rule, point: StoredPoint) -> float:
    """What of a stored point is judged.

    A rule that tells at once would have seen the worst of it. One that waits, or that looks at a change, sees how it
    was on the whole.
    """
    condition = rule.condition
    if condition.of != "value" or rule.spec.for_:
        return point.avg
    return max((point.min, point.avg, point.max), key=lambda value: (condition.holds(value), _beyond(rule, value)))


def _beyond(rule: Rule, value: float) -> float:
    return -value if rule.condition.operator in ("<", "<=") else value


def _switched_on(rule: Rule) -> Rule:
    return dataclasses.replace(rule, spec=msgspec.structs.replace(rule.spec, enabled=True, nodes=[]))


def _note(replay: Replay, tick: Tick) -> None:
    replay.notices += len(tick.notices)
    replay.firings += [_firing(change.alert) for change in tick.changes if change.ended]
    if len(replay.firings) > 2 * MOST_FIRINGS:
        del replay.firings[:-MOST_FIRINGS]


def _firing(alert: OpenAlert) -> BacktestFiring:
    return BacktestFiring(
        labels=dict(alert.labels),
        triggered_at=alert.triggered_at,
        active_at=alert.active_at,
        resolved_at=alert.resolved_at,
        worst=alert.worst,
    )

"""P11: one look of the alert engine: 200 rules over 1,000 numbers, sorting them by name included."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.figure import Figure
from etlmon.contract.alerts_rules import AlertRule
from node.alerts.engine import Engine
from node.collector import Sample
from node.rules.rule import compile_rule
from node.samples import SampleTable

RULES, SERIES, LOOKS = 200, 1000, 40
BUDGET_MS = 50.0
AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def run() -> list[Figure]:
    return list(_figures())


def _figures() -> Iterator[Figure]:
    usual = _median_ms(metrics=50, condition="> 90", labels={"device": "~sd.*"})
    yield Figure(id="P11", what="200 rules, 1,000 numbers of 50 names", measured=usual, unit="ms", budget=BUDGET_MS)
    every = _median_ms(metrics=1, condition="> 90", labels={})
    what = "200 rules, each over all 1,000 numbers"
    yield Figure(id="P11", what=what, measured=every, unit="ms", budget=BUDGET_MS, note="200,000 judgements")
    rates = _median_ms(metrics=50, condition="rate(5m) > 10", labels={})
    yield Figure(id="P11", what="200 rates, 20 numbers each", measured=rates, unit="ms", budget=BUDGET_MS)
    firing = _median_ms(metrics=50, condition="> 90", labels={}, firing=SERIES)
    what = "the same while 1,000 alerts are open"
    yield Figure(id="P11", what=what, measured=firing, unit="ms", budget=BUDGET_MS)


def _median_ms(*, metrics: int, condition: str, labels: dict[str, str], firing: int = 0) -> float:
    """Of looks at numbers that change each time; the first one, which learns all label sets, is left out."""
    rules = [
        compile_rule(AlertRule(name=f"r{n}", metric=f"m{n % metrics}", condition=condition, labels=labels), "config")
        for n in range(RULES)
    ]
    engine, table, took = Engine("bench", rules), SampleTable(), list[float]()
    for look in range(LOOKS):
        now = AT + timedelta(seconds=15 * look)
        samples = [
            Sample(f"m{n % metrics}", (200.0 if n < firing else 20.0) + look, {"device": f"sd{n}", "mode": "user"})
            for n in range(SERIES)
        ]
        table.replace("bench", samples, now)
        began = time.perf_counter()
        tick = engine.tick(now, table)
        took.append((time.perf_counter() - began) * 1000)
        engine.saved(tick)
    return statistics.median(took[1:])

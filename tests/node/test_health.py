from dataclasses import dataclass, field

import pytest

from etlmon.contract.node import CollectorHealth, CollectorStatus, Health, StoreHealth
from node.health import health


@dataclass
class Parts:
    """A runner and a store in a given state."""

    collectors: list[CollectorHealth] = field(default_factory=list)
    store: StoreHealth = field(default_factory=StoreHealth)


def one(name: str, status: CollectorStatus, *, failures: int = 0, overruns: int = 0) -> CollectorHealth:
    error = "no such device" if failures else None
    return CollectorHealth(
        name=name,
        status=status,
        interval_sec=15,
        consecutive_failures=failures,
        last_error=error,
        overruns=overruns,
    )


def of(parts: Parts, *problems: str) -> Health:
    class Runner:
        def health(self) -> list[CollectorHealth]:
            return parts.collectors

    class Store:
        def health(self) -> StoreHealth:
            return parts.store

    return health(Runner(), Store(), node_name="etl01", uptime_sec=1.23456, problems=problems)


@pytest.mark.parametrize("status", ["ok", "running", "starting"])
def test_a_node_whose_collectors_work_or_are_about_to_is_healthy(status: CollectorStatus) -> None:
    told = of(Parts([one("fs", status)]))
    assert (told.status, told.problems, told.node_name, told.uptime_sec) == ("healthy", [], "etl01", 1.235)


def test_a_node_that_watches_nothing_is_healthy() -> None:
    assert of(Parts()).status == "healthy"


def test_one_that_fails_among_others_degrades_the_node_and_is_named_with_its_reason() -> None:
    told = of(Parts([one("fs", "failing", failures=1), one("paths:/in", "ok")]))
    assert told.status == "degraded"
    assert told.problems == ["fs failed once: no such device"]


def test_an_overdue_one_degrades_the_node_and_says_how_many_turns_it_missed() -> None:
    told = of(Parts([one("fs", "overdue", overruns=3, failures=2), one("paths:/in", "ok")]))
    assert told.status == "degraded"
    assert told.problems == [
        "fs is not done and missed its turn (3 missed so far); it failed 2 times in a row: no such device"
    ]


def test_a_node_of_which_no_collector_works_is_unhealthy() -> None:
    told = of(Parts([one("fs", "failing", failures=4), one("paths:/in", "overdue", overruns=1)]))
    assert told.status == "unhealthy"
    assert len(told.problems) == 2


def test_a_store_that_takes_no_rows_degrades_the_node_and_stands_first() -> None:
    told = of(Parts([one("fs", "failing", failures=2), one("x", "ok")], StoreHealth(error="disk is full")), "more")
    assert told.status == "degraded"
    assert told.problems == [
        "the store takes no rows: disk is full",
        "fs failed 2 times in a row: no such device",
        "more",
    ]


def test_a_problem_of_the_daemon_degrades_a_node_that_works() -> None:
    told = of(Parts([one("fs", "ok")]), "the configuration was refused")
    assert (told.status, told.problems) == ("degraded", ["the configuration was refused"])

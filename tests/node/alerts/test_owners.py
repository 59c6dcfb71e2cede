"""Who cannot state numbers now."""

from etlmon.contract.node import CollectorHealth, CollectorStatus
from node.alerts.owners import sources_of
from tests.node.alerts.judging import AT


def health(name: str, status: CollectorStatus, *, failures: int = 0, worked: bool = False) -> CollectorHealth:
    return CollectorHealth(
        name=name,
        status=status,
        interval_sec=5,
        consecutive_failures=failures,
        last_success_at=AT if worked else None,
    )


def test_one_that_did_not_run_yet_is_starting_and_so_is_what_is_said_about_it() -> None:
    given = [health("fs", "starting"), health("paths:/in", "running"), health("cron", "ok", worked=True)]
    sources = sources_of(given, {})
    assert sources.starting == {"fs", "runner:fs", "paths:/in", "runner:paths:/in"}
    assert sources.failing == set()


def test_one_that_failed_or_hangs_is_failing_also_while_it_tries_again() -> None:
    given = [
        health("fs", "failing", failures=1, worked=True),
        health("cron", "running", failures=4),
        health("logs:app", "overdue", worked=True),
        health("processes", "running", worked=True),
    ]
    sources = sources_of(given, {})
    assert sources.failing == {"fs", "cron", "logs:app"}
    assert sources.starting == set()
    assert sources.is_silent("fs")
    assert not sources.is_silent("processes")
    assert not sources.is_silent("runner:fs")


def test_what_cannot_be_measured_is_known_by_some_of_its_labels() -> None:
    sources = sources_of([], {"fs": [{"mount": "/data"}, {"mount": "/größe"}], "cron": []})
    assert sources.is_unmeasured("fs", (("mount", "/data"),))
    assert sources.is_unmeasured("fs", (("kind", "disk"), ("mount", "/größe")))
    assert not sources.is_unmeasured("fs", (("mount", "/"),))
    assert not sources.is_unmeasured("cron", (("mount", "/data"),))

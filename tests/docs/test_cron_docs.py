"""docs/domains/cron.md names every event, metric and state of the domain, and tells its limits as they are."""

import re
from pathlib import Path
from typing import get_args

from etlmon.contract.cron import CronState, RunState
from node.collectors import cron_evidence, cron_journal, cron_run_log, cron_told, cron_watch
from node.collectors.cron_host import exit_code_advice
from tests.node.collectors.cron_stage import daemon

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/cron.md").read_text(encoding="utf-8")
SOURCE = Path(str(cron_told.__file__)).read_text(encoding="utf-8")


def section(title: str, mark: str = "##") -> str:
    return PAGE.split(f"{mark} {title}\n", 1)[1].split("\n##", 1)[0]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE))))


def test_the_page_lists_the_metrics_that_there_are() -> None:
    assert first_cells(section("Metrics")) == set(re.findall(r'"(etlmon_cron_\w+)"', SOURCE))


def test_the_page_lists_the_events_that_there_are() -> None:
    assert first_cells(section("Events")) == set(re.findall(r'"((?:cron|job|crontab)_\w+)"', SOURCE))


def test_the_page_explains_every_state() -> None:
    assert first_cells(section("States")) == set(get_args(CronState))
    assert first_cells(section("Runs", "###")) == set(get_args(RunState))


def test_the_states_stand_in_their_order() -> None:
    worst_first = re.findall(r"^\| `(\w+)`", section("States"), re.MULTILINE)
    assert worst_first == ["invalid", "missed", "failed", "overlapping", "running", "unknown", "ok"]


def test_the_page_tells_the_limits_as_they_are() -> None:
    assert f"{cron_run_log.FIRST_LINES:,} lines before its end" in PAGE
    assert f"{cron_journal.FIRST_ENTRIES:,} entries at most" in PAGE
    assert cron_journal.FIRST_SPAN.days == 7
    assert f"within\n{cron_run_log.FRESH.total_seconds() / 3600:g} hours" in PAGE
    assert f"Of more than {cron_watch.TOLD_ONE_BY_ONE} in a row" in PAGE
    assert (cron_told.MOST_TOLD, cron_told.RECENT.total_seconds(), cron_told.MOST_JOBS) == (10, 3600, 500)
    assert all(f"`{path}`" in section("Where the log is", "###") for path in cron_run_log.CANDIDATES)
    assert cron_evidence.UP.total_seconds() == 60


def test_what_the_page_says_to_set_leaves_nothing_to_advise() -> None:
    said = re.search(r'EXTRA_OPTS="-L (\d+)"', section("Did it run?"))
    assert said is not None
    assert exit_code_advice(daemon(int(said[1]))) is None
    assert f'EXTRA_OPTS="-L {said[1]}"' in (exit_code_advice(daemon(1)) or "")

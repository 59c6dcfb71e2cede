"""docs/domains/processes.md names every event, metric and state of the domain, and none that does not exist."""

import re
from pathlib import Path
from typing import get_args

import pytest

from etlmon.contract.processes import WatchState

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/processes.md").read_text(encoding="utf-8")
SOURCES = [ROOT / f"node/collectors/processes_{part}.py" for part in ("changes", "rows")]
SOURCE = "".join(file.read_text(encoding="utf-8") for file in SOURCES)


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("Events", r"\b(?:process_(?:started|stopped|restarted|exec)|watch_(?:too_few|too_many|error|ok))\b"),
        ("Metrics", r"\betlmon_process[a-z_]+\b"),
    ],
)
def test_the_page_lists_what_the_collector_says(title: str, pattern: str) -> None:
    said = {text for text in re.findall(r'"(\w+)"', SOURCE) if re.fullmatch(pattern, text)}
    assert set(re.findall(pattern, section(title))) == said
    assert len(said) >= 8


def test_no_event_of_the_collector_is_left_out() -> None:
    told = set(re.findall(r"`((?:process|watch)_\w+)`", section("Events")))
    kinds = set(re.findall(r'"((?:process|watch)_[a-z_]+)"', SOURCES[0].read_text(encoding="utf-8")))
    assert told == kinds


def test_the_page_explains_every_state() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", section("States of a watch"), re.MULTILINE)) == set(get_args(WatchState))

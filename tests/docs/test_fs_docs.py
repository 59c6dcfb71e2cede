"""docs/domains/fs.md names every event, metric and state of the domain, and none that does not exist."""

import re
from pathlib import Path
from typing import get_args

import pytest

from etlmon.contract.fs import MountState

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/fs.md").read_text(encoding="utf-8")
EVENT = re.compile(r"\b((?:mount|turned|filled|usage)_(?!point|system)[a-z_]+)\b")
METRIC = re.compile(r"\betlmon_fs_[a-z_]+\b")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    ("title", "pattern", "source"),
    [("Events", EVENT, "node/collectors/fs_events.py"), ("Metrics", METRIC, "node/collectors/fs.py")],
)
def test_the_page_lists_what_the_collector_says(title: str, pattern: re.Pattern[str], source: str) -> None:
    said = {match for text in re.findall(r'"(\w+)"', (ROOT / source).read_text()) for match in pattern.findall(text)}
    assert set(pattern.findall(section(title))) == said


def test_the_page_explains_every_state() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", section("States"), re.MULTILINE)) == set(get_args(MountState))

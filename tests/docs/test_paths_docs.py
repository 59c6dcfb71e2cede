"""docs/domains/paths.md names every event, metric and state of the domain, and none that does not exist."""

import re
from pathlib import Path
from typing import get_args

import pytest

from etlmon.contract.paths import PathState

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/paths.md").read_text(encoding="utf-8")
SOURCE = (ROOT / "node/collectors/paths_rows.py").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    ("title", "pattern"), [("Events", r"\b(?:path|scan)_(?!point)[a-z_]+\b"), ("Metrics", r"\betlmon_path_[a-z_]+\b")]
)
def test_the_page_lists_what_the_collector_says(title: str, pattern: str) -> None:
    said = {text for text in re.findall(r'"(\w+)"', SOURCE) if re.fullmatch(pattern, text)}
    assert set(re.findall(pattern, section(title))) == said


def test_the_page_explains_every_state() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", section("States"), re.MULTILINE)) == set(get_args(PathState))

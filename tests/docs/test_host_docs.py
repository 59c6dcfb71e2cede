"""docs/domains/host.md names every event, metric and action of the domain, and none that does not exist."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

from node import limits
from node.collectors import host_metrics
from node.settings_host import Limits
from node.sources.host_proc import MOST_DISKS, MOST_INTERFACES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/host.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_page_lists_every_metric_with_its_labels() -> None:
    told = dict(re.findall(r"`([a-z_]+)(?:\{([a-z,]+)\})?`(?=[^|]*\|[^|]*\|$)", section("Metrics"), re.MULTILINE))
    declared = {metric.name: ",".join(metric.labels) for metric in (*host_metrics.METRICS, *limits.METRICS)}
    assert {name: labels for name, labels in told.items() if "_" in name} == declared


def test_the_page_lists_the_events() -> None:
    source = (ROOT / "node/limits.py").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", section("Events"), re.MULTILINE)) == set(
        re.findall(r'"(limit_[a-z]+)"', source)
    )


def test_the_page_explains_every_action() -> None:
    told = re.findall(r"^\| `(\w+)` \|", section("The node's own limits"), re.MULTILINE)
    assert tuple(told) == get_args(get_type_hints(Limits)["action"])


def test_the_page_says_how_many_there_may_be() -> None:
    assert f"At most {MOST_DISKS} disks and {MOST_INTERFACES} interfaces are told." in PAGE

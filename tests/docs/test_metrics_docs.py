"""docs/metrics.md tells of every metric, and of none that does not exist; so do the pages of the domains."""

import re
from pathlib import Path

import pytest

from node.collectors import COLLECTORS
from node.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
ROWS = {match[1]: match.groups()[1:] for match in ROW.finditer(PAGE)}


def section(page: str, title: str) -> str:
    return page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_each_metric_has_one_row() -> None:
    assert sorted(match[1] for match in ROW.finditer(PAGE)) == sorted(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_says_what_the_metric_is(name: str) -> None:
    metric = METRICS[name]
    kind, labels, said, history = (text.strip() for text in ROWS[name])
    assert (kind, tuple(re.findall(r"`(\w+)`", labels)), said) == (metric.kind, metric.labels, metric.help)
    assert history == ("yes" if metric.keeps else "")


@pytest.mark.parametrize("domain", [registration.domain for registration in COLLECTORS])
def test_a_domain_s_metrics_stand_in_its_own_section(domain: str) -> None:
    [registration] = [one for one in COLLECTORS if one.domain == domain]
    rows = [match[1] for match in ROW.finditer(section(PAGE, domain))]
    assert rows == [metric.name for metric in registration.metrics]


@pytest.mark.parametrize("domain", [registration.domain for registration in COLLECTORS])
def test_the_page_of_a_domain_names_all_its_metrics(domain: str) -> None:
    [registration] = [one for one in COLLECTORS if one.domain == domain]
    page = (ROOT / f"docs/domains/{domain}.md").read_text(encoding="utf-8")
    assert {metric.name for metric in registration.metrics} - set(re.findall(r"\b\w+\b", page)) == set()


def test_each_label_that_has_a_meaning_of_its_own_is_explained() -> None:
    labels = {label for metric in METRICS.values() for label in metric.labels}
    plain = {"name", "pid", "device", "interface", "core", "version"}
    assert {label for label in labels - plain if f"`{label}`" not in _words(PAGE)} == set()


def _words(page: str) -> str:
    """The page without the rows of its tables."""
    return "\n".join(line for line in page.splitlines() if not line.startswith("|"))

"""docs/domains/dataproc.md names every event, metric, result and attention of the domain, and its numbers are those."""

import re
from pathlib import Path
from typing import get_args

from etlmon.contract.dataproc_rows import Attention, RunResult
from etlmon.units import Duration
from node.collectors import dataproc_attention, dataproc_told
from node.collectors.dataproc_told import FAILURES, SLOW_SEC, samples
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc, DataprocAccount
from tests.node.store.estates import row, run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/dataproc.md").read_text(encoding="utf-8")
TOLD = Path(str(dataproc_told.__file__)).read_text(encoding="utf-8")
ACCOUNT = DataprocAccount(name="data")


def section(title: str, mark: str = "##") -> str:
    return PAGE.split(f"{mark} {title}\n", 1)[1].split("\n##", 1)[0]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE))))


def test_the_page_lists_the_metrics_that_there_are_with_their_labels() -> None:
    said = dict(re.findall(r"^\| `(etlmon_dataproc_\w+)` \| ([^|]*) \|", section("Metrics"), re.MULTILINE))
    stated = {sample.name: list(sample.labels) for sample in samples([row()], run())}
    assert {name: re.findall(r"`(\w+)`", labels) for name, labels in said.items()} == stated


def test_the_page_lists_the_events_that_there_are() -> None:
    said = set(re.findall(r'"((?:cluster|run|account|quota)_\w+)"', TOLD))
    said |= {f"cluster_{kind}" for kind in ("stuck", "idle")}
    assert first_cells(section("Events")) == said


def test_the_page_explains_every_result_and_every_attention() -> None:
    assert first_cells(section("A run")) >= set(get_args(RunResult))
    assert first_cells(section("What wants attention")) - {"attention"} == set(get_args(Attention))
    words = section("What wants attention")
    assert all(state in words for state in dataproc_attention.PASSING)


def test_the_page_tells_the_numbers_as_they_are() -> None:
    given = Dataproc()
    assert (given.stuck_after, given.idle_after) == (Duration(1800), Duration(3600))
    assert (given.timeouts.total, given.region_concurrency) == (Duration(90), 4)
    assert (given.retries.clusters, given.retries.jobs) == (3, 2)
    assert (given.quota.per_minute, given.quota.warn_ratio) == (1000, 0.8)
    assert len(given.fallback_regions) == 10
    assert (FAILURES, SLOW_SEC, ACCOUNT.jobs_per_cluster) == (3, 60.0, 10)
    assert NodeSettings().refresh.dataproc == Duration(120)


def test_every_setting_that_the_page_names_exists() -> None:
    keys = {name for struct in (Dataproc, DataprocAccount) for name in struct.__struct_fields__}
    nested = {f"{name}.{key}" for name in ("timeouts", "quota") for key in getattr(Dataproc(), name).__struct_fields__}
    named = set(
        re.findall(r"`((?:timeouts|quota)\.\w+|\w+_(?:after|concurrency|regions|per_cluster)|include_jobs)", PAGE)
    )
    assert named <= keys | nested
    assert len(named) >= 7
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    assert {"dataproc", "accounts", "credentials_file", "projects"} <= set(re.findall(r"(\w+):", example))

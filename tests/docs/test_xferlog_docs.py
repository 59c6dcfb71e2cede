"""docs/domains/xferlog.md names every event, metric and state of the domain, and its settings are those that help."""

import re
from pathlib import Path
from typing import get_args

import pytest

from etlmon.contract.xferlog import OnDisk, Outcome, Transfer
from node.collectors import xferlog_disk, xferlog_rows
from node.collectors.xferlog_advice import OWN_LOG, STANDARD_LOG, advice, parse_vsftpd
from node.store.xferlog import UNPARSED_KEPT

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/xferlog.md").read_text(encoding="utf-8")
SOURCES = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (xferlog_disk, xferlog_rows))


def section(title: str, mark: str = "##") -> str:
    return PAGE.split(f"{mark} {title}\n", 1)[1].split("\n##", 1)[0]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE))))


def test_the_page_lists_the_metrics_that_there_are() -> None:
    said = set(re.findall(r'"(etlmon_xferlog_\w+)"', SOURCES))
    assert first_cells(section("Metrics")) == said


def test_the_page_lists_the_events_that_there_are() -> None:
    said = set(re.findall(r'"((?:xferlog|upload)_(?!entries)\w+)"', SOURCES))
    said |= {f"upload_{kind}" for kind in ("missing", "shorter")}
    assert first_cells(section("Events")) == said


def test_the_page_explains_every_state_and_outcome() -> None:
    assert first_cells(section("The log's states")) == {
        "following", "behind", "missing", "denied", "stuck", "error",
    }  # fmt: skip
    assert first_cells(section("Outcomes", "###")) == set(get_args(Outcome))
    assert first_cells(section("Beside the disk")) - {"on_disk"} == set(get_args(OnDisk))


def test_the_page_explains_every_field_of_a_transfer() -> None:
    named = first_cells(section("What a transfer says"))
    assert set(Transfer.__struct_fields__) - named == {"id", "service", "started_at"}
    assert "`started_at`" in section("What a transfer says")


@pytest.mark.parametrize("before", ["", "xferlog_std_format=YES\nsyslog_enable=YES\nlog_ftp_protocol=YES\n"])
def test_what_the_page_says_to_set_leaves_nothing_to_advise(before: str) -> None:
    first, both = re.findall(r"```\n(xferlog_\w+=.*?)```", PAGE, re.DOTALL)
    for conf in (before + first, before + first + both):
        assert list(advice(OWN_LOG, "following", "vsftpd", parse_vsftpd(conf))) == []
    assert f"`{STANDARD_LOG}`" in PAGE


def test_the_page_tells_the_limits_as_they_are() -> None:
    assert f"the newest {UNPARSED_KEPT:,} of them" in PAGE
    assert f"at most {xferlog_disk.MOST_ACTS:,} uploads" in PAGE
    assert (xferlog_rows.MOST_TOLD, xferlog_rows.TOLD_WITHIN.total_seconds(), xferlog_disk.MOST_TOLD) == (10, 300, 10)

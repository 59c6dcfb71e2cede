"""The numbers of a node as text: every reader reads what was meant, whatever the host calls its things."""

import math
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.collector import Metric, Sample
from node.metrics import METRICS, render
from node.samples import SampleTable
from tests.exposition import Family, parse
from tests.peers import program

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
HOSTILE = (
    "",
    'a"b\\',
    "line\nbreak\r\n",
    "\x00\x1b[31m\x07",
    '"} 1\n# TYPE up gauge\nup 1',
    "탑재 지점 😀",
    "\u202eabc\u2028",
    "x" * 5000,
)


def written(*samples: Sample) -> bytes:
    table = SampleTable()
    table.replace("test", samples, AT)
    return render(table)


def read(*samples: Sample) -> dict[str, Family]:
    return parse(written(*samples))


def count(value: float, path: str) -> Sample:
    return Sample("etlmon_path_dir_count", value, {"path": path})


def test_help_and_type_stand_once_before_all_series_of_a_name_in_a_fixed_order() -> None:
    samples = [
        Sample("etlmon_log_lines_total", 7, {"log": "b"}),
        Sample("etlmon_fs_up", 1.0, {"mount": "/"}),
        Sample("etlmon_log_lines_total", 1.5, {"log": "a"}),
    ]
    expected = b"""\
# HELP etlmon_fs_up 1 while the mount answers and is the one it should be
# TYPE etlmon_fs_up gauge
etlmon_fs_up{mount="/"} 1
# HELP etlmon_log_lines_total Lines stored
# TYPE etlmon_log_lines_total counter
etlmon_log_lines_total{log="a"} 1.5
etlmon_log_lines_total{log="b"} 7
"""
    assert written(*samples) == expected
    assert written(*reversed(samples)) == expected


def test_no_samples_are_no_text() -> None:
    assert written() == b""


def test_labels_stand_in_the_order_of_their_names() -> None:
    sample = Sample("etlmon_cluster_nodes", 3, {"status": "online", "cluster": "pve"})
    assert written(sample).splitlines()[-1] == b'etlmon_cluster_nodes{cluster="pve",status="online"} 3'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, b"0"),
        (-0.5, b"-0.5"),
        (16_777_216_000.0, b"16777216000"),
        (2**53 + 2, b"9007199254740994.0"),
        (1e300, b"1e+300"),
        (1e-7, b"1e-07"),
        (math.nan, b"NaN"),
        (math.inf, b"+Inf"),
        (-math.inf, b"-Inf"),
    ],
)
def test_a_value_is_written_as_prometheus_reads_it(value: float, text: bytes) -> None:
    assert written(Sample("etlmon_processes", value)).splitlines()[-1] == b"etlmon_processes " + text


@given(st.floats(), st.text(max_size=20))
def test_whatever_a_number_and_its_label_are_they_are_read_back(value: float, label: str) -> None:
    [(labels, found)] = read(count(value, label))["etlmon_path_dir_count"].series.items()
    assert labels == {("path", label)}
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_a_name_that_is_no_unicode_is_shown_as_it_is_stored() -> None:
    odd = b"landing\xff".decode(errors="surrogateescape")
    assert read(count(1, odd))["etlmon_path_dir_count"].value(path=r"landing\xff") == 1


def test_of_two_owners_that_state_the_same_series_the_newer_one_holds() -> None:
    for order in (("a", "b"), ("b", "a")):
        table = SampleTable()
        for owner in order:
            table.replace(owner, [count(1 if owner == "a" else 2, "/")], AT + timedelta(seconds=owner == "b"))
        assert parse(render(table))["etlmon_path_dir_count"].value(path="/") == 2


def test_two_names_that_read_the_same_are_one_series() -> None:
    odd = b"\xff".decode(errors="surrogateescape")
    [value] = read(count(1, odd), count(2, r"\xff"))["etlmon_path_dir_count"].series.values()
    assert value in (1, 2)


def test_a_sample_nobody_declared_is_shown_without_a_type() -> None:
    assert written(Sample("etlmon_wild", 1)) == b"# TYPE etlmon_wild untyped\netlmon_wild 1\n"


def test_a_help_of_two_lines_stays_in_one() -> None:
    table = SampleTable()
    table.replace("test", [Sample("x", 1)], AT)
    assert render(table, {"x": Metric("x", "gauge", "one\ntwo\\")}).splitlines()[0] == rb"# HELP x one\ntwo\\"


def test_endings_that_prometheus_keeps_for_histograms_have_no_type() -> None:
    assert read(Sample("etlmon_path_file_count", 1, {"path": "/"}))["etlmon_path_file_count"].kind == "untyped"


def _every_metric(values: Sequence[str]) -> bytes:
    """A series of each metric for each of the label values."""
    return written(
        *(
            Sample(metric.name, number, dict.fromkeys(metric.labels, value))
            for metric in METRICS.values()
            for number, value in enumerate(values if metric.labels else values[:1])
        )
    )


def test_every_metric_is_read_with_its_help_and_kind() -> None:
    families = parse(_every_metric(HOSTILE))
    assert set(families) == set(METRICS)
    for name, family in families.items():
        assert family.help == METRICS[name].help
        assert family.kind in (METRICS[name].kind, "untyped")
        assert len(family.series) == (len(HOSTILE) if METRICS[name].labels else 1)


@pytest.mark.peer("promtool")
def test_promtool_has_nothing_against_any_metric() -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=_every_metric(HOSTILE), capture_output=True, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.peer("promtool")
def test_promtool_would_say_so_if_a_counter_were_named_as_none() -> None:
    body = b"# HELP lines Lines\n# TYPE lines counter\nlines 1\n"
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 3

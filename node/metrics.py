"""The node's numbers as Prometheus reads them: its text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

from etlmon.labels import Labels
from node import lifecycle, limits
from node.alerts import metrics as alerts
from node.collector import Metric
from node.collectors import COLLECTORS
from node.samples import Stated
from node.store.rows import storable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUILD = Metric("etlmon_build_info", "gauge", "1, with the version of the node", ("version",))

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metrics in (
            (BUILD,),
            limits.METRICS,
            lifecycle.METRICS,
            alerts.METRICS,
            *(registration.metrics for registration in COLLECTORS),
        )
        for metric in metrics
    }
)
"""Every sample there is, by its name."""

_RESERVED = ("_count", "_sum", "_bucket")
_TO_ESCAPE = re.compile(r'[\\"\n]')
_ESCAPED = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
_LARGEST_EXACT = 2.0**53


def render(samples: Iterable[Stated], metrics: Mapping[str, Metric] = METRICS) -> bytes:
    """The samples, those of one name together as `SampleTable` gives them; of two that read the same the newer one."""
    lines: list[str] = []
    for name, stated in groupby(samples, attrgetter("name")):
        lines += _head(name, metrics.get(name))
        lines += _series(name, stated)
    return "".join(f"{line}\n" for line in lines).encode()


def _head(name: str, metric: Metric | None) -> Iterator[str]:
    if metric is None:
        yield f"# TYPE {name} untyped"
        return
    yield f"# HELP {name} {_escaped_help(metric.help)}"
    # Prometheus' own checks keep these endings for the parts of a histogram, unless a metric says no type.
    yield f"# TYPE {name} {'untyped' if name.endswith(_RESERVED) else metric.kind}"


def _series(name: str, stated: Iterable[Stated]) -> Iterator[str]:
    newest: dict[str, Stated] = {}
    for one in stated:
        series = f"{name}{_labels(one.labels)}"
        other = newest.get(series)
        if other is None or one.at > other.at:
            newest[series] = one
    for series, one in newest.items():
        yield f"{series} {_number(one.value)}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join([f'{key}="{_escaped(value)}"' for key, value in labels]) + "}"


def _escaped(value: str) -> str:
    """A label's value. One that is no Unicode would cost Prometheus the whole answer."""
    return _TO_ESCAPE.sub(_escape, storable(value))


def _escape(match: re.Match[str]) -> str:
    return _ESCAPED[match.group()]


def _escaped_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < _LARGEST_EXACT else repr(float(value))
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"

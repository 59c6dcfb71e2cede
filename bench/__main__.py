"""`make bench`: every figure beside its budget and the peer measured in the same run.

`python -m bench P4 P6` runs only the modules that measure those figures.
"""

import importlib
import sys

from rich.console import Console
from rich.table import Table

from bench.figure import Figure

MODULES = {
    "bench.node_cost": ("P1", "P2", "P7"),
    "bench.procs": ("P2b",),
    "bench.host": ("P2c",),
    "bench.tail": ("P3",),
    "bench.cronlog": ("P3b",),
    "bench.walk": ("P4", "P4b"),
    "bench.api": ("P5",),
    "bench.ui": ("P6", "P6b"),
    "bench.widgets": ("P6b",),
    "bench.logview": ("P6c",),
    "bench.metrics": ("P8",),
    "bench.clusters": ("P9", "P9b"),
    "bench.dataproc": ("P10",),
    "bench.alerts": ("P11",),
    "bench.history": ("P13",),
}


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def row(figure: Figure) -> tuple[str, ...]:
    budget = ""
    if figure.budget is not None:
        budget = f"{'≥' if figure.higher_is_better else '≤'} {number(figure.budget)}"
    verdict = "" if figure.budget is None else "met" if figure.met else "MISSED"
    peers = ", ".join(f"{name} {number(value)}" for name, value in figure.peers)
    ratio = ", ".join(f"{figure.measured / value:.2f}" for _, value in figure.peers if value)
    return (
        figure.id,
        figure.what,
        f"{number(figure.measured)} {figure.unit}",
        budget,
        verdict,
        peers,
        ratio,
        figure.note,
    )


def main(wanted: set[str]) -> int:
    unknown = wanted - {figure for figures in MODULES.values() for figure in figures}
    if unknown:
        print(f"no such figure: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    table = Table(title="etlmon: measured on this machine, in this run")
    for column in ("figure", "what", "measured", "budget", "", "peer", "ratio", "note"):
        table.add_column(column, overflow="fold")
    for module, figures in MODULES.items():
        if wanted and not wanted & set(figures):
            continue
        print(f"{module}: {' '.join(figures)} ...", file=sys.stderr)
        for figure in importlib.import_module(module).run():
            table.add_row(*row(figure))
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))

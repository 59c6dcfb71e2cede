"""The command line of `etlmon dataproc`."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from etlmon.cli_parts import command, config_option, group, nodes_option

if TYPE_CHECKING:
    from etlmon.cli_parts import Commands


def add_commands(commands: "Commands", run: Callable[[argparse.Namespace], int]) -> None:
    """`run` does what `act` in its arguments says: collect, export."""
    below = group(commands, "dataproc", "look after the Google Cloud Dataproc estate that nodes read")

    collect = command(below, "dataproc collect", run, "collect now, wait for the end, and tell how it went")
    collect.set_defaults(act="collect")
    config_option(collect)
    nodes_option(collect)
    collect.add_argument("--json", action="store_true", help="print one JSON document")
    collect.add_argument("accounts", metavar="NAME", nargs="*", help="an account of node.yaml; without one all")

    export = command(below, "dataproc export", run, "print every cluster with its jobs, for other programs")
    export.set_defaults(act="export")
    config_option(export)
    nodes_option(export)
    export.add_argument("--spaceone", action="store_true", help="as SpaceONE takes it in: a JSON document a line")
    export.add_argument("--project", metavar="PROJECT", help="of this project only")
    export.add_argument("--region", metavar="REGION", help="in this region only")

"""`etlmon dataproc`: collecting a Dataproc estate now, and writing it down for other programs."""

import argparse
from collections.abc import Mapping

from etlmon.contract.dataproc import ResourceQuery
from ui.dataproc_command.collecting import collect
from ui.dataproc_command.exporting import export


def run(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    """Do what the command line says; the exit code. `nodes` gives what the operator calls each address."""
    if arguments.act == "collect":
        return collect(arguments.accounts, nodes, as_json=arguments.json)
    query = ResourceQuery(project=arguments.project, region=arguments.region)
    return export(query, nodes, as_spaceone=arguments.spaceone)

"""The command line of `etlmon clusters`."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from etlmon.cli_parts import address, command, config_option, group, nodes_option

if TYPE_CHECKING:
    from etlmon.cli_parts import Commands


def add_commands(commands: "Commands", run: Callable[[argparse.Namespace], int]) -> None:
    """`run` does what `act` in its arguments says: list, register, deregister."""
    below = group(commands, "clusters", "look after the Proxmox VE clusters that nodes watch")

    listing = command(below, "clusters list", run, "list the clusters and how they fare")
    listing.set_defaults(act="list")
    config_option(listing)
    nodes_option(listing)
    listing.add_argument("--json", action="store_true", help="print one JSON document")

    register = command(below, "clusters register", run, "log in to a cluster, and watch it from now on")
    register.set_defaults(act="register")
    _one_node(register)
    register.add_argument("--user", metavar="USER", required=True, help="who logs in, with the realm: root@pam")
    register.add_argument("--token", metavar="NAME", help="log in with this API token of the user")
    register.add_argument(
        "--password-file", metavar="FILE", help="the password or the token's value; - is standard input"
    )
    vouching = register.add_mutually_exclusive_group()
    vouching.add_argument("--fingerprint", metavar="SHA256", help="trust the certificate with this fingerprint")
    vouching.add_argument("--ca-file", metavar="FILE", help="trust these authorities (PEM)")
    register.add_argument(
        "--failover", metavar="URL", action="append", help="ask there when the first is down (repeatable)"
    )
    register.add_argument("--json", action="store_true", help="print the cluster as a JSON document")
    register.add_argument("name", metavar="CLUSTER", help="what it is called from now on")
    register.add_argument("endpoint", metavar="URL", help="where its API answers: https://pve1:8006")

    deregister = command(below, "clusters deregister", run, "forget a cluster and its credentials")
    deregister.set_defaults(act="deregister")
    _one_node(deregister)
    deregister.add_argument("-y", "--yes", action="store_true", help="do not ask")
    deregister.add_argument("name", metavar="CLUSTER", help="its name or its id")


def _one_node(parser: argparse.ArgumentParser) -> None:
    config_option(parser)
    parser.add_argument("--node", metavar="URL", action="append", type=address, help="the node that acts")

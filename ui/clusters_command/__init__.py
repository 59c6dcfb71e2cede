"""`etlmon clusters`: the Proxmox VE clusters of nodes, registering one and deregistering it, from a shell."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

from etlmon.client import NodeClient, NodeError
from ui.clusters_command.acting import Login, deregister, register
from ui.clusters_command.asking import CannotAsk, authorities, secret
from ui.clusters_command.listing import print_list
from ui.widgets.cells import plain

FAILED, USAGE = 1, 2


def run(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    """Do what the command line says, see `print_list`, `register` and `deregister`; the exit code."""
    if arguments.act == "list":
        return asyncio.run(print_list(nodes, as_json=arguments.json))
    try:
        address = _only(nodes)
        if arguments.act == "deregister":
            return asyncio.run(_with(address, lambda node: deregister(node, arguments.name, is_certain=arguments.yes)))
        login = _login(arguments)
        typed = secret(login.secret_of, arguments.password_file)
    except CannotAsk as error:
        return _say(str(error), USAGE)
    return asyncio.run(_with(address, lambda node: register(node, login, typed, as_json=arguments.json)))


def _login(arguments: argparse.Namespace) -> Login:
    """Raises CannotAsk."""
    return Login(
        name=arguments.name,
        endpoint=arguments.endpoint,
        failover=arguments.failover or (),
        username=arguments.user,
        token_name=arguments.token,
        ca=authorities(arguments.ca_file) if arguments.ca_file else "",
        fingerprint=arguments.fingerprint or "",
    )


def _only(nodes: Mapping[str, str]) -> str:
    """The address of the node that is told to act. Raises CannotAsk when it could be several."""
    if len(nodes) == 1:
        return next(iter(nodes))
    raise CannotAsk(f"which node? there are {len(nodes)}; name one with --node URL")


async def _with(address: str, act: Callable[[NodeClient], Awaitable[int]]) -> int:
    async with NodeClient(address) as node:
        try:
            return await act(node)
        except NodeError as error:
            return _say(str(error), FAILED)


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"etlmon: {plain(message)}\n")
    return code

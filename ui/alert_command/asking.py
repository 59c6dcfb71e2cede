"""Asking several nodes for a list, and printing it as tables or as JSON."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from etlmon.answer import Answer
from etlmon.cli_parts import FAILED, say
from etlmon.client import NodeClient, NodeError
from etlmon.contract.alerts import SWITCH_HEADER
from etlmon.contract.node import NODE
from etlmon.contract.wire import encode_custom
from ui.text_page import TextColumn, TextPage, TextRow
from ui.widgets.cells import plain

Item = TypeVar("Item", bound=msgspec.Struct)

SWITCHED_OFF = "alerts are switched off on this node (alerts.enabled): nothing is judged, nobody is told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Item]):
    """What is asked for, and how it is shown; `nothing` stands for no rows."""

    ask: Callable[[NodeClient], Awaitable[Answer[list[Item]]]]
    columns: Sequence[TextColumn]
    row: Callable[[Item], TextRow]
    nothing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found(Generic[Item]):
    """A node and what it answered; `error` says why it did not. `is_off`: alerts are switched off there."""

    name: str
    items: Sequence[Item] = ()
    error: str = ""
    is_off: bool = False


async def print_list(nodes: Mapping[str, str], listing: Listing[Item], *, as_json: bool) -> int:
    """Print what the nodes answer; the exit code: 1 when one did not."""
    found = await asyncio.gather(*(_look(address, name, listing.ask) for address, name in nodes.items()))
    for node in found:
        if node.error:
            say(plain(f"{node.name} does not answer: {node.error}"), FAILED)
        elif node.is_off and as_json:
            say(plain(f"{node.name}: {SWITCHED_OFF}"), FAILED)
    if as_json:
        rows = [{"node": node.name, **_builtins(item)} for node in found for item in node.items]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")
    elif any(not node.error for node in found):
        sys.stdout.write(_tables(found, listing))
    return FAILED if any(node.error for node in found) else 0


def print_line(text: str) -> None:
    """Print what was done."""
    sys.stdout.write(f"{plain(text)}\n")


async def _look(address: str, name: str, ask: Callable[[NodeClient], Awaitable[Answer[list[Item]]]]) -> _Found[Item]:
    own = name or address.removeprefix("http://")
    async with NodeClient(address) as client:
        try:
            if not name:
                own = (await client.ask(NODE)).unwrap().node_name or own
            answer = await ask(client)
        except NodeError as error:
            return _Found(name=own, error=error.message)
    return _Found(name=own, items=answer.unwrap(), is_off=answer.headers.get(SWITCH_HEADER) == "off")


def _builtins(item: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(item, enc_hook=encode_custom)
    return found


def _tables(found: Sequence[_Found[Item]], listing: Listing[Item]) -> str:
    page = TextPage.of_stdout()
    for node in found:
        if node.error:
            continue
        if len(found) > 1:
            page.line(node.name, "title")
        if node.is_off:
            page.line(f"  {SWITCHED_OFF}", "warn")
        if node.items or not node.is_off:
            page.table(listing.columns, [listing.row(item) for item in node.items], listing.nothing)
    return page.text()

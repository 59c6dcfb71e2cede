"""`etlmon dataproc export`: the estate that nodes know, for other programs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from etlmon.cli_parts import FAILED, say
from etlmon.client import NodeClient, NodeError
from etlmon.contract.dataproc import DATAPROC_RESOURCES, ResourceQuery
from etlmon.contract.dataproc_rows import DataprocResource, DataprocResources, ResourceError
from ui.dataproc_command import spaceone
from ui.dataproc_command.spaceone_layouts import Json

PAGE = 200
"""Clusters in one answer: with all their jobs some megabytes."""


class Writer(Protocol):
    """Writes the estate down as it comes."""

    def begin(self) -> None: ...

    def resource(self, found: DataprocResource) -> None: ...

    def end(self, errors: list[ResourceError]) -> None: ...


def export(query: ResourceQuery, nodes: Mapping[str, str], *, as_spaceone: bool) -> int:
    """Print what the nodes know of the estate; the exit code.

    One document with `resources` and `errors`, or for SpaceONE a document a line. Of a cluster that several nodes read
    the first one's is taken. 0 when every node told all of it; 1 when one did not.
    """
    return asyncio.run(_export(query, nodes, SpaceOneWriter() if as_spaceone else InventoryWriter()))


async def _export(query: ResourceQuery, nodes: Mapping[str, str], writer: Writer) -> int:
    seen: set[str] = set()
    errors: dict[ResourceError, None] = {}
    code = 0
    writer.begin()
    for address in nodes:
        try:
            async for answer in _pages(address, query):
                for found in answer.resources:
                    if found.reference.resource_id not in seen:
                        seen.add(found.reference.resource_id)
                        writer.resource(found)
                errors.update(dict.fromkeys(answer.errors))
        except NodeError as error:
            code = say(str(error), FAILED)
    writer.end(list(errors))
    return code


async def _pages(address: str, query: ResourceQuery) -> AsyncIterator[DataprocResources]:
    """Raises NodeError."""
    page = msgspec.structs.replace(query, limit=PAGE)
    async with NodeClient(address, timeout=20) as client:
        while True:
            answer = (await client.ask(DATAPROC_RESOURCES, query=page)).unwrap()
            yield answer
            if len(answer.resources) < PAGE:
                return
            page = msgspec.structs.replace(page, after=answer.resources[-1].reference.resource_id)


class InventoryWriter:
    """One document: `{"resources": [...], "errors": [...]}`, a line a resource."""

    def __init__(self) -> None:
        self._separator = "\n"

    def begin(self) -> None:
        sys.stdout.write('{"resources": [')

    def resource(self, found: DataprocResource) -> None:
        sys.stdout.write(self._separator + msgspec.json.encode(found).decode())
        self._separator = ",\n"

    def end(self, errors: list[ResourceError]) -> None:
        sys.stdout.write(f'\n],\n"errors": {msgspec.json.encode(errors).decode()}}}\n')


class SpaceOneWriter:
    """A document a line: the type of the service, then each region before its first cluster, then what is missing."""

    def __init__(self) -> None:
        self._regions: set[str] = set()

    def begin(self) -> None:
        self._write(spaceone.service_type())

    def resource(self, found: DataprocResource) -> None:
        if found.region_code not in self._regions:
            self._regions.add(found.region_code)
            self._write(spaceone.region(found.region_code))
        self._write(spaceone.cluster(found))

    def end(self, errors: list[ResourceError]) -> None:
        for error in errors:
            self._write(spaceone.failure(error))

    def _write(self, document: Json) -> None:
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")

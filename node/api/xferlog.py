"""xferlog: what the FTP server transferred, the sums of it, and where log and disk do not say the same."""

import msgspec

from etlmon.contract.endpoint import RowPage
from etlmon.contract.xferlog import (
    Finding,
    FindingQuery,
    SummaryQuery,
    Transfer,
    TransferQuery,
    TransferSummary,
    UnparsedLine,
    XferSource,
)
from node.api.query import window
from node.api.request import Nothing, Request, cut_page, one_more
from node.collectors.xferlog_lines import peer
from node.store import xferlog as store


async def list_transfers(request: Request[TransferQuery]) -> list[Transfer]:
    query = one_more(request.params)
    if query.host is not None:
        query = msgspec.structs.replace(query, host=peer(query.host))
    return cut_page(request, await request.context.database.read(store.transfers, query))


async def summary(request: Request[SummaryQuery]) -> list[TransferSummary]:
    query = request.params
    since, _ = window(query.since, query.until, request.context.clock())
    return await request.context.database.read(store.summary, msgspec.structs.replace(query, since=since))


async def source(request: Request[Nothing]) -> list[XferSource]:
    return await request.context.database.read(store.source)


async def list_unparsed(request: Request[RowPage]) -> list[UnparsedLine]:
    return cut_page(request, await request.context.database.read(store.unparsed, one_more(request.params)))


async def list_findings(request: Request[FindingQuery]) -> list[Finding]:
    return await request.context.database.read(store.findings, request.params)

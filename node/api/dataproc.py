"""dataproc: the estate as an inventory and as lists, how collecting it went, and collecting it now."""

from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from etlmon.contract.dataproc import (
    CollectRequest,
    CollectStarted,
    DataprocJobQuery,
    DataprocQuery,
    DataprocRunQuery,
    InventoryQuery,
    ResourceQuery,
)
from etlmon.contract.dataproc_models import DataprocCluster, DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun, ResourceError
from etlmon.contract.errors import NotFound
from node.api.request import Nothing, Request, cut_page, one_more, state_page
from node.commands import dataproc as commands
from node.settings import NodeSettings
from node.store import dataproc_lists as store


class RawResources(msgspec.Struct, frozen=True, kw_only=True):
    """As `DataprocResources`, with what is stored as it is stored."""

    resources: list[store.RawResource]
    errors: list[ResourceError]


async def list_resources(request: Request[ResourceQuery]) -> RawResources:
    """Raises NotFound for an `after` that is no cluster."""
    query, database = request.params, request.context.database
    asked = query if query.limit is None else msgspec.structs.replace(query, limit=query.limit + 1)
    found = await database.read(store.resources, asked)
    if found is None:
        raise NotFound(f"there is no cluster {query.after!r} to go on after; begin again", field="after")
    if query.limit is not None and len(found) > query.limit:
        del found[query.limit :]
        following = msgspec.structs.replace(query, after=found[-1].reference.resource_id)
        given = {name: item for name, item in msgspec.structs.asdict(following).items() if item is not None}
        request.headers["Link"] = f'<{request.path}?{urlencode(given)}>; rel="next"'
    accounts = _accounts(request.context.settings)
    runs = await database.read(store.last_runs, accounts)
    untold = [name for name in accounts if name not in {run.account for run in runs}]
    errors = [ResourceError(account=name, message="no collection of it has ended yet") for name in untold]
    errors += [error for run in runs for error in _errors(run) if _is_asked(error, query)]
    return RawResources(resources=found, errors=errors)


def _accounts(settings: NodeSettings) -> list[str]:
    return [account.name for account in settings.dataproc.accounts] if settings.dataproc.enabled else []


def _errors(run: DataprocRun) -> Iterator[ResourceError]:
    """What an account's last run could not read: its regions, and whatever else it names."""
    told = set()
    for region in run.regions:
        if region.state != "ok":
            message = region.error or f"the region could not be read: {region.state}"
            told.add(message)
            yield ResourceError(
                account=run.account, project_id=region.project_id, region=region.region, message=message
            )
    for message in run.errors:
        if message not in told:
            told.add(message)
            yield ResourceError(account=run.account, message=message)
    # Of a partial run the reason sums up what is told already.
    if run.reason and run.reason not in told and (not told or run.result != "partial"):
        yield ResourceError(account=run.account, message=run.reason)


def _is_asked(error: ResourceError, query: ResourceQuery) -> bool:
    """What concerns no project or no region alone concerns all of them."""
    places = ((error.project_id, query.project), (error.region, query.region))
    return all(not place or wanted is None or place == wanted for place, wanted in places)


async def list_clusters(request: Request[DataprocQuery]) -> list[DataprocRow]:
    rows, total = await request.context.database.read(store.clusters, request.params)
    state_page(request, total)
    return rows


async def one_cluster(request: Request[Nothing]) -> DataprocCluster:
    """Raises NotFound."""
    key = request.path_params["id"]
    found = await request.context.database.read(store.cluster, key)
    if found is None:
        raise NotFound(f"there is no Dataproc cluster {key!r}; GET /api/v1/dataproc/clusters lists them", field="id")
    return found


async def list_jobs(request: Request[DataprocJobQuery]) -> list[DataprocJob]:
    rows, total = await request.context.database.read(store.jobs, request.params)
    state_page(request, total)
    return rows


async def list_templates(request: Request[InventoryQuery]) -> list[DataprocTemplate]:
    rows, total = await request.context.database.read(store.templates, request.params)
    state_page(request, total)
    return rows


async def list_policies(request: Request[InventoryQuery]) -> list[DataprocPolicy]:
    rows, total = await request.context.database.read(store.policies, request.params)
    state_page(request, total)
    return rows


async def list_runs(request: Request[DataprocRunQuery]) -> list[DataprocRun]:
    return cut_page(request, await request.context.database.read(store.runs, one_more(request.params)))


async def collect(request: Request[CollectRequest]) -> CollectStarted:
    """Raises NotFound, Unavailable, and what every act may raise."""
    context = request.context
    accounts = _accounts(context.settings)
    return await commands.collect(context.acts, request.caller, accounts, context.runner.trigger, request.params)

"""cron: the jobs, their runs, where both are read from, and reading all of it again on demand."""

from etlmon.contract.cron import CronJob, CronQuery, CronRefresh, CronRun, CronRunQuery, CronSource
from node.api.request import Nothing, Request, cut_page, one_more, state_page
from node.commands import cron as commands
from node.store import cron as store


async def list_jobs(request: Request[CronQuery]) -> list[CronJob]:
    query = request.params
    rows, total = await request.context.database.read(store.jobs, query.state, query.limit, query.offset)
    state_page(request, total)
    return rows


async def list_runs(request: Request[CronRunQuery]) -> list[CronRun]:
    return cut_page(request, await request.context.database.read(store.runs, one_more(request.params)))


async def list_sources(request: Request[Nothing]) -> list[CronSource]:
    return await request.context.database.read(store.sources)


async def refresh(request: Request[CronRefresh]) -> list[CronJob]:
    """Raises NotFound, Unavailable, and what every act may raise."""
    context = request.context
    return await commands.refresh(context.acts, request.caller, context.runner, context.database)

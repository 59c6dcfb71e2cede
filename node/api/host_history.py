"""host: the history of every number that has one, whichever domain it is from."""

from datetime import timedelta

from etlmon.contract.errors import BadRequest, NotFound
from etlmon.contract.host import HistoryPoint, HistoryQuery, SeriesInfo, SeriesQuery
from etlmon.labels import read_labels, write_labels
from node.api.query import window
from node.api.request import Request
from node.metrics import METRICS
from node.store import samples as store
from node.store.samples_levels import stretch

HOUR = timedelta(hours=1)


async def history(request: Request[HistoryQuery]) -> list[HistoryPoint]:
    """Raises BadRequest for labels that do not read as such and for two beginnings, and NotFound for a number that has
    no history.
    """
    query, context = request.params, request.context
    labels, now = _labels(query.labels), context.clock()
    if query.since is not None and query.last is not None:
        raise BadRequest("since and last both say when to begin; give one of them", field="last")
    length = HOUR if query.last is None else timedelta(seconds=query.last)
    since, until = window(query.since, query.until, now, length)
    wanted = stretch(context.settings.history, since, until, query.step, now)
    request.headers["X-Level"] = wanted.level.name
    points = await context.database.read(store.history, query.metric, labels, wanted)
    if points is None:
        _check(request, labels)
    return points or []


async def list_series(request: Request[SeriesQuery]) -> list[SeriesInfo]:
    return await request.context.database.read(store.series, request.params.metric)


def _labels(text: str) -> dict[str, str]:
    try:
        return read_labels(text)
    except ValueError as error:
        raise BadRequest(f"the parameter labels is wrong: {error}", field="labels") from error


def _check(request: Request[HistoryQuery], labels: dict[str, str]) -> None:
    """Raises NotFound for a number without a history, unless it was stated a moment ago for the first time."""
    name = request.params.metric
    metric = METRICS.get(name)
    if metric is None or not metric.keeps:
        what = f"there is no number {name!r}" if metric is None else f"no history is kept of {name}"
        raise NotFound(f"{what}; GET /api/v1/host/series lists those that have one", field="metric")
    if request.context.runner.samples.find(name, labels) is None:
        wanted = f"the labels {write_labels(labels)}" if labels else "no labels"
        raise NotFound(
            f"there is no {name} with {wanted}; GET /api/v1/host/series?metric={name} lists those that there are",
            field="labels",
        )

"""samples: the history of numbers, every 15 seconds, and the minutes and hours that it is rolled up to as it comes."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiosqlite
import msgspec

from etlmon.contract.host import HistoryPoint, SeriesInfo
from node.store.rows import select, storable, value
from node.store.samples_levels import HOUR, MINUTE, RAW, Stretch

MOST_SERIES = 1000

SILENT_SEC = 3600
"""Of so many series, one that got no point for this long makes room for a new one."""

_ADD_RAW = f"INSERT INTO {RAW.table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_ROLL_UP = """
INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    lowest = CASE WHEN coalesce(lowest, excluded.lowest) IS NOT NULL OR average <> excluded.average
        THEN min(coalesce(lowest, average), coalesce(excluded.lowest, excluded.average)) END,
    highest = CASE WHEN coalesce(highest, excluded.highest) IS NOT NULL OR average <> excluded.average
        THEN max(coalesce(highest, average), coalesce(excluded.highest, excluded.average)) END,
    average = average + (excluded.average - average) * excluded.points / (points + excluded.points),
    points = points + excluded.points
"""
_SLOTS = (
    "WITH RECURSIVE slot(t) AS (SELECT :first WHERE :first <= :last "
    "UNION ALL SELECT t + {width} FROM slot WHERE t + {width} <= :last)"
)


@dataclass(frozen=True, slots=True)
class Point:
    """A number as it was at a time. `value` is finite.

    Of several statements it is the average, and `lowest` and `highest` are there, unless all were the same.
    """

    metric: str
    labels: Mapping[str, str]
    at: datetime
    value: float
    lowest: float | None = None
    highest: float | None = None
    statements: int = 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """A point of one of the series of a metric, as a rule is tried on it."""

    labels: Mapping[str, str]
    at: datetime
    lowest: float
    highest: float
    average: float


@dataclass(slots=True)
class _Known:
    id: int
    first_at: int
    last_at: int


_Key = tuple[str, str]


async def record(db: aiosqlite.Connection, points: Sequence[Point]) -> list[Point]:
    """Add points to the history, and to the minute and the hour that each lies in.

    Of a series there is one raw point in 15 seconds, the last that came; the minute and the hour have all of them.
    There are at most MOST_SERIES, and what comes first has room first: returns the points for which there is none.
    """
    known = await _known(db)
    placed = [(_key(point), int(point.at.timestamp()), point) for point in points]
    times = {key: at for key, at, _ in placed}
    await _admit(db, known, times)
    rows = [(at, known[key].id, point) for key, at, point in placed if key in known]
    await db.executemany(_ADD_RAW, [(RAW.begin(at), series, float(one.value)) for at, series, one in rows])
    for level in (MINUTE, HOUR):
        rolled_up = [
            (level.begin(at), series, one.lowest, one.highest, float(one.value), one.statements)
            for at, series, one in rows
        ]
        await db.executemany(_ROLL_UP.format(table=level.table), rolled_up)
    await _note_times(db, known, times)
    return [point for key, _, point in placed if key not in known]


def _key(point: Point) -> _Key:
    return storable(point.metric), _label_text(point.labels)


def _label_text(labels: Mapping[str, str]) -> str:
    tidy = {storable(name): storable(labels[name]) for name in sorted(labels)}
    return msgspec.json.encode(tidy).decode()


async def _known(db: aiosqlite.Connection) -> dict[_Key, _Known]:
    found = await db.execute_fetchall("SELECT metric, labels, id, first_at, last_at FROM sample_series")
    return {(row[0], row[1]): _Known(row[2], row[3], row[4]) for row in found}


async def _admit(db: aiosqlite.Connection, known: dict[_Key, _Known], times: Mapping[_Key, int]) -> None:
    """Make series of the new ones of these keys, as far as there is room."""
    new = [key for key in times if key not in known]
    missing = len(known) + len(new) - MOST_SERIES
    if new and missing > 0:
        until = max(times.values()) - SILENT_SEC
        silent = sorted((one.last_at, key) for key, one in known.items() if one.last_at < until and key not in times)
        for _, key in silent[:missing]:
            # Its points stay, seen by nobody, until they are old.
            await db.execute_fetchall("DELETE FROM sample_series WHERE id = ?", (known.pop(key).id,))
    for metric, labels in new[: max(0, MOST_SERIES - len(known))]:
        sql = "INSERT INTO sample_series (metric, labels, first_at, last_at) VALUES (?, ?, ?, ?) RETURNING id"
        begin = MINUTE.begin(times[metric, labels])
        known[metric, labels] = _Known(await value(db, sql, (metric, labels, begin, begin)), begin, begin)


async def _note_times(db: aiosqlite.Connection, known: Mapping[_Key, _Known], times: Mapping[_Key, int]) -> None:
    """Since when and until when there are points, to the minute. A clock that was set back sets `last_at` back, too."""
    begins = [(MINUTE.begin(at), known[key]) for key, at in times.items() if key in known]
    changed = [(min(begin, one.first_at), begin, one.id) for begin, one in begins if begin != one.last_at]
    await db.executemany("UPDATE sample_series SET first_at = ?, last_at = ? WHERE id = ?", changed)


async def series(db: aiosqlite.Connection, metric: str | None = None) -> list[SeriesInfo]:
    """Every series, or those of one metric, by name and labels; its times are those of whole minutes."""
    where, of = ("WHERE metric = ?", (metric,)) if metric is not None else ("", ())
    first, last = (f"strftime('%Y-%m-%dT%H:%M:%SZ', {name}, 'unixepoch') AS {name}" for name in ("first_at", "last_at"))
    sql = f"SELECT metric, labels, {first}, {last} FROM sample_series {where} ORDER BY metric, labels"
    return await select(db, SeriesInfo, sql, of)


async def history(
    db: aiosqlite.Connection, metric: str, labels: Mapping[str, str], stretch: Stretch
) -> list[HistoryPoint] | None:
    """The points of one series, oldest first: the lowest, the highest and the average of each step that has any.

    None when there is no series of just these labels.
    """
    sql = "SELECT id, first_at FROM sample_series WHERE metric = ? AND labels = ?"
    found = list(await db.execute_fetchall(sql, (metric, _label_text(labels))))
    if not found:
        return None
    id_, first_at = found[0]
    step = stretch.step
    sql = f"{_SLOTS.format(width=stretch.level.width)} {_of_each_step(stretch)} ORDER BY t"
    first = max(stretch.first, first_at - first_at % step)
    rows = await db.execute_fetchall(sql, {"first": first, "last": stretch.last, "step": step, "id": id_})
    return [HistoryPoint(at=_moment(row[0]), min=row[1], max=row[2], avg=row[3]) for row in rows]


def _of_each_step(stretch: Stretch) -> str:
    """A SELECT of time, lowest, highest and average. Where a step is a row there is nothing to put together."""
    level = stretch.level
    rows = f"FROM slot CROSS JOIN {level.table} ON at = t AND series = :id"
    if stretch.step == level.width:
        return f"SELECT t, {level.lowest}, {level.highest}, {level.average} {rows}"
    average = f"sum({level.average} * {level.points}) / sum({level.points})"
    return f"SELECT t - t % :step, min({level.lowest}), max({level.highest}), {average} {rows} GROUP BY t - t % :step"


async def points(db: aiosqlite.Connection, metric: str, stretch: Stretch) -> list[Replayed]:
    """The points of every series of a metric, oldest first, one for each step of the stretch's level.

    They may be many: whoever wants a long time asks for a part of it at a time.
    """
    level = stretch.level
    sql = (
        f"{_SLOTS.format(width=level.width)} SELECT labels, t, {level.lowest}, {level.highest}, {level.average} "
        f"FROM slot CROSS JOIN sample_series CROSS JOIN {level.table} ON at = t AND series = sample_series.id "
        "WHERE metric = :metric"
    )
    rows = await db.execute_fetchall(sql, {"first": stretch.first, "last": stretch.last, "metric": metric})
    labels = {text: json.loads(text) for text in {row[0] for row in rows}}
    return [Replayed(labels[row[0]], _moment(row[1]), row[2], row[3], row[4]) for row in rows]


async def newest(db: aiosqlite.Connection, metric: str, before: datetime) -> list[Replayed]:
    """The newest minute of each series of a metric that has no later one, the oldest first, where it is still kept."""
    sql = (
        f"SELECT labels, at, {MINUTE.lowest}, {MINUTE.highest}, {MINUTE.average} "
        f"FROM sample_series JOIN {MINUTE.table} ON at = last_at AND series = sample_series.id "
        "WHERE metric = ? AND last_at < ? ORDER BY at"
    )
    rows = await db.execute_fetchall(sql, (metric, int(before.timestamp())))
    return [Replayed(json.loads(row[0]), _moment(row[1]), row[2], row[3], row[4]) for row in rows]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

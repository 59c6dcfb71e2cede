"""The tables of `etlmon status`: one for each domain, the worst row first."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from etlmon.contract.clusters import Cluster
from etlmon.contract.cron import CronJob
from etlmon.contract.dataproc_rows import DataprocRow
from etlmon.contract.fs import Mount
from etlmon.contract.logs import Log
from etlmon.contract.paths import PathStats
from etlmon.contract.xferlog import XferSource
from ui import format as fmt
from ui.problems import clusters as clusters_problems
from ui.problems import cron as cron_problems
from ui.problems import dataproc as dataproc_problems
from ui.problems import fs as fs_problems
from ui.problems import logs as logs_problems
from ui.problems import paths as paths_problems
from ui.problems import processes as processes_problems
from ui.problems import xferlog as xferlog_problems
from ui.problems.problem import Problem, rank
from ui.state import NodeState
from ui.status_alerts import alerts_named, alerts_table
from ui.status_host import host_line
from ui.text_page import TextColumn, TextPage, TextRow

_MOUNT_COLUMNS = (
    TextColumn("MOUNT"),
    TextColumn("USED%", right=True),
    TextColumn("USED", right=True),
    TextColumn("AVAIL", right=True),
    TextColumn("TOTAL", right=True),
    TextColumn("INODE%", right=True),
    TextColumn("STATE"),
)
_PATH_COLUMNS = (
    TextColumn("PATH"),
    TextColumn("FILES", right=True),
    TextColumn("DELTA", right=True),
    TextColumn("ARRIVING", right=True),
    TextColumn("SCANNED", right=True),
    TextColumn("STATE"),
)
LOG_COLUMNS = (
    TextColumn("LOG"),
    TextColumn("LINES", right=True),
    TextColumn("LINES/s", right=True),
    TextColumn("ERR/m", right=True),
    TextColumn("BEHIND", right=True),
    TextColumn("LAST LINE", right=True),
    TextColumn("STATE"),
)
_PROCESS_COLUMNS = (
    TextColumn("PROCESS"),
    TextColumn("RUN", right=True),
    TextColumn("CPU%", right=True),
    TextColumn("RSS", right=True),
    TextColumn("STARTED", right=True),
    TextColumn("STATE"),
)
_CRON_COLUMNS = (
    TextColumn("CRON JOB"),
    TextColumn("USER"),
    TextColumn("NEXT", right=True),
    TextColumn("LAST", right=True),
    TextColumn("EXIT", right=True),
    TextColumn("STATE"),
)
_XFERLOG_COLUMNS = (
    TextColumn("XFERLOG"),
    TextColumn("TRANSFERS", right=True),
    TextColumn("FAILED", right=True),
    TextColumn("BEHIND", right=True),
    TextColumn("LAST", right=True),
    TextColumn("STATE"),
)
_CLUSTER_COLUMNS = (
    TextColumn("CLUSTER"),
    TextColumn("NODES", right=True),
    TextColumn("GUESTS", right=True),
    TextColumn("CPU%", right=True),
    TextColumn("VERSION"),
    TextColumn("SEEN", right=True),
    TextColumn("STATE"),
)
_DATAPROC_COLUMNS = (
    TextColumn("DATAPROC"),
    TextColumn("PROJECT"),
    TextColumn("REGION"),
    TextColumn("NODES", right=True),
    TextColumn("SINCE", right=True),
    TextColumn("STATE"),
)


def has_row(problem: Problem, state: NodeState) -> bool:
    """Whether a table says it: of transfers and of the host there is none, of alerts those that call for somebody, of
    cron's jobs and of Dataproc's clusters those that a problem names.
    """
    if problem.view in ("overview", "host"):
        return False
    if problem.view == "xferlog":
        return problem.key in {source.path for source in state.answer(xferlog_problems.QUESTION) or ()}
    if problem.view == "cron":
        return problem.key in {str(job.job_id) for job in state.answer(cron_problems.QUESTION) or ()}
    if problem.view == "alerts":
        return problem.key in {str(alert.id) for alert in alerts_named(state)}
    if problem.view == "clusters":
        keys = map(clusters_problems.key_of, clusters_problems.clusters(state))
        return problem.key in {*keys, *(dataproc_problems.key_of(row) for row in _dataproc_named(state))}
    return True


def tables(page: TextPage, state: NodeState, now: datetime) -> None:
    """The tables of one node that answers; `now` is its clock."""
    if (mounts := state.answer(fs_problems.QUESTION)) is not None:
        page.table(_MOUNT_COLUMNS, _mounts(mounts), "no mount has been looked at yet")
    if (paths := state.answer(paths_problems.QUESTION)) is not None:
        page.table(_PATH_COLUMNS, _paths(paths, now), "no path is watched; name some under paths: in node.yaml")
    if logs := state.answer(logs_problems.QUESTION):
        page.table(LOG_COLUMNS, log_rows(logs, now), "")
    if watches := list(_watches(state, now)):
        page.table(_PROCESS_COLUMNS, watches, "")
    if jobs := state.answer(cron_problems.QUESTION):
        _cron(page, jobs, state, now)
    if sources := state.answer(xferlog_problems.QUESTION):
        page.table(_XFERLOG_COLUMNS, list(_sources(sources, state, now)), "")
    if clusters := clusters_problems.clusters(state):
        page.table(_CLUSTER_COLUMNS, _clusters(clusters, now), "")
    _dataproc(page, state, now)
    alerts_table(page, state, now)
    host_line(page, state)


def _mounts(mounts: list[Mount]) -> list[TextRow]:
    rows = [
        TextRow(
            fs_problems.level(mount),
            (
                mount.mount_point,
                fmt.used_percent(mount.used_percent if known else None),
                fmt.size(mount.used_bytes if known else None),
                fmt.size(mount.avail_bytes if known else None),
                fmt.size(mount.total_bytes if known else None),
                fmt.used_percent(mount.inodes_used_percent if mount.inodes_total else None),
                fs_problems.words(mount),
            ),
        )
        for mount in mounts
        for known in [mount.total_bytes > 0]
    ]
    fullest = {mount.mount_point: mount.used_percent for mount in mounts}
    return sorted(rows, key=lambda row: (rank(row.level), -fullest[row.cells[0]], row.cells[0]))


def _paths(paths: list[PathStats], now: datetime) -> list[TextRow]:
    rows = [
        TextRow(
            paths_problems.level(path),
            (
                path.name or path.path,
                *_counts(path),
                fmt.ago((now - path.collected_at).total_seconds()),
                _state(path),
            ),
        )
        for path in paths
    ]
    return sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _counts(path: PathStats) -> tuple[str, str, str]:
    """Files, their change, those arriving. Where nothing could be counted there is no zero, but nothing."""
    if path.state in ("denied", "missing", "not_mounted") or (path.state == "stuck" and not path.file_count):
        return fmt.count(None), fmt.delta(None), fmt.count(None)
    at_least = "" if path.complete else ">="
    return at_least + fmt.count(path.file_count), fmt.delta(path.delta_files), fmt.count(path.arriving_count)


def _state(path: PathStats) -> str:
    if path.status != "SCANNING":
        return paths_problems.words(path)
    return "scanning" if path.state == "ok" else f"{paths_problems.words(path)}, scanning"


def log_rows(logs: Sequence[Log], now: datetime) -> list[TextRow]:
    """The logs of one node, the worst first; `now` is its clock."""
    rows = [
        TextRow(
            logs_problems.level(log),
            (
                log.name,
                fmt.count(log.lines_total),
                fmt.short_count(log.lines_per_sec),
                fmt.short_count(log.errors_per_min),
                fmt.size(log.lag_bytes),
                _ago(log.last_line_at, now),
                logs_problems.words(log),
            ),
        )
        for log in logs
    ]
    return sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _watches(state: NodeState, now: datetime) -> Iterator[TextRow]:
    """The watches, each as ill as the worst of its processes."""
    rows = []
    for watch in state.answer(processes_problems.WATCHES) or ():
        own = [one for one in processes_problems.watched(state) if one.watch == watch]
        ill = min(own, key=lambda one: rank(processes_problems.level(one)), default=None)
        level, words = processes_problems.watch_level(watch), processes_problems.watch_words(watch)
        if level == "ok" and ill is not None and processes_problems.level(ill) != "ok":
            level, words = processes_problems.level(ill), processes_problems.words(ill)
        cells = (
            watch.name,
            fmt.count(watch.running),
            fmt.percent(watch.cpu_percent, digits=1),
            fmt.size(watch.mem_rss_bytes),
            _ago(watch.last_started_at, now),
            words,
        )
        rows.append(TextRow(level, cells))
    yield from sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _cron(page: TextPage, jobs: Sequence[CronJob], state: NodeState, now: datetime) -> None:
    """The jobs that a problem names, and how many are well: a host has dozens of them."""
    named = {problem.key for problem in cron_problems.problems(state)}
    ill = [job for job in jobs if str(job.job_id) in named]
    if rows := [_job(job, now) for job in sorted(ill, key=cron_problems.order)]:
        page.table(_CRON_COLUMNS, rows, "")
    well = [job for job in jobs if not cron_problems.is_ill(job)]
    coming = sorted((job.next_run, cron_problems.title(job)) for job in well if job.next_run is not None)
    if well and not cron_problems.is_stopped(state):
        soon = f"; {coming[0][1]} is next, {_ahead(coming[0][0], now)}" if coming else ""
        page.line(f"  {fmt.count(len(well))} cron job{' is' if len(well) == 1 else 's are'} well{soon}", "dim")


def _job(job: CronJob, now: datetime) -> TextRow:
    standing, words = cron_problems.standing(job), cron_problems.words(job)
    return TextRow(
        cron_problems.level(job),
        (
            cron_problems.title(job),
            job.user,
            _ahead(job.next_run, now),
            _ago(job.last_run_at, now),
            fmt.count(job.last_exit_code),
            standing if words == standing else f"{standing}: {words}",
        ),
    )


def _ahead(moment: datetime | None, now: datetime) -> str:
    return fmt.ahead(None if moment is None else (moment - now).total_seconds())


def _sources(sources: Sequence[XferSource], state: NodeState, now: datetime) -> Iterator[TextRow]:
    for source in sources:
        yield TextRow(
            xferlog_problems.level(source),
            (
                source.path,
                fmt.count(source.transfers_total),
                fmt.count(xferlog_problems.failed_count(state)),
                fmt.size(source.lag_bytes),
                _ago(source.last_transfer_at, now),
                xferlog_problems.words(source),
            ),
        )


def _clusters(clusters: Sequence[Cluster], now: datetime) -> list[TextRow]:
    rows = [
        TextRow(
            clusters_problems.level(cluster),
            (
                cluster.name,
                f"{cluster.nodes_online}/{cluster.node_count}" if cluster.node_count else fmt.count(None),
                _guests(cluster),
                fmt.percent(cluster.cpu_percent),
                cluster.proxmox_version or fmt.count(None),
                _ago(cluster.last_success_at, now),
                clusters_problems.words(cluster),
            ),
        )
        for cluster in clusters
    ]
    return sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _guests(cluster: Cluster) -> str:
    if not clusters_problems.are_guests_known(cluster):
        return fmt.count(None)
    return f"{cluster.guests_running}/{cluster.guests_total}"


def _dataproc_named(state: NodeState) -> list[DataprocRow]:
    """The clusters that a problem names."""
    named = {problem.key for problem in dataproc_problems.problems(state)}
    return [row for row in state.answer(dataproc_problems.QUESTION) or () if dataproc_problems.key_of(row) in named]


def _dataproc(page: TextPage, state: NodeState, now: datetime) -> None:
    """The clusters that a problem names, and how many are well: an estate has hundreds of them."""
    rows = [
        TextRow(
            dataproc_problems.level(row),
            (
                row.cluster_name,
                row.project_id,
                row.region,
                fmt.count(row.masters + row.workers + row.secondary_workers),
                _ago(row.state_since, now),
                f"{row.state}: {dataproc_problems.words(row)}",
            ),
        )
        for row in _dataproc_named(state)
    ]
    if rows:
        page.table(_DATAPROC_COLUMNS, sorted(rows, key=lambda row: (rank(row.level), row.cells)), "")
    levels = dataproc_problems.levels(state)
    if well := levels.count("ok"):
        page.line(f"  {fmt.count(well)} Dataproc cluster{' is' if well == 1 else 's are'} well", "dim")
    if unknown := levels.count("unknown"):
        was = "cluster was" if unknown == 1 else "clusters were"
        page.line(f"  {fmt.count(unknown)} Dataproc {was} not seen by the last run", "dim")


def _ago(moment: datetime | None, now: datetime) -> str:
    return fmt.ago(None if moment is None else (now - moment).total_seconds())

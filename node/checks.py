"""What a configuration may not say although each value alone is fine."""

import os
from collections.abc import Iterator

import msgspec

from etlmon.units import Duration
from node.checks_channels import channel_problems, http_problem
from node.rules.rule_set import check_rules
from node.settings import Cron, NodeSettings, ProcessWatch, WatchedLog, Xferlog, listen_address
from node.settings_alerts import Alerts
from node.settings_clusters import Clusters, StaticCluster
from node.settings_dataproc import Dataproc, DataprocAccount
from node.sources.patterns import PatternError, compile_pattern
from node.sources.proxmox_endpoint import fingerprint_of, parse
from node.sources.timestamps import check_format
from node.sources.zones import ZoneError, instant, zone_of

SHORTEST_INTERVAL = Duration(0.1)

SHORTEST_HISTORY = Duration(60)
"""Of any level: what is kept for less is gone before it can be looked at."""

_CLUSTER_TIMEOUTS = ("connect_timeout", "read_timeout", "total_timeout")

SHORTEST_LOOK = Duration(6)

LONGEST_WAIT = Duration(20)
"""For the end of a process: a caller waits for the answer as long."""


def check(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    """Values that are fine alone and wrong together or for this program: (key path, what is wrong and what to do)."""
    try:
        listen_address(settings.node.listen)
    except ValueError as error:
        yield "node.listen", f'"{settings.node.listen}" is no address to listen at: {error}'
    for key, file in (
        ("node.db_path", settings.node.db_path),
        ("logging.file", settings.logging.file),
        ("xferlog.path", settings.xferlog.path),
        ("xferlog.root", settings.xferlog.root),
    ):
        if file and not file.startswith("/"):
            yield key, f'"{file}" is not an absolute path'
    if settings.fs.warn_percent > settings.fs.critical_percent:
        yield "fs.warn_percent", f"is above fs.critical_percent ({settings.fs.critical_percent:g}); it must not be"
    yield from _short_intervals(settings)
    yield from _history(settings)
    yield from _doubles("fs.expect", "mount", [os.path.normpath(expected.mount) for expected in settings.fs.expect])
    yield from _doubles("paths", "path", [os.path.normpath(watched.path) for watched in settings.paths])
    yield from _doubles("paths", "name", [watched.name or watched.path for watched in settings.paths])
    yield from _doubles("logs", "name", [log.name for log in settings.logs])
    for index, log in enumerate(settings.logs):
        yield from _doubles(f"logs[{index}].match", "name", [match.name for match in log.match])
        for key, reason in _log(log):
            yield f"logs[{index}].{key}", reason
    for key, reason in _xferlog(settings.xferlog):
        yield f"xferlog.{key}", reason
    yield from _doubles("process_watch", "name", [watch.title for watch in settings.process_watch])
    for index, watch in enumerate(settings.process_watch):
        for key, reason in _process_watch(watch):
            yield f"process_watch[{index}]{key}", reason
    yield from _kill(settings)
    yield from _cron(settings.cron)
    yield from _clusters(settings.clusters)
    yield from _dataproc(settings.dataproc)
    yield from _host(settings)
    yield from check_rules(settings)
    yield from _alerts(settings.alerts)


def _process_watch(watch: ProcessWatch) -> Iterator[tuple[str, str]]:
    if all(selector is None for selector in (watch.match, watch.exact, watch.pidfile, watch.user, watch.pid)):
        yield "", f'"{watch.name}" looks for nothing; give it match, exact, pidfile, user or pid'
    for key in ("match", "exact", "user"):
        if getattr(watch, key) == "":
            yield f".{key}", "is empty; every process would fit it"
    if watch.match:
        try:
            compile_pattern(watch.match)
        except PatternError as error:
            yield ".match", f'"{watch.match}" is no regular expression: {error}'
    if watch.max is not None and watch.max < watch.min:
        yield ".max", f"is below min ({watch.min}); it must not be"


def _kill(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    names = {watch.title for watch in settings.process_watch}
    for index, name in enumerate(settings.kill.allow or ()):
        if name not in names:
            yield f"kill.allow[{index}]", f'"{name}" is no name of a process_watch'
    if settings.kill.wait > LONGEST_WAIT:
        yield "kill.wait", f"{settings.kill.wait} is too long; write at most {LONGEST_WAIT}"


def _cron(cron: Cron) -> Iterator[tuple[str, str]]:
    try:
        zone_of(cron.timezone)
    except ZoneError as error:
        yield "cron.timezone", f'"{cron.timezone}": {error}'
    if not cron.spool:
        yield "cron.spool", "names no directory; leave it out for the usual ones"
    if cron.run_log not in ("", "auto", "journal") and not cron.run_log.startswith("/"):
        yield "cron.run_log", f'"{cron.run_log}" is neither auto nor journal nor an absolute path'


def _clusters(clusters: Clusters) -> Iterator[tuple[str, str]]:
    yield from _doubles("clusters.static", "name", [cluster.name for cluster in clusters.static])
    for key in ("connect_timeout", "read_timeout"):
        if getattr(clusters, key) > clusters.total_timeout:
            yield f"clusters.{key}", f"is above clusters.total_timeout ({clusters.total_timeout}); it must not be"
    if clusters.total_timeout < SHORTEST_LOOK:
        yield (
            "clusters.total_timeout",
            f"{clusters.total_timeout} is too short; write at least {SHORTEST_LOOK}: Proxmox refuses a log-in 3 s late",
        )
    for index, cluster in enumerate(clusters.static):
        for key, reason in _static_cluster(cluster):
            yield f"clusters.static[{index}].{key}", reason


def _static_cluster(cluster: StaticCluster) -> Iterator[tuple[str, str]]:
    endpoints = [("api_endpoint", cluster.api_endpoint)]
    endpoints += [(f"failover[{index}]", endpoint) for index, endpoint in enumerate(cluster.failover)]
    for key, endpoint in endpoints:
        try:
            parse(endpoint)
        except ValueError as error:
            yield key, f'"{endpoint}": {error}'
    if "@" not in cluster.username:
        yield "username", f'"{cluster.username}" has no realm; write for example {cluster.username}@pve'
    if (cluster.password is None) == (cluster.token_value is None):
        yield "password", "give either it or token_value"
    elif bool(cluster.token_name) != (cluster.token_value is not None):
        yield "token_name", "goes with token_value, and the other way round"
    tls = cluster.tls
    if (tls.verify == "ca") != (tls.ca_file is not None):
        yield "tls.ca_file", "goes with verify: ca, and the other way round"
    if (tls.verify == "fingerprint") != bool(tls.fingerprint):
        yield "tls.fingerprint", "goes with verify: fingerprint, and the other way round"
    if tls.fingerprint:
        try:
            fingerprint_of(tls.fingerprint)
        except ValueError as error:
            yield "tls.fingerprint", f'"{tls.fingerprint}": {error}'


def _dataproc(dataproc: Dataproc) -> Iterator[tuple[str, str]]:
    if dataproc.enabled and not dataproc.accounts:
        yield "dataproc.accounts", "names nobody; dataproc.enabled needs an account to read with"
    yield from _doubles("dataproc.accounts", "name", [account.name for account in dataproc.accounts])
    for key in ("cluster", "jobs"):
        if getattr(dataproc.timeouts, key) > dataproc.timeouts.total:
            yield f"dataproc.timeouts.{key}", f"is above dataproc.timeouts.total ({dataproc.timeouts.total})"
    for index, account in enumerate(dataproc.accounts):
        for key, reason in _dataproc_account(account):
            yield f"dataproc.accounts[{index}].{key}", reason
        for other in dataproc.accounts[:index]:
            if (both := set(account.projects) & set(other.projects)) and not _are_apart(account, other):
                yield (
                    f"dataproc.accounts[{index}].projects",
                    f'"{min(both)}" is read by "{other.name}" already; give both a region_filter without one in common',
                )


def _are_apart(one: DataprocAccount, other: DataprocAccount) -> bool:
    filters = set(one.region_filter), set(other.region_filter)
    return all(filters) and not filters[0] & filters[1]


def _dataproc_account(account: DataprocAccount) -> Iterator[tuple[str, str]]:
    if not account.projects:
        yield "projects", f'"{account.name}" reads no project; name at least one'
    if account.anonymous == (account.credentials_file is not None):
        yield "credentials_file", "is needed, unless the account is anonymous (for a server of your own)"
    if (account.insecure or account.anonymous) and not account.endpoint:
        yield "endpoint", "is needed with insecure or anonymous: Google's own servers take neither"
    for key in ("endpoint", "compute_endpoint"):
        if getattr(account, key).startswith("http://") and not account.insecure:
            yield key, "does not begin with https://; insecure: true allows http:// to a server of your own"


def _log(log: WatchedLog) -> Iterator[tuple[str, str]]:
    patterns = [(f"match[{index}].pattern", match.pattern) for index, match in enumerate(log.match)]
    if log.multiline is not None:
        patterns.append(("multiline.start", log.multiline.start))
    for key, pattern in patterns:
        try:
            compile_pattern(pattern)
        except PatternError as error:
            yield key, f'"{pattern}" is no regular expression: {error}'
    if log.timestamp is not None and (reason := check_format(log.timestamp)):
        yield "timestamp", f'"{log.timestamp}" is no format of a time: {reason}'


def _xferlog(xferlog: Xferlog) -> Iterator[tuple[str, str]]:
    if xferlog.parse_start is not None:
        try:
            instant(xferlog.parse_start)
        except ValueError as error:
            yield "parse_start", f'"{xferlog.parse_start}" {error}'
    try:
        zone_of(xferlog.timezone)
    except ZoneError as error:
        yield "timezone", f'"{xferlog.timezone}": {error}'


def _host(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    listen = settings.host.metrics_listen
    if listen is not None:
        try:
            where = listen_address(listen)
        except ValueError as error:
            yield "host.metrics_listen", f'"{listen}" is no address to listen at: {error}'
        else:
            if listen == settings.node.listen and not (isinstance(where, tuple) and where[1] == 0):
                yield "host.metrics_listen", f"{listen} is node.listen already, where /metrics is answered too"
    for index, pattern in enumerate(settings.host.exclude_interfaces):
        if not pattern:
            yield f"host.exclude_interfaces[{index}]", "is empty; no interface has that name"


def _alerts(alerts: Alerts) -> Iterator[tuple[str, str]]:
    yield from _doubles("alerts.channels", "name", [channel.name for channel in alerts.channels])
    for index, channel in enumerate(alerts.channels):
        for key, reason in channel_problems(channel):
            yield f"alerts.channels[{index}].{key}", reason
    if alerts.retries.initial > alerts.retries.max:
        yield "alerts.retries.initial", f"is above alerts.retries.max ({alerts.retries.max}); it must not be"
    if alerts.heartbeat.url is not None and (trouble := http_problem(alerts.heartbeat.url)):
        yield "alerts.heartbeat.url", trouble


def _short_intervals(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    given = {f"refresh.{key}": value for key, value in msgspec.structs.asdict(settings.refresh).items()}
    given["fs.probe_timeout"] = settings.fs.probe_timeout
    given |= {f"clusters.{key}": getattr(settings.clusters, key) for key in _CLUSTER_TIMEOUTS}
    given |= {
        f"dataproc.timeouts.{key}": value for key, value in msgspec.structs.asdict(settings.dataproc.timeouts).items()
    }
    given["xferlog.reconcile_interval"] = settings.xferlog.reconcile_interval
    given["host.limits.check_interval"] = settings.host.limits.check_interval
    alerts = settings.alerts
    given["alerts.evaluation_interval"] = alerts.evaluation_interval
    given["alerts.heartbeat.interval"] = alerts.heartbeat.interval
    given["alerts.retries.initial"] = alerts.retries.initial
    given |= {f"alerts.channels[{index}].timeout": one.timeout for index, one in enumerate(alerts.channels)}
    for index, watched in enumerate(settings.paths):
        given[f"paths[{index}].timeout"] = watched.timeout
        if watched.scan_interval is not None:
            given[f"paths[{index}].scan_interval"] = watched.scan_interval
    for key_path, value in given.items():
        if value < SHORTEST_INTERVAL:
            yield key_path, f"{value} is too short; write at least {SHORTEST_INTERVAL}"


def _history(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    """Elsewhere 0 keeps for ever. Of history it would keep nothing, and for ever it would grow without a bound."""
    for key, kept in msgspec.structs.asdict(settings.history).items():
        if kept < SHORTEST_HISTORY:
            yield (
                f"history.{key}",
                f"{kept} is too short; write at least {SHORTEST_HISTORY}: nothing is kept for ever here",
            )


def _doubles(section: str, key: str, values: list[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value in first:
            yield (
                f"{section}[{index}].{key}",
                f'"{value}" stands at {section}[{first[value]}] already; each must differ',
            )
        first.setdefault(value, index)

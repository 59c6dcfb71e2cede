"""The daemon and its log as sources, and what cron itself says of the crontabs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from etlmon.contract.cron import CronSource
from node.collectors.cron_evidence import Evidence, stamp
from node.collectors.cron_host import CRONIE_NAME
from node.collectors.cron_log import Entry
from node.collectors.cron_types import Host
from node.settings import Cron

_SYSTEM = "*system*"
_REFUSED = "ERROR"


def daemon_source(evidence: Evidence, host: Host, at: datetime) -> CronSource:
    """How the daemon is, and what it should log."""
    programs = [path for path in (host.debian_cron, *host.crond) if Path(path).exists()]
    daemon = evidence.daemon
    if daemon is not None:
        fitting = [path for path in programs if Path(path).name == daemon.name]
        path = next(iter(fitting), daemon.name)
        return CronSource(
            kind="daemon", path=path, reason=evidence.advice, changed_at=daemon.started_at, last_checked=at
        )
    path = next(iter(programs), "cron")
    if evidence.hidden:
        reason = "whether cron runs cannot be seen: the processes of others are hidden from etlmon (hidepid of /proc)"
        return CronSource(kind="daemon", path=path, state="denied", reason=reason, last_checked=at)
    if not programs:
        return CronSource(
            kind="daemon", path=path, state="missing", reason="no cron is installed here", last_checked=at
        )
    service = CRONIE_NAME if Path(path).name == CRONIE_NAME else "cron"
    reason = f"it is not running, so no job of a crontab is started: systemctl start {service}"
    return CronSource(kind="daemon", path=path, state="error", reason=reason, last_checked=at)


def run_log_source(evidence: Evidence, section: Cron, others: int, at: datetime) -> CronSource:
    """How cron's log is, and since when it tells of runs."""
    if not evidence.log:
        reason = (
            "cron.run_log is empty, so nothing is known of runs"
            if not section.run_log
            else "no log of cron is found; let the system's log daemon write one, and name it in cron.run_log"
        )
        path = section.run_log or "none"
        return CronSource(kind="run_log", path=path, state="missing", reason=reason, last_checked=at)
    if evidence.status != "ok":
        trouble = evidence.log_reason or evidence.status
        if evidence.status == "denied" and evidence.log.startswith("/"):
            trouble += "; add etlmon's user to the group that may read it, adm as a rule"
        return CronSource(kind="run_log", path=evidence.log, state=evidence.status, reason=trouble, last_checked=at)
    said = [f"it is known since {stamp(evidence.since)}"] if evidence.since is not None else []
    if others:
        said.append(f"{others:,} lines of cron on other hosts are passed over")
    words = "; ".join(said) or None
    return CronSource(kind="run_log", path=evidence.log, reason=words, changed_at=evidence.latest, last_checked=at)


class Refusals:
    """The crontabs that cron says it ignores because of what stands in them."""

    def __init__(self, section: Cron) -> None:
        self._section = section
        self._refused: dict[str, Entry] = {}

    def note(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.kind == "taken":
                self._refused.pop(entry.user, None)
            elif entry.kind == "ignored" and entry.detail.startswith(_REFUSED):
                self._refused[entry.user] = entry

    def applied(self, sources: Sequence[CronSource]) -> list[CronSource]:
        """The sources, with what cron says of those in which nothing wrong was found."""
        refused = {path: entry for user, entry in self._refused.items() for path in self._paths(user)}
        return [_refused(source, refused.get(source.path)) for source in sources]

    def _paths(self, name: str) -> list[str]:
        if not name.startswith(_SYSTEM):
            return [f"{place}/{name}" for place in self._section.spool]
        rest = name.removeprefix(_SYSTEM)
        return [f"{self._section.cron_d}/{rest}"] if rest else [self._section.system_crontab]


def _refused(source: CronSource, entry: Entry | None) -> CronSource:
    if entry is None or source.state != "ok" or (source.changed_at is not None and source.changed_at > entry.at):
        return source
    reason = f"cron said at {stamp(entry.at)}: {entry.detail}"
    return msgspec.structs.replace(source, state="invalid", reason=reason)

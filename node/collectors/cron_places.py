"""Where a cron daemon looks for crontabs, and what lies there that it does not even open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from etlmon.contract.cron import CronFlavour, CronSource, SourceKind, SourceState
from node.collectors.cron_rules import (
    is_placeholder,
    is_set_aside,
    passed_over,
    passed_over_user,
    takes_lsb_names,
)
from node.collectors.cron_types import Host
from node.settings import Cron
from node.sources.file_reader import Answer, FileReader, Names, Status

_TEMPORARY = "tmp."
"""crontab(1) of Debian writes such files, and the daemon says nothing about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A file that is there for the daemon to read. `user`: whose it is; None: the sixth field of a line names one."""

    kind: SourceKind
    path: str
    user: str | None = None
    fault: str | None = None
    """Why its name keeps the daemon from reading it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files, and the sources that are no files to read: directories that are not there, names set aside."""

    tabs: Sequence[Tab]
    sources: Sequence[CronSource]
    directories: Sequence[str]
    """Those that were listed."""


async def places(settings: Cron, host: Host, reader: FileReader, flavour: CronFlavour, now: datetime) -> Places:
    """Look into the directories. Raises OSError: there is no child to look."""
    spool = await _spool(settings, reader)
    listed = await reader.names([settings.cron_d, spool])
    lsb = flavour == "debian" and await _lsb_names(host, reader)
    tabs = [Tab(kind="system", path=settings.system_crontab)]
    aside: list[Tab] = []
    for name in listed[settings.cron_d].names:
        fault = passed_over(name, flavour, lsb=lsb)
        tab = Tab(kind="cron_d", path=f"{settings.cron_d}/{name}", fault=fault)
        if fault is None or not is_set_aside(name):
            tabs.append(tab)
        elif not is_placeholder(name):
            aside.append(tab)
    for name in listed[spool].names:
        path = f"{spool}/{name}"
        if path in settings.spool or (flavour == "debian" and name.startswith(_TEMPORARY)):
            continue
        if fault := passed_over_user(name, flavour):
            aside.append(Tab(kind="user", path=path, user=name, fault=fault))
        else:
            tabs.append(Tab(kind="user", path=path, user=name))
    sources = [
        *_directory("cron_d", settings.cron_d, listed[settings.cron_d], now),
        *_directory("user", spool, listed[spool], now),
        *await _aside(aside, reader, now),
    ]
    directories = [path for path, names in listed.items() if names.reason is None]
    return Places(tabs=tabs, sources=sources, directories=directories)


def why_not(answer: Answer) -> tuple[SourceState, str]:
    """The state of what could not be read here, and the reason in words."""
    if answer.is_missing:
        return "missing", "it is not there"
    if answer.is_denied:
        return "denied", (
            f"this node may not read it ({answer.reason}), cron itself may; "
            "run the node as root, or give it CAP_DAC_READ_SEARCH"
        )
    return "error", f"it cannot be read: {answer.reason}"


def changed_at(status: Status | None) -> datetime | None:
    """When its content changed last; None for a time beyond the calendar, which anybody may set."""
    if status is None:
        return None
    try:
        return datetime.fromtimestamp(status.modified_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None


async def flavour_of(settings: Cron, host: Host, reader: FileReader) -> CronFlavour:
    """Whose grammar and rules count: as it is set, else of what is installed, else Debian's."""
    if settings.flavour != "auto":
        return settings.flavour
    found = await reader.statuses([host.debian_cron, *host.crond])
    if found[host.debian_cron].status is None and any(found[path].status is not None for path in host.crond):
        return "cronie"
    return "debian"


async def _spool(settings: Cron, reader: FileReader) -> str:
    """The one that is there: a daemon has one directory for crontabs of users, and which it is differs."""
    found = await reader.statuses(settings.spool)
    return next((path for path, seen in found.items() if not seen.is_missing), settings.spool[0])


async def _lsb_names(host: Host, reader: FileReader) -> bool:
    data = (await reader.read({host.cron_defaults: None}))[host.cron_defaults].data
    return data is not None and takes_lsb_names(data)


def _directory(kind: SourceKind, path: str, names: Names, now: datetime) -> list[CronSource]:
    """A source for a directory that could not be listed; one that could shows in its files."""
    if names.reason is None:
        return []
    state, reason = why_not(names)
    return [CronSource(kind=kind, path=path, state=state, reason=reason, last_checked=now)]


async def _aside(tabs: Sequence[Tab], reader: FileReader, now: datetime) -> list[CronSource]:
    found = await reader.statuses(tab.path for tab in tabs)
    return [
        CronSource(
            kind=tab.kind,
            path=tab.path,
            state="skipped",
            reason=tab.fault,
            changed_at=changed_at(found[tab.path].status),
            last_checked=now,
        )
        for tab in tabs
    ]

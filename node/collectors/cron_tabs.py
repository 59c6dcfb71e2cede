"""Crontabs: that of the system, those of packages in cron.d, and those of users; what the daemon makes of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etlmon.contract.cron import CronFlavour, CronSource, SourceState
from node.collectors.cron_grammar import parse_table
from node.collectors.cron_ids import numbered
from node.collectors.cron_places import Places, Tab, changed_at, places, why_not
from node.collectors.cron_rules import system_fault, user_fault
from node.collectors.cron_types import FoundJob, Host, Line, Table, Zone
from node.collectors.cron_words import describe
from node.settings import Cron
from node.sources.file_reader import MOST_BYTES, FileReader, Seen, User

_IN_PLACE_NS = 2_000_000_000
"""Clocks of file systems are coarse, and crontab(1) writes a file and its directory one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """All that decides about a file: as long as it is the same, what the daemon makes of it is the same."""

    tab: Tab
    seen: Seen
    """With its data, whenever that was read."""
    users: Mapping[str, User]
    """Those whom it names; for the crontab of a user that user."""
    flavour: CronFlavour
    zone: Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    facts: _Facts
    jobs: Sequence[FoundJob] = ()
    state: SourceState = "ok"
    reason: str | None = None


class Tabs:
    """Reads crontabs; keeps what they said as long as they are as they were."""

    def __init__(self, settings: Cron, host: Host, reader: FileReader) -> None:
        self._settings = settings
        self._host = host
        self._reader = reader
        self._known: dict[str, _Judged] = {}

    async def look(
        self, now: datetime, flavour: CronFlavour, zone: Zone, *, fresh: bool = False
    ) -> tuple[list[FoundJob], list[CronSource]]:
        """Every job, and every file with what the daemon makes of it. Raises OSError: there is no child to look."""
        if fresh:
            self._known = {}
        found = await places(self._settings, self._host, self._reader, flavour, now)
        seen = await self._read(found.tabs)
        tabs = [tab for tab in found.tabs if tab.path in seen]
        named = {tab.path: self._users_in(tab, seen[tab.path], flavour) for tab in tabs}
        users = await self._reader.users(sorted({name for names in named.values() for name in names}))
        judged = {}
        for tab in tabs:
            ids = {name: users[name] for name in named[tab.path]}
            facts = _Facts(tab=tab, seen=seen[tab.path], users=ids, flavour=flavour, zone=zone)
            before = self._known.get(tab.path)
            judged[tab.path] = before if before is not None and before.facts == facts else _judge(facts)
        self._known = judged
        unnoticed = await self._unnoticed(found) if flavour == "debian" else {}
        sources = [_source(one, unnoticed.get(path), now) for path, one in judged.items()]
        return [job for one in judged.values() for job in one.jobs], [*sources, *found.sources]

    async def _read(self, tabs: Sequence[Tab]) -> dict[str, Seen]:
        """Each file with its data, but for those that vanished since their directory was listed."""
        known = {path: judged.facts.seen for path, judged in self._known.items()}
        seen = await self._reader.reread((tab.path for tab in tabs), known)
        for tab in tabs:
            one = seen[tab.path]
            if one.link is None and one.is_missing and tab.kind != "system":
                del seen[tab.path]
        return seen

    def _users_in(self, tab: Tab, seen: Seen, flavour: CronFlavour) -> Sequence[str]:
        if tab.user is not None:
            return [tab.user]
        if seen.data is None:
            return []
        before = self._known.get(tab.path)
        if before is not None and before.facts.seen == seen and before.facts.flavour == flavour:
            return list(before.facts.users)
        names: dict[str, None] = {}

        def note(name: str) -> bool:
            names[name] = None
            return True

        parse_table(seen.data, system=True, flavour=flavour, known_user=note)
        return list(names)

    async def _unnoticed(self, found: Places) -> dict[str, str]:
        """Crontabs of users that were written in place, after all that Debian's daemon looks at to notice a change."""
        asked = await self._reader.statuses(found.directories)
        others = [one.status for one in asked.values()]
        others += [one.facts.seen.status for one in self._known.values() if one.facts.tab.user is None]
        looked_at = max((status.modified_ns for status in others if status is not None), default=0)
        late = {}
        for path, one in self._known.items():
            status = one.facts.seen.status
            if one.facts.tab.user is not None and status and status.modified_ns > looked_at + _IN_PLACE_NS:
                spool = path.rpartition("/")[0]
                late[path] = f"it was written in place, and cron may not have noticed; touch {spool}, or use crontab(1)"
        return late


def _judge(facts: _Facts) -> _Judged:
    """What the daemon makes of a file."""
    tab, seen = facts.tab, facts.seen
    if seen.link is None or (seen.status is None and not (seen.link.is_link and seen.is_missing)):
        state, reason = why_not(seen)
        return _Judged(facts=facts, state=state, reason=reason if state != "missing" else None)
    fault = tab.fault or _fault(facts)
    if seen.data is None:
        state, reason = ("skipped", fault) if fault else why_not(seen)
        return _Judged(facts=facts, state=state, reason=reason)
    if len(seen.data) >= MOST_BYTES:
        return _Judged(facts=facts, state="error", reason=f"it is larger than {MOST_BYTES // 1024**2} MiB")
    users = facts.users
    table = parse_table(
        seen.data,
        system=tab.user is None,
        flavour=facts.flavour,
        known_user=lambda name: name not in users or _is_there(users[name]),
        root=tab.user == "root",
    )
    jobs = numbered(_job(line, table, fault, facts) for line in table.lines)
    if fault is not None:
        return _Judged(facts=facts, jobs=jobs, state="skipped", reason=fault)
    if table.error is not None:
        return _Judged(facts=facts, jobs=jobs, state="invalid", reason=_void(table))
    return _Judged(facts=facts, jobs=jobs, reason=_doubt(facts))


def _fault(facts: _Facts) -> str | None:
    user = facts.tab.user
    if user is None:
        return system_fault(facts.seen, facts.flavour)
    return user_fault(facts.seen, user, facts.users[user], facts.flavour)


def _is_there(user: User) -> bool:
    """A user who cannot be asked for counts as there."""
    return user.uid is not None or user.reason is not None


def _doubt(facts: _Facts) -> str | None:
    asked = [f"whether there is a user {name} is not known: {user.reason}" for name, user in facts.users.items()]
    return next((words for words, user in zip(asked, facts.users.values(), strict=True) if user.reason), None)


def _void(table: Table) -> str:
    place = f"line {table.error_line}: " if table.error_line is not None else ""
    return f"cron ignores the whole file: {place}{table.error}"


def _job(line: Line, table: Table, fault: str | None, facts: _Facts) -> FoundJob:
    path = facts.tab.path
    error = None
    if fault is not None:
        error = f"{path}: {fault}"
    elif line.error is not None:
        whole = "; cron ignores the whole file" if table.error is not None else ""
        error = f"{path}, line {line.line_no}: {line.error}{whole}"
    elif table.error is not None:
        error = f"{path}: {_void(table)}"
    zone, warning = _zone_of(line, facts)
    return FoundJob(
        job_id=0,
        kind="cron",
        source=path,
        schedule_text=line.schedule_text,
        command=line.command,
        zone=zone.zone,
        zone_name=zone.name,
        daemon_zone=facts.zone.zone if zone is not facts.zone else None,
        line_no=line.line_no,
        user=facts.tab.user or line.user or "",
        schedule=line.schedule,
        enabled=error is None,
        error=error,
        warning="; ".join(filter(None, (line.warning, warning))) or None,
        description=describe(line.schedule) if line.schedule is not None else "",
        environment=dict(line.environment),
    )


def _zone_of(line: Line, facts: _Facts) -> tuple[Zone, str | None]:
    """The zone of a line: cronie reads it from CRON_TZ, and takes UTC for one that is not known here (tzset(3))."""
    name = line.environment.get("CRON_TZ", "").removeprefix(":")
    if facts.flavour != "cronie" or not name:
        return facts.zone, None
    try:
        return Zone(zone=ZoneInfo(name), name=name), None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Zone(zone=UTC, name="UTC"), f"CRON_TZ={name} is no time zone of this host, so it is UTC"


def _source(judged: _Judged, unnoticed: str | None, now: datetime) -> CronSource:
    return CronSource(
        kind=judged.facts.tab.kind,
        path=judged.facts.tab.path,
        state=judged.state,
        reason=judged.reason or unnoticed,
        jobs=len(judged.jobs),
        changed_at=changed_at(judged.facts.seen.status),
        last_checked=now,
    )

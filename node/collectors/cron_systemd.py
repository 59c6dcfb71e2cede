"""What systemd says of its timers: systemctl(1) about what is loaded, systemd-analyze(1) about the calendar."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from node.sources.command import Commands

_WITHIN_SEC = 10.0
_MOST_UNITS = 200
"""In one call: the kernel limits how long a command may be."""

_PROPERTIES = (
    "LoadState",
    "LoadError",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "NextElapseUSecRealtime",
    "LastTriggerUSec",
    "Result",
    "MainPID",
    "ExecMainStartTimestamp",
    "ExecMainStartTimestampMonotonic",
    "ExecMainExitTimestamp",
    "ExecMainExitTimestampMonotonic",
    "ExecMainCode",
    "ExecMainStatus",
)
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)")
_FORM = re.compile(r"\s*(?:Original|Normalized) form: (.*)")
_ELAPSE = re.compile(r"\s*(?:Next elapse|Iter\. #\d+): (.*)")
_IN_UTC = re.compile(r"\s*\(in UTC\): (.*)")
_FAILED = re.compile(r"Failed to parse calendar (?:specification|expression) '(.*)': .*")
_EXITED = "1"
_BY_SIGNAL = 128
"""What the shell adds to the number of the signal that ended a command."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit as systemd has it loaded, by the names of systemctl show."""

    properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def main_pid(self) -> int | None:
        """Of what runs now."""
        pid = self["MainPID"]
        return int(pid) if pid.isdigit() and pid != "0" else None

    @property
    def exit_code(self) -> int | None:
        """Of its last main process; None when none has ended since the host started."""
        status = self["ExecMainStatus"]
        if self["ExecMainExitTimestampMonotonic"] in ("", "0") or self["ExecMainCode"] == "0" or not status.isdigit():
            return None
        return int(status) + (0 if self["ExecMainCode"] == _EXITED else _BY_SIGNAL)

    @property
    def duration_sec(self) -> float | None:
        """Of its last main process, when that ended."""
        begin, end = self["ExecMainStartTimestampMonotonic"], self["ExecMainExitTimestampMonotonic"]
        if not (begin.isdigit() and end.isdigit()) or not 0 < int(begin) <= int(end):
            return None
        return (int(end) - int(begin)) / 1e6

    def moment(self, name: str) -> datetime | None:
        """A time among the properties; None when it says none."""
        return _moment(self[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What systemd says now; with a `reason` when it does not say all of it."""

    states: Mapping[str, UnitState] = field(default_factory=dict)
    elapses: Mapping[str, datetime] = field(default_factory=dict)
    """When each timer elapses next, where that is known."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elapses:
    """When an expression elapses: the next times, or why it never does."""

    times: Sequence[datetime] = ()
    error: str | None = None


async def loaded_timers(commands: Commands) -> tuple[Mapping[str, datetime | None], str | None]:
    """The timers that are loaded, with when each elapses next, and why this is not known."""
    listed = await commands.run(
        ["systemctl", "list-timers", "--all", "--no-pager", "--output=json"], within_sec=_WITHIN_SEC
    )
    if not listed.is_good:
        return {}, listed.reason
    try:
        rows = json.loads(listed.output)
        return {row["unit"]: _from_usec(row.get("next")) for row in rows}, None
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, "this systemctl is too old to say when a timer elapses next"


async def states(commands: Commands, units: Sequence[str]) -> tuple[dict[str, UnitState], str | None]:
    """Each unit as it is loaded, and why this is not known."""
    found: dict[str, UnitState] = {}
    options = ["--no-pager", f"--property={','.join(_PROPERTIES)}"]
    for start in range(0, len(units), _MOST_UNITS):
        part = units[start : start + _MOST_UNITS]
        shown = await commands.run(
            ["systemctl", "show", *options, "--", *part], within_sec=_WITHIN_SEC, environment={"TZ": "UTC"}
        )
        if not shown.is_good:
            return found, shown.reason
        found.update(zip(part, _blocks(shown.output.decode("utf-8", "replace")), strict=False))
    return found, None


class Calendar:
    """Asks when expressions like `Mon..Fri 02:30` elapse; an answer is kept until its first time has passed."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._known: dict[str, Elapses] = {}
        self._asked_after: dict[tuple[str, datetime], datetime | None] = {}

    def forget(self) -> None:
        """Ask anew: the zone may be another."""
        self._known, self._asked_after = {}, {}

    async def next(self, expressions: Sequence[str], now: datetime, count: int) -> dict[str, Elapses]:
        """The next times of each; an expression is left out when there is nobody to ask."""
        stale = [text for text in dict.fromkeys(expressions) if not self._is_known(text, now)]
        if stale:
            self._known |= await self._ask(stale, now, count)
        self._known = {text: known for text, known in self._known.items() if text in expressions}
        return dict(self._known)

    async def after(self, expression: str, moment: datetime) -> datetime | None:
        """The first time later than a moment; None when there is none, or nobody to ask."""
        key = (expression, moment)
        if key not in self._asked_after:
            found = (await self._ask([expression], moment, 1)).get(expression, Elapses())
            if len(self._asked_after) >= _MOST_UNITS:
                self._asked_after = {}
            self._asked_after[key] = next(iter(found.times), None)
        return self._asked_after[key]

    def _is_known(self, expression: str, now: datetime) -> bool:
        known = self._known.get(expression)
        return known is not None and (not known.times or known.times[0] > now)

    async def _ask(self, expressions: Sequence[str], after: datetime, count: int) -> dict[str, Elapses]:
        base = f"--base-time=@{int(after.timestamp())}"
        said = await self._commands.run(
            ["systemd-analyze", "calendar", f"--iterations={count}", base, "--", *expressions], within_sec=_WITHIN_SEC
        )
        if said.end != "ended":
            return {}
        found = parse_calendar(said.output.decode("utf-8", "replace"))
        failed = {match[1]: match[0] for line in said.errors.splitlines() if (match := _FAILED.fullmatch(line))}
        answers = {text: Elapses(times=found[text]) for text in expressions if text in found}
        return answers | {text: Elapses(error=failed[text]) for text in expressions if text in failed}


def parse_calendar(text: str) -> dict[str, list[datetime]]:
    """The times of each expression in the output of `systemd-analyze calendar`."""
    found: dict[str, list[datetime]] = {}
    for block in text.split("\n\n"):
        lines = block.splitlines()
        times: list[datetime] = []
        for line in lines:
            if elapse := _ELAPSE.match(line):
                times += filter(None, [_moment(elapse[1])])
            elif (in_utc := _IN_UTC.match(line)) and times:
                times[-1] = _moment(in_utc[1]) or times[-1]
        for form in filter(None, map(_FORM.match, lines)):
            found[form[1]] = times
    return found


def _blocks(text: str) -> Iterator[UnitState]:
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        yield UnitState({name: value for name, _, value in pairs})


def _moment(text: str) -> datetime | None:
    """A time as systemd prints it in UTC: `Sat 2026-11-21 15:34:09 UTC`."""
    found = _MOMENT.search(text)
    try:
        return datetime(*map(int, found.groups()), tzinfo=UTC) if found is not None else None  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def _from_usec(usec: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(usec / 1e6, UTC) if usec else None
    except (OverflowError, ValueError, OSError):
        return None

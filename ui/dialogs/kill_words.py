"""What the kill dialog knows and says: the process that is meant, how it stands now, what came of a signal. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from etlmon.contract.processes import Killed, ProcessDetail, Signal
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.widgets.cells import Run, Tone, cut, fit, plain, width_of, wrap
from ui.widgets.lines import Line

MANY = 10
"""With so many children the pid must be typed: they lose their parent."""

_WIDTH = 58
_COMMAND_LINES = 3
_SAID_LINES = 6
_NAME = 20
_NAMED = 3
_DOES: Final[dict[Signal, str]] = {
    "SIGTERM": "ask it to stop (it can clean up)",
    "SIGKILL": "end it at once (it cannot clean up)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The process that was under the cursor when the key was pressed. Whatever happens meanwhile, it is this one.

    `node_id` is the identity of the node that told of it; `started` its start as the operator wants times shown;
    `asked_at` when the question came up, by the UI's clock.
    """

    node: str
    node_id: str
    watch: str
    pid: int
    start_time: datetime
    started: str
    process_name: str
    cmdline: str
    user: str
    asked_at: datetime

    @property
    def name(self) -> str:
        """Which process, for a notice."""
        return f"{self.process_name or 'process'} {self.pid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How it is with the target now, by the node's clock.

    `refusal` says why nothing may be sent. `detail` is what the node says of the process now; while that is None,
    `unknown` says why, and is empty while the node is still being asked.
    """

    now: datetime
    refusal: str = ""
    has_ended: bool = False
    detail: ProcessDetail | None = None
    unknown: str = ""

    @property
    def is_looking(self) -> bool:
        return self.detail is None and not self.unknown

    def refuses(self, signal: Signal) -> str:
        """Why this signal must not be sent, or would not be; empty when it may."""
        if self.has_ended:
            return "it has ended meanwhile: there is nothing to end"
        if self.refusal or self.detail is None or signal in self.detail.signals:
            return self.refusal
        allowed = self.detail.signals
        return self.detail.refusal or (f"the node allows {', '.join(allowed)} alone" if allowed else "")

    def wants_pid(self, signal: Signal) -> bool:
        """Whether the pid must be typed: it cannot clean up, or much hangs on it, or nobody knows how much."""
        return signal == "SIGKILL" or (self.detail is None and not self.is_looking) or self.has_many_children

    @property
    def has_many_children(self) -> bool:
        return self.detail is not None and self.detail.children_total >= MANY


def lines_of(target: Target, standing: Standing, signal: Signal | None, said: Run | None) -> list[Line]:
    """The lines of the dialog. `signal` is the one that is asked about, None when there is nothing more to decide;
    `said` is what came of one before.
    """
    running = fmt.duration(max(0.0, (standing.now - target.start_time).total_seconds()))
    status = [said] if said else []
    refusal = signal and standing.refuses(signal)
    status += [(refusal, "crit")] if refusal else []
    return [
        [],
        *_indented(f"pid {target.pid}   user {_short(target.user)}   node {_short(target.node)}", "title"),
        *_indented(f"started {target.started}   running {running}"),
        *_indented(f"name {_short(target.process_name)}   watch {_short(target.watch)}", "dim"),
        *_indented(target.cmdline or target.process_name, most=_COMMAND_LINES),
        *_indented(_children(standing), "warn" if standing.has_many_children else "dim"),
        *(_signal(signal) if signal else []),
        *([[]] if status else []),
        *(line for text, tone in status for line in _indented(text, tone, most=_SAID_LINES)),
    ]


def result_words(killed: Killed) -> Run:
    """What came of a signal that was sent."""
    after = fmt.duration(killed.waited_ms / 1000)
    if killed.result == "exited":
        return (f"{killed.signal} was sent: it ended after {after}.", "ok")
    if killed.signal == "SIGTERM":
        return (f"SIGTERM was sent; after {after} it still runs: {killed.note or 'it may be cleaning up'}.", "warn")
    why = killed.note or "it ends when the kernel lets go of it"
    return (f"SIGKILL was sent; after {after} it is still there: {why}.", "warn")


def _children(standing: Standing) -> str:
    detail = standing.detail
    if detail is None:
        return "looking for its children ..." if standing.is_looking else f"children not known: {standing.unknown}"
    if not detail.children_total:
        return "no children"
    named = ", ".join(f"{_short(one.process_name)} {one.pid}" for one in detail.children[:_NAMED])
    more = ", ..." if detail.children_total > _NAMED else ""
    return f"{fmt.count(detail.children_total)} children, which get no signal: {named}{more}"


def _signal(signal: Signal) -> list[Line]:
    return _indented(f"signal {signal} — {_DOES[signal]}", "accent" if signal == "SIGTERM" else "crit")


def _short(name: str) -> str:
    """A name as it has room beside others."""
    return fit(plain(name), min(_NAME, width_of(plain(name)))) or NOTHING


def _indented(text: str, tone: Tone | None = None, *, most: int = 3) -> list[Line]:
    """A text in lines as wide as the dialog, not more than `most`."""
    lines = wrap(text, _WIDTH)
    if len(lines) > most:
        lines = [*lines[: most - 1], cut(lines[most - 1], _WIDTH - 1) + "…"]
    return [[(f"  {line}", tone)] for line in lines]

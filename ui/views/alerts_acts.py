"""What can be done in the Alerts view: acknowledge, silence, end a silence, replay a rule, try a channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import msgspec
from textual.binding import BindingType

from etlmon.contract.alerts import (
    ALERT_ACK,
    ALERT_BACKTEST,
    ALERT_CHANNEL_TEST,
    ALERT_SILENCE,
    ALERT_UNSILENCE,
    Acknowledge,
    Alert,
    Backtest,
    BacktestResult,
)
from etlmon.contract.alerts_rules import ChannelInfo, NewSilence, RuleInfo, Silence, TestNotice, TestResult
from etlmon.contract.endpoint import Endpoint
from etlmon.labels import write_labels
from ui import format as fmt
from ui.dialogs.acknowledge import AcknowledgeDialog
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.silence import SilenceDialog
from ui.dialogs.silence_form import Clocks, Form, form_again, form_of
from ui.keys import key
from ui.problems import alerts as alerts_problems
from ui.state import NodeState
from ui.views.acting import ActingView
from ui.views.alerts_detail import replay_words
from ui.views.alerts_fields import severity_cell
from ui.views.alerts_parts import AlertsPart
from ui.views.base import Outcome
from ui.views.parts import PartsView
from ui.views.rows import Row, counted
from ui.widgets.cells import runs_of
from ui.widgets.lines import Line

_ACTS = frozenset({"acknowledge", "silence", "end_silence", "try_it"})


@dataclass(slots=True)
class _Tally:
    """How the acknowledging of several alerts goes; each node answers for itself."""

    total: int
    done: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.done + len(self.problems) == self.total


class AlertActs(PartsView, ActingView[Any]):
    """The acts of a view of alerts. Each is meant for what was under the cursor, or marked, when its key came."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("A", "acknowledge", "Acknowledge", id="acknowledge", show=True),
        key("M", "silence", "Silence", id="silence", show=True),
        key("d", "end_silence", "End the silence", id="end_silence", show=True),
        key("R", "try_it", "Try it", id="try_it", show=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._dialog: SilenceDialog | None = None
        self.replays: dict[tuple[str, str], BacktestResult] = {}
        """What came of replaying rules, by node and rule."""

    @property
    def acts(self) -> frozenset[str]:
        """What can be done on the rows that are shown."""
        return self.part.acts if isinstance(self.part, AlertsPart) else frozenset()

    def hold(self, *, paused: bool) -> None:
        if self._scope is not None:
            self._scope = replace(self._scope, paused=paused)

    # Acknowledging

    def action_acknowledge(self) -> None:
        """Ask for a comment, and say that somebody looks after the alerts that are marked, or the one in front."""
        rows = [row for row in self.selected if isinstance(row.item, Alert)]
        if not rows:
            return
        fresh = [row for row in rows if row.item.state != "resolved" and row.item.acknowledged_at is None]
        if not fresh:
            alert = rows[0].item
            why = "it is resolved" if alert.state == "resolved" else f"it is {alerts_problems.words(alert)} already"
            self.notify(f"Nothing to acknowledge: {why}.", markup=False)
            return
        if reason := next((said for row in fresh if (said := self.why_not(row.node))), ""):
            self.refuse(f"Nothing is acknowledged: {reason}")
            return
        lines: list[Line] = [_alert_line(row, all_nodes=len({row.node.name for row in fresh}) > 1) for row in fresh]
        heading = f"Acknowledge {counted(len(fresh), 'alert')}"
        self.app.push_screen(AcknowledgeDialog(heading, lines), partial(self._acknowledge, fresh))

    def _acknowledge(self, rows: Sequence[Row[Alert]], comment: str | None) -> None:
        if comment is None:
            return
        tally = _Tally(len(rows))
        for row in rows:
            self._act(
                row.node, ALERT_ACK, Acknowledge(comment=comment), row.item.id, done=partial(self._acked, tally, row)
            )

    def _acked(self, tally: _Tally, row: Row[Alert], outcome: Outcome) -> None:
        """Tell once how it went with all of them."""
        if outcome.problem:
            tally.problems.append(f"{row.node.name}: {alerts_problems.summary(row.item)}: {outcome.problem}")
        else:
            tally.done += 1
        if not tally.is_over:
            return
        if tally.done:
            self.notify(f"{counted(tally.done, 'alert')} acknowledged", markup=False)
        if tally.problems:
            more = f" (and {len(tally.problems) - 1} more)" if len(tally.problems) > 1 else ""
            self.refuse(f"{tally.problems[0]}{more}")

    # Silencing

    def action_silence(self) -> None:
        """Ask what nobody is to be told of: the alert, the rule, or the silence in front; else whatever is typed."""
        scope, row = self._scope, self.aimed_at
        if scope is None:
            return
        node = scope.front if row is None else row.node
        if reason := self.why_not(node):
            self.refuse(f"Nothing is silenced: {reason}")
            return
        if scope.paused:
            self.refuse("Nothing is silenced: the screen is paused, and its clock stands still: p goes on")
            return
        clocks = Clocks(now=lambda: (self._scope or scope).now, zone=scope.zone, style=scope.times)
        self._dialog = SilenceDialog(node.name, _form(row), clocks, partial(self._silence, node))
        self.app.push_screen(self._dialog, self._silencing_ended)

    def _silence(self, node: NodeState, body: NewSilence) -> None:
        self._act(node, ALERT_SILENCE, body, done=partial(self._silenced, self._dialog, node.name))

    def _silenced(self, dialog: SilenceDialog | None, node: str, outcome: Outcome) -> None:
        """Tell how it went: in the dialog, or in a notice when that was closed meanwhile."""
        is_open = dialog is not None and dialog is self._dialog
        if outcome.problem and dialog is not None and is_open:
            dialog.refuse(outcome.problem, outcome.refusal)
            return
        if outcome.problem:
            self.refuse(f"{node}: {outcome.problem}")
            return
        silence: Silence = outcome.answer
        length = fmt.duration((silence.ends_at - silence.starts_at).total_seconds())
        covers = f"; it covers {counted(silence.matched, 'open alert')}" if silence.active else "; it begins later"
        self.notify(f"{node}: silenced for {length}{covers}", markup=False)
        if dialog is not None and is_open:
            dialog.dismiss(None)

    def _silencing_ended(self, _: None) -> None:
        self._dialog = None

    def action_end_silence(self) -> None:
        """Ask whether people are to be told again."""
        row = self.aimed_at
        if row is None or not isinstance(row.item, Silence):
            return
        silence = row.item
        if reason := self.why_not(row.node):
            self.refuse(f"The silence goes on: {reason}")
            return
        lines: list[Line] = [
            [(silence.reason, "title")],
            [(f"rule {silence.rule or 'every rule'}", None)],
            [(f"labels {write_labels(silence.labels) or 'all of them'}", None)],
            [(f"made by {silence.created_by or 'somebody'} on {row.node.name}", "dim")],
            [],
            [("People are told again of what it covers.", "warn")],
        ]

        def ended(outcome: Outcome) -> None:
            said = outcome.problem or "the silence has ended"
            self.notify(
                f"{row.node.name}: {said}", severity="error" if outcome.problem else "information", markup=False
            )

        send = partial(self._act, row.node, ALERT_UNSILENCE, None, silence.id, done=ended)
        self._confirm("End a silence", lines, "End it", send)

    # Trying

    def action_try_it(self) -> None:
        """Replay the rule in front over what is stored, or send a notice through the channel in front."""
        row = self.aimed_at
        if row is None:
            return
        if reason := self.why_not(row.node):
            self.refuse(f"Nothing is tried: {reason}")
        elif isinstance(row.item, RuleInfo):
            name = row.item.rule.name
            self.notify(f"{row.node.name}: {name} is replayed over the last week ...", markup=False)
            self._act(row.node, ALERT_BACKTEST, Backtest(name=name), done=partial(self._replayed, row.node.name, name))
        elif isinstance(row.item, ChannelInfo):
            lines: list[Line] = [
                [(row.item.name, "title"), (f"  {row.item.type} to {row.item.target}", None)],
                [(f"on {row.node.name}", "dim")],
                [],
                [("A notice that says it is a test is sent there now.", None)],
            ]
            body, done = TestNotice(), partial(self._tested, row.node.name)
            send = partial(self._act, row.node, ALERT_CHANNEL_TEST, body, name=row.item.name, done=done)
            self._confirm("Try a channel", lines, "Send it", send)

    def _replayed(self, node: str, name: str, outcome: Outcome) -> None:
        if outcome.problem:
            self.refuse(f"{node}: {name}: {outcome.problem}")
            return
        result: BacktestResult = outcome.answer
        self.replays[node, name] = result
        self.notify(f"{node}: {name}: {replay_words(result)}", markup=False)
        self._draw()

    def _tested(self, node: str, outcome: Outcome) -> None:
        result: TestResult | None = outcome.answer
        if result is None or not result.delivered:
            said = outcome.problem if result is None else f"{result.channel} did not take it: {result.message}"
            self.refuse(f"{node}: {said}")
            return
        took = fmt.latency(result.duration_ms)
        self.notify(f"{node}: {result.channel} took it after {took}: {result.message}", markup=False)

    # What they share

    def _act(
        self,
        node: NodeState,
        endpoint: Endpoint[Any],
        body: msgspec.Struct | None,
        id: int | None = None,  # noqa: A002 (the contract's name)
        *,
        name: str | None = None,
        done: Callable[[Outcome], None],
    ) -> None:
        """Have the node do it that told of it, and no other one; `id` or `name` says to what."""
        path = {"id": str(id)} if id is not None else {"name": name} if name is not None else {}
        self.post_message(self.Act(node.name, endpoint, body, lambda _: "", path, node_id=node.node_id, done=done))

    def _confirm(self, heading: str, lines: Sequence[Line], does: str, send: Callable[[], None]) -> None:
        self.app.push_screen(ConfirmDialog(heading, lines, does), lambda yes: send() if yes else None)

    def _turn_to(self, index: int) -> None:
        super()._turn_to(index)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ACTS and (self.is_typing or action not in self.acts):
            return False
        return super().check_action(action, parameters)


def _alert_line(row: Row[Alert], *, all_nodes: bool) -> Line:
    """An alert in a line of the question."""
    where: Line = [(f"{row.node.name}  ", "dim")] if all_nodes else []
    return [*where, *runs_of(severity_cell(row.item)), (f"  {alerts_problems.summary(row.item)}", None)]


def _form(row: Row[Any] | None) -> Form:
    """What stands in the form of a silence at first."""
    item = None if row is None else row.item
    if isinstance(item, Alert):
        return form_of(item.rule, item.labels)
    if isinstance(item, RuleInfo):
        return form_of(item.rule.name)
    return form_again(item) if isinstance(item, Silence) else Form()

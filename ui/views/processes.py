"""The watched processes: what runs of each watch, what it uses, and ending one of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import msgspec
from textual.binding import BindingType

from etlmon.contract.processes import PROCESS_KILL, Killed, KillRequest, Signal
from ui.dialogs.kill import KillDialog
from ui.dialogs.kill_words import Target, result_words
from ui.glyphs import State
from ui.keys import key
from ui.problems import processes as processes_problems
from ui.problems.processes import Watched
from ui.state import NodeState, Question
from ui.views.acting import ActingView
from ui.views.base import Outcome, Wanted
from ui.views.detail import Detail
from ui.views.processes_detail import detail_of, detail_questions
from ui.views.processes_fields import FIELDS
from ui.views.processes_kill import detail_question, standing_of, target_of, why_not
from ui.views.rows import Row, Scope

_URGENT = ("zombie", "dead", "disk_sleep", "stopped", "traced")


class ProcessesView(ActingView[Watched]):
    """The watched processes, the worst first; d ends one. Detail: what it uses, its relatives, its files, its watch."""

    view, number, title, tab, tab_short = "processes", "5", "Processes", "Process", "Proc"
    question = processes_problems.QUESTION.at("fast")
    fields = FIELDS
    noun = "row"
    nothing = "No process is watched. Name some under process_watch: in node.yaml, for example  - {match: etl_worker}"

    BINDINGS: ClassVar[list[BindingType]] = [key("d", "kill", "End it", id="kill", show=True)]

    def __init__(self) -> None:
        super().__init__()
        self._dialog: KillDialog | None = None

    # What a table view asks

    def key_of(self, item: Watched) -> str:
        process = item.process
        return f"{process.watch} {process.pid} {process.start_time}"

    def level_of(self, item: Watched) -> State:
        return processes_problems.level(item)

    def items(self, node: NodeState) -> Iterable[Watched]:
        return processes_problems.watched(node)

    def rows(self, scope: Scope) -> list[Row[Watched]]:
        return sorted(super().rows(scope), key=_urgency)

    def record(self, row: Row[Watched]) -> Mapping[str, Any]:
        record: dict[str, Any] = msgspec.to_builtins(row.item.process)
        return record

    def detail_questions(self, row: Row[Watched]) -> tuple[Question[Any], ...]:
        return detail_questions(row)

    def detail(self, row: Row[Watched]) -> Detail:
        return detail_of(row, has_ended=all(one.key != row.key for one in self._rows))

    # What the app asks and tells

    def questions(self, names: Collection[str]) -> Wanted:
        wanted = {
            name: (*questions, processes_problems.WATCHES.at("fast"))
            for name, questions in super().questions(names).items()
        }
        if self._dialog is not None and (name := self._dialog.target.node) in wanted:
            wanted[name] += (detail_question(self._dialog.target.pid).at("fast"),)
        return wanted

    def show(self, scope: Scope) -> None:
        if self._dialog is None:
            super().show(scope)
            return
        # Under the question nothing moves: what it asks about stays where it was.
        self._scope = scope
        self._dialog.show(standing_of(self._dialog.target, scope))

    def hold(self, *, paused: bool) -> None:
        if self._scope is not None:
            self._scope = replace(self._scope, paused=paused)

    # Ending one

    def action_kill(self) -> None:
        """Ask whether the process of the detail, or the one under the cursor, is to be ended; marks do not count."""
        row, scope = self.aimed_at, self._scope
        if row is None or scope is None:
            return
        target = target_of(row, scope.now)
        if target is None:
            self.notify(f"Nothing of {row.item.process.watch} runs: there is nothing to end.", markup=False)
        elif reason := why_not(target, scope):
            self.refuse(f"{target.name} is not ended: {reason}")
        else:
            self._dialog = KillDialog(target, standing_of(target, scope), partial(self._send, target))
            self.app.push_screen(self._dialog, self._answered)
            self.post_message(self.QuestionsChanged())

    def _send(self, target: Target, signal: Signal) -> None:
        body = KillRequest(signal=signal, confirm=True, start_time=target.start_time)
        self.post_message(
            self.Act(
                target.node,
                PROCESS_KILL,
                body,
                lambda killed: result_words(killed)[0],
                {"pid": str(target.pid)},
                node_id=target.node_id,
                done=partial(self._sent, target),
            )
        )

    def _sent(self, target: Target, outcome: Outcome) -> None:
        """Tell how it went: in the dialog, or in a notice when that was closed meanwhile."""
        dialog = self._dialog
        if dialog is None or dialog.target != target:
            text = f"{target.name} on {target.node}: {outcome.problem or outcome.words}"
            self.notify(text, severity="error" if outcome.problem else "information", markup=False)
        elif outcome.problem:
            dialog.refuse(outcome.problem)
        else:
            killed: Killed = outcome.answer
            dialog.tell(killed)

    def _answered(self, _: None) -> None:
        self._dialog = None
        if self._scope is not None:
            self.show(self._scope)
        self.post_message(self.QuestionsChanged())


def _urgency(row: Row[Watched]) -> tuple[int, int, str, datetime]:
    """In which order equally bad rows stand: what should run and does not, what is there and does nothing, the rest by
    watch, and last what need not run.
    """
    process = row.item.process
    state = _URGENT.index(process.state) if process.state in _URGENT else len(_URGENT)
    absent = process.status == "STOPPED" and (2 if row.level == "ok" else -1)
    return absent or 0, state, process.watch, process.start_time or process.collected_at

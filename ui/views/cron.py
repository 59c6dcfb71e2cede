"""The jobs of cron, anacron and systemd's timers: when they run next, and whether they ran."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from etlmon.contract.cron import CRON_REFRESH, CronJob, CronRefresh
from ui.glyphs import State
from ui.keys import key
from ui.problems import cron as cron_problems
from ui.problems.problem import rank, worst
from ui.state import NodeState
from ui.views.cron_parts import PARTS
from ui.views.parts import PartsView
from ui.views.rows import Scope, counted, level_cell, level_tone
from ui.widgets.cells import Run, runs_of
from ui.widgets.sayline import SayLine

_ABOUT_RUNS = ("daemon", "run_log")


class CronView(PartsView):
    """The jobs, those in trouble first and then by their next run; `v` turns to the runs and to the sources."""

    view, number, title, tab, tab_short = "cron", "6", "Cron", "Cron", "Cron"
    parts = PARTS
    question = cron_problems.QUESTION.at("fast")
    fields = PARTS[0].fields("relative")
    noun = PARTS[0].noun
    nothing = PARTS[0].nothing

    BINDINGS: ClassVar[list[BindingType]] = [key("R", "reread", "Read again", id="reread", show=True)]

    def compose(self) -> ComposeResult:
        panel, filter_bar = super().compose()
        yield panel
        yield SayLine()
        yield filter_bar

    def show(self, scope: Scope) -> None:
        super().show(scope)
        self.query_one(SayLine).say(_say(scope.nodes))

    def nothing_of(self, node: NodeState) -> str:
        sources = node.answer(cron_problems.SOURCES) or ()
        reasons = [f"{source.path}: {source.reason}" for source in sources if source.reason]
        return "\n".join([self.part.nothing, *reasons])

    def action_reread(self) -> None:
        """Have the nodes of the chosen rows read all crontabs again now; without rows, the shown nodes."""
        names = [row.node.name for row in self.selected]
        if not names and self._scope is not None:
            names = [node.name for node in self._scope.nodes]
        for name in dict.fromkeys(names):
            self.post_message(self.Act(name, CRON_REFRESH, CronRefresh(), _reread_result))


def _reread_result(jobs: Sequence[CronJob]) -> str:
    ill = sum(cron_problems.is_ill(job) for job in jobs)
    return f"read again: {counted(len(jobs), 'job')}{f', {ill} not well' if ill else ''}"


def _say(nodes: Sequence[NodeState]) -> list[Run]:
    """How what runs the jobs fares, and what would tell more of them, in a line."""
    if len(nodes) == 1:
        return _say_of(nodes[0])
    levels = {node.name: worst(_levels(node)) for node in nodes}
    ill = [name for name, level in levels.items() if level != "ok"]
    if not ill:
        return []
    return [(f"{len(ill)} not well: {', '.join(ill)} (v shows the sources)", level_tone(worst(levels.values())))]


def _levels(node: NodeState) -> list[State]:
    jobs = node.answer(cron_problems.QUESTION) or ()
    return [cron_problems.source_level(source, jobs) for source in node.answer(cron_problems.SOURCES) or ()]


def _say_of(node: NodeState) -> list[Run]:
    sources = list(zip(node.answer(cron_problems.SOURCES) or (), _levels(node), strict=True))
    runs: list[Run] = []
    for source, level in sorted(sources, key=lambda one: rank(one[1])):
        if level != "ok":
            said = runs_of(level_cell(level, f"{source.path}: {cron_problems.source_words(source)}"))
        elif source.kind in _ABOUT_RUNS:
            said = [(f"{source.path}: {source.reason}", "info") if source.reason else (source.path, "dim")]
        else:
            continue
        runs += [(" · ", "dim"), *said] if runs else said
    return runs

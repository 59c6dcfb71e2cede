"""The alerts: what is wrong now and was, what is silenced, who was told, by which rules, and through which channels."""

from collections.abc import Sequence

from textual.app import ComposeResult

from etlmon.contract.alerts_rules import ChannelInfo
from ui import format as fmt
from ui.glyphs import State
from ui.problems import alerts as alerts_problems
from ui.problems.problem import rank, worst
from ui.state import NodeState
from ui.views.alerts_acts import AlertActs
from ui.views.alerts_parts import Channels, Notices, OpenAlerts, PastAlerts, Rules, Silences
from ui.views.rows import Scope, level_cell, level_tone
from ui.widgets.cells import Run, runs_of
from ui.widgets.sayline import SayLine

_FIRST = OpenAlerts()


class AlertsView(AlertActs):
    """Open alerts, first what nobody looks after; `v` turns to history, silences, notices, rules and channels."""

    view, number, title, tab, tab_short = "alerts", "9", "Alerts", "Alerts", "Alrt"
    question = alerts_problems.QUESTION.at("fast")
    fields = _FIRST.fields("relative")
    noun = _FIRST.noun
    nothing = _FIRST.nothing

    def __init__(self) -> None:
        super().__init__()
        self.parts = (_FIRST, PastAlerts(), Silences(), Notices(), Rules(self.replays), Channels())

    def compose(self) -> ComposeResult:
        panel, filter_bar = super().compose()
        yield panel
        yield SayLine()
        yield filter_bar

    def show(self, scope: Scope) -> None:
        super().show(scope)
        self.query_one(SayLine).say(_say(scope.nodes))


def _say(nodes: Sequence[NodeState]) -> list[Run]:
    """Whether people are told, in a line: how the channels fare that do not reach them, or that there is none."""
    if len(nodes) == 1:
        return _say_of(nodes[0])
    levels = {node.name: worst(level for _, level in _failing(node)) for node in nodes}
    ill = [name for name, level in levels.items() if level != "ok"]
    if not ill:
        return []
    said = f"channels fail on {fmt.count(len(ill))}: {', '.join(ill)} (V shows them)"
    return [(said, level_tone(worst(levels.values())))]


def _failing(node: NodeState) -> list[tuple[ChannelInfo, State]]:
    """The channels that do not get through, the worst first."""
    levels = [(one, alerts_problems.channel_level(one)) for one in node.answer(alerts_problems.CHANNELS) or ()]
    return sorted(((one, level) for one, level in levels if level != "ok"), key=lambda found: rank(found[1]))


def _say_of(node: NodeState) -> list[Run]:
    channels = node.answer(alerts_problems.CHANNELS)
    if channels is not None and not channels:
        return [("Nobody is told of alerts: no channel stands under alerts: in node.yaml.", "dim")]
    runs: list[Run] = []
    for channel, level in _failing(node):
        said = runs_of(level_cell(level, f"{channel.name}: notices are {alerts_problems.channel_words(channel)}"))
        runs += [(" · ", "dim"), *said] if runs else said
    return runs

"""The first line: how all nodes are, who answers here, and how old what is on the screen is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ui import format as fmt
from ui.glyphs import State
from ui.widgets.cells import Run, Tone, plain, width_of
from ui.widgets.paint import OneLine

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderInfo:
    """What the header says. Counts of nodes by state, counts of problems, the node that answers and since when.

    `alerts` are active, and `alerts_state` is the worst of those that nobody looks after.

    `host` is the name of the machine that really answered; `age_sec` how old its latest answer is; `state` how it is.
    `badges` are short words that must not be missed: PAUSED, READ-ONLY, `clock +12 s`.
    """

    up: int = 0
    warn: int = 0
    crit: int = 0
    down: int = 0
    node: str = ""
    host: str = ""
    state: State = "unknown"
    latency_ms: float | None = None
    age_sec: float | None = None
    problem: str = ""
    critical: int = 0
    warnings: int = 0
    alerts: int = 0
    alerts_state: State = "ok"
    badges: Sequence[tuple[str, Tone]] = ()
    clock: str = ""


class HeaderLine(OneLine):
    """One line; on a narrow screen the less important words go, the counts and the clock stay."""

    DEFAULT_CSS = "HeaderLine { background: $panel; }"

    info = HeaderInfo()

    def show(self, info: HeaderInfo) -> None:
        self.info = info
        self.changed()

    def runs(self, width: int) -> list[Run]:
        left, right = self._fleet(), self._right()
        middles = [self._node(detail) for detail in range(3, -1, -1)]
        for middle in (*middles, []):
            spare = width - _width(left) - _width(middle) - _width(right)
            if spare >= _GAP * 2 or not middle:
                break
        before = max(_GAP, spare // 2)
        after = max(_GAP, spare - before)
        return [*left, (" " * before, None), *middle, (" " * after, None), *right]

    def _fleet(self) -> list[Run]:
        info, glyphs = self.info, self.painter.glyphs
        runs: list[Run] = [(" etlmon ", "title"), (" ", None), (f"{glyphs.ok} {info.up} up", "ok")]
        if info.warn:
            runs.append((f" {glyphs.warn} {info.warn}", "warn"))
        if info.crit:
            runs.append((f" {glyphs.crit} {info.crit}", "crit"))
        if info.down:
            runs.append((f" {glyphs.down} {info.down} down", "down"))
        return runs

    def _node(self, detail: int) -> list[Run]:
        """The node in four lengths: its name alone, with its latency, with the age, with the host."""
        info, glyphs = self.info, self.painter.glyphs
        if not info.node:
            return []
        tone: Tone = "title" if info.state in ("ok", "unknown") else cast(Tone, info.state)
        runs: list[Run] = [(info.node, tone)]
        if info.state == "down":
            runs.append((f" {glyphs.down} {info.problem or 'no answer'}", "down"))
        elif detail >= 1 and info.latency_ms is not None:
            runs.append((f" {fmt.latency(info.latency_ms)}", None))
        if detail >= 2 and info.age_sec is not None:
            runs.append((f" {glyphs.dot} updated {fmt.ago(info.age_sec)}", "dim"))
        if detail >= 3 and info.host and info.host != info.node:
            runs.insert(1, (f" on {info.host}", "dim"))
        return runs

    def _right(self) -> list[Run]:
        info = self.info
        runs: list[Run] = []
        for text, tone in info.badges:
            runs += [(text, tone), ("  ", None)]
        if info.critical:
            runs += [(f"{info.critical} crit", "crit"), (" ", None)]
        if info.warnings:
            runs += [(f"{info.warnings} warn", "warn"), (" ", None)]
        if info.alerts:
            attended = info.alerts_state in ("ok", "unknown")
            said = f"{info.alerts} alert{'' if info.alerts == 1 else 's'}"
            runs += [(said, "dim" if attended else cast(Tone, info.alerts_state)), (" ", None)]
        if runs:
            runs.append((" ", None))
        return [*runs, (f"{info.clock} ", None)]


def _width(runs: Sequence[Run]) -> int:
    return sum(width_of(plain(text)) for text, _ in runs)

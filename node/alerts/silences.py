"""Which alerts nobody is told of now."""

from collections.abc import Iterable

from etlmon.contract.alerts import Alert
from etlmon.contract.alerts_rules import Silence
from etlmon.labels import Labels
from node.rules.alert import OpenAlert
from node.rules.matchers import all_fit, compile_matchers


class Covering:
    """One silence, in force or not, ready to be asked about alerts. Its matchers were checked when it was made."""

    def __init__(self, silence: Silence) -> None:
        self.silence = silence
        self._matchers = compile_matchers(silence.labels)
        self.wants = next(((one.label, one.equals) for one in self._matchers if one.equals), None)
        """A label and the value that it must have; None when there is no such label."""

    def covers(self, rule: str, labels: Labels) -> bool:
        """Whether it is about such an alert."""
        return self.silence.rule in ("", rule) and all_fit(self._matchers, labels)

    def count(self, alerts: Iterable[OpenAlert]) -> int:
        """How many of these alerts it is about."""
        return sum(self.covers(alert.rule, alert.labels) for alert in alerts)


class Quiet:
    """The silences that are in force."""

    def __init__(self, silences: Iterable[Silence]) -> None:
        """Those that did not begin yet are left out."""
        self._in_force: dict[tuple[str, str] | None, list[Covering]] = {}
        for silence in silences:
            if silence.active:
                covering = Covering(silence)
                self._in_force.setdefault(covering.wants, []).append(covering)

    def silence_of(self, alert: Alert) -> Silence | None:
        """The one that covers an alert, of several the one that lasts longest; None when there is none."""
        labels = tuple(sorted(alert.labels.items()))
        asked = (one for wanted in (None, *labels) for one in self._in_force.get(wanted, ()))
        covering = (one.silence for one in asked if one.covers(alert.rule, labels))
        return max(covering, key=lambda silence: silence.ends_at, default=None)

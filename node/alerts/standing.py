"""How a rule stands, in words for those who wonder why it says nothing."""

from datetime import datetime

from node.alerts.judge import Look
from node.rules.alert import Standing
from node.rules.rule import Rule


def standing_of(rule: Rule, look: Look | None, firing: int, is_crowded: bool, now: datetime) -> Standing:
    """`look` is None of a rule that is switched off. `is_crowded`: there was no room for all of its alerts."""
    if look is None:
        return Standing("disabled")
    series = len(look.places)
    if is_crowded:
        error = f"holds for {len(look.holding):,} label sets, and not each has an alert: too many are open already"
    elif look.left_out:
        error = f"{look.left_out:,} of its numbers are not judged: too many points would have to be kept"
    elif firing or rule.condition.of == "absent":
        error = None
    elif not series:
        return Standing("no_data", _nothing(rule, look), evaluated_at=now)
    else:
        error = _untold(rule, look)
    return Standing("firing" if firing else "ok", error, series, firing, now)


def _nothing(rule: Rule, look: Look) -> str:
    if look.numbers is None:
        return f"nothing is known under the name {rule.metric}"
    labels = ", ".join(f"{matcher.label}: {matcher.text}" for matcher in rule.matchers)
    return f"no {rule.metric} has these labels: {labels}"


def _untold(rule: Rule, look: Look) -> str | None:
    if look.untold < len(look.places):
        return None
    return f"it looks back {rule.condition.window_sec:g} s, and not so much is known yet"

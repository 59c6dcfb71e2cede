"""The table of alerts of `etlmon status`: what calls for somebody, the worst first."""

from collections.abc import Sequence
from datetime import datetime

from etlmon.contract.alerts import Alert
from ui import format as fmt
from ui.problems import alerts as alerts_problems
from ui.problems.problem import rank
from ui.state import NodeState
from ui.text_page import TextColumn, TextPage, TextRow

_COLUMNS = (
    TextColumn("ALERT"),
    TextColumn("RULE"),
    TextColumn("VALUE", right=True),
    TextColumn("SINCE", right=True),
    TextColumn("STATE"),
)


def alerts_named(state: NodeState) -> list[Alert]:
    """The alerts that have a row: those that are active and that nobody looks after, whatever rule they are of."""
    return [one for one in state.answer(alerts_problems.QUESTION) or () if alerts_problems.standing(one) == "active"]


def alerts_table(page: TextPage, state: NodeState, now: datetime) -> None:
    """The alerts of one node that answers, and how many there are besides; `now` is its clock."""
    alerts = state.answer(alerts_problems.QUESTION) or []
    named = alerts_named(state)
    if named:
        rows = [_row(alert, now) for alert in named]
        page.table(_COLUMNS, sorted(rows, key=lambda row: rank(row.level)), "")
    if said := _others(alerts):
        page.line(f"  {said}", "dim")


def _row(alert: Alert, now: datetime) -> TextRow:
    return TextRow(
        alerts_problems.level(alert),
        (
            alerts_problems.summary(alert),
            alert.rule,
            alerts_problems.number(alert.metric, alert.value, alert.condition),
            fmt.ago((now - alert.triggered_at).total_seconds()),
            alert.severity,
        ),
    )


def _others(alerts: Sequence[Alert]) -> str:
    """The alerts that have no row, counted by how it stands with them: `2 more alerts: 1 acknowledged, 1 silenced`."""
    found = [alerts_problems.standing(alert) for alert in alerts]
    counts = {how: found.count(how) for how in ("triggered", "acknowledged", "silenced")}
    parts = [f"{fmt.count(count)} {how}" for how, count in counts.items() if count]
    total = sum(counts.values())
    more = "more alert" if "active" in found else "alert"
    return f"{fmt.count(total)} {more}{'' if total == 1 else 's'}: {', '.join(parts)}" if parts else ""

"""Who hears of a change of an alert, when, and in which words: the message that a delivery becomes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from etlmon.clean import clean, clean_json
from etlmon.contract.alerts import Alert, NoticeKind
from etlmon.contract.alerts_rules import AlertSeverity
from node.settings_alerts import AlertChannel, Alerts
from node.store.alerts_deliveries import QueuedDelivery, QueuedNotice

SEVERITIES: tuple[AlertSeverity, ...] = ("critical", "warning", "info")
"""The worst first."""

LONGEST_HEADING = 200

_NOTICES = msgspec.json.Decoder(list[QueuedNotice])
_ALERTS = msgspec.json.Decoder(list[Alert])


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel says, once: one change of an alert, a few together, or the digest of a storm.

    Everything in it is harmless to show: characters that drive a terminal or hide are gone. `more` alerts belong to it
    that are not in `told`. `url` is where the node lists its open alerts; empty when only its own host reaches it.
    """

    kind: NoticeKind
    title: str
    severity: AlertSeverity
    node: str
    at: datetime
    told: tuple[QueuedNotice, ...] = ()
    more: int = 0
    url: str = ""

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that began and are not over, the worst first."""
        return _firing(self.told)

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that ended, the worst first; some may have begun in this message, too."""
        return _resolved(self.told)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Those it tells of, each once: what goes on before what is over."""
        return (*self.firing, *self.resolved)


def concerns(channel: AlertChannel, alert: Alert, names: Sequence[str] | None) -> bool:
    """Whether a channel is told of an alert. `names` are the channels of the alert's rule, None being all of them."""
    if names is not None and channel.name not in names:
        return False
    return SEVERITIES.index(alert.severity) <= SEVERITIES.index(channel.min_severity)


def hears_ends(channel: AlertChannel) -> bool:
    """Whether a channel that was told of an alert is told of its end, whatever its rule says by then.

    An Alertmanager hears of every end: it is a program that would go on believing in the alert.
    """
    return channel.send_resolved or channel.type == "alertmanager"


def send_at(channel: AlertChannel, settings: Alerts, now: datetime) -> datetime:
    """When a change of `now` is sent: after it had the time to find company; an Alertmanager groups by itself."""
    wait_sec = 0.0 if channel.type == "alertmanager" else float(settings.group_window)
    return now + timedelta(seconds=wait_sec)


def compose(delivery: QueuedDelivery, *, storm: int, node: str, url: str = "") -> Message:
    """The message of a delivery; one about more than `storm` alerts is a digest."""
    told = _NOTICES.decode(clean_json(msgspec.json.encode(delivery.notices), keep_layout=True))
    more = len(delivery.alerts) - len({notice.alert.id for notice in told})
    is_digest = len(delivery.alerts) > storm
    kind: NoticeKind = "firing" if _firing(told) else "resolved"
    return Message(
        kind="digest" if is_digest else kind,
        title=_cut(_digest_title(told, more) if is_digest or not told else _title(told)),
        severity=_worst(told),
        node=clean(node),
        at=delivery.created_at,
        told=tuple(told),
        more=more,
        url=url,
    )


def trial(at: datetime, *, node: str, channel: str) -> Message:
    """A message that proves a channel."""
    title = f"a test of the channel {channel}; nothing is wrong"
    return Message(kind="test", title=clean(title), severity="info", node=clean(node), at=at)


def harmless(alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts as a message holds them."""
    return _ALERTS.decode(clean_json(msgspec.json.encode(alerts), keep_layout=True))


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def _title(told: Sequence[QueuedNotice]) -> str:
    began, ended = _firing(told), _resolved(told)
    first, *others = (*began, *ended)
    summary = one_line(first.summary) or first.rule
    if not others:
        return summary if began else f"resolved: {summary}"
    return f"{_counted(began, len(ended))}: {summary} and {len(others)} more"


def _digest_title(told: Sequence[QueuedNotice], more: int) -> str:
    began, ended = _firing(told), _resolved(told)
    counts = Counter(alert.severity for alert in began)
    each = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
    words = _counted(began, len(ended)) + (f", {more} more" if more else "")
    return f"{words} ({each})" if each else words


def _counted(began: Sequence[Alert], ended: int) -> str:
    words = [f"{len(began)} {'alert' if len(began) == 1 else 'alerts'}"] if began else []
    if ended:
        words.append(f"{ended} resolved")
    return ", ".join(words)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_HEADING else text[: LONGEST_HEADING - 1] + "…"


def _worst(told: Sequence[QueuedNotice]) -> AlertSeverity:
    """That of what goes on, or of what ended when nothing goes on."""
    alerts = _firing(told) or _resolved(told)
    return alerts[0].severity if alerts else "info"


def _firing(told: Sequence[QueuedNotice]) -> tuple[Alert, ...]:
    over = {alert.id for alert in _resolved(told)}
    began = (notice.alert for notice in told if notice.kind == "firing" and notice.alert.id not in over)
    return tuple(sorted(began, key=_rank))


def _resolved(told: Sequence[QueuedNotice]) -> tuple[Alert, ...]:
    return tuple(sorted((notice.alert for notice in told if notice.kind == "resolved"), key=_rank))


def _rank(alert: Alert) -> tuple[int, datetime, int]:
    return SEVERITIES.index(alert.severity), alert.triggered_at, alert.id

"""alerts: what a rule, a silence and a channel are, as they are written and as they are answered."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import Instant
from etlmon.units import Duration

AlertSeverity = Literal["info", "warning", "critical"]
RuleOrigin = Literal["builtin", "config", "file", "api"]
RuleState = Literal["ok", "no_data", "firing", "disabled", "invalid"]
ChannelType = Literal["email", "slack", "webhook", "alertmanager", "apprise"]

LONGEST_NAME = 200
LONGEST_TEXT = 2000
LONGEST_REASON = 500

RuleName = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Condition = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST_NAME,
        description="`> 90`, `<= 5`, `== 0`, `!= 1`, `absent`, `rate(5m) > 10`, `delta(1h) < -100`",
    ),
]


class AlertRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """When to say that something is wrong: a number, what it must not be, and for how long.

    Each label set that matches is judged by itself. `labels` are matchers: `sda` equals, `!sda` does not, `~sd.*` and
    `!~sd.*` match as a whole.
    """

    name: RuleName
    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    labels: dict[str, str] = {}
    condition: Condition
    for_: Duration = msgspec.field(default_factory=lambda: Duration(0))
    clear: Condition | None = None
    """Resolved only when this holds (hysteresis); without it when `condition` does not hold any more."""
    cooldown: Duration = msgspec.field(default_factory=lambda: Duration(900))
    """A rule that fires again within this time after it was resolved is not told anew; 15m."""
    severity: AlertSeverity = "warning"
    channels: list[str] | None = None
    """All channels when it is left out; none when empty."""
    summary: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] = ""
    """A template: `{{ labels.path }}`, `{{ value }}`, `{{ node }}`, `{{ rule }}`, `{{ threshold }}`."""
    description: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] = ""
    enabled: bool = True
    nodes: list[str] = []
    """Names of the nodes it is for; empty is all."""


class RuleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as the node has it, and how it stands."""

    rule: AlertRule
    origin: RuleOrigin
    state: RuleState = "ok"
    error: str | None = None
    """Why it is invalid; the metric it waits for, when there is no data."""
    series: int = 0
    """Label sets that it judges now."""
    firing: int = 0
    evaluated_at: datetime | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """No notices for alerts that match, for a while. A maintenance window is one that begins later."""

    id: int
    rule: str = ""
    """Of this rule alone; of every rule when empty."""
    labels: dict[str, str] = {}
    """Matchers, as in a rule."""
    reason: str
    created_by: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    active: bool = False
    matched: int = 0
    """Open alerts that it covers now."""


class NewSilence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts are not told, until when, and why. Either `for` or `ends_at` says until when."""

    rule: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] = ""
    labels: dict[str, str] = {}
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REASON)]
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    duration: Annotated[str, msgspec.Meta(max_length=64, description="for example 2h")] | None = None


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A way to tell people, without its secrets, and how it fares."""

    name: str
    type: ChannelType
    target: str
    """Where it leads to, secrets hidden: `ops@example.com`, `https://hooks.slack.com/***`."""
    waiting: int = 0
    failed: int = 0
    """Notices that were given up."""
    last_sent_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    next_try_at: datetime | None = None


class TestNotice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to say: which channel stands in the path."""

    __test__ = False


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notice that was sent to try a channel out."""

    channel: str
    delivered: bool
    message: str
    """What the other side said."""
    duration_ms: float

    __test__ = False

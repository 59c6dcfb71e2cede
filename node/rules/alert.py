"""An alert as the engine and the store know it, and what one look at the numbers changes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from etlmon.contract.alerts import AlertState
from etlmon.contract.alerts_rules import AlertSeverity, RuleState
from etlmon.labels import Labels

Key = tuple[str, Labels]
"""One alert at a time: the rule's name and the label set it is about."""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """All that must be remembered of an alert so that a restart changes nothing.

    triggered: the condition holds, not yet for as long as the rule wants. active: it did. resolved: over.
    """

    rule: str
    labels: Labels
    metric: str
    severity: AlertSeverity
    channels: tuple[str, ...] | None = None
    """Those of the rule when it was judged last; None: all."""
    owner: str = ""
    """Who states the number: a collector, or a part of the node; empty for `absent`."""
    state: AlertState = "triggered"
    value: float | None = None
    worst: float | None = None
    condition: str = ""
    summary: str = ""
    description: str = ""
    triggered_at: datetime
    active_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_because: str = ""
    acknowledged: bool = False
    told_at: datetime | None = None
    """When a notice of it was given out last; None while nobody is to know of it."""
    updated_at: datetime
    """When it was judged last by a number that was there."""

    @property
    def key(self) -> Key:
        return self.rule, self.labels


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert as it is now, to be stored in the place of what is stored of it."""

    alert: OpenAlert
    before: AlertState | None
    """The state that is stored; None: nothing is, this is a new row."""

    @property
    def is_dropped(self) -> bool:
        """It was over before it counted: its row is removed, there was no alert."""
        return self.alert.state == "resolved" and self.alert.active_at is None

    @property
    def became_active(self) -> bool:
        return self.alert.state == "active" and self.before != "active"

    @property
    def ended(self) -> bool:
        """An alert that counted is over."""
        return self.alert.state == "resolved" and self.alert.active_at is not None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people are to be told: of all channels those of the alert.

    `firing` is given out once for each alert (and again when the settings say repeat_interval), `resolved` once for
    each alert of which `firing` was given out. Silences are not regarded here.
    """

    kind: Literal["firing", "resolved"]
    alert: OpenAlert
    at: datetime
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look changes. It is stored in one transaction; it counts only when the engine is told that it is."""

    at: datetime
    changes: Sequence[AlertChange] = ()
    notices: Sequence[Notice] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Those who cannot state their numbers now, although they are there: what is not stated is then unknown, not gone.

    `starting` did not run yet since the node began; `failing` failed when they ran last. `unmeasured` are labels, by
    owner, of which numbers cannot be told now, though others of that owner can.
    """

    starting: Collection[str] = frozenset()
    failing: Collection[str] = frozenset()
    unmeasured: Mapping[str, Sequence[Labels]] = field(default_factory=dict)

    def is_silent(self, owner: str) -> bool:
        """Whether nothing can be told of the numbers of this owner."""
        return owner in self.failing or owner in self.starting

    def is_unmeasured(self, owner: str, labels: Labels) -> bool:
        """Whether nothing can be told of this number, which is not stated: it is not gone."""
        return any(set(some) <= set(labels) for some in self.unmeasured.get(owner, ()))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stood at the last look."""

    state: RuleState = "ok"
    error: str | None = None
    """Why it is invalid, or what it waits for."""
    series: int = 0
    firing: int = 0
    evaluated_at: datetime | None = None

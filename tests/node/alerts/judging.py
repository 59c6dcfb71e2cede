"""An engine on a stage: a clock that tests move, a store in memory, and everything that was told."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from etlmon.contract.alerts_rules import AlertRule
from etlmon.labels import Labels
from etlmon.units import Duration
from node.alerts.engine import Engine
from node.rules.alert import Key, Notice, OpenAlert, Sources, Tick
from node.rules.rule import Rule, compile_rule
from node.samples import Stated

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
LOOK_SEC = 15.0


def a_rule(condition: str = "> 90", *, name: str = "full", metric: str = "used", **fields: Any) -> Rule:
    """`for_`, `cooldown` and `labels` as AlertRule has them, seconds for durations."""
    for key in ("for_", "cooldown"):
        if key in fields:
            fields[key] = Duration(fields[key])
    return compile_rule(AlertRule(name=name, metric=metric, condition=condition, **fields), "config")


def labels(device: str) -> Labels:
    """An empty name is no label at all."""
    return (("device", device),) if device else ()


def words(notice: Notice) -> str:
    """`firing sda`, `still firing sda`, `resolved sda`."""
    still = ["still"] if notice.is_repeat else []
    return " ".join([*still, notice.kind, *(value for _, value in notice.alert.labels)])


@dataclasses.dataclass
class Stage:
    """Looks are 15 s apart unless a test says otherwise."""

    rules: tuple[Rule, ...]
    repeat_sec: float = 0.0
    now: datetime = AT
    stored: dict[Key, OpenAlert] = dataclasses.field(default_factory=dict)
    history: list[OpenAlert] = dataclasses.field(default_factory=list)
    told: list[str] = dataclasses.field(default_factory=list)
    engine: Engine = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """All that is in memory is gone; the store is not."""
        remembered = [*self.history, *self.stored.values()]
        self.engine = Engine("node-1", self.rules, remembered, repeat_sec=self.repeat_sec)

    def look(
        self,
        values: Mapping[str, float] | float | None = None,
        *,
        after: float = LOOK_SEC,
        owner: str = "disks",
        metric: str = "used",
        others: Iterable[Stated] = (),
        failing: Collection[str] = (),
        starting: Collection[str] = (),
        unmeasured: Collection[str] = (),
        at_least: bool = False,
        stores: bool = True,
    ) -> Tick:
        """Move the clock and look at these numbers, by device; None: the owner states none of them, but another.

        `unmeasured` are devices whose numbers cannot be told; `at_least`: not all of what is stated was counted.
        """
        self.now += timedelta(seconds=after)
        by_device = {"": values} if isinstance(values, int | float) else values or {}
        stated = [
            Stated(metric, labels(device), float(value), self.now, owner, at_least)
            for device, value in by_device.items()
        ]
        if not failing and not starting:
            stated.append(Stated("other", (), 1.0, self.now, owner))
        sources = Sources(starting, failing, {owner: [labels(device) for device in unmeasured]})
        tick = self.engine.tick(self.now, [*stated, *others], sources)
        if stores:
            self.store(tick)
        return tick

    def store(self, tick: Tick, unheard: Collection[Key] = ()) -> None:
        """`unheard` are those that ended without anybody being told of them."""
        for change in tick.changes:
            key, alert = change.alert.key, change.alert
            assert (key in self.stored) == (change.before is not None)
            if alert.state == "resolved":
                self.stored.pop(key, None)
                if not change.is_dropped:
                    self.history.append(alert)
            else:
                self.stored[key] = alert
        self.told += [words(notice) for notice in tick.notices]
        self.engine.saved(tick, unheard)

    def acknowledge(self, key: Key) -> None:
        """Somebody looks after it; that is stored, too."""
        self.engine.acknowledge(key)
        self.stored[key] = replace(self.stored[key], acknowledged=True)

    @property
    def states(self) -> dict[str, str]:
        """The open alerts in memory: device and state."""
        return {dict(alert.labels).get("device", ""): alert.state for alert in self.engine.alerts()}

"""Whatever happens, in whatever order, with a restart at any moment: the engine tells what a naive model tells."""

from dataclasses import dataclass, field
from datetime import datetime

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.alerts.transitions import GONE_SEC
from tests.node.alerts.judging import Stage, a_rule

FOR_SEC, COOLDOWN_SEC, REPEAT_SEC = 45.0, 120.0, 200.0
ABOVE, BELOW = 90.0, 80.0
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)


@dataclass
class Model:
    """One device as a careful person with a notebook would follow it: all by the times written down."""

    name: str
    since: datetime | None = None
    active: bool = False
    told_at: datetime | None = None
    acknowledged: bool = False
    ended_at: datetime | None = None
    seen_at: datetime | None = None
    told: list[str] = field(default_factory=list)

    @property
    def state(self) -> str | None:
        return None if self.since is None else "active" if self.active else "triggered"

    def saw(self, value: float, now: datetime) -> None:
        self.seen_at = now
        if self.since is None:
            if value > ABOVE:
                self.since = now
        elif (value < BELOW) if self.active else (value <= ABOVE):
            self.over(now)
        elif (now - self.since).total_seconds() >= FOR_SEC:
            self.active = True
        self.tell(now)

    def missed(self, now: datetime, *, may_be_gone: bool) -> None:
        if self.since is None or self.seen_at is None:
            return
        if may_be_gone and (now - self.seen_at).total_seconds() >= GONE_SEC:
            self.over(now)
        self.tell(now)

    def over(self, now: datetime) -> None:
        if self.told_at is not None:
            self.told.append(f"resolved {self.name}")
            self.ended_at = now
        self.since, self.active, self.told_at, self.acknowledged = None, False, None, False

    def tell(self, now: datetime) -> None:
        if not self.active or self.acknowledged:
            return
        if self.told_at is None:
            if self.ended_at is None or (now - self.ended_at).total_seconds() >= COOLDOWN_SEC:
                self.told.append(f"firing {self.name}")
                self.told_at = now
        elif (now - self.told_at).total_seconds() >= REPEAT_SEC:
            self.told.append(f"still firing {self.name}")
            self.told_at = now


DEVICES = ("sda", "sdb")
VALUES = st.sampled_from([50.0, 80.0, 85.0, 90.0, 91.0, 99.0])
AFTER = st.sampled_from([0.5, 15.0, 15.0, 15.0, 40.0, 130.0])


class AlertMachine(RuleBasedStateMachine):
    """Two devices, one rule with everything a rule can have, and a store that is all that survives a restart."""

    def __init__(self) -> None:
        super().__init__()
        rule_ = a_rule(f"> {ABOVE}", clear=f"< {BELOW}", for_=FOR_SEC, cooldown=COOLDOWN_SEC)
        self.stage = Stage((rule_,), repeat_sec=REPEAT_SEC)
        self.models = {device: Model(device) for device in DEVICES}

    @rule(values=st.dictionaries(st.sampled_from(DEVICES), VALUES), after=AFTER)
    def look(self, values: dict[str, float], after: float) -> None:
        self.stage.look(values, after=after)
        for device, model in self.models.items():
            if device in values:
                model.saw(values[device], self.stage.now)
            else:
                model.missed(self.stage.now, may_be_gone=True)

    @rule(after=AFTER)
    def the_collector_fails(self, after: float) -> None:
        self.stage.look(None, after=after, failing=["disks"])
        for model in self.models.values():
            model.missed(self.stage.now, may_be_gone=False)

    @rule(values=st.dictionaries(st.sampled_from(DEVICES), VALUES), after=AFTER)
    def the_store_is_full(self, values: dict[str, float], after: float) -> None:
        """What cannot be stored does not count, and the node ends in the middle of it."""
        tick = self.stage.look(values, after=after, stores=False)
        if tick.changes or tick.notices:
            return
        for device, model in self.models.items():
            # Nothing was to be stored, so it did count.
            if device in values:
                model.saw(values[device], self.stage.now)
            else:
                model.missed(self.stage.now, may_be_gone=True)

    @rule(values=st.dictionaries(st.sampled_from(DEVICES), VALUES, min_size=2), after=AFTER)
    def restart(self, values: dict[str, float], after: float) -> None:
        """The node is down for a while. How long ago a number was seen is stored to the minute only: so it is seen."""
        self.stage.restart()
        self.look(values, after)

    @rule(device=st.sampled_from(DEVICES))
    def acknowledge(self, device: str) -> None:
        key = ("full", (("device", device),))
        if key in self.stage.stored:
            self.stage.acknowledge(key)
            self.models[device].acknowledged = True

    @invariant()
    def the_same_alerts_are_open(self) -> None:
        states = {device: model.state for device, model in self.models.items() if model.state is not None}
        assert self.stage.states == states

    @invariant()
    def the_store_has_what_memory_has(self) -> None:
        stored = {dict(key[1])["device"]: alert.state for key, alert in self.stage.stored.items()}
        assert stored == self.stage.states

    @invariant()
    def the_same_was_told_in_the_same_order(self) -> None:
        for device, model in self.models.items():
            assert [words for words in self.stage.told if words.endswith(device)] == model.told


TestAlerts = AlertMachine.TestCase
TestAlerts.settings = settings(max_examples=100, stateful_step_count=60, deadline=None, phases=PHASES)

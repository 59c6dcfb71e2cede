"""One rule over the numbers it is about: of which it holds now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from etlmon.labels import Labels
from etlmon.rule_conditions import Condition
from node.alerts.numbers import Layout, Numbers
from node.alerts.points import Points, Room
from node.rules.rule import Rule
from node.samples import Stated

COUNTER = "_total"


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that is there. `value` is None while it cannot be told: its window is not full yet."""

    owner: str
    value: float | None
    at: datetime | None = None
    """When it was stated; None for `absent`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule saw. Places are those of the layout."""

    numbers: Numbers | None = None
    places: Sequence[int] = ()
    """Of the numbers it is about."""
    values: Sequence[float | None] = ()
    """What is compared, by place."""
    holding: Sequence[int] = ()
    """The places of those of which the condition holds."""
    untold: int = 0
    """Numbers that cannot be judged yet."""
    left_out: int = 0
    """Numbers that are not judged, because they are too many."""

    def reading(self, labels: Labels) -> Reading | None:
        """The number with these labels; None when there is none."""
        place = self.numbers.layout.places.get(labels) if self.numbers is not None else None
        if self.numbers is None or place is None:
            return None
        stated = self.numbers.stated[place]
        return Reading(stated.owner, self.values[place], stated.at)


class Judge:
    """Keeps what a rule needs from look to look: which numbers it is about, and their points."""

    def __init__(self, rule: Rule, room: Room) -> None:
        self.rule = rule
        self._room = room
        self._layout = Layout([])
        self._fits: Sequence[bool] = ()
        self._places: Sequence[int] = ()
        self._points: dict[Labels, Points] = {}
        self._began_at = 0.0

    def look(self, numbers: Numbers | None, heard: Collection[str], now_sec: float) -> Look:
        """`heard` are those who stated something at an earlier look."""
        if numbers is None:
            return Look()
        if numbers.layout is not self._layout:
            self._take(numbers.layout)
        condition, places = self.rule.condition, self._places
        if condition.of == "absent":
            return Look(numbers, places, numbers.values)
        if condition.of == "value":
            compare, threshold, values = condition.compare, condition.threshold, numbers.values
            holding = [place for place in places if compare(values[place], threshold)]
            if not numbers.bounds:
                return Look(numbers, places, values, holding)
            sure = _where_sure(values, numbers.bounds, condition)
            return Look(numbers, places, sure, [place for place in holding if sure[place] is not None])
        return self._over_time(numbers, heard, now_sec)

    def recall(self, stated: Stated) -> None:
        """A number as it was stated earlier, the oldest first: so a window need not fill anew after a restart."""
        if self.rule.condition.window_sec and stated.name == self.rule.metric and self.rule.fits(stated.labels):
            points = self._points_of(stated.labels)
            if points is not None:
                points.add(stated.at.timestamp(), stated.value)

    def close(self) -> None:
        """Give back the room of the points; the rule is not judged any more."""
        self._room.give_back(len(self._points))
        self._points.clear()

    def _take(self, layout: Layout) -> None:
        """Find the numbers that the rule is about; what was found of a label set still holds."""
        before, fits = self._layout.places, self._fits
        self._layout = layout
        if not self.rule.matchers:
            self._places = range(len(layout.labels))
            return
        known = (before.get(labels) for labels in layout.labels)
        self._fits = [
            self.rule.fits(labels) if place is None else fits[place]
            for labels, place in zip(layout.labels, known, strict=True)
        ]
        self._places = [place for place, one in enumerate(self._fits) if one]

    def _over_time(self, numbers: Numbers, heard: Collection[str], now_sec: float) -> Look:
        condition, values, holding = self.rule.condition, list[float | None](), list[int]()
        values = [None] * len(numbers.values)
        untold = left_out = 0
        self._forget(now_sec)
        for place in self._places:
            stated = numbers.stated[place]
            is_new = stated.labels not in self._points
            points = self._points_of(stated.labels)
            if points is None:
                left_out += 1
                continue
            if stated.at_least:
                untold += 1
                continue
            at = stated.at.timestamp()
            if is_new and condition.of == "rate" and stated.owner in heard and stated.name.endswith(COUNTER):
                points.begin_at_zero(min(at, now_sec) - 1)
            points.add(at, stated.value)
            change = points.change()
            if change is None and self._grew_enough(points.growth()):
                change = points.growth()
            if change is None:
                untold += 1
                continue
            value = change / condition.window_sec if condition.of == "rate" else change
            values[place] = value
            if condition.holds(value):
                holding.append(place)
        return Look(numbers, self._places, values, holding, untold, left_out)

    def _grew_enough(self, growth: float) -> bool:
        """Whether what a counter grew by is too much already, although its window is not full yet."""
        condition = self.rule.condition
        counts = condition.of == "rate" and self.rule.metric.endswith(COUNTER) and condition.operator in (">", ">=")
        return counts and condition.holds(growth / condition.window_sec)

    def _points_of(self, labels: Labels) -> Points | None:
        points = self._points.get(labels)
        if points is None and self._room.take():
            counter = self.rule.condition.of == "rate"
            points = self._points[labels] = Points(self.rule.condition.window_sec, counter=counter)
        return points

    def _forget(self, now_sec: float) -> None:
        """Numbers that were not stated for long are gone. What is recalled waits as long for who states it."""
        longest = 2 * self.rule.condition.window_sec + 3600
        self._began_at = min(self._began_at, now_sec) if self._began_at else now_sec
        gone = [
            labels
            for labels, points in self._points.items()
            if now_sec - max(points.newest_at, self._began_at) > longest
        ]
        for labels in gone:
            del self._points[labels]
        self._room.give_back(len(gone))


def _where_sure(values: Sequence[float], bounds: Collection[int], condition: Condition) -> Sequence[float | None]:
    """The values; None at those places in `bounds` where the condition may be answered otherwise for a larger one."""
    return [None if place in bounds and _may_turn(value, condition) else value for place, value in enumerate(values)]


def _may_turn(value: float, condition: Condition) -> bool:
    if condition.operator in ("==", "!="):
        return value <= condition.threshold
    return condition.holds(value) is (condition.operator in ("<", "<="))

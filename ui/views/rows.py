"""What a table view shows: its columns, its rows, and their order. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Generic, TypeVar

from ui import format as fmt
from ui.format import TimeStyle
from ui.glyphs import NOTHING, UNICODE, WORDS, State
from ui.problems.problem import rank
from ui.state import NodeState
from ui.widgets.cells import Cell, Tone, runs_of
from ui.widgets.columns import Column

T = TypeVar("T")

RESORT_SEC = 4.0
"""Rows change places no more often than this, so that a row can be read and hit while its values move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the screen shows: which nodes, as of when, and how times are written. `now` is the UI's clock.

    With `read_only` nothing may be done on any node. While `paused` it is all as it was at the pause.
    """

    nodes: tuple[NodeState, ...]
    chosen: str
    now: datetime
    all_nodes: bool = False
    times: TimeStyle = "relative"
    zone: tzinfo | None = None
    read_only: bool = False
    paused: bool = False

    @property
    def front(self) -> NodeState:
        """The chosen node, when it is shown."""
        return next((node for node in self.nodes if node.name == self.chosen), self.nodes[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[T]):
    """One item of one node. `now` is the node's clock, against which its times are read."""

    key: str
    node: NodeState
    item: T
    level: State
    now: datetime
    times: TimeStyle
    zone: tzinfo | None = None

    def age(self, moment: datetime | None) -> str:
        """How long ago that was: `4m`."""
        return NOTHING if moment is None else fmt.age((self.now - moment).total_seconds())

    def when(self, moment: datetime | None) -> str:
        """The moment as the operator wants times shown."""
        return fmt.stamp(moment, self.times, self.now, self.zone)


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A column of a view: where it stands (see Column), what it says of a row, and what it sorts by (None: nothing).

    Numbers (`right`) sort with the largest first, names with the first letter first. A None in the order is last.
    """

    key: str
    label: str
    width: int
    cell: Callable[[Row[T]], Cell]
    order: Callable[[Row[T]], Any] | None = None
    right: bool = False
    flex: bool = False
    priority: int = 0
    most: int = 1000

    @property
    def column(self) -> Column:
        return Column(
            key=self.key,
            label=self.label,
            width=self.width,
            right=self.right,
            flex=self.flex,
            priority=self.priority,
            most=self.most,
        )


NODE_FIELD: Field[Any] = Field("node", "NODE", 14, lambda row: row.node.name, order=lambda row: row.node.name)
"""Stands before the columns of a view that shows several nodes."""

SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field the rows stand; `severity` is the worst first, then the order in which the nodes gave them."""

    key: str = SEVERITY
    reverse: bool = False

    def step(self, fields: Sequence[Field[Any]]) -> "Sort":
        """The next thing to sort by, round and round."""
        keys = [SEVERITY, *(field.key for field in fields if field.order is not None)]
        return Sort(keys[(keys.index(self.key) + 1) % len(keys)])

    def turned(self) -> "Sort":
        return Sort(self.key, not self.reverse)

    def descending(self, fields: Sequence[Field[Any]]) -> bool:
        """Whether the largest stands first."""
        return any(field.right for field in fields if field.key == self.key) != self.reverse

    def sorted(self, rows: Sequence[Row[T]], fields: Sequence[Field[T]]) -> list[Row[T]]:
        if self.key == SEVERITY:
            return sorted(rows, key=lambda row: rank(row.level), reverse=self.reverse)
        order = next(field.order for field in fields if field.key == self.key)
        if order is None:
            return list(rows)
        known = [row for row in rows if order(row) is not None]
        unknown = [row for row in rows if order(row) is None]
        return sorted(known, key=order, reverse=self.descending(fields)) + unknown


class Arranger(Generic[T]):
    """Keeps rows in their places between sorts. It sorts every RESORT_SEC, when rows come, and when one turns better
    or worse: that must not wait.
    """

    def __init__(self) -> None:
        self.sort = Sort()
        self._places: Mapping[str, int] = {}
        self._levels: Mapping[str, State] = {}
        self._sorted_at: datetime | None = None

    def arrange(
        self, rows: Sequence[Row[T]], fields: Sequence[Field[T]], now: datetime, *, hold: bool = False
    ) -> list[Row[T]]:
        """The rows in their order; with `hold` nothing changes places, and what is new comes last."""
        if hold or not self._is_due(rows, now):
            return sorted(rows, key=lambda row: self._places.get(row.key, len(self._places)))
        arranged = self.sort.sorted(rows, fields)
        self._places = {row.key: place for place, row in enumerate(arranged)}
        self._levels = {row.key: row.level for row in arranged}
        self._sorted_at = now
        return arranged

    def by(self, sort: Sort) -> None:
        """Sort by this, at once."""
        self.sort = sort
        self._sorted_at = None

    def _is_due(self, rows: Sequence[Row[T]], now: datetime) -> bool:
        if self._sorted_at is None or (now - self._sorted_at).total_seconds() >= RESORT_SEC:
            return True
        return any(self._levels.get(row.key) != row.level for row in rows)


def level_tone(level: State) -> Tone:
    return "dim" if level == "unknown" else level


def level_cell(level: State, words: str = "") -> Cell:
    """A state as a symbol and a word, in its colour; `words` say it better than the level's own."""
    return (f"{UNICODE.state(level)} {words or WORDS[level]}", level_tone(level))


def text_of(cell: Cell) -> str:
    """What a cell says, without its tones."""
    return "".join(text for text, _ in runs_of(cell)).strip()


def counted(count: int, noun: str) -> str:
    """`1 mount`, `2,051 mounts`, `7 policies`."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{fmt.count(count)} {noun if count == 1 else many}"

"""One measured figure, beside its budget and its peer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`measured` and `budget` share `unit`; a figure is met when it is not above its budget.

    `higher_is_better` turns that round. `budget` None is a figure shown for the record. `peers` maps a program measured
    in the same run to its figure in the same unit.
    """

    id: str
    what: str
    measured: float
    unit: str
    budget: float | None = None
    higher_is_better: bool = False
    peers: tuple[tuple[str, float], ...] = ()
    note: str = ""

    @property
    def met(self) -> bool:
        if self.budget is None:
            return True
        return self.measured >= self.budget if self.higher_is_better else self.measured <= self.budget

"""A line that says something, and is not there when there is nothing to say."""

from collections.abc import Sequence

from ui.widgets.cells import Run, plain
from ui.widgets.paint import OneLine


class SayLine(OneLine):
    """Shows runs of text, cut at its end."""

    DEFAULT_CSS = """
    SayLine { display: none; background: $panel; }
    SayLine.-shown { display: block; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._runs: list[Run] = []

    def say(self, runs: Sequence[Run]) -> None:
        self._runs = [(plain(text), tone) for text, tone in runs]
        self.set_class(bool(runs), "-shown")
        self.changed()

    def runs(self, width: int) -> list[Run]:
        return [(" ", None), *self._runs] if self._runs else []

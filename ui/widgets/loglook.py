"""How the rows of a log are drawn: what stands before the line, the line's colours, and what is cut off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from ui import format as fmt
from ui.format import TimeStyle
from ui.glyphs import UNICODE
from ui.widgets.cells import Run, Tone, fit, plain, width_of
from ui.widgets.logrow import Key, LogRow
from ui.widgets.logtext import Highlight, level_tone, marked, window, wrapped

PENDING = "···"
_TONES: dict[str | None, Tone | None] = {"error": "error", "warning": "warn"}
_SYMBOLS = {"error": (UNICODE.crit, "error"), "warning": (UNICODE.warn, "warn")}
_STAMP = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLook:
    """What stands before each line, and how. Widths are in cells; 0 leaves the column out.

    `times` None leaves the time out; `now` is what relative times are counted from, by the clock of the rows' node.
    """

    seq_width: int = 0
    node_width: int = 0
    log_width: int = 0
    times: TimeStyle | None = None
    now: datetime | None = None
    zone: tzinfo | None = None
    highlight: Highlight | None = None
    stale: bool = False

    @property
    def head_width(self) -> int:
        """The cells before a line: the mark, the symbol, the columns."""
        return 2 + sum(width + 1 for width in self._widths() if width)

    def _widths(self) -> tuple[int, int, int, int]:
        times = 0 if self.times is None else 4 if self.times == "relative" else _STAMP
        return self.node_width, self.log_width, self.seq_width, times

    def head(self, key: Key, row: LogRow | None, *, is_marked: bool) -> list[Run]:
        """What stands before the line of this row."""
        mark = UNICODE.mark if is_marked else " "
        runs: list[Run] = [(mark, "accent"), self._symbol(row)]
        widths = self._widths()
        names: tuple[tuple[str, Tone], ...] = (
            (key.node, "accent"),
            (key.log, "info"),
            ("" if key.gap else str(key.seq), "faint"),
            (self._time(row), "dim"),
        )
        for index, ((text, tone), width) in enumerate(zip(names, widths, strict=True)):
            if width:
                runs.append((fit(plain(text), width, right=index >= 2) + " ", tone))
        return self._dimmed(runs)

    def _symbol(self, row: LogRow | None) -> Run:
        if row is not None and row.rotated:
            return UNICODE.turned, "info"
        symbol, tone = _SYMBOLS.get("" if row is None else row.severity or "", (" ", None))
        return symbol, tone  # type: ignore[return-value]

    def _time(self, row: LogRow | None) -> str:
        at = None if row is None else row.at
        if at is None or self.now is None:
            return ""
        if self.times == "relative":
            return fmt.age((self.now - at).total_seconds())
        return f"{at.astimezone(UTC if self.times == 'utc' else self.zone):%m-%d %H:%M:%S}"

    def body(self, row: LogRow | None, start: int, width: int) -> list[Run]:
        """The part of the row's text from cell `start` on."""
        if row is None:
            return [(PENDING, "faint")]
        if row.gap is not None:
            return _gap_runs(row, width)
        return self._dimmed(window(self._runs(row), start, width))

    def parts(self, row: LogRow | None, width: int) -> list[list[Run]]:
        """All of the row's text, in parts of at most `width` cells."""
        if row is None or row.gap is not None:
            return [self.body(row, 0, width)]
        return [self._dimmed(part) for part in wrapped(self._runs(row), width)]

    def _runs(self, row: LogRow) -> list[Run]:
        text = row.text
        tone = _TONES.get(row.severity) if row.severity in _TONES else level_tone(text)
        spans = [] if self.highlight is None else self.highlight.spans(text)
        runs = marked(text, tone, spans)
        line = row.line
        if line is not None and (line.truncated or line.partial):
            runs.append((" [cut at 64 KiB]" if line.truncated else " [no line feed]", "dim"))
        return runs

    def _dimmed(self, runs: Sequence[Run]) -> list[Run]:
        """The runs of a node that is silent, in one quiet colour; what was searched stays marked."""
        if not self.stale:
            return list(runs)
        return [(text, tone if tone == "hit" else "dim") for text, tone in runs]


def _gap_runs(row: LogRow, width: int) -> list[Run]:
    """A gap as a line across: `── gap: the file was truncated; 52,000 B lost at least ──────`."""
    gap = row.gap
    lost = "" if gap is None or gap.lost_bytes is None else f"; {fmt.exact_bytes(gap.lost_bytes)} lost at least"
    line = UNICODE.horizontal
    text = f"{line * 2} gap: {plain(row.text)}{lost} "
    return [(text + line * max(2, width - width_of(text)), "warn")]

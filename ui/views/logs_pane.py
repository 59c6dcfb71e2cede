"""The open log: its lines, what is searched in them, and the line in which that is typed."""

from collections import deque
from datetime import UTC
from typing import ClassVar, Literal, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from ui.keys import key
from ui.program import Program
from ui.reader import Lines
from ui.reader.reading import Found, LineFilter, LogName, Seek, Step
from ui.views.base import View
from ui.views.logs_when import HINT, parse_moment
from ui.views.logs_words import nothing_words, patterns, troubles
from ui.views.rows import Scope
from ui.widgets.askbar import AskBar
from ui.widgets.cells import width_of
from ui.widgets.loglines import LogLines
from ui.widgets.loglook import LogLook
from ui.widgets.logtext import Highlight, PatternError
from ui.widgets.sayline import SayLine

_WIDEST_NAME = 16
_LEAST_SEQ = 5
"""Lines do not move to the right each time the log grows tenfold, or not often."""

_REGEX_HINT = "regular expression; without a capital letter capitals do not count"
_QUESTIONS = {
    "search": ("search", _REGEX_HINT),
    "keep": ("keep only", _REGEX_HINT),
    "exclude": ("leave out", _REGEX_HINT),
    "jump": ("jump to", HINT),
}
_PRIORITY = frozenset({"ask", "clear", "step"})


class LogPane(Vertical):
    """Shows a document, and keeps what the operator wants of it: filters, a search, times. Passive, like a view."""

    DEFAULT_CSS = "LogPane { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority: a key that decides where the next keys go is handled before they come, also on a line that bursts.
        key("slash", "ask('search')", "Search", id="search", show=True, priority=True),
        key("ampersand", "ask('keep')", "Keep only what matches", id="keep", priority=True),
        key("x", "ask('exclude')", "Leave out what matches", id="exclude", priority=True),
        key("J", "ask('jump')", "Jump to a time", id="jump", priority=True),
        key("backslash", "clear", "Clear the search and the filters", id="clear_patterns"),
        key("n", "step(1, 'find')", "Next match", id="next_hit"),
        key("N", "step(-1, 'find')", "Previous match", id="previous_hit"),
        key("e", "step(1, 'error')", "Next error", id="next_error", show=True),
        key("E", "step(-1, 'error')", "Previous error", id="previous_error"),
    ]

    class Changed(Message):
        """It shows other lines than before, or wants others."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = LogLines()
        self.filter = LineFilter()
        self.find = ""
        self.shows_times = False
        self.names: tuple[LogName, ...] = ()
        self._state, self._patterns, self._bar = SayLine(id="log-state"), SayLine(id="log-patterns"), AskBar()
        self._highlight: Highlight | None = None
        self._document: Lines | None = None
        self._scope: Scope | None = None
        self._steps: deque[Step | Seek] = deque()
        self._followed = True
        self._waits = False

    def compose(self) -> ComposeResult:
        yield self._state
        yield self._patterns
        yield self.lines
        yield self._bar

    # What it shows

    def open(self, names: tuple[LogName, ...]) -> None:
        """Show these logs from now on; the filters stay when it is the same log elsewhere."""
        if {name.log for name in names} != {name.log for name in self.names}:
            self.filter, self.find, self._highlight = LineFilter(), "", None
        self.names = names
        self._document = None
        self._steps.clear()
        self.lines.restart()
        self._bar.close()
        self._wait_for_lines()

    @property
    def is_searched(self) -> bool:
        """Whether there is something that `clear` takes off."""
        return bool(self.filter or self.find)

    def show_lines(self, document: Lines) -> None:
        """Show this document, which may have more in it than before."""
        if document.filter == self.filter and tuple(source.name for source in document.sources) == self.names:
            self._document = document
            self.draw()
            if self._waits and (len(document) or document.is_searched):
                self._waits = False
                self._go_on()

    def _wait_for_lines(self) -> None:
        """Keys that come before there are lines wait for them: they are about lines."""
        self._waits = True
        cast(Program, self.app).hold_keys()

    def _go_on(self) -> None:
        """On with the keys that wait, unless there is still something to wait for."""
        if not self._waits and not self._steps:
            self.post_message(View.TypingEnded())

    def show(self, scope: Scope) -> None:
        """Show it as of now."""
        self._scope = scope
        self.draw()

    def draw(self) -> None:
        document, scope = self._document, self._scope
        if document is None or scope is None:
            self._state.say([])
            self._patterns.say([])
            return
        self._state.say(troubles(document.sources, scope.now))
        self._patterns.say(patterns(self.filter, self.find, document))
        self.lines.show(document, self._look(document, scope), nothing_words(document))

    def _look(self, document: Lines, scope: Scope) -> LogLook:
        nodes, logs = {name.node for name in self.names}, {name.log for name in self.names}
        first = document.sources[0]
        return LogLook(
            seq_width=max(_LEAST_SEQ, len(str(first.last))) if len(self.names) == 1 else 0,
            node_width=_widest(nodes),
            log_width=_widest(logs),
            times=scope.times if self.shows_times else None,
            now=first.node.clock(scope.now) if self.shows_times else None,
            zone=scope.zone,
            highlight=self._highlight,
            stale=len(nodes) == 1 and first.node.stale,
        )

    @property
    def document(self) -> Lines | None:
        return self._document

    def hold(self, *, paused: bool) -> None:
        """While the screen is paused nothing moves; what comes is counted."""
        if paused:
            self._followed = self.lines.following
            self.lines.stop_following()
        elif self._followed:
            self.lines.action_follow()

    # What is typed

    @property
    def is_typing(self) -> bool:
        return self._bar.is_typing

    def leave_input(self) -> None:
        self._bar.action_leave()

    def action_ask(self, purpose: str) -> None:
        typed = {"search": self.find, "keep": self.filter.keep, "exclude": self.filter.exclude}
        self._bar.ask(purpose, *_QUESTIONS[purpose], typed.get(purpose, ""))

    @on(AskBar.Typed)
    def _typed(self, event: AskBar.Typed) -> None:
        event.stop()
        if isinstance(event, AskBar.Answered):
            self._answered(event.purpose, event.text)
        elif event.purpose in ("search", "keep"):
            # What is on the screen is marked while it is typed.
            self._mark(event.text)

    def _mark(self, pattern: str) -> None:
        try:
            self._highlight = Highlight(pattern) if pattern else None
        except PatternError:
            return
        self.draw()

    def _answered(self, purpose: str, text: str) -> None:
        try:
            why_not = self._use(purpose, text)
        except (PatternError, ValueError) as error:
            why_not = str(error)
        if why_not:
            self._bar.complain(why_not)
            self.post_message(View.TypingEnded())  # the keys that waited may mend it
            return
        self._bar.action_leave()

    def _use(self, purpose: str, text: str) -> str:
        """Do what was typed; why not, when that cannot be. Raises PatternError and ValueError, too."""
        if purpose == "jump":
            return self.jump(text) if text.strip() else ""
        if text:
            Highlight(text)
        if purpose == "search":
            self.find = text
            if text:
                self._search_from_here()
        else:
            keep, exclude = (text, self.filter.exclude) if purpose == "keep" else (self.filter.keep, text)
            self.filter = LineFilter(keep=keep, exclude=exclude)
            self._wait_for_lines()
        self.post_message(self.Changed())
        return ""

    @on(AskBar.Left)
    def _left(self, event: AskBar.Left) -> None:
        event.stop()
        self._mark(self.find or self.filter.keep)
        self.screen.set_focus(self.lines)
        self._go_on()

    def action_clear(self) -> None:
        self.filter, self.find = LineFilter(), ""
        self._mark("")
        self.post_message(self.Changed())

    # Where to

    def jump(self, text: str) -> str:
        """Go to a time as it was typed; why not, when it is none. Raises ValueError with what to write."""
        scope = self._scope
        if scope is None:
            return "Nothing is shown yet."
        zone = UTC if scope.times == "utc" else scope.zone
        self._send(Seek(moment=parse_moment(text, scope.now, zone)))
        return ""

    def _search_from_here(self) -> None:
        """The nearest match: upwards at the end of the log, where the newest is meant, else downwards."""
        row, at = self.lines.current, self.lines.current_key
        if at is None or (row is not None and Highlight(self.find).spans(row.text)):
            return
        is_last = self._document is not None and self.lines.cursor >= len(self._document) - 1
        self._send(Step(origin=at, direction=-1 if is_last else 1, pattern=self.find))

    def action_step(self, direction: Literal[1, -1], kind: str) -> None:
        at = self.lines.current_key
        if kind == "find" and not self.find:
            self.notify("Nothing is searched: / searches.", markup=False)
        elif at is not None:
            self._send(Step(origin=at, direction=direction, pattern=self.find if kind == "find" else ""))

    def _send(self, errand: Step | Seek) -> None:
        """Have the place found; keys that come meanwhile wait, so that they go on from there."""
        self._steps.append(errand)
        cast(Program, self.app).hold_keys()
        if len(self._steps) == 1:
            self.post_message(View.Sent(errand, self._done))

    def _done(self, found: Found) -> None:
        if not self._steps:
            return  # another log was opened meanwhile
        self._steps.popleft()
        self.draw()
        if found.key is not None:
            self.lines.jump(found.key)
        if found.words:
            self.notify(found.words, severity="error" if found.failed else "information", markup=False)
        at = self.lines.current_key
        if self._steps and at is not None:
            following = self._steps[0]
            if isinstance(following, Step):
                following = self._steps[0] = Step(origin=at, direction=following.direction, pattern=following.pattern)
            self.post_message(View.Sent(following, self._done))
            return
        self._go_on()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _PRIORITY and self.is_typing:
            return False
        return super().check_action(action, parameters)


def _widest(names: set[str]) -> int:
    """The width of a column of these names; none when they are all the same."""
    return min(_WIDEST_NAME, max(map(width_of, names))) if len(names) > 1 else 0

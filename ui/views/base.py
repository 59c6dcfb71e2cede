"""What every view is: one tab of the screen."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from etlmon.contract.endpoint import Endpoint
from etlmon.contract.errors import ErrorBody
from ui.format import TimeStyle
from ui.keys import key
from ui.reader import Lines
from ui.reader.reading import Errand, Found, Reading
from ui.save import save, save_directory
from ui.state import Question
from ui.views.rows import Scope
from ui.widgets.panel import Panel

Wanted = Mapping[str, Sequence[Question[Any]]]
"""What each node (by name) is to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an act went: the node's answer and what it says, or in words that it was not done, or that nobody knows.

    `refusal` is what the node itself said when it did not do it.
    """

    answer: Any = None
    words: str = ""
    problem: str = ""
    refusal: ErrorBody | None = None


class View(Vertical):
    """One tab. It is passive: the app asks what it needs (`questions`), and hands it what there is (`show`).

    `view` is the name of the domain, `number` the key that opens it, `title` stands in its border, `tab` and
    `tab_short` on the tab line.
    """

    view: ClassVar[str]
    number: ClassVar[str]
    title: ClassVar[str]
    tab: ClassVar[str]
    tab_short: ClassVar[str]
    every_node: ClassVar[bool] = False
    """It always shows all nodes, whichever is chosen."""

    TABLE_ONLY: ClassVar[frozenset[str]] = frozenset()
    """The ids of bindings that are dead while a detail is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("tab", "app.step_view(1)", "Next view", id="next_view"),
        key("shift+tab", "app.step_view(-1)", "Previous view", id="previous_view"),
        key("y", "copy", "Copy to the clipboard", id="copy"),
        key("o", "save", "Save to a file", id="save"),
    ]

    class QuestionsChanged(Message):
        """The view needs other answers than before."""

    class TypingEnded(Message):
        """The keys no longer go into a text."""

    class NodeChosen(Message):
        """The operator chose a node in the view itself."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    class Act(Message):
        """The operator wants something done on a node; `describe` puts the node's answer into words.

        With `node_id` it is done only on the node of that identity. `done` hears how it went; without it, a notice
        tells.
        """

        def __init__(
            self,
            node: str,
            endpoint: Endpoint[Any],
            body: msgspec.Struct | None,
            describe: Callable[[Any], str],
            path: Mapping[str, str] | None = None,
            *,
            node_id: str = "",
            done: Callable[[Outcome], None] | None = None,
        ) -> None:
            super().__init__()
            self.node = node
            self.node_id = node_id
            self.done = done
            self.endpoint = endpoint
            self.body = body
            self.describe = describe
            self.path = path or {}

    class ReadingChanged(Message):
        """The view shows other lines of logs than before, or none."""

    class Sent(Message):
        """The view wants something of the logs once; `done` is called with what came of it."""

        def __init__(self, errand: Errand, done: Callable[[Found], None]) -> None:
            super().__init__()
            self.errand = errand
            self.done = done

    def questions(self, names: Collection[str]) -> Wanted:
        """What these nodes are to be asked while the view is on the screen."""
        raise NotImplementedError

    def show(self, scope: Scope) -> None:
        """Show what is known."""
        raise NotImplementedError

    def reading(self) -> Reading | None:
        """Which lines of logs the view shows; None when it shows none."""
        return None

    def show_lines(self, document: Lines) -> None:
        """Show what is known of these lines, as far as they are the ones the view wants."""

    def hold(self, *, paused: bool) -> None:
        """The screen was paused, or goes on; what is painted by `show` is held by the app already."""

    def turn_times(self, style: TimeStyle) -> bool:
        """The key for other times was pressed while this style is shown; True when the view has used it up."""
        return False

    def jump(self, text: str) -> str:
        """Go to a time as it was typed; why not, when that cannot be."""
        return "Open a log first: a time is a place in a log."

    def point_at(self, node: str) -> None:
        """Another node was chosen outside of the view; one that lists nodes puts its cursor there."""

    def take_focus(self) -> None:
        """Let the keys go to what stands in front."""
        raise NotImplementedError

    @property
    def is_typing(self) -> bool:
        """Whether the keys go into a text."""
        return False

    def leave_input(self) -> bool:
        """Stop typing; False when nothing is typed."""
        raise NotImplementedError

    def back(self) -> bool:
        """Leave what was opened last: an input, a detail, a filter. False when there is nothing to leave."""
        raise NotImplementedError

    def selection(self) -> tuple[str, str]:
        """What `y` copies: what it is, in words, and its text."""
        raise NotImplementedError

    def export(self) -> tuple[str, str, str]:
        """What `o` saves: the name of the file, its suffix, and the text."""
        raise NotImplementedError

    def frame(self, title: str, foot: str) -> None:
        """Write into the view's frame: a title above, counts and order below."""
        self.query_one(Panel).show(title=title, foot=foot)

    def action_copy(self) -> None:
        what, text = self.selection()
        if not text:
            self.notify("There is nothing to copy here.", markup=False)
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}. (The terminal must allow OSC 52.)", markup=False)

    def action_save(self) -> None:
        stem, suffix, text = self.export()
        try:
            path = save(save_directory(os.environ), stem, suffix, text, datetime.now().astimezone())
        except OSError as error:
            hint = "set XDG_DATA_HOME to a directory you can write to"
            self.notify(f"Not saved: {error}; {hint}.", severity="error", markup=False)
        else:
            self.notify(f"Saved to {path}", markup=False)

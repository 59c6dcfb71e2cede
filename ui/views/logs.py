"""The logs: how far each is read and how it fares, and, once opened, their lines."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from etlmon.contract.logs import LOG_PAUSE, LOG_RESUME, Log, PauseRequest
from ui.dialogs.confirm import ConfirmDialog
from ui.format import TimeStyle
from ui.glyphs import State
from ui.keys import key
from ui.problems import logs as logs_problems
from ui.reader import Lines
from ui.reader.reading import Around, Export, Found, LogName, Reading
from ui.views.detail import DetailPane
from ui.views.logs_detail import line_detail
from ui.views.logs_pane import LogPane
from ui.views.logs_picker import LOG_FIELDS, MOST_MERGED, LogPicker, log_names, pause_question, paused_result
from ui.views.logs_words import foot_of, title_of
from ui.views.rows import Row, Scope, counted
from ui.views.rows_table import RowsTable
from ui.views.table import TableView
from ui.widgets.cells import width_of
from ui.widgets.filterbar import FilterBar
from ui.widgets.lines import Lines as TextLines
from ui.widgets.loglines import LogLines
from ui.widgets.logrow import LogRow
from ui.widgets.panel import Panel

_EDGES = 10
"""What the frame takes of the line in which title and foot stand."""


class LogsView(TableView[Log]):
    """The logs of a node, those in trouble first. Enter opens one, or the marked ones as one, by time."""

    view, number, title, tab, tab_short = "logs", "4", "Logs", "Log", "Log"
    question = logs_problems.QUESTION.at("fast")
    fields = LOG_FIELDS
    noun = "log"
    nothing = (
        "No log is followed. Name some under logs: in node.yaml, for example  - {name: app, path: /var/log/app.log}"
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority: the keys that come next are for the lines.
        key("enter", "open_log", "Open", id="select", show=True, priority=True),
        key("P", "pause_log", "Pause or resume reading the log on its node", id="pause_log"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._chosen: tuple[LogName, ...] = ()
        self._all_at_open, self._node_at_open = False, ""
        self._line: LogRow | None = None
        self._around: Found | None = None
        self._read: Reading | None = None

    def key_of(self, item: Log) -> str:
        return item.name

    def level_of(self, item: Log) -> State:
        return logs_problems.level(item)

    def compose(self) -> ComposeResult:
        yield Panel(
            LogPicker([field.column for field in self.fields], empty="", markable=True), LogPane(), DetailPane()
        )
        yield FilterBar()

    def on_mount(self) -> None:
        super().on_mount()
        self._pane.display = False

    @property
    def _pane(self) -> LogPane:
        return self.query_one(LogPane)

    # What the app asks and tells

    def reading(self) -> Reading | None:
        if not self._chosen:
            return None
        pane = self._pane
        return Reading(
            logs=pane.names,
            filter=pane.filter,
            find=pane.find,
            places=pane.lines.places,
            following=pane.lines.following,
        )

    def show(self, scope: Scope) -> None:
        super().show(scope)
        if self._chosen:
            self._follow_scope(scope)
        if self._chosen:
            self._pane.show(scope)
            self._show_line()

    def show_lines(self, document: Lines) -> None:
        if self._chosen:
            self._pane.show_lines(document)
            self._draw_open_frame()

    def hold(self, *, paused: bool) -> None:
        if self._chosen:
            self._pane.hold(paused=paused)

    def turn_times(self, style: TimeStyle) -> bool:
        """None, relative, local, UTC, none: with the last step the style begins anew."""
        if not self._chosen or self._line is not None:
            return False
        pane = self._pane
        if not pane.shows_times:
            pane.shows_times = True
            return True
        pane.shows_times = style != "utc"
        return False

    def jump(self, text: str) -> str:
        if not self._chosen:
            return super().jump(text)
        try:
            return self._pane.jump(text)
        except ValueError as error:
            return str(error)

    # Opening and closing

    def open_named(self, node: str, log: str) -> None:
        """Open this log."""
        self._open((LogName(node, log),))

    def open(self, row: Row[Log]) -> None:
        self._open((LogName(row.node.name, row.item.name),))

    def action_open_log(self) -> None:
        """Open the marked logs as one, or the one under the cursor."""
        rows = self.selected
        if len(rows) > MOST_MERGED:
            self.notify(f"No more than {MOST_MERGED} logs can be read as one.", severity="error", markup=False)
        elif rows:
            self._open(tuple(LogName(row.node.name, row.item.name) for row in rows))

    def _open(self, names: tuple[LogName, ...]) -> None:
        self._chosen, self._line = names, None
        if self._scope is not None:
            self._all_at_open, self._node_at_open = self._scope.all_nodes, self._scope.chosen
        self._pane.open(names)
        self.query_one(RowsTable).clear_marks()
        if len({name.node for name in names}) == 1:
            self.post_message(self.NodeChosen(names[0].node))
        self._turn()

    def _close(self) -> None:
        self._chosen, self._line = (), None
        self._pane.action_clear()
        self._turn()

    def _turn(self) -> None:
        """Something else stands in front."""
        is_open, is_line = bool(self._chosen), self._line is not None
        self.query_one(RowsTable).display = not is_open
        self.query_one(FilterBar).set_class(is_open, "-away")
        self._pane.display = is_open and not is_line
        self.query_one(DetailPane).display = is_line
        if self._scope is not None:
            self._pane.show(self._scope)
        self._draw()
        self.take_focus()
        self.post_message(self.QuestionsChanged())

    def _follow_scope(self, scope: Scope) -> None:
        """Stay with the log when another node is chosen, or all of them."""
        names = self._names_in(scope)
        if not names:
            self._close()
        elif names != self._pane.names:
            self._pane.open(names)
            self._line = None
            self._turn()

    def _names_in(self, scope: Scope) -> tuple[LogName, ...]:
        logs = dict.fromkeys(name.log for name in self._chosen)
        nodes = {name.node for name in self._chosen}
        if not scope.all_nodes:
            self._all_at_open = False
        elif not self._all_at_open:
            there = [LogName(node.name, log) for node in scope.nodes for log in logs if log in log_names(node)]
            return tuple(there[:MOST_MERGED])
        if scope.chosen in nodes:
            self._node_at_open = scope.chosen
        elif len(nodes) == 1 and not scope.all_nodes and scope.chosen != self._node_at_open:
            node = next(node for node in scope.nodes if node.name == scope.chosen)
            self._chosen = tuple(LogName(node.name, log) for log in logs if log in log_names(node))
        return self._chosen

    @on(LogLines.Opened)
    def _open_line(self, event: LogLines.Opened) -> None:
        event.stop()
        self._line, self._around = event.row, None
        self._show_line()
        self._turn()
        if event.row.line is not None:
            self.post_message(self.Sent(Around(row=event.row), partial(self._found_around, event.row)))

    def _found_around(self, row: LogRow, found: Found) -> None:
        if self._line is row:
            self._around = found
            self._show_line()

    def _show_line(self) -> None:
        if self._line is not None and self._scope is not None:
            self.query_one(DetailPane).show(line_detail(self._line, self._around, self._scope))

    # Where the keys go

    @on(LogPane.Changed)
    @on(LogLines.Moved)
    def _pane_changed(self, event: LogPane.Changed | LogLines.Moved) -> None:
        event.stop()
        if not self._chosen:
            return
        self._draw_open_frame()
        before, self._read = self._read, self.reading()
        if self._read != before or (isinstance(event, LogLines.Moved) and event.scrolled):
            self.post_message(self.ReadingChanged())

    @property
    def is_table_live(self) -> bool:
        return not self._chosen and super().is_table_live

    @property
    def is_typing(self) -> bool:
        return self._pane.is_typing or super().is_typing

    def leave_input(self) -> bool:
        if self._pane.is_typing:
            self._pane.leave_input()
            return True
        return super().leave_input()

    def take_focus(self) -> None:
        if not self._chosen:
            super().take_focus()
        else:
            self.screen.set_focus(self._pane.lines if self._line is None else self.query_one(TextLines))

    def back(self) -> bool:
        if not self._chosen:
            return super().back()
        if self.leave_input():
            return True
        if self._line is not None:
            self._line = None
            self._turn()
        elif self._pane.is_searched:
            self._pane.action_clear()
        else:
            self._close()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open_log":
            return self.is_table_live
        return super().check_action(action, parameters)

    # What is taken along

    def selection(self) -> tuple[str, str]:
        if self._line is not None:
            return "the line", self.query_one(DetailPane).text
        if not self._chosen:
            return super().selection()
        lines = self._pane.lines
        if lines.marks:
            return counted(len(lines.marks), "line"), lines.marked_text
        return "the line", "" if lines.current is None else lines.current.text

    def export(self) -> tuple[str, str, str]:
        if self._line is not None:
            return f"{self._stem}-{self._line.key.seq}", ".txt", self.query_one(DetailPane).text + "\n"
        if self._chosen:
            return self._stem, ".log", self._pane.lines.marked_text + "\n"
        return super().export()

    @property
    def _stem(self) -> str:
        return "-".join(("logs", *dict.fromkeys(part for name in self._pane.names for part in name)))

    def action_save(self) -> None:
        """The marked lines, or all that the filter lets through, or the newest: page by page, they may be many."""
        if not self._chosen or self._line is not None or self._pane.lines.marks:
            super().action_save()
            return
        self.notify("Saving…", markup=False)
        self.post_message(self.Sent(Export(stem=self._stem), self._saved))

    def _saved(self, found: Found) -> None:
        if found.path is None:
            self.notify(f"Not saved: {found.words}", severity="error", markup=False)
        else:
            self.notify(f"Saved to {found.path}", markup=False)

    def _draw_frame(self, scope: Scope) -> None:
        if self._chosen:
            self._draw_open_frame()
        else:
            super()._draw_frame(scope)

    def _draw_open_frame(self) -> None:
        pane = self._pane
        document, lines = pane.document, pane.lines
        sources, count = ((), 0) if document is None else (document.sources, document.line_count)
        foot = foot_of(count, following=lines.following, unseen=lines.unseen, marks=len(lines.marks))
        foot = foot if self._line is None else "esc back"
        self.frame(title_of(pane.names, sources, self.size.width - width_of(foot) - _EDGES), foot)

    # What is done on the node

    def action_pause_log(self) -> None:
        """Have the node read the chosen logs no more, or go on: after a question."""
        scope = self._scope
        chosen = {f"{name.node}\n{name.log}" for name in self._pane.names} if self._chosen else set()
        rows = [row for row in self._rows if row.key in chosen] if chosen else self.selected
        if not rows or scope is None:
            return
        reasons = [row.node.refuses_acts(read_only=scope.read_only) for row in rows]
        if why_not := next(filter(None, reasons), ""):
            self.notify(f"not done: {why_not}", severity="error", markup=False)
            return
        resumes = all(row.item.paused for row in rows)
        rows = [row for row in rows if row.item.paused == resumes]
        does = "Resume" if resumes else "Pause"
        names = ", ".join(row.item.name for row in rows)
        dialog = ConfirmDialog(f"{does} {names}", pause_question(rows, resumes=resumes), does)
        self.app.push_screen(dialog, lambda yes: self._set_paused(rows, paused=not resumes) if yes else None)

    def _set_paused(self, rows: Sequence[Row[Log]], *, paused: bool) -> None:
        for row in rows:
            endpoint = LOG_PAUSE if paused else LOG_RESUME
            path = {"name": row.item.name}
            self.post_message(self.Act(row.node.name, endpoint, PauseRequest(), paused_result, path))

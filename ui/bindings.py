"""The keys of the whole program, and which of them are live together."""

from textual.binding import Binding

from ui.dialogs.acknowledge import AcknowledgeDialog
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.help import HelpDialog
from ui.dialogs.hosts import HostsDialog
from ui.dialogs.kill import KillDialog
from ui.dialogs.register import RegisterDialog
from ui.dialogs.silence import SilenceDialog
from ui.keys import bindings_of, key
from ui.views import VIEWS
from ui.views.logs import LogsView
from ui.views.logs_pane import LogPane
from ui.views.rows_table import RowsTable
from ui.widgets.askbar import AskBar
from ui.widgets.choice import Choice
from ui.widgets.filterbar import FilterBar
from ui.widgets.lines import Lines
from ui.widgets.loglines import LogLines
from ui.widgets.querybar import QueryBar
from ui.widgets.table import KeyedTable

EVERYWHERE: list[Binding] = [
    *(key(view.number, f"view('{view.view}')", view.title, id=f"view_{view.view}") for view in VIEWS),
    key("left_square_bracket", "node(-1)", "Previous node", id="previous_node"),
    key("right_square_bracket", "node(1)", "Next node", id="next_node"),
    key("H", "hosts", "Choose a node", id="hosts", priority=True),
    key("a", "all_nodes", "All nodes, or the chosen one", id="all_nodes"),
    key("r", "refresh_now", "Refresh", id="refresh", show=True),
    key("p,equals_sign,Z", "pause", "Pause", id="pause", show=True),
    key("t", "times", "Times: relative, local, UTC", id="times"),
    key("colon", "command_palette", "Commands", id="palette", priority=True),
    key("question_mark,f1", "help", "Help", id="help", show=True, priority=True),
    key("escape", "leave", "Back", id="back"),
    key("ctrl+l", "redraw", "Draw the screen again", id="redraw"),
    key("q", "quit", "Quit", id="quit", show=True),
    key("ctrl+c,ctrl+q", "interrupt", "Close the input or dialog, or quit", id="interrupt", priority=True),
]
"""What the app binds. Those with priority open what the next keys are for, and so are handled before these are."""
OPENERS = frozenset({"hosts", "command_palette", "help"})
"""The actions that open a dialog; not from another one, and not while a text is typed."""


def scopes() -> dict[str, list[Binding]]:
    """The bindings that are live together, by the words for where that is."""
    always = [binding for binding in EVERYWHERE if binding.id == "interrupt"]
    found: dict[str, list[Binding]] = {}
    for view in VIEWS:
        shared = [*bindings_of(view), *EVERYWHERE]
        found[f"{view.tab}, table"] = [*bindings_of(RowsTable), *shared]
        found[f"{view.tab}, detail"] = [
            *bindings_of(Lines),
            *(binding for binding in shared if binding.id not in view.TABLE_ONLY),
        ]
    log = [one for one in (*bindings_of(LogsView), *EVERYWHERE) if one.id not in LogsView.TABLE_ONLY]
    found["an open log"] = [*bindings_of(LogLines, LogPane), *log]
    found["the line for a log"] = [*bindings_of(AskBar), *always]
    found["the filter line"] = [*bindings_of(FilterBar), *always]
    found["the search line"] = [*bindings_of(QueryBar), *always]
    found["the help"] = [*bindings_of(Lines, HelpDialog), *always]
    found["the choice of a node"] = [*bindings_of(KeyedTable, HostsDialog), *always]
    found["a question"] = [*bindings_of(ConfirmDialog), *always]
    found["the question about a process"] = [*bindings_of(KillDialog), *always]
    found["the form of a cluster"] = [*bindings_of(Choice, RegisterDialog), *always]
    found["the comment on alerts"] = [*bindings_of(AcknowledgeDialog), *always]
    found["the form of a silence"] = [*bindings_of(SilenceDialog), *always]
    return found

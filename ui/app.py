"""The terminal UI: puts the views together, binds the keys, and carries messages between views and poller."""

import asyncio
import os

# Read by Textual when it is imported: no animation is worth a byte over SSH, and a key's echo must not wait a frame.
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_FPS", "120")

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher, Static

from etlmon.client import NodeClient
from ui import frame
from ui.bindings import EVERYWHERE, OPENERS, scopes
from ui.commands import CommandsProvider
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.help import HelpDialog
from ui.dialogs.hosts import HostsDialog
from ui.keys import KeysError, keymap
from ui.look import THEMES, dress
from ui.program import Program
from ui.reader import Reads
from ui.session import Session
from ui.settings import UiSettings
from ui.settings import check as check_settings
from ui.views import VIEWS
from ui.views.base import View
from ui.views.logs import LogsView
from ui.views.logs_picker import log_names
from ui.widgets.footer import KeyLine
from ui.widgets.header import HeaderLine
from ui.widgets.nodelist import NodeList
from ui.widgets.panel import Panel
from ui.widgets.tabs import Tab, TabLine

REPAINT_SEC = 0.1
"""An answer is painted at once; those that follow within this time are painted together."""
EAGER = 3
"""After a turn to another view or node, so many answers are painted at once: the one that matters is among them."""


class Pace:
    """When to paint what comes again and again: the first few times at once, then every REPAINT_SEC."""

    def __init__(self) -> None:
        self._paid_until = 0.0

    def wait(self, now: float) -> float:
        """How many seconds from `now` (monotonic) on the next painting may be."""
        self._paid_until = max(self._paid_until, now - EAGER * REPAINT_SEC) + REPAINT_SEC
        return max(0.0, self._paid_until - now)


def utc_now() -> datetime:
    return datetime.now(UTC)


class EtlmonApp(Program):
    """One screen: header, tabs, the list of nodes, the chosen view, and the keys that do something in it."""

    CSS_PATH = "etlmon.tcss"
    COMMANDS = {CommandsProvider}  # noqa: RUF012 (as the base class has it)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (as above)
    BINDINGS: ClassVar[list[BindingType]] = [*EVERYWHERE]

    def __init__(
        self,
        settings: UiSettings,
        *,
        read_only: bool = False,
        connect: Callable[[str], Reads] = NodeClient,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
    ) -> None:
        """`connect` makes the client of an address; `zone` is the local one (default: this machine's).

        Raises KeysError when `ui.keys` cannot be used.
        """
        super().__init__()
        self.glyphs = dress(self, settings.ui)
        self.diff_output = settings.ui.diff_output
        self.set_keymap(keymap(settings.ui.keys, scopes()))
        self.session = Session(
            settings, connect, self._changed, clock, on_lines=self._lines_came, zone=zone, read_only=read_only
        )
        self.fleet = self.session.fleet
        self.view: View = VIEWS[0]()
        self.header_line, self.tab_line, self.node_list, self.key_line = HeaderLine(), TabLine(), NodeList(), KeyLine()
        self.hint = Static(id="hint", markup=False)
        self.switcher = ContentSwitcher(self.view, id="views", initial=self.view.view)
        self._repaint_due, self._repainted_at, self._eager = False, 0.0, EAGER
        self._lines_due, self._lines_pace = False, Pace()

    # Putting it together

    def compose(self) -> ComposeResult:
        self.node_list.can_focus = False
        yield self.header_line
        yield self.tab_line
        yield self.hint
        yield Horizontal(Panel(self.node_list, title="Nodes", id="nodes"), self.switcher, id="main")
        yield self.key_line

    def on_mount(self) -> None:
        self.view.take_focus()
        self.paint()
        self.call_after_refresh(lambda: self.run_worker(self._ask_nodes()))
        self.set_interval(1.0, self.paint)

    async def _ask_nodes(self) -> None:
        # aiohttp takes 80 ms to import: the screen is painted by now, and the keys work meanwhile.
        await asyncio.to_thread(__import__, "aiohttp")
        self.session.watch(self.view)
        self.session.poller.start()

    async def on_unmount(self) -> None:
        await self.session.close()

    # What is shown

    def paint(self, *, always: bool = False) -> None:
        """Show what is known; the view stays as it is while the screen is paused, unless `always`."""
        if not self._running or not self.screen_stack:
            return  # a timer's last word while the app closes
        session = self.session
        self.header_line.show(frame.header(self.fleet, session.clock(), session, self.glyphs))
        self.tab_line.show([Tab(view.view, view.number, view.tab, view.tab_short) for view in VIEWS], self.view.view)
        self.node_list.show(frame.node_items(self.fleet), self.fleet.chosen)
        self.node_list.move_to(self.fleet.chosen)
        self.hint.set_class(session.lost, "-shown")
        if session.lost:
            self.hint.update(frame.nothing_answers(self.fleet.live(self.fleet.chosen)))
        if always or not session.paused:
            self.view.show(session.scope(self.view))

    def _changed(self, _name: str) -> None:
        if not self._repaint_due:
            self._repaint_due = True
            wait = 0.0 if self._eager else self._repainted_at + REPAINT_SEC - monotonic()
            self.set_timer(max(0.001, wait), self._repaint)

    def _repaint(self) -> None:
        self._repaint_due, self._repainted_at, self._eager = False, monotonic(), max(0, self._eager - 1)
        self.paint()

    def _lines_came(self) -> None:
        if not self._lines_due:
            self._lines_due = True
            self.set_timer(max(0.001, self._lines_pace.wait(monotonic())), self._show_lines)

    def _show_lines(self) -> None:
        self._lines_due = False
        document = self.session.reader.document
        if self._running and document is not None:
            self.view.show_lines(document)

    def _turn(self) -> None:
        """Another view or node: paint what is known of it at once, then ask."""
        self.paint(always=True)
        self._eager = EAGER
        self.session.watch(self.view)

    # What the widgets say

    @on(View.QuestionsChanged)
    def _ask_anew(self) -> None:
        self.session.watch(self.view)

    @on(View.ReadingChanged)
    def _read_anew(self) -> None:
        self.session.reader.watch(self.view.reading())

    @on(View.Sent)
    def _sent(self, event: View.Sent) -> None:
        self.run_worker(self._run(event))

    async def _run(self, sent: View.Sent) -> None:
        sent.done(await self.session.reader.run(sent.errand))

    @on(View.TypingEnded)
    async def _typing_ended(self) -> None:
        await self.release_keys()

    @on(View.NodeChosen)
    def _node_chosen(self, event: View.NodeChosen) -> None:
        self.fleet.choose(event.node)
        self.paint()

    @on(View.Act)
    def _act(self, event: View.Act) -> None:
        self.run_worker(self._send(event))

    async def _send(self, act: View.Act) -> None:
        outcome = await self.session.act(act)
        if act.done is not None:
            act.done(outcome)
        elif outcome.problem:
            self.notify(f"{act.node}: {outcome.problem}", severity="error", markup=False)
        else:
            self.notify(f"{act.node}: {outcome.words}", markup=False)

    @on(TabLine.Chosen)
    async def _tab_chosen(self, event: TabLine.Chosen) -> None:
        await self.action_view(event.tab_id)

    @on(NodeList.CursorMoved, "NodeList")
    def _list_clicked(self, event: NodeList.CursorMoved) -> None:
        event.stop()
        if event.key == self.node_list.cursor_key != self.fleet.chosen:
            self.choose(event.key)

    # What the operator does

    async def action_view(self, name: str) -> None:
        """Open a view; it is made at its first visit."""
        found = self.switcher.query_children(f"#{name}")
        view = found.first(View) if found else next(view for view in VIEWS if view.view == name)()
        if not found:
            await self.switcher.add_content(view)
        self.view, self.switcher.current = view, name
        self.view.take_focus()
        self._turn()

    async def action_step_view(self, step: int) -> None:
        names = [view.view for view in VIEWS]
        await self.action_view(names[(names.index(self.view.view) + step) % len(names)])

    def choose(self, name: str) -> None:
        """Show this node."""
        self.fleet.choose(name)
        self.view.point_at(name)
        self._turn()

    def action_node(self, step: int) -> None:
        self.fleet.step(step)
        self.choose(self.fleet.chosen)

    def action_hosts(self) -> None:
        dialog = HostsDialog(self.fleet.names, frame.host_rows(self.fleet), self.fleet.chosen)
        self.push_screen(dialog, lambda name: self.choose(name) if name else None)

    def action_all_nodes(self) -> None:
        self.session.all_nodes = not self.session.all_nodes
        self._turn()

    def action_refresh_now(self) -> None:
        self.session.poller.poke(self.session.names(self.view))

    def action_pause(self) -> None:
        self.session.toggle_pause()
        self.view.hold(paused=self.session.paused)
        self.paint()

    def action_times(self) -> None:
        if not self.view.turn_times(self.session.times):
            self.session.next_times()
        self.paint(always=True)

    def action_help(self) -> None:
        self.push_screen(HelpDialog(self.view.title, self.screen.active_bindings))

    def is_typing(self) -> bool:
        return self.view.is_typing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in OPENERS and (isinstance(self.screen, ModalScreen) or self.is_typing()):
            return False
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        self.view.back()

    def action_interrupt(self) -> None:
        if isinstance(self.screen, ModalScreen):
            self.screen.dismiss(None)
        elif not self.view.leave_input():
            self.exit()

    def log_names(self) -> Sequence[str]:
        """The logs of the chosen node."""
        return log_names(self.fleet.shown(self.fleet.chosen))

    async def open_log(self, name: str) -> None:
        """Show the lines of a log of the chosen node."""
        await self.action_view(LogsView.view)
        if isinstance(self.view, LogsView):
            self.view.open_named(self.fleet.chosen, name)

    def jump(self, text: str) -> None:
        """Go to a time in the log that is open."""
        if why_not := self.view.jump(text):
            self.notify(why_not, severity="error", markup=False)

    def trust(self, name: str) -> None:
        """Ask whether the node that answers now is the right one."""
        dialog = ConfirmDialog(f"Trust {name}", frame.trust_lines(self.fleet.live(name)), "Trust it")
        self.push_screen(dialog, lambda yes: self.session.trust(name) if yes else None)


def check(settings: UiSettings) -> Iterator[tuple[str, str]]:
    """All that is wrong with the settings, as `ui.settings.check` tells it, themes and keys included."""
    yield from check_settings(settings)
    if settings.ui.theme not in THEMES:
        yield "ui.theme", f'"{settings.ui.theme}" is no theme; there are {", ".join(sorted(THEMES))}'
    try:
        keymap(settings.ui.keys, scopes())
    except KeysError as error:
        yield from error.problems


def run(settings: UiSettings, *, read_only: bool = False) -> int:
    """Run the UI until it is left; 0, or 1 after a bug. The settings are those that check() finds nothing in."""
    app = EtlmonApp(settings, read_only=read_only)
    app.run()
    return app.return_code or 0

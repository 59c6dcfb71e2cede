"""Where this program wants something else of Textual than Textual does by itself."""

from rich.text import Text
from textual import events
from textual.timer import Timer
from textual.widgets import Input

from ui.crash import crash_line
from ui.theme import roles
from ui.widgets.diffout import DiffOutput

HOLD_SEC = 2.0
"""No key waits longer than this, whatever goes wrong; on a busy host an enter may take a while to be handled."""


class Program(DiffOutput):
    """A crash tells no secrets, every theme has the roles of ours, and keys in a burst keep their order."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[events.Key] | None = None
        self._held_after = self._key_time = 0.0
        self._hold_timer: Timer | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles(self.current_theme)

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print every variable of the trace, tokens and all.
        self._return_code = 1
        if self._exception is None:
            self._exit_renderables.append(Text(crash_line(error)))
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def is_typing(self) -> bool:
        """Whether the keys go into a text."""
        return False

    async def on_event(self, event: events.Event) -> None:
        """Keys act in the order in which they came, also in a burst.

        Textual sends a key to the focused widget, and what it is bound to is done when it comes back; by then a later
        key may have moved the focus. Here it is done at once, unless the key goes into a text. Those that follow an
        enter or an escape which ends typing are held: they came for the rows, and would be typed as well.
        """
        if isinstance(event, events.Key):
            if self._held is not None and event.time > self._held_after:
                self._held.append(event)
                return
            self._key_time = event.time
            if not event.is_forwarded and not isinstance(self.focused, Input):
                self.app_focus = True
                if await self._check_bindings(event.key, priority=True) or await self._check_bindings(event.key):
                    return
            elif not event.is_forwarded and event.key in ("enter", "escape") and self.is_typing():
                self.hold_keys()
        await super().on_event(event)

    def hold_keys(self) -> None:
        """Let the keys after the one that is being handled wait until `release_keys`: what they do depends on it."""
        if self._held is None:
            self._held, self._held_after = [], self._key_time
            self._hold_timer = self.set_timer(HOLD_SEC, self.release_keys)

    async def release_keys(self) -> None:
        """The focus is where it should be: on with the keys that waited for it."""
        if self._hold_timer is not None:
            self._hold_timer.stop()
        held, self._held = self._held or [], None
        # Some may have been on their way to a widget and back when the others came straight.
        for event in sorted(held, key=lambda event: event.time):
            await self.on_event(event)

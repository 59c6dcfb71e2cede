"""Where this program wants something else of Textual than Textual does by itself."""

from rich.text import Text
from textual import events

from ui.crash import crash_line
from ui.theme import roles
from ui.widgets.diffout import DiffOutput

HOLD_SEC = 0.5
"""No key waits longer than this, whatever goes wrong."""


class Program(DiffOutput):
    """A crash tells no secrets, every theme has the roles of ours, and keys in a burst keep their order."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[events.Key] | None = None

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
        """Hold the keys that follow an enter which ends typing: they came for the rows, and would be typed as well."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if self._held is not None:
                self._held.append(event)
                return
            if event.key == "enter" and self.is_typing():
                self._held = []
                self.set_timer(HOLD_SEC, self.release_keys)
        await super().on_event(event)

    async def release_keys(self) -> None:
        """The focus is where it should be: on with the keys that waited for it."""
        held, self._held = self._held or [], None
        for event in held:
            await self.on_event(event)

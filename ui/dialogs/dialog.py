"""What every dialog is: a frame in the middle of the screen that esc, q and ctrl+c close."""

from typing import ClassVar, TypeVar

from textual.binding import BindingType
from textual.screen import ModalScreen

from ui.keys import key

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A modal screen; closing it without an answer gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [key("escape,q", "close", "Close", id="close", show=True)]

    def action_close(self) -> None:
        self.dismiss(None)

"""A line of a form: what it asks for, where that is typed or chosen, and below it why that cannot be used."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from ui.glyphs import glyphs_of
from ui.widgets.cells import plain, wrap
from ui.widgets.filterbar import FilterInput

LABEL = 14
"""The cells of a label."""


class PlainInput(FilterInput):
    """An input within a line of its own, without a frame."""

    def __init__(self, placeholder: str, *, most: int) -> None:
        super().__init__(placeholder=placeholder, max_length=most, compact=True, select_on_focus=False)


class SecretInput(Input):
    """An input that shows how much is typed and not what, and lets nothing of it be copied.

    Who comes back to it types it anew: what cannot be read cannot be mended.
    """

    def __init__(self, *, most: int) -> None:
        super().__init__(password=True, max_length=most, compact=True, select_on_focus=True)

    @property
    def _value(self) -> Text:
        # Textual's own dot is of a width that some terminals draw two cells wide.
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")

    def action_copy(self) -> None:
        """Nothing: what is hidden on the screen does not go to the clipboard."""

    def action_cut(self) -> None:
        """The same; what is selected is only deleted."""
        self.delete_selection()


class FormField(Vertical):
    """`control` is what the operator types into or chooses with."""

    DEFAULT_CSS = """
    FormField { height: auto; }
    FormField.-away { display: none; }
    FormField > Horizontal { height: 1; }
    FormField > Horizontal > Static { width: 14; color: $tone-dim; }
    FormField Input, FormField Input:focus {
        width: 1fr; height: 1; border: none; padding: 0; background: $panel;
    }
    FormField Input:focus { background: $cursor; }
    FormField Choice { background: $surface; }
    FormField > .complaint { display: none; color: $tone-crit; margin-left: 14; }
    FormField.-wrong > .complaint { display: block; }
    """

    def __init__(self, label: str, control: Widget) -> None:
        super().__init__()
        self.control = control
        self._label = Static(label, markup=False)
        self._complaint = Static("", markup=False, classes="complaint")
        self._lines: list[str] = []
        self._text = ""

    def compose(self) -> ComposeResult:
        yield Horizontal(self._label, self.control)
        yield self._complaint

    @property
    def lines(self) -> int:
        """How many lines it takes."""
        return 0 if self.has_class("-away") else 1 + len(self._lines)

    def rename(self, label: str) -> None:
        """It asks for something else now."""
        self._label.update(Content(label))

    def hide(self, *, away: bool) -> None:
        self.set_class(away, "-away")

    def complain(self, text: str, width: int) -> None:
        """Say below it why what is typed cannot be used; empty takes that back. `width` is that of the whole form."""
        lines = wrap(text, max(10, width - LABEL)) if text else []
        if lines != self._lines:
            self._lines = lines
            self._complaint.styles.height = len(lines)
            self._complaint.update(Content(glyphs_of(self.app).text("\n".join(map(plain, lines)))))
            self.set_class(bool(lines), "-wrong")

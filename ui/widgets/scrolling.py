"""What scrolls, with a bar that stands where it scrolled to."""

from textual.scroll_view import ScrollView


class Scrolling(ScrollView, inherit_bindings=False):
    """A ScrollView whose bar is right also after it scrolled while there was no bar, as when its first rows come; and
    which hides no row for which there is room.
    """

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_virtual_size(self) -> None:
        # Textual leaves it scrolled when what is left of it fits just so.
        if self.scroll_y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

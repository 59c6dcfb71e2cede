"""What scrolls, with a bar that stands where it scrolled to."""

from textual.scroll_view import ScrollView


class Scrolling(ScrollView, inherit_bindings=False):
    """A ScrollView whose bar is right also after it scrolled while there was no bar, as when its first rows come."""

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

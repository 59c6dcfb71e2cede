"""The palette (`:`): what can be said instead of pressed, such as `node web2`, `fs`, `theme nord`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ui.state import Fleet
from ui.views import VIEWS

_SAID = 10.0
"""The score of what was said in full: above all that only looks like it."""


class Command(NamedTuple):
    """What is typed, what it does, and how it is done. `help` is never a text from elsewhere: it is read as markup."""

    text: str
    help: str
    run: Callable[[], object]


class Commanded(Protocol):
    """What the commands need of the app."""

    fleet: Fleet
    theme: str

    @property
    def available_themes(self) -> Mapping[str, object]: ...
    async def action_view(self, name: str) -> None: ...
    def action_help(self) -> None: ...
    def action_pause(self) -> None: ...
    def choose(self, name: str) -> None: ...
    def log_names(self) -> Sequence[str]: ...
    async def open_log(self, name: str) -> None: ...
    def jump(self, text: str) -> None: ...
    def trust(self, name: str) -> None: ...
    def exit(self) -> None: ...


def commands(app: Commanded) -> Iterator[Command]:
    """All that can be said."""
    for view in VIEWS:
        yield Command(view.view, f"Open {view.title}", partial(app.action_view, view.view))
    for name in app.log_names():
        yield Command(f"logs {name}", "Show the lines of this log", partial(app.open_log, name))
    for name in app.fleet.names:
        yield Command(f"node {name}", "Show this node", partial(app.choose, name))
        if app.fleet.live(name).changed:
            yield Command(f"trust {name}", "Take the node that answers now for it", partial(app.trust, name))
    for theme in app.available_themes:
        yield Command(f"theme {theme}", "Other colours", partial(setattr, app, "theme", theme))
    yield Command("help", "The keys that do something here", app.action_help)
    yield Command("pause", "Pause the screen, or go on", app.action_pause)
    yield Command("quit", "Leave", app.exit)


def typed(app: Commanded, text: str) -> Iterator[Command]:
    """What is said with something of the operator's own in it: `jump 05:30`."""
    word, _, rest = text.partition(" ")
    if word == "jump" and rest.strip():
        yield Command(text, "Go to this time in the open log", partial(app.jump, rest.strip()))


class CommandsProvider(Provider):
    """Offers the commands. Names of nodes are shown as they are, never as markup."""

    async def discover(self) -> Hits:
        for command in commands(cast(Commanded, self.app)):
            yield DiscoveryHit(Content(command.text), command.run, text=command.text, help=command.help)

    async def search(self, query: str) -> Hits:
        wanted = query.strip().removeprefix(":")
        for command in typed(cast(Commanded, self.app), wanted):
            yield Hit(_SAID, Content(command.text), command.run, text=command.text, help=command.help)
        matcher = self.matcher(wanted)
        for command in commands(cast(Commanded, self.app)):
            # What begins as typed comes before what only holds the letters.
            score = matcher.match(command.text) + command.text.startswith(wanted)
            if score > 0:
                yield Hit(score, Content(command.text), command.run, text=command.text, help=command.help)

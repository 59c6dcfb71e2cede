from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _terminal_of_many_colours() -> Iterator[None]:
    """What a test sees does not depend on the terminal it is started from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLORTERM", "truecolor")
        patch.delenv("NO_COLOR", raising=False)
        yield

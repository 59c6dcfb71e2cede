"""One node, and someone who looks at it in a view."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.fakes.nodes import FakeNode
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import Looking, looking
from ui.settings import Ui

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]

Scene = Callable[[Looking, FakeNode], Awaitable[None]]


def play_in(
    key: str,
    scene: Scene,
    *,
    size: tuple[int, int] = (120, 36),
    ui: Ui = QUICK,
    trouble: bool = False,
    read_only: bool = False,
    set_up: Callable[[FakeNode], None] = lambda _: None,
) -> None:
    """The view of this key; what the node says may be changed before anybody looks."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            (in_trouble if trouble else says)(fake, "web1")
            set_up(fake)
            async with looking([("web1", fake.url)], ui=ui, size=size, read_only=read_only) as eye:
                await eye.press(key)
                await scene(eye, fake)

    asyncio.run(main())

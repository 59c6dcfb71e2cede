"""Someone at the form in which a Proxmox cluster is registered, and a node that hears what is sent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from textual.widgets import Button, Input

from etlmon.contract.clusters import CLUSTER_REGISTER, CLUSTER_TEST, CLUSTERS, ClusterProbe
from etlmon.contract.node import NODE_ID_HEADER
from tests.fakes.nodes import FakeNode
from tests.ui.estates import listing, pve
from tests.ui.hosts import says
from tests.ui.looking import Looking, looking
from ui.dialogs.register import RegisterDialog
from ui.settings import Ui
from ui.widgets.choice import Choice

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]
SECRET = "cafe-SECRET-비밀"  # noqa: S105
PROBE = ClusterProbe(
    proxmox_version="8.4.1", cluster_name="prod", node_count=3, nodes_online=3, guests_total=41, quorate=True,
    duration_ms=480.0, fingerprint=":".join(["4C", "D2"] * 16),
)  # fmt: skip


@dataclass
class Sent:
    """What was sent, and what the node says to it: a value, a Problem, or one after the other."""

    answers: list[Any]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    meant: list[str | None] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def __call__(self, request: web.Request) -> Any:
        self.bodies.append(json.loads(await request.text()))
        self.meant.append(request.headers.get(NODE_ID_HEADER))
        if self.gate is not None:
            await self.gate.wait()
        return self.answers[min(len(self.bodies), len(self.answers)) - 1]


@dataclass
class Stage:
    eye: Looking
    fake: FakeNode
    tests: Sent
    registers: Sent

    @property
    def dialog(self) -> RegisterDialog:
        screen = next(one for one in reversed(self.eye.app.screen_stack) if isinstance(one, RegisterDialog))
        assert isinstance(screen, RegisterDialog)
        return screen

    @property
    def is_open(self) -> bool:
        return any(isinstance(one, RegisterDialog) for one in self.eye.app.screen_stack)

    @property
    def do(self) -> Button:
        return self.dialog.query_one("#do", Button)

    def control(self, name: str) -> Input | Choice:
        control: Any = self.dialog._controls[name]  # type: ignore[index]
        assert isinstance(control, Input | Choice)
        return control

    def focused(self) -> str:
        """Which field the keys go into, or which button."""
        focused = self.dialog.focused
        names = [name for name, control in self.dialog._controls.items() if control is focused]
        return names[0] if names else (focused.id or "" if focused is not None else "")

    async def type(self, **fields: str) -> None:
        """Fill these fields, as if they had been typed and chosen."""
        for name, value in fields.items():
            control = self.control(name)
            if isinstance(control, Choice):
                control.choose(value)
            else:
                control.value = value
        await self.eye.pilot.pause()

    async def fill(self, **more: str) -> None:
        """A cluster with an API token, and nothing missing."""
        values = {
            "name": "서울-신규", "api_endpoint": "https://pve:8006", "username": "etlmon@pve", "token_name": "monitor",
            "secret": SECRET,
        }  # fmt: skip
        await self.type(**{**values, **more})

    async def press_do(self) -> None:
        """Press the button that tests, or registers."""
        # Textual takes no press of a button that still looks pressed from the one before.
        await self.eye.until(lambda: not self.do.has_class("-active"), "the button")
        self.dialog.set_focus(self.do)
        await self.eye.press("enter")

    async def test(self) -> None:
        """Test, and wait until that went well."""
        await self.press_do()
        await self.eye.until_shown("It answers:")


Scene = Callable[[Stage], Awaitable[None]]


def play(
    scene: Scene,
    *,
    size: tuple[int, int] = (120, 36),
    ui: Ui = QUICK,
    tests: list[Any] | None = None,
    registers: list[Any] | None = None,
    opened: bool = True,
    shown: bool = True,
    read_only: bool = False,
) -> None:
    """A node with one cluster; n was pressed, unless `opened` is False.

    With `shown` the rows have been on the screen before.
    """

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            says(fake, "web1")
            stage_tests, stage_registers = Sent(tests or [PROBE]), Sent(registers or [pve("서울-신규")])
            posts = {CLUSTER_TEST.path: stage_tests, CLUSTER_REGISTER.path: stage_registers}

            def clusters(request: web.Request) -> Any:
                post = posts.get(request.path) if request.method == "POST" else None
                return fake.answers["clusters"] if post is None else post(request)

            fake.answers["clusters"] = listing(pve())
            fake.answers[CLUSTERS.path] = clusters
            fake.answers[CLUSTER_TEST.path] = clusters
            async with looking([("web1", fake.url)], size=size, ui=ui, read_only=read_only) as eye:
                await eye.press("8")
                if shown:
                    await eye.until_shown("etl-prod")
                await eye.until(lambda: eye.app.fleet.live("web1").info is not None, "the node")
                eye.app.paint()
                if opened:
                    await eye.press("n")
                await scene(Stage(eye, fake, stage_tests, stage_registers))

    asyncio.run(main())

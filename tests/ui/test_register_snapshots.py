"""The form of a cluster and its questions, kept as text: `ETLMON_WRITE_SNAPSHOTS=1 pytest` writes them anew."""

from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.errors import AuthenticationFailed, BadGateway
from tests.ui.estates import NEW_PRINT, listing, pve
from tests.ui.registering import PROBE, Stage, play
from tests.ui.textsnap import screen_widths
from ui.settings import Ui

FILES = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 36)]
UNTRUSTED = BadGateway("x", reason="certificate", fingerprint=NEW_PRINT, endpoint="https://pve:8006")
REFUSED = AuthenticationFailed("Proxmox VE refused the token etlmon@pve!monitor: 401", reason="authentication")


async def missing(stage: Stage) -> None:
    await stage.press_do()


async def answered(stage: Stage) -> None:
    await stage.fill()
    await stage.test()


async def refused(stage: Stage) -> None:
    await stage.fill(auth="password")
    await stage.press_do()
    await stage.eye.until_shown("401")


async def untrusted(stage: Stage) -> None:
    await stage.fill()
    await stage.press_do()
    await stage.eye.until_shown("Trust it")


async def changed(stage: Stage) -> None:
    await stage.eye.press("escape")
    stage.fake.answers["clusters"] = listing(pve(status="unhealthy", seen_fingerprint=NEW_PRINT))
    await stage.eye.until_shown("unhealthy")
    await stage.eye.press("C")


async def forgotten(stage: Stage) -> None:
    await stage.eye.press("escape", "d")


SCREENS: dict[str, tuple[Any, list[Any] | None]] = {
    "register-missing": (missing, None),
    "register-tested": (answered, [PROBE]),
    "register-refused": (refused, [REFUSED]),
    "register-untrusted": (untrusted, [UNTRUSTED]),
    "cluster-trust": (changed, None),
    "cluster-forget": (forgotten, None),
}
SHOWN = [(name, False) for name in SCREENS] + [("register-tested", True)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "ascii_only"), SHOWN, ids=lambda value: {True: "ascii", False: "unicode"}.get(value, value)
)
def test_the_form_looks_as_it_did(name: str, ascii_only: bool, size: tuple[int, int]) -> None:
    prepare, tests = SCREENS[name]

    async def scene(stage: Stage) -> None:
        await prepare(stage)
        for control in stage.eye.app.screen.query("Input"):
            control.cursor_blink = False  # type: ignore[attr-defined]
        await stage.eye.pilot.pause()
        assert screen_widths(stage.eye.app) == {size[0]}
        suffix = "-ascii" if ascii_only else ""
        await stage.eye.looks_like(FILES / f"{name}-{size[0]}x{size[1]}{suffix}.txt")

    play(scene, size=size, tests=tests, ui=Ui(refresh_interval=0.1, health_interval=0.2, ascii=ascii_only))  # type: ignore[arg-type]

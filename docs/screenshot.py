"""`make screenshot`: the pictures in README, of the real screens over the demo's node.

The app runs headless at 120x36, exports SVG, and chromium (which lays out Korean and box characters as a terminal
does) turns it into PNG under docs/images/.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from etlmon.demo import NODE_YAML, demo_node
from ui.app import EtlmonApp
from ui.settings import NodeAddress, UiSettings

IMAGES = Path(__file__).parent / "images"
SIZE = (120, 36)
SHOTS = {
    "overview": ("1",),
    "fs": ("2",),
    "paths": ("3",),
    "paths-detail": ("3", "j", "enter"),
    "log": ("escape", "4", "enter"),
    "processes": ("escape", "5"),
    "cron": ("6",),
    "xferlog": ("7",),
}
SETTLE_SEC = 40.0
# What happens to be mounted below /mnt and /tmp on the machine that takes the pictures is not for everybody.
WELL = (
    NODE_YAML
    + """\
fs: {{exclude_mounts: ["/mnt/*", "/tmp/*"]}}
"""
)
TROUBLED = (
    NODE_YAML
    + """\
  - {{path: /data/in, name: partner feed, scan_interval: 5s}}
fs:
  exclude_mounts: ["/mnt/*", "/tmp/*"]
  warn_percent: 15
  expect:
    - {{mount: /data, fstype: nfs4, source: "nas:/export"}}
"""
)
SILENT = "http://127.0.0.1:9"


async def take(well: str, troubled: str) -> dict[str, str]:
    """The SVG text of each shot, once the nodes have been watched for a while."""
    nodes = {"prod-etl-01": well, "dw-load-02": troubled, "서울-수집-01": SILENT}
    settings = UiSettings(nodes=tuple(NodeAddress(name=name, address=address) for name, address in nodes.items()))
    app = EtlmonApp(settings)
    shots: dict[str, str] = {}
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(SETTLE_SEC)
        for name, keys in SHOTS.items():
            await pilot.press(*keys)
            await asyncio.sleep(3)
            shots[name] = app.export_screenshot(title="etlmon ui")
    return shots


def to_png(svg: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "shot.svg"
        source.write_text(svg, encoding="utf-8")
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--hide-scrollbars",
                "--window-size=1482,926",
                f"--user-data-dir={directory}/profile",
                f"--screenshot={target}",
                f"file://{source}",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    with demo_node(WELL) as well, demo_node(TROUBLED) as troubled:
        for name, svg in asyncio.run(take(well, troubled)).items():
            to_png(svg, IMAGES / f"{name}.png")
            print(IMAGES / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make screenshot`: the pictures in README, of the real screens over the demo's node.

Those of what must have been watched for an hour are taken over nodes that are made up.

The app runs headless at 120x36, exports SVG, and chromium (which lays out Korean and box characters as a terminal
does) turns it into PNG under docs/images/.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etlmon.demo import NODE_YAML, demo_node
from tests.fakes.dataproc import fake_dataproc
from tests.fakes.dataproc_estate import Estate, Region, cluster, job
from tests.fakes.nodes import FakeNode
from tests.fakes.proxmox import PASSWORD, fake_proxmox
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import looking
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
    "clusters": ("8",),
}
OF_A_PAST = {
    "alerts": ("9",),
    "host": ("0",),
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
CLOUDS = """
clusters:
  static:
    - {{{{name: prod-pve, api_endpoint: '{proxmox.url}', username: root@pam, password: '{password}', tls: {{{{verify: fingerprint, fingerprint: '{proxmox.fingerprint}'}}}}}}}}
    - {{{{name: 서울-pve, api_endpoint: '{ill.url}', username: root@pam, password: '{password}', tls: {{{{verify: fingerprint, fingerprint: '{ill.fingerprint}'}}}}}}}}
dataproc:
  enabled: true
  accounts:
    - {{{{name: data, credentials_file: {key}, projects: [data-prod], endpoint: '{google.endpoint}', compute_endpoint: '{google.compute}', insecure: true}}}}
"""  # noqa: E501
SILENT = "http://127.0.0.1:9"


@contextmanager
def clouds() -> Iterator[str]:
    """Clusters to be seen in the pictures, and how a node is told of them."""
    now = datetime.now(UTC)
    seoul, tokyo = "asia-northeast3", "asia-northeast1"
    estate = Estate.of(
        {
            "data-prod": {
                seoul: Region(
                    clusters=[
                        cluster("etl-nightly", since=now - timedelta(hours=9)),
                        cluster("etl-adhoc", since=now - timedelta(days=12)),
                    ],
                    jobs=[job("load-sales", "etl-nightly", "RUNNING", at=now - timedelta(minutes=14))],
                ),
                tokyo: Region(clusters=[cluster("warehouse", "CREATING", since=now - timedelta(hours=2))]),
            }
        }
    )
    with (
        fake_proxmox() as proxmox,
        fake_proxmox() as ill,
        fake_dataproc(estate) as google,
        tempfile.TemporaryDirectory() as folder,
    ):
        ill.state.node("pve2").online = False
        key = google.key_file(Path(folder))
        yield CLOUDS.format(proxmox=proxmox, ill=ill, google=google, key=key, password=PASSWORD)


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


async def take_of_a_past() -> dict[str, str]:
    """The SVG text of the shots for which a node must have been watched for an hour."""
    shots: dict[str, str] = {}
    async with FakeNode(node_id="id-1") as well, FakeNode(node_id="id-2") as troubled:
        says(well, "prod-etl-01")
        in_trouble(troubled, "dw-load-02")
        async with looking([("prod-etl-01", well.url), ("dw-load-02", troubled.url)], size=SIZE) as eye:
            await eye.press("right_square_bracket")
            for name, keys in OF_A_PAST.items():
                await eye.press(*keys)
                await asyncio.sleep(3)
                shots[name] = eye.app.export_screenshot(title="etlmon ui")
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
    with clouds() as more, demo_node(WELL + more) as well, demo_node(TROUBLED) as troubled:
        shots = asyncio.run(take(well, troubled))
    for name, svg in (shots | asyncio.run(take_of_a_past())).items():
        to_png(svg, IMAGES / f"{name}.png")
        print(IMAGES / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())

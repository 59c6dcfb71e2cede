"""The page that shows the API."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from node.settings import NodeSettings
from tests.peers import program
from tests.serving import serving


def test_the_root_leads_to_the_page_and_the_page_to_its_files(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            async with node.session.get("/") as answer:
                page = await answer.text()
                assert (answer.url.path, answer.content_type) == ("/api/v1/docs", "text/html")
            links = re.findall(r'(?:src|href)="([^"]+)"', page)
            assert len(links) == 5
            for link in links:
                async with node.session.get(link) as answer:
                    assert (answer.status, await answer.read() != b"") == (200, True), link
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
            async with node.session.get("/api/v1/docs/start.js") as answer:
                assert '"/api/v1/openapi.json"' in await answer.text()

    asyncio.run(main())


def test_the_page_names_nothing_outside_and_holds_no_script_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, node.session.get("/api/v1/docs") as answer:
            page = await answer.text()
            assert not re.search(r"https?://|//[a-z]", page)
            assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy

    asyncio.run(main())


@pytest.mark.peer("chromium")
def test_a_browser_without_a_network_shows_every_endpoint(tmp_path: Path) -> None:
    chromium = program("chromium")
    profile = tmp_path / "profile"

    async def main() -> str:
        async with serving(tmp_path, NodeSettings()) as node:
            browser = await asyncio.create_subprocess_exec(
                chromium,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
                *(f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom", f"{node.url}/api/v1/docs"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            output, _ = await asyncio.wait_for(browser.communicate(), 100)
            return output.decode()

    dom = asyncio.run(main())
    shutil.rmtree(profile, ignore_errors=True)
    shown = [path.replace("\u200b", "") for path in re.findall(r'data-path="([^"]+)"', dom)]
    assert "/api/v1/fs/history" in shown
    assert "/api/v1/admin/reload" in shown
    assert "OAS 3.1" in dom

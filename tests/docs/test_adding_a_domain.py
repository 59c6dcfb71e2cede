"""The page about adding a domain is followed to the letter, in a copy of the sources, and the domain is there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tests.node.processes import NodeUnderTest, wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/adding-a-domain.md"
_STEP = re.compile(
    r"^`(?P<path>[\w./]+)`\n|^```(?P<kind>python|sql|diff)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def steps() -> Iterator[tuple[str, str, str]]:
    """(path, kind, text) of each block, in the order of the page: a whole file, or a change to one."""
    path = ""
    for found in _STEP.finditer(PAGE.read_text(encoding="utf-8")):
        if found["path"]:
            path = found["path"]
        else:
            yield path, found["kind"], found["text"]


def change(text: str, diff: str) -> str:
    """The text with the lines of the diff put in the place of those that it takes away."""
    lines = diff.splitlines()
    before = "\n".join(line[1:] for line in lines if line[0] in " -")
    after = "\n".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"the page changes lines that are not there:\n{before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product with what the page says done to it."""
    copy = tmp_path_factory.mktemp("sources")
    for package in ("etlmon", "node", "ui"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, kind, text in steps():
        file = copy / path
        if kind == "diff":
            file.write_text(change(file.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            assert not file.exists(), f"{path} is there already"
            file.write_text(text, encoding="utf-8")
    return copy


@pytest.fixture
def host(sources: Path, tmp_path: Path) -> Iterator[NodeUnderTest]:
    environment = {"PYTHONPATH": str(sources), "ETLMON_NODE__DB_PATH": str(tmp_path / "etlmon.db")}
    command = [sys.executable, "-m", "etlmon", "node", "-c", str(tmp_path / "node.yaml")]
    (tmp_path / "node.yaml").write_text("node: {listen: 127.0.0.1:0}\nrefresh: {host: 1s}\n", encoding="utf-8")
    started = NodeUnderTest(command, tmp_path / "node.log", environment, folder=sources)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def test_the_new_domain_answers_over_http_and_is_described(host: NodeUnderTest) -> None:
    def names() -> set[str]:
        return {row["name"] for row in host.get("/api/v1/interfaces")[1]}

    wait_until(lambda: "lo" in names())
    assert "/api/v1/interfaces" in host.get("/api/v1/openapi.json")[1]["paths"]


@pytest.mark.peer("tmux")
def test_the_new_view_shows_it(host: NodeUnderTest, sources: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-m", "etlmon", "ui", "--node", host.address],
        width=120,
        height=36,
        env={"PYTHONPATH": str(sources), "XDG_CONFIG_HOME": "/dev/null"},
        folder=sources,
    )
    try:
        terminal.wait_for("Net")
        terminal.keys("I")
        terminal.wait(lambda screen: "INTERFACE" in screen and "lo " in screen, "the loopback interface")
    finally:
        terminal.close()


@pytest.mark.parametrize(
    "check", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["lint-imports"]], ids=lambda check: check[0]
)
def test_what_the_page_adds_passes_the_house_s_checks(sources: Path, check: list[str]) -> None:
    tool = Path(sys.executable).parent / check[0]
    done = subprocess.run(
        [tool, *check[1:]],
        cwd=sources,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(sources)},
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""README and docs lead to what is there, and quote what the program says."""

import re
from pathlib import Path

import pytest

from etlmon.cli import build_parser

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = "\n".join(
    file.read_text(encoding="utf-8")
    for package in ("etlmon", "node", "ui")
    for file in sorted((ROOT / package).rglob("*.py"))
)
PLACEHOLDER = re.compile(r" ?\.\.\.|\bN\b|\bNAME\b")
"""What stands in a quote for what differs from time to time."""


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures that lead into the sources."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if not target.startswith("https://")]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def troubles() -> list[str]:
    """Each thing the Troubleshooting table quotes as seen."""
    table = README.read_text(encoding="utf-8").split("## Troubleshooting\n")[1].split("\n## ")[0]
    seen = re.findall(r"^\| (?!-|you see)([^|]+) \|", table, re.MULTILINE)
    return [quote for cell in seen for quote in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_there_is_no_picture_that_no_page_shows() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set((ROOT / "docs/images").iterdir()) - shown == set()


def test_the_table_quotes_something() -> None:
    assert len(troubles()) > 6


@pytest.mark.parametrize("quote", troubles())
def test_what_troubleshooting_quotes_is_what_the_program_says(quote: str) -> None:
    parts = [part.strip(" ()") for part in PLACEHOLDER.split(quote) if part.strip(" ()")]
    assert parts
    assert [part for part in parts if part not in SOURCE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_code_block_is_one_the_program_takes(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```(?:sh|text)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    for line in lines:
        if command := re.match(r"etlmon ([^#|>&]*)", line):
            try:
                build_parser().parse_args(command[1].split())
            except SystemExit:
                pytest.fail(f"{line}: {capsys.readouterr().err}")


def test_every_target_of_make_that_readme_names_is_there() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?=`|$)", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= there

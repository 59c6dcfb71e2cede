"""docs/cli.md has every command and every option, and what it shows is what is printed."""

import json
import re
from pathlib import Path

import msgspec

from etlmon.cli import build_parser
from etlmon.completion import describe
from ui.status import NodeReport, ProblemReport, StatusReport

TEXT = (Path(__file__).resolve().parents[2] / "docs/cli.md").read_text(encoding="utf-8")
COMMANDS = list(describe(build_parser(), ("etlmon",)).walk())


def section(words: tuple[str, ...]) -> str:
    return TEXT.partition(f"\n## {' '.join(words)}\n")[2].partition("\n## ")[0]


def test_every_command_has_a_row_and_a_section() -> None:
    names = [" ".join(command.words) for command in COMMANDS if not command.commands]
    table = TEXT.partition("\n## ")[0]
    assert re.findall(r"^\| `(etlmon[\w ]+)` \|", table, re.MULTILINE) == names
    assert [name for name in re.findall(r"^## (etlmon .+)$", TEXT, re.MULTILINE) if name != "etlmon"] == names


def test_every_option_stands_in_its_command_s_section_and_no_other_does() -> None:
    for command in COMMANDS:
        if command.commands:
            continue
        said = set(re.findall(r"`(--?[\w-]+)", "\n".join(re.findall(r"^\| (.+?) \|", section(command.words), re.M))))
        assert said == {name for option in command.options for name in option.names} - {"-h", "--help"}, command.words


def test_the_json_document_has_the_fields_that_are_printed() -> None:
    shown = json.loads(TEXT.partition("```json\n")[2].partition("```")[0])
    for example, type_ in (
        (shown, StatusReport),
        (shown["nodes"][0], NodeReport),
        (shown["nodes"][0]["problems"][0], ProblemReport),
    ):
        assert list(example) == [field.encode_name for field in msgspec.structs.fields(type_)]

"""Whatever stands in a file: it loads, or ConfigError says why."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlmon.clean import clean
from etlmon.config import ConfigError, load
from etlmon.config.document import parse_document
from node import checks
from node.settings import PENDING, NodeSettings

DATA = Path(__file__).resolve().parents[1] / "data/config"
KEYS = st.sampled_from(
    [
        *NodeSettings.__struct_fields__,
        "listen",
        "path",
        "warn_percent",
        "max_age",
        "events",
        "expect",
        "mount",
        "<<",
        "x",
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["${X}", "${", "$${", "5m", "/x", "127.0.0.1:80", "*a", "!!x y", "1:30", "~"]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
# Pieces of YAML in any order find more corners of the scanner than random text.
PIECES = st.lists(
    st.sampled_from(
        ["node", "paths", ": ", ":\n", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: ", "!!str ", "!x ",
         "|", ">", '"', "'", "\\", "\t", "#", "%YAML 1.1\n", "---\n", "...\n", "? ", "x", "1", "\x85", "\ufeff",
         "\u2028", "한", "%TAG ! x\n"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def loads_or_says_why(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "node.yaml"
        file.write_bytes(content)
        try:
            loaded = load(file, NodeSettings, env={"X": "1"}, pending=PENDING, check=checks.check)
        except ConfigError as error:
            findings = error.findings
        else:
            assert isinstance(loaded.settings, NodeSettings)
            return
    assert findings
    assert all(finding.message and clean(str(finding)) == str(finding) for finding in findings)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes(content: bytes) -> None:
    loads_or_says_why(content)


@given(st.text(max_size=200) | PIECES)
@settings(max_examples=300, deadline=None)
def test_random_text_and_scraps_of_yaml(text: str) -> None:
    loads_or_says_why(text.encode(errors="replace"))


@given(st.dictionaries(KEYS, TREES, max_size=4))
@settings(max_examples=200, deadline=None)
def test_well_formed_documents_with_the_wrong_content(document: Any) -> None:
    loads_or_says_why(yaml.safe_dump(document, allow_unicode=True).encode(errors="replace"))


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_good_file_with_one_scratch(data: st.DataObject) -> None:
    text = (DATA / "node-every-section.yaml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    loads_or_says_why(text[:start] + data.draw(st.binary(max_size=5)) + text[start + length :])


@pytest.mark.parametrize(
    "text", ["a: *a", "%YAML 9" + "9" * 5000 + ".1\n---\na: 1", '"\\', "!<", "%", "&", "*", "a: !", "\x85"]
)
def test_known_traps_of_the_scanner(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_document(text, "x.yaml")

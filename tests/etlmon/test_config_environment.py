"""Values from the environment and from other files."""

import os
from pathlib import Path

import pytest

from etlmon.config import ConfigError, Loaded, load
from etlmon.config.references import LARGEST_FILE_BYTES
from etlmon.units import Duration
from node.settings import PENDING, NodeSettings
from ui.settings import UiSettings


def read(tmp_path: Path, text: str, **env: str) -> Loaded[NodeSettings]:
    file = tmp_path / "node.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, NodeSettings, env=env, pending=PENDING)


def problems(tmp_path: Path, text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **env)
    return [str(finding).removeprefix(f"{tmp_path}/") for finding in caught.value.findings]


def test_a_reference_is_replaced_wherever_text_or_a_value_stands(tmp_path: Path) -> None:
    text = 'node:\n  listen: "${HOST}:${PORT}"\n  node_name: ${NAME}\n'
    text += 'fs: {warn_percent: "${WARN}", probe_timeout: "${T}s"}\n'
    settings = read(tmp_path, text, HOST="127.0.0.1", PORT="9", NAME="서울-1", WARN="75.5", T="4").settings
    assert (settings.node.listen, settings.node.node_name) == ("127.0.0.1:9", "서울-1")
    assert (settings.fs.warn_percent, settings.fs.probe_timeout) == (75.5, Duration(4))


def test_what_a_reference_brings_is_not_looked_at_again(tmp_path: Path) -> None:
    settings = read(tmp_path, "node: {node_name: '${A}'}", A="${B}: [x]\n").settings
    assert settings.node.node_name == "${B}: [x]\n"


@pytest.mark.parametrize(
    ("written", "meant"), [("$${HOME}", "${HOME}"), ("$HOME", "$HOME"), ("a$$b", "a$$b"), ("$", "$"), ("{x}", "{x}")]
)
def test_dollars_that_are_no_reference_stay(written: str, meant: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"node: {{node_name: '{written}'}}").settings.node.node_name == meant


def test_a_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b" s3cret \r\n")
    assert read(tmp_path, f"node: {{node_name: '${{file:{secret}}}'}}").settings.node.node_name == " s3cret "


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("${NOPE}", "the environment variable NOPE is not set"),
        ("${}", "`${}` names no environment variable; write `$${` for the characters `${` themselves"),
        ("${A:-b}", "`${A:-b}` names no environment variable"),
        ("${open", "a `${` has no `}`; write `$${` for the characters themselves"),
        ("${file:}", "`${file:}` must name an absolute path"),
        ("${file:secret}", "`${file:secret}` must name an absolute path"),
        ("${file:/nonexistent/x}", "the file /nonexistent/x can not be read: there is no such file"),
        ("${file:/proc}", "the file /proc can not be read: it is a directory; name a file"),
        ("${file:/dev/zero}", "the file /dev/zero can not be read: it is not a regular file"),
        ("${BYTES}", "the environment variable BYTES holds what can not stand in text"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_problem(written: str, problem: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, f"\nnode: {{node_name: '{written}'}}", BYTES=os.fsdecode(b"\xff"))
    assert found.startswith(f"node.yaml:2: node.node_name: {problem}")


def test_every_bad_reference_of_a_value_is_named(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "node: {node_name: '${A}${B}'}")) == 2


def test_a_file_too_large_or_not_text_is_a_problem(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    text = f"node: {{node_name: '${{file:{secret}}}'}}"
    secret.write_bytes(b"x" * (LARGEST_FILE_BYTES + 1))
    assert "is larger than 64 KiB" in problems(tmp_path, text)[0]
    secret.write_bytes(b"\xff\xfe")
    assert "holds what can not stand in text" in problems(tmp_path, text)[0]


def test_a_value_from_outside_is_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2", encoding="utf-8")
    text = f'fs: {{warn_percent: "${{S}}", probe_timeout: "${{file:{secret}}}"}}\nlogging: {{level: "${{S}}"}}'
    found = problems(tmp_path, text, S="hunter2")
    assert found[0] == 'node.yaml:1: fs.warn_percent: what stands behind "${S}" is not a number from 0 to 100'
    assert len(found) == 3
    assert "hunter2" not in "".join(found)


def test_an_override_beats_the_file_and_the_default(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "node: {listen: 127.0.0.1:1}\n",
        ETLMON_NODE__LISTEN="127.0.0.1:2",
        ETLMON_NODE__NODE_NAME="123",
        ETLMON_FS__INCLUDE_NETWORK="no",
        ETLMON_FS__PROBE_TIMEOUT="3s",
        ETLMON_RETENTION__EVENTS__MAX_AGE="7d",
        ETLMON_LOGGING__FILE="/tmp/x.log",
    ).settings
    assert (settings.node.listen, settings.node.node_name) == ("127.0.0.1:2", "123")
    assert (settings.fs.include_network, settings.fs.probe_timeout) == (False, Duration(3))
    assert (settings.retention.events.max_age, settings.retention.events.max_rows) == (Duration(7 * 86_400), 100_000)
    assert settings.logging.file == "/tmp/x.log"


def test_overrides_work_without_a_file() -> None:
    settings = load(None, UiSettings, env={"ETLMON_UI__ASCII": "true", "ETLMON_UI__KEYS__QUIT": "x"}).settings
    assert settings.ui.ascii is True
    assert settings.ui.keys == {"quit": "x"}


def test_an_empty_override_counts_as_not_set(tmp_path: Path) -> None:
    assert read(tmp_path, "{}", ETLMON_NODE__LISTEN="").settings == NodeSettings()


def test_an_override_may_hold_a_reference(tmp_path: Path) -> None:
    assert read(tmp_path, "{}", ETLMON_NODE__NODE_NAME="${X}-1", X="a").settings.node.node_name == "a-1"


def test_variables_of_no_section_are_left_alone(tmp_path: Path) -> None:
    others = {"ETLMON_REQUIRE_PEERS": "1", "ETLMON_NODE": "x", "ETLMON_NODE_NAME": "x", "ETLMON_UI__ASCII": "true",
              "NODE__LISTEN": "x", "ETLMON_": "x", "ETLMON___": "x"}  # fmt: skip
    assert read(tmp_path, "{}", **others).settings == NodeSettings()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ETLMON_NODE__LISTN", "x", "names no setting; did you mean ETLMON_NODE__LISTEN?"),
        ("ETLMON_NODE__", "x", "names no setting; known here: ETLMON_NODE__LISTEN, ETLMON_NODE__NODE_NAME"),
        ("ETLMON_NODE__LISTEN__PORT", "1", "names no setting; did you mean ETLMON_NODE__LISTEN?"),
        ("ETLMON_PATHS__0__PATH", "/x", "names an item of a list; lists are set in the file alone"),
        ("ETLMON_FS__EXPECT", "x", "names a list; lists are set in the file alone"),
        (
            "ETLMON_RETENTION__EVENTS",
            "7d",
            "names a group of settings; name one of them, for example ETLMON_RETENTION__EVENTS__MAX_AGE",
        ),
        ("ETLMON_FS__WARN_PERCENT", "150", "fs.warn_percent: 150 is not a number from 0 to 100"),
        ("ETLMON_NODE__NODE_NAME", os.fsdecode(b"\xff"), "holds what can not stand in text"),
        ("ETLMON_NODE__NODE_NAME", "${NOPE}", "node.node_name: the environment variable NOPE is not set"),
    ],
)
def test_an_override_that_can_not_be_is_a_problem_under_its_own_name(
    name: str, value: str, problem: str, tmp_path: Path
) -> None:
    (found,) = problems(tmp_path, "{}", **{name: value})
    assert found.startswith(f"{name}: {problem}")


def test_an_override_of_a_section_that_is_no_mapping_leaves_the_file_s_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, "node: 5", ETLMON_NODE__LISTEN="127.0.0.1:1") == ["node.yaml:1: node: 5 is not a mapping"]


def test_an_override_of_a_reserved_part_warns(tmp_path: Path) -> None:
    loaded = read(tmp_path, "{}", ETLMON_LOADTESTS__CHANNELS__X="1")
    assert [str(warning) for warning in loaded.warnings] == [
        "ETLMON_LOADTESTS__CHANNELS__X: loadtests: has no effect in this version"
    ]

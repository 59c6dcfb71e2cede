"""Files that are no configuration are refused with what is wrong with them; nothing in a file can do harm."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from etlmon.config import ConfigError, load, sections
from etlmon.config.document import DEEPEST, LARGEST_BYTES
from etlmon.units import Duration
from node.settings import NodeSettings


def problems(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, NodeSettings, env={})
    return [str(finding) for finding in caught.value.findings]


def write(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "node.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    assert problems(file) == [f"{file}: can not be read: there is no such file"]


def test_a_directory_is_said_to_be_one(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: can not be read: it is a directory; name a file"]


@pytest.mark.peer("root")
def test_a_file_that_may_not_be_read_says_for_whom(tmp_path: Path) -> None:
    file = write(tmp_path, "node: {}")
    file.chmod(0o600)
    tmp_path.chmod(0o755)
    code = textwrap.dedent(f"""\
        import os, pathlib
        from etlmon.config import ConfigError, load
        from node.settings import NodeSettings
        os.setgid(65534); os.setuid(65534)
        try: load(pathlib.Path({str(file)!r}), NodeSettings, env={{}})
        except ConfigError as error: print(error)
    """)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and str(parent) != "/":
            parent.chmod(parent.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{file}: can not be read: user id 65534 may not read it; change its owner or mode"


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)
    assert problems(file) == [f"{file}: can not be read: it is not a regular file"]
    assert problems(Path("/dev/zero")) == ["/dev/zero: can not be read: it is not a regular file"]


def test_a_name_with_a_nul_is_refused() -> None:
    (problem,) = problems(Path("a\0b"))
    assert problem.startswith("a·b: can not be read:")


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    file = write(tmp_path, b"node:\n  node_name: \xff\xfe\n")
    assert problems(file) == [f"{file}:2: byte 0xff is not UTF-8; save the file as UTF-8"]


def test_utf16_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, "node: {}".encode("utf-16")))
    assert "is not UTF-8" in problem


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, b"#" * (LARGEST_BYTES + 1))
    assert problems(file) == [f"{file}: is larger than 1 MiB: this is no configuration of etlmon"]
    file.write_bytes(b"#" * LARGEST_BYTES)
    assert load(file, NodeSettings, env={}).settings == NodeSettings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("node:\n\tlisten: x\n", ":2: is not YAML: a tab stands where only spaces may; indent with spaces"),
        ("node: {listen: x\n", ":2: is not YAML: expected ',' or '}', but got '<stream end>'"),
        ("node:\n  listen: a: b\n", ":2: is not YAML: a second `: ` in one line, or a wrong indentation"),
        ("a: 1\n---\nb: 2\n", ":2: is not one document: `---` may stand only once"),
        ("a: *nobody\n", ":1: is not YAML: found undefined alias 'nobody'"),
        ('a: "\\UFFFFFFFF"\n', ": is not YAML: "),
        ("a: \x07\n", ":1: the character U+0007 may not stand in YAML; remove it"),
        ("- a\n- b\n", ":1: the file holds no keys; write for example `node:`"),
        ("just text\n", ":1: the file holds no keys; write for example `node:`"),
        ("node: !foo {}\n", ":1: node: the tag !foo means nothing here; remove it"),
        ("node: !!python/object:os.system {}\n", ":1: node: the tag tag:yaml.org,2002:python/object:os.system means"),
        ("node: !!set {a}\n", ":1: node: the tag tag:yaml.org,2002:set means nothing here"),
        ('node: {node_name: "a\\0b"}\n', ":1: node.node_name: holds what can not stand in text"),
        ('node: {node_name: "\\uD800"}\n', ":1: node.node_name: holds what can not stand in text"),
        ("node: {<<: 5}\n", ":1: node: `<<` takes a mapping or a list of mappings"),
        ("&a node: *a\n", ":1: node: "),
        ("node: &a {listen: *a}\n", ":1: node.listen: holds an alias of itself"),
        (f"node: {'[' * (DEEPEST + 5)}{']' * (DEEPEST + 5)}\n", f"is nested more than {DEEPEST} levels deep"),
        ("[" * 100_000, ": is nested too deeply to be read"),
    ],
)
def test_what_is_no_yaml_of_ours_is_named_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    found = problems(write(tmp_path, text))
    assert any(problem in one for one in found), found


def test_anchors_aliases_and_merge_keys_work(tmp_path: Path) -> None:
    text = """\
paths:
  - &common {path: /a, max_depth: 5, timeout: 10s}
  - {<<: *common, path: /b}
  - {path: /c, <<: [{timeout: 1m}, *common]}
fs: &fs {exclude_mounts: [&snap "/snap/*", *snap]}
"""
    paths = load(write(tmp_path, text), NodeSettings, env={}).settings.paths
    assert [(path.path, path.max_depth, path.timeout) for path in paths] == [
        ("/a", 5, Duration(10)),
        ("/b", 5, Duration(10)),
        ("/c", 5, Duration(60)),
    ]


def test_a_problem_behind_an_alias_is_named_at_every_place_it_reaches(tmp_path: Path) -> None:
    text = "paths:\n  - &a {path: x}\n  - *a\n"
    file = write(tmp_path, text)
    assert problems(file) == [
        f'{file}:2: paths[0].path: "x" is not an absolute path',
        f'{file}:2: paths[1].path: "x" is not an absolute path',
    ]


def test_aliases_that_explode_are_stopped(tmp_path: Path) -> None:
    lines = ["logs:", "  - &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  - &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    file = write(tmp_path, "\n".join(lines))
    started = time.process_time()
    found = problems(file)
    assert time.process_time() - started < 10
    assert len(found) == 1
    assert "holds more than 100,000 values, aliases written out" in found[0]


def test_the_sections_of_a_file_are_told_in_its_order(tmp_path: Path) -> None:
    assert sections(write(tmp_path, "paths: []\nnode: {}\n")) == ["paths", "node"]

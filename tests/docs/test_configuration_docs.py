"""docs/configuration.md and the two samples describe every setting there is, as it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from etlmon.config import load
from etlmon.config.words import describe, some
from node import checks
from node.settings import PENDING, NodeSettings
from ui import settings as ui_settings
from ui.settings import UiSettings

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([\w.\[\]]+)` \| ([^|]+) \| (`[^`]*`|required) \| (.+) \|$", re.MULTILINE)
COMMENTED_SETTING = re.compile(r"^#(?=\S|  )", re.MULTILINE)
REQUIRED: dict[str, dict[str, str]] = {
    "fs.expect[]": {"mount": "/m"},
    "paths[]": {"path": "/p"},
    "logs[]": {"name": "n", "path": "/p"},
    "logs[].multiline": {"start": "s"},
    "logs[].match[]": {"name": "m", "pattern": "p"},
    "process_watch[]": {"match": "w"},
    "clusters.static[]": {"name": "n", "api_endpoint": "h", "username": "u@pam"},
    "clusters.static[].tls": {},
    "dataproc.accounts[]": {"name": "n"},
    "alerts.channels[]": {"name": "c", "type": "slack"},
    "nodes[]": {"address": "h:1"},
}
"""What must be given in a mapping that is given at all."""

KINDS: list[tuple[str, type[msgspec.Struct], Any]] = [
    ("node.yaml", NodeSettings, checks.check),
    ("ui.yaml", UiSettings, ui_settings.check),
]


def settings_of(type_: inspect.Type, path: str = "") -> Iterator[tuple[str, inspect.Field]]:
    """Every key of a configuration with its full path; a list's items stand behind `[]`."""
    if isinstance(type_, inspect.UnionType):
        yield from settings_of(some(type_), path)
    elif isinstance(type_, inspect.StructType):
        for field in type_.fields:
            below = f"{path}.{field.encode_name}" if path else field.encode_name
            if below in PENDING:
                continue
            if not isinstance(field.type, inspect.StructType):
                yield below, field
            yield from settings_of(field.type, below)
    elif isinstance(type_, inspect.VarTupleType):
        yield from settings_of(type_.item_type, f"{path}[]")


def documented(title: str) -> dict[str, tuple[str, str, str]]:
    section = REFERENCE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = ROW.findall(section)
    assert len({key for key, *_ in rows}) == len(rows), "a key stands twice"
    return {key: (kind, default.strip("`").replace("\\|", "|"), meaning) for key, kind, default, meaning in rows}


def at(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        value = getattr(value, part.removesuffix("[]"))
        value = value[0] if part.endswith("[]") else value
    return value


@pytest.mark.parametrize(("title", "type_", "_check"), KINDS)
def test_the_reference_has_every_key_and_no_other(title: str, type_: type[msgspec.Struct], _check: Any) -> None:
    assert set(documented(title)) == {path for path, _ in settings_of(inspect.type_info(type_))}


@pytest.mark.parametrize(("title", "type_", "_check"), KINDS)
def test_the_reference_names_every_type_as_messages_do(title: str, type_: type[msgspec.Struct], _check: Any) -> None:
    rows = documented(title)
    said = {path: rows[path][0] for path, _ in settings_of(inspect.type_info(type_))}
    assert said == {path: describe(field.type) for path, field in settings_of(inspect.type_info(type_))}


@pytest.mark.parametrize(("title", "type_", "_check"), KINDS)
def test_a_default_of_the_reference_written_into_a_file_changes_nothing(
    title: str, type_: type[msgspec.Struct], _check: Any, tmp_path: Path
) -> None:
    file = tmp_path / title
    for path, (_, default, _) in documented(title).items():
        group, _, key = path.rpartition(".")
        if default == "required":
            assert key in REQUIRED[group]
            continue
        file.write_text(written(path, default), encoding="utf-8")
        read = load(file, type_, env={}).settings
        given = at(read, group)
        said = {name: value for name, value in REQUIRED.get(group, {}).items() if name != key}
        plain = type(given)(**said) if group in REQUIRED else at(type_(), group)
        field = dict(zip(given.__struct_encode_fields__, given.__struct_fields__, strict=True))[key]
        assert getattr(given, field) == getattr(plain, field), path


def written(path: str, value: str) -> str:
    """A file that says only this, and what must be said with it."""
    group, _, key = path.rpartition(".")
    keys = {**REQUIRED.get(group, {}), key: value}
    inner = f"{{{', '.join(f'{name}: {text}' for name, text in keys.items())}}}"
    if not group:
        return inner
    return written(group.removesuffix("[]"), f"[{inner}]" if group.endswith("[]") else inner)


@pytest.mark.parametrize(("title", "type_", "check"), KINDS)
def test_the_sample_loads_and_says_nothing_but_defaults(title: str, type_: type[msgspec.Struct], check: Any) -> None:
    loaded = load(ROOT / f"{title}.example", type_, env={}, pending=PENDING, check=check)
    assert loaded.warnings == []
    assert loaded.settings == type_()


@pytest.mark.parametrize(("title", "type_", "check"), KINDS)
def test_the_settings_in_comments_of_the_sample_load_and_are_defaults_too(
    title: str, type_: type[msgspec.Struct], check: Any, tmp_path: Path
) -> None:
    file = tmp_path / title
    text = (ROOT / f"{title}.example").read_text(encoding="utf-8")
    file.write_text(COMMENTED_SETTING.sub("", text).replace("keys: {}", "keys:"), encoding="utf-8")
    read = load(file, type_, env={}, check=check).settings
    items = {"node.yaml": ["fs.expect[]", "paths[]", "logs[]", "process_watch[]"], "ui.yaml": ["nodes[]"]}[title]
    for path in items:
        item = at(read, path)
        assert item == type(item)(**{name: getattr(item, name) for name in REQUIRED[path]}), path


@pytest.mark.parametrize(("title", "type_", "_check"), KINDS)
def test_every_key_stands_in_the_sample_with_a_comment(
    title: str, type_: type[msgspec.Struct], _check: Any, tmp_path: Path
) -> None:
    text = (ROOT / f"{title}.example").read_text(encoding="utf-8")
    for path, _ in settings_of(inspect.type_info(type_)):
        key = path.rpartition(".")[2]
        assert re.search(rf"(^|[\s{{#]){key}: ?", text), path
    bare = [
        line
        for before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False)
        if re.match(r"#?\s{2,}\w+: ", line) and not before.strip(" #")
    ]
    assert bare == []


@pytest.mark.parametrize("file", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_example_loads_without_a_warning(file: Path) -> None:
    type_, check = (UiSettings, ui_settings.check) if file.name.startswith("ui") else (NodeSettings, checks.check)
    assert load(file, type_, env={}, pending=PENDING, check=check).warnings == []  # type: ignore[arg-type]


def test_every_reserved_key_is_named_where_people_look() -> None:
    sample = (ROOT / "node.yaml.example").read_text(encoding="utf-8").rpartition("\n\n")[2]
    reserved = REFERENCE.split("### Reserved keys")[1].split("## ")[0]
    for key in PENDING:
        assert re.search(rf"\b{re.escape(key)}\b", sample), key
        assert f"`{key}`" in reserved
    assert set(re.findall(r"`([\w.]+)`", reserved)) == set(PENDING)


def test_the_reference_shows_problems_as_they_are_printed(tmp_path: Path) -> None:
    from etlmon.config import ConfigError

    shown = re.findall(r"^(node\.yaml:\d+: .+)$", REFERENCE, re.MULTILINE)
    file = tmp_path / "node.yaml"
    file.write_text(
        "node:\n  listen: 127.0.0.1:8080\nfs:\n  warn_percent: 120\npaths:\n  - path: /data/in\n"
        "    scan_intervl: 1m\n    timeout: 5 parsecs\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load(file, NodeSettings, env={})
    assert [str(finding).removeprefix(f"{tmp_path}/") for finding in caught.value.findings] == shown

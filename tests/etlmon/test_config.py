"""A configuration becomes settings, or every problem of it is named with its line and key."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from etlmon.config import ConfigError, load
from etlmon.units import Duration, Size
from node import checks
from node import settings as node_settings
from node.settings import PENDING, NodeSettings
from ui import settings as ui_settings
from ui.settings import UiSettings

DATA = Path(__file__).resolve().parents[1] / "data/config"

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """The problems of a text, each as `LINE: KEY: MESSAGE`."""

    def of(text: str, type_: type[msgspec.Struct] = NodeSettings, **options: Any) -> list[str]:
        file = tmp_path / "node.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load(file, type_, env={}, **options)
        except ConfigError as error:
            return [str(finding).removeprefix(f"{file}:") for finding in error.findings]
        return []

    return of


def test_a_small_node_configuration_loads() -> None:
    loaded = load(DATA / "node-minimal.yaml", NodeSettings, env={}, pending=PENDING, check=checks.check)
    settings = loaded.settings
    assert settings.node == node_settings.Node(
        listen="0.0.0.0:8080",
        node_name="prod-etl-01",
        db_path="/var/lib/etlmon/etlmon.db",
    )
    assert settings.refresh == node_settings.Refresh(
        disk=Duration(15), default_path_scan=Duration(300), process=Duration(5)
    )
    (path,) = settings.paths
    assert (path.path, path.scan_interval, path.max_depth, path.exclude) == ("/data/logs", Duration(60), 5, ("*.tmp",))
    (log,) = settings.logs
    assert (log.name, log.path, log.follow, log.buffer_lines) == ("app", "/var/log/app.log", True, 500)
    assert [(watch.title, watch.looks_for) for watch in settings.process_watch] == [
        ("etl_worker", "match etl_worker"),
        ("pid 12345", "pid 12345"),
    ]
    assert settings.cron == node_settings.Cron()
    assert settings.xferlog.path == "/var/log/xferlog"
    assert settings.xferlog.parse_start == "2026-01-01T00:00:00Z"
    assert loaded.warnings == []


def test_a_small_ui_configuration_loads() -> None:
    loaded = load(DATA / "ui-minimal.yaml", UiSettings, env={}, check=ui_settings.check)
    assert [(node.name, node.address) for node in loaded.settings.nodes] == [
        ("prod-etl-01", "http://10.0.0.11:8080"),
        ("prod-etl-02", "http://10.0.0.12:8080"),
    ]
    assert loaded.settings.ui.refresh_interval == Duration(2)
    assert loaded.settings.ui.default_node == "prod-etl-01"
    assert loaded.warnings == []


def test_a_configuration_with_every_section_loads_and_its_reserved_parts_are_named() -> None:
    env = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x"}
    loaded = load(DATA / "node-every-section.yaml", NodeSettings, env=env, pending=PENDING, check=checks.check)
    assert loaded.settings.fs.expect[0].source == "nas:/export"
    assert loaded.settings.retention.audit.max_age == Duration(365 * 86_400)
    # Secrets of parts that nothing reads are not even looked up.
    assert loaded.settings.security.tokens[0]["token"].startswith("${ETLMON_")
    assert loaded.settings.alerts.channels[0].url == env["SLACK_WEBHOOK_URL"]
    assert loaded.settings.alerts.channels[1].sender == "etlmon@example.com"
    assert {warning.key_path for warning in loaded.warnings} == set(PENDING) - {"loadtests"}
    said = {warning.key_path: warning.message for warning in loaded.warnings}
    assert said["arrivals"] == "has no effect in this version"
    assert said["security.tokens"] == "has no effect in this version: it does NOT protect this node"
    assert said["security.tls"] == said["security.tokens"]


def test_without_a_file_the_defaults_hold() -> None:
    assert load(None, NodeSettings, env={}).settings == NodeSettings()
    assert load(None, UiSettings, env={}).settings == UiSettings()


@pytest.mark.parametrize("text", ["", "\n", "# nothing here\n", "---\n", "{}", "node:\npaths:\nfs: ~\n", "\ufeff"])
def test_a_file_that_says_nothing_means_the_defaults(text: str, tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(text, encoding="utf-8")
    assert load(file, NodeSettings, env={}).settings == NodeSettings()


def test_all_problems_are_named_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
node:
  listn: x
fs:
  warn_percent: high
paths:
  - path: data
    scan_interval: 5 parsecs
  - name: no path
logging: {level: loud}
"""
    assert problems(text) == [
        "2: node.listn: unknown key; did you mean listen?",
        '4: fs.warn_percent: "high" is not a number from 0 to 100',
        '6: paths[0].path: "data" is not an absolute path',
        '7: paths[0].scan_interval: "5 parsecs" is not a duration; write for example 15s, 5m, 1h30m or 7d',
        "8: paths[1].path: is missing here and has no default",
        '9: logging.level: "loud" is not one of debug, error, info, warning',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pathz: []", "1: pathz: unknown key; did you mean paths?"),
        ("node: {node-name: x}", "1: node.node-name: unknown key; did you mean node_name?"),
        ("listen: 127.0.0.1:1", "1: listen: unknown key; did you mean node.listen?"),
        ("history: {zzz: 1}", "1: history.zzz: unknown key; known here: raw, minute, hour"),
        ("1: 2", "1: 1: unknown key; known here: "),
        ("? [a, b]\n: c", "1: a key must be text, not a list or a mapping"),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_meant(text: str, problem: str, problems: Problems) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("node: 5", "1: node: 5 is not a mapping"),
        ("node: [a]", "1: node: a list is not a mapping"),
        ("node: {listen: [a]}", "1: node.listen: a list is not text"),
        ("node: {listen: {a: 1}}", "1: node.listen: a mapping is not text"),
        ("fs: {include_network: maybe}", '1: fs.include_network: "maybe" is not true or false'),
        ("fs: {include_network: 1}", "1: fs.include_network: 1 is not true or false"),
        (
            'fs: {include_network: "true"}',
            '1: fs.include_network: "true" is not true or false; take the quotes away',
        ),
        ("fs: {warn_percent: 101}", "1: fs.warn_percent: 101 is not a number from 0 to 100"),
        ("fs: {warn_percent: -1}", "1: fs.warn_percent: -1 is not a number from 0 to 100"),
        ("fs: {warn_percent: .nan}", '1: fs.warn_percent: ".nan" is not a number from 0 to 100'),
        ("fs: {warn_percent: 1e999}", "1: fs.warn_percent: 1e999 is not a number from 0 to 100"),
        (
            'fs: {warn_percent: "80"}',
            '1: fs.warn_percent: "80" is not a number from 0 to 100; take the quotes away',
        ),
        ("fs: {warn_percent: true}", "1: fs.warn_percent: true is not a number from 0 to 100"),
        ("paths: {path: /x}", "1: paths: a mapping is not a list of mappings; write [a, b], or each item"),
        ("paths: [{path: /x, top_n: 0}]", "1: paths[0].top_n: 0 is not a whole number from 1 to 1000"),
        ("paths: [{path: /x, top_n: 1.5}]", "1: paths[0].top_n: 1.5 is not a whole number from 1 to 1000"),
        ("paths: [{path: /x, max_depth: -1}]", "1: paths[0].max_depth: -1 is not a whole number of at least 0"),
        ("paths: [{path: /x, exclude: '*.tmp'}]", '1: paths[0].exclude: "*.tmp" is not a list of text; write [a, b]'),
        ("paths: [{path: /x, exclude: [a, [b]]}]", "1: paths[0].exclude[1]: a list is not text"),
        ("paths: [{path: /x, exclude: [a, ~]}]", "1: paths[0].exclude[1]: nothing is not text"),
        ("paths: [/x]", '1: paths[0]: "/x" is not a mapping'),
        ("refresh: {disk: 1:30}", '1: refresh.disk: "1:30" is not a duration; write for example 15s'),
        ("refresh: {disk: -5}", "1: refresh.disk: -5 is not a duration; write for example 15s"),
        (
            "logging: {level: warn}",
            '1: logging.level: "warn" is not one of debug, error, info, warning; did you mean warning?',
        ),
        ("cron: [a]", "1: cron: a list is not a mapping"),
        ("logs: {a: b}", "1: logs: a mapping is not a list"),
        ("security: {tokens: abc}", '1: security.tokens: "abc" is not a list'),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(text: str, problem: str, problems: Problems) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)


def test_a_key_that_stands_twice_is_a_problem_at_its_second_place(problems: Problems) -> None:
    text = "node:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\nnode: {}\n"
    assert problems(text) == [
        "3: node.listen: stands twice, first in line 2; remove one of them",
        "4: node: stands twice, first in line 1; remove one of them",
    ]


def test_text_is_taken_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(
        "node: {node_name: 007}\npaths:\n"
        "- {path: /a, name: no}\n- {path: /b, name: 2026-01-01}\n- {path: /c, name: 1_0}\n"
    )
    settings = load(file, NodeSettings, env={}).settings
    assert settings.node.node_name == "007"
    assert [path.name for path in settings.paths] == ["no", "2026-01-01", "1_0"]


def test_numbers_and_truth_values_are_read_as_people_write_them(tmp_path: Path) -> None:
    class Some(msgspec.Struct, kw_only=True):
        number: float = 0
        whole: Annotated[int, msgspec.Meta(ge=0)] = 0
        flag: bool = False
        size: Size = Size(0)
        wait: Duration = Duration(0)

    file = tmp_path / "some.yaml"
    file.write_text("number: 1_000.5\nwhole: 010\nflag: Yes\nsize: 2MiB\nwait: '90'\n", encoding="utf-8")
    assert load(file, Some, env={}).settings == Some(
        number=1000.5, whole=10, flag=True, size=Size(2 * 1024**2), wait=Duration(90)
    )


def test_a_key_with_nothing_behind_it_counts_as_not_written(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("node: {listen: , node_name: null}\nfs: {warn_percent: ~}\nretention: {events: {max_age: }}\n")
    assert load(file, NodeSettings, env={}).settings == NodeSettings()


def test_a_group_keeps_the_defaults_of_what_it_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("retention: {events: {max_age: 1d}}\n", encoding="utf-8")
    keep = load(file, NodeSettings, env={}).settings.retention.events
    assert (keep.max_age, keep.max_rows) == (Duration(86_400), 100_000)


def test_a_reserved_section_warns_only_when_it_says_something(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("logs: []\ncron:\nkill: {}\nloadtests: {enabled: false}\n", encoding="utf-8")
    loaded = load(file, NodeSettings, env={}, pending=PENDING)
    assert [str(warning) for warning in loaded.warnings] == [f"{file}:4: loadtests: has no effect in this version"]
    assert loaded.settings.loadtests == {"enabled": False}


def test_values_nobody_reads_keep_their_kind(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("loadtests: {a: 1, b: 1.5, c: yes, d: null, e: '1', f: [x, {y: 2}], g: 5m}\n", encoding="utf-8")
    assert load(file, NodeSettings, env={}).settings.loadtests == {
        "a": 1, "b": 1.5, "c": True, "d": None, "e": "1", "f": ["x", {"y": 2}], "g": "5m"
    }  # fmt: skip


def test_problems_are_shown_without_control_characters_and_not_at_length(problems: Problems) -> None:
    (found,) = problems('node: {"\\e[31mred": 1}\n')
    assert found.startswith("1: node.·[31mred: unknown key")
    (found,) = problems(f"fs: {{warn_percent: {'x' * 5000}}}\n")
    assert len(found) < 200


def test_settings_of_a_type_that_no_file_can_hold_are_a_mistake_of_the_program(tmp_path: Path) -> None:
    class Odd(msgspec.Struct):
        when: bytes = b""

    file = tmp_path / "odd.yaml"
    file.write_text("when: now\n", encoding="utf-8")
    with pytest.raises(TypeError, match="can not be of type"):
        load(file, Odd, env={})

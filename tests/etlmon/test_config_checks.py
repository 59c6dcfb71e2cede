"""Values that are fine alone and wrong together, or wrong for this program."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.config import ConfigError, load
from node import checks
from node.settings import NodeSettings, default_db_path, listen_address
from ui import settings as ui_settings
from ui.settings import UiSettings


def problems(tmp_path: Path, text: str, type_: type[msgspec.Struct], check: Any, **env: str) -> list[str]:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load(file, type_, env=env, check=check)
    except ConfigError as error:
        return [str(finding).removeprefix(f"{file}:") for finding in error.findings]
    return []


def static(more: str, endpoint: str = "h", username: str = "u@pam") -> str:
    return f"clusters: {{static: [{{name: a, api_endpoint: '{endpoint}', username: {username}, {more}}}]}}"


def account(more: str) -> str:
    return f"dataproc: {{accounts: [{{name: a, {more}}}]}}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fs: {warn_percent: 95}", "1: fs.warn_percent: is above fs.critical_percent (90); it must not be"),
        ("fs: {warn_percent: 50, critical_percent: 40.5}", "1: fs.warn_percent: is above fs.critical_percent (40.5)"),
        ("node: {db_path: etlmon.db}", '1: node.db_path: "etlmon.db" is not an absolute path'),
        ("logging: {file: ~/x.log}", '1: logging.file: "~/x.log" is not an absolute path'),
        ("node: {listen: 8080}", '1: node.listen: "8080" is no address to listen at: write host:port'),
        (
            "paths:\n- {path: /a}\n- {path: /a/}",
            '3: paths[1].path: "/a" stands at paths[0] already; each must differ',
        ),
        (
            "paths:\n- {path: /a, name: x}\n- {path: /b, name: x}",
            '3: paths[1].name: "x" stands at paths[0] already; each must differ',
        ),
        ("fs:\n  expect:\n  - {mount: /a}\n  - {mount: /a}", '4: fs.expect[1].mount: "/a" stands at fs.expect[0]'),
        ("refresh: {disk: 0}", "1: refresh.disk: 0s is too short; write at least 100ms"),
        ("paths: [{path: /a, scan_interval: 50ms}]", "1: paths[0].scan_interval: 50ms is too short"),
        ("paths: [{path: /a, timeout: 0s}]", "1: paths[0].timeout: 0s is too short"),
        ("history: {raw: 0}", "1: history.raw: 0s is too short; write at least 1m: nothing is kept for ever here"),
        ("history: {minute: 0s}", "1: history.minute: 0s is too short; write at least 1m"),
        ("history:\n  raw: 1h\n  hour: 59s", "3: history.hour: 59s is too short; write at least 1m"),
        ("fs: {probe_timeout: 0}", "1: fs.probe_timeout: 0s is too short"),
        (
            "logs:\n- {name: a, path: /a}\n- {name: a, path: /b}",
            '3: logs[1].name: "a" stands at logs[0] already; each must differ',
        ),
        (
            "logs: [{name: a, path: /a, match: [{name: e, pattern: '(x'}]}]",
            '1: logs[0].match[0].pattern: "(x" is no regular expression: missing )',
        ),
        (
            "logs: [{name: a, path: /a, multiline: {start: '['}}]",
            '1: logs[0].multiline.start: "[" is no regular expression:',
        ),
        (
            "logs: [{name: a, path: /a, match: [{name: e, pattern: x}, {name: e, pattern: y}]}]",
            '1: logs[0].match[1].name: "e" stands at logs[0].match[0] already; each must differ',
        ),
        ("logs: [{name: a, path: /a, timestamp: '%Q'}]", '1: logs[0].timestamp: "%Q" is no format of a time:'),
        ("xferlog: {path: vsftpd.log}", '1: xferlog.path: "vsftpd.log" is not an absolute path'),
        ("xferlog: {root: ftp}", '1: xferlog.root: "ftp" is not an absolute path'),
        ("xferlog: {parse_start: yesterday}", '1: xferlog.parse_start: "yesterday" is no time; write it like 2026-'),
        ("xferlog: {parse_start: '2026-01-01'}", '1: xferlog.parse_start: "2026-01-01" has no time zone; write it'),
        ("xferlog: {timezone: Mars/Base}", '1: xferlog.timezone: "Mars/Base": there is no such time zone; write local'),
        ("process_watch: [{name: a}]", '1: process_watch[0]: "a" looks for nothing; give it match, exact'),
        ("process_watch: [{match: ''}]", "1: process_watch[0].match: is empty; every process would fit it"),
        ("process_watch: [{match: '(x'}]", '1: process_watch[0].match: "(x" is no regular expression: missing )'),
        ("process_watch: [{pid: 5, min: 3, max: 2}]", "1: process_watch[0].max: is below min (3); it must not be"),
        ("process_watch:\n- {pid: 5}\n- {pid: 5}", '3: process_watch[1].name: "pid 5" stands at process_watch[0]'),
        ("kill: {allow: [x]}", '1: kill.allow[0]: "x" is no name of a process_watch'),
        ("kill: {wait: 1m}", "1: kill.wait: 1m is too long; write at most 20s"),
        ("cron: {timezone: Mars/Base}", '1: cron.timezone: "Mars/Base": there is no such time zone; write local'),
        ("cron: {run_log: syslog}", '1: cron.run_log: "syslog" is neither auto nor journal nor an absolute path'),
        ("cron: {spool: []}", "1: cron.spool: names no directory; leave it out for the usual ones"),
        ("xferlog: {reconcile_interval: 0}", "1: xferlog.reconcile_interval: 0s is too short"),
        (
            static("password: x}, {name: a, api_endpoint: h, username: u@pam, password: x"),
            '1: clusters.static[1].name: "a" stands at clusters.static[0] already',
        ),
        (static("password: x", "http://h"), '1: clusters.static[0].api_endpoint: "http://h": is not encrypted'),
        (static("password: x, failover: ['h:x']"), "1: clusters.static[0].failover[0]: \"h:x\": 'x' is no port"),
        (static("password: x", username="root"), '1: clusters.static[0].username: "root" has no realm'),
        (static("token_name: t"), "1: clusters.static[0].password: give either it or token_value"),
        (static("password: x, token_value: y"), "1: clusters.static[0].password: give either it or token_value"),
        (static("token_value: y"), "1: clusters.static[0].token_name: goes with token_value"),
        (static("password: x, token_name: t"), "1: clusters.static[0].token_name: goes with token_value"),
        (static("password: x, tls: {verify: ca}"), "1: clusters.static[0].tls.ca_file: goes with verify: ca"),
        (static("password: x, tls: {ca_file: /x}"), "1: clusters.static[0].tls.ca_file: goes with verify: ca"),
        (
            static("password: x, tls: {verify: fingerprint}"),
            "1: clusters.static[0].tls.fingerprint: goes with verify: fingerprint",
        ),
        (
            static("password: x, tls: {verify: fingerprint, fingerprint: 'AB:CD'}"),
            '1: clusters.static[0].tls.fingerprint: "AB:CD": is no SHA-256 fingerprint',
        ),
        ("clusters: {read_timeout: 20s}", "1: clusters.read_timeout: is above clusters.total_timeout (15s)"),
        (
            "clusters: {total_timeout: 5s, connect_timeout: 2s, read_timeout: 4s}",
            "1: clusters.total_timeout: 5s is too short; write at least 6s",
        ),
        (
            account("projects: [p], credentials_file: /k, compute_endpoint: 'http://h'"),
            "1: dataproc.accounts[0].compute_endpoint: does not begin with https://",
        ),
        ("clusters: {connect_timeout: 0}", "1: clusters.connect_timeout: 0s is too short"),
        ("dataproc: {enabled: true}", "1: dataproc.accounts: names nobody"),
        (account("projects: [p]"), "1: dataproc.accounts[0].credentials_file: is needed, unless the account is"),
        (account("credentials_file: /k"), '1: dataproc.accounts[0].projects: "a" reads no project'),
        (
            account("projects: [p], credentials_file: /k, insecure: true"),
            "1: dataproc.accounts[0].endpoint: is needed with insecure or anonymous",
        ),
        (
            account("projects: [p], credentials_file: /k}, {name: b, projects: [q, p], credentials_file: /k"),
            '1: dataproc.accounts[1].projects: "p" is read by "a" already',
        ),
        ("dataproc: {timeouts: {jobs: 2m}}", "1: dataproc.timeouts.jobs: is above dataproc.timeouts.total (1m30s)"),
        ("dataproc: {timeouts: {jobs: 0}}", "1: dataproc.timeouts.jobs: 0s is too short"),
        (
            "host: {metrics_listen: '9100'}",
            '1: host.metrics_listen: "9100" is no address to listen at: write host:port',
        ),
        ("host: {metrics_listen: 127.0.0.1:8080}", "1: host.metrics_listen: 127.0.0.1:8080 is node.listen already"),
        ("host: {exclude_interfaces: [lo, '']}", "1: host.exclude_interfaces[1]: is empty; no interface has that name"),
        ("host: {limits: {check_interval: 0}}", "1: host.limits.check_interval: 0s is too short; write at least 100ms"),
    ],
)
def test_a_node_that_contradicts_itself_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, text, NodeSettings, checks.check)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "nodes:\n- {name: a, address: 'h:1'}\n- {name: a, address: 'h:2'}",
            '3: nodes[1].name: "a" stands at nodes[0] already; each must differ',
        ),
        ("nodes:\n- {address: 'h:1'}\n- {address: 'h:1'}", '3: nodes[1].address: "h:1" stands at nodes[0] already'),
        ("nodes: [{address: 'ftp://h'}]", "1: nodes[0].address: 'ftp://h' is not a node's address"),
        ("nodes: [{name: a, address: ''}]", '1: nodes[0].address: "" is not text that is not empty'),
        (
            "nodes: [{name: a, address: 'h:1'}]\nui: {default_node: b}",
            '2: ui.default_node: "b" is none of the nodes: a',
        ),
        ("ui: {default_node: b}", '1: ui.default_node: "b" is none of the nodes: http://localhost:8080'),
        ("ui: {refresh_interval: 1ms}", "1: ui.refresh_interval: 1ms is too short; write at least 100ms"),
    ],
)
def test_a_ui_that_contradicts_itself_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, text, UiSettings, ui_settings.check)
    assert found.startswith(problem)


def test_a_project_may_be_shared_when_each_account_reads_other_regions_of_it(tmp_path: Path) -> None:
    both = "projects: [p], credentials_file: /k, region_filter: [{}]"
    apart = account(both.format("us-east1") + "}, {name: b, " + both.format("us-west1"))
    assert problems(tmp_path, apart, NodeSettings, checks.check) == []
    shared = account(both.format("us-east1") + "}, {name: b, " + both.format("us-west1, us-east1"))
    assert len(problems(tmp_path, shared, NodeSettings, checks.check)) == 1


def test_what_is_checked_together_is_named_beside_what_is_wrong_alone(tmp_path: Path) -> None:
    text = "pathz: 1\npaths:\n- {path: /a}\n- {path: /a}\nfs: {warn_percent: 95}\n"
    found = problems(tmp_path, text, NodeSettings, checks.check)
    assert [line.split(": ")[1] for line in found] == ["pathz", "paths[1].path", "paths[1].name", "fs.warn_percent"]


def test_a_default_that_stands_in_for_a_wrong_value_causes_no_second_problem(tmp_path: Path) -> None:
    text = "fs: {warn_percent: high, critical_percent: 10}\n"
    found = problems(tmp_path, text, NodeSettings, checks.check)
    assert found == ['1: fs.warn_percent: "high" is not a number from 0 to 100']


def test_a_contradiction_from_the_environment_is_named_by_the_variable(tmp_path: Path) -> None:
    found = problems(tmp_path, "{}", NodeSettings, checks.check, ETLMON_NODE__LISTEN="nowhere")
    assert found[0].startswith('ETLMON_NODE__LISTEN: node.listen: "nowhere" is no address to listen at')


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),  # noqa: S104 - read, not listened at
        ("[::1]:8080", ("::1", 8080)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        ("localhost:65535", ("localhost", 65535)),
        ("etl_01.example.com:1", ("etl_01.example.com", 1)),
        ("unix:/run/etlmon/node.sock", Path("/run/etlmon/node.sock")),
    ],
)
def test_a_listening_address_is_understood(text: str, meant: tuple[str, int] | Path) -> None:
    assert listen_address(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "8080", ":8080", "host", "host:", "host:x", "host:65536", "host:-1", "::1:8080", "[::g]:1", "[]:1",
     "[1.2.3.4]:1", "a b:1", "300.1.1.1:80", "http://h:1", "unix:", "unix:run/x", "unix:/" + "x" * 107, "host:１"],
)  # fmt: skip
def test_what_is_no_listening_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        listen_address(text)


def test_the_database_lies_where_its_user_may_write() -> None:
    home = Path("/home/etl")
    assert default_db_path("", home, is_root=True) == Path("/var/lib/etlmon/etlmon.db")
    assert default_db_path("", home, is_root=False) == Path("/home/etl/.local/state/etlmon/etlmon.db")
    assert default_db_path("/state", home, is_root=False) == Path("/state/etlmon/etlmon.db")
    assert default_db_path("/state", None, is_root=False) == Path("/state/etlmon/etlmon.db")
    assert default_db_path("", None, is_root=False) is None
    assert default_db_path("relative", home, is_root=False) == Path("/home/etl/.local/state/etlmon/etlmon.db")

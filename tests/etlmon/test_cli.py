"""The command line as people and scripts meet it: real processes, exit codes, and what is said."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etlmon import __version__
from etlmon.cli import build_parser, main

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ["clusters", "dataproc", "config"]
COMMANDS = [
    "node", "ui", "demo", "status", "logs", "clusters list", "clusters register", "clusters deregister",
    "dataproc collect", "dataproc export", "config check", "completion",
]  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment of one's own: nobody's ui.yaml, nobody's overrides."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ETLMON_")}
    return {**kept, "XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONPATH": str(ROOT), "TERM": "xterm"}


@pytest.fixture
def etlmon(environment: dict[str, str], tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs `etlmon ARGUMENTS` to its end."""

    def run(*arguments: str | Path, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "etlmon", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**environment, **env}, cwd=tmp_path, check=False
        )

    return run


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_version_is_told(etlmon: Run) -> None:
    done = etlmon("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"etlmon {__version__}\n", "")


@pytest.mark.parametrize("arguments", ["--version", "--help", "ui --help", "completion bash"])
def test_what_needs_no_half_imports_none(arguments: str, environment: dict[str, str]) -> None:
    heavy = ("aiohttp", "aiosqlite", "msgspec", "rich", "textual", "yaml", "node", "ui", "asyncio")
    code = f"""\
import sys
sys.argv = ["etlmon", *{arguments.split()!r}]
from etlmon.cli import main
try: main()
except SystemExit: pass
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.strip() == "[]"


def test_the_node_imports_nothing_of_the_ui(environment: dict[str, str], tmp_path: Path) -> None:
    file = write(tmp_path / "node.yaml", "")
    code = f"""\
import sys
from etlmon.cli import main
main(["node", "-c", {str(file)!r}, "--check"])
print([name for name in ("aiohttp", "rich", "textual", "ui") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["", *GROUPS, *COMMANDS])
def test_every_command_has_help_that_fits_80_columns(command: str, etlmon: Run) -> None:
    done = etlmon(*command.split(), "--help", COLUMNS="80")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: etlmon {command}".rstrip())
    assert ("examples:" in done.stdout) == (command not in GROUPS)
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_examples_of_the_help_are_commands_that_parse(command: str, etlmon: Run) -> None:
    examples = etlmon(*command.split(), "--help").stdout.partition("examples:")[2].partition("\n\n")[0]
    found = re.findall(r"(?<![\w/])etlmon((?: [^\s)|>]+)*)", examples)
    assert found
    for arguments in found:
        build_parser().parse_args(arguments.split())


@pytest.mark.parametrize(
    "arguments",
    ["", "config", "nod", "node --nope", "node extra", "ui --node", "ui --node ftp://x", "status x:y:z",
     "completion csh", "config check", "config check x --kind z", "node --che", "logs -n x", "logs -n -1",
     "clusters", "clusters register a", "clusters register a b", "clusters deregister", "clusters list --node ftp://x",
     "dataproc", "dataproc nod", "dataproc export x", "dataproc export --region", "dataproc collect --spaceone",
     "clusters register a b --user u --fingerprint x --ca-file y", "clusters register a b --user u --password p",
     "logs --since soon", "logs --severity bad", "logs --time gmt", "logs --node ftp://x"],
)  # fmt: skip
def test_wrong_usage_exits_with_2_and_no_traceback(arguments: str, etlmon: Run) -> None:
    done = etlmon(*arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: etlmon" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_configuration_is_fine(etlmon: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "node.yaml", "node: {listen: 127.0.0.1:1}\nloadtests: {enabled: true}\n")
    for arguments in (["config", "check", file], ["node", "--check", "-c", file]):
        done = etlmon(*arguments)
        assert (done.returncode, done.stdout) == (0, f"{file}: fine as a node configuration\n")
        assert done.stderr == f"warning: {file}:2: loadtests: has no effect in this version\n"


def test_a_bad_configuration_exits_with_2_and_names_every_problem(etlmon: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "node.yaml", "nod: {}\nfs: {warn_percent: 95}\n")
    for arguments in (["config", "check", file], ["node", "--check", "-c", file], ["node", "-c", file]):
        done = etlmon(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            f"{file}:1: nod: unknown key; did you mean node?",
            f"{file}:2: fs.warn_percent: is above fs.critical_percent (90); it must not be",
            "etlmon: 2 problems in the configuration",
        ]


@pytest.mark.parametrize("arguments", [["node", "-c"], ["status", "-c"], ["config", "check"]])
def test_a_file_that_was_named_and_is_not_there_is_a_problem(arguments: list[str], etlmon: Run) -> None:
    done = etlmon(*arguments, "none.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("none.yaml: can not be read: there is no such file\n")


@pytest.mark.parametrize(
    ("name", "text", "arguments", "said"),
    [
        ("a.yaml", "nodes: []", [], "fine as a ui configuration"),
        ("a.yaml", "ui: {ascii: true}", [], "fine as a ui configuration"),
        ("a.yaml", "paths: []", [], "fine as a node configuration"),
        ("ui.yaml", "", [], "fine as a ui configuration"),
        ("node.yaml", "", [], "fine as a node configuration"),
        ("ui.yaml", "", ["--kind", "node"], "fine as a node configuration"),
        ("a.yaml", "nodes: []\npaths: []", [], "a.yaml:2: paths: unknown key; known here: nodes, ui"),
        ("a.yaml", "nodes: {}\npaths: []\nfs: {}", [], "a.yaml:1: nodes: unknown key; did you mean node?"),
        ("a.yaml", "ui:\n  theme: pink", [], 'a.yaml:2: ui.theme: "pink" is no theme; there are'),
        ("a.yaml", "ui:\n  keys:\n    quit: r", [], "a.yaml:3: ui.keys.quit: in Overview, table the key r would"),
    ],
)
def test_the_kind_of_a_configuration_is_told_by_its_keys(
    name: str, text: str, arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / name, text)
    main(["config", "check", str(file), *arguments])
    assert said in "".join(capsys.readouterr())


def test_the_environment_overrides_and_its_mistakes_are_named(etlmon: Run) -> None:
    done = etlmon("node", "--check", ETLMON_NODE__LISTEN="nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith('ETLMON_NODE__LISTEN: node.listen: "nowhere" is no address to listen at')


def test_a_log_file_that_can_not_be_written_is_one_line(etlmon: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "node.yaml", f"logging: {{file: {tmp_path}/none/x.log}}")
    done = etlmon("node", "-c", file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"etlmon: the log file {tmp_path}/none/x.log can not be written: No such file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_the_ui_without_a_terminal_points_to_status(term: str, etlmon: Run) -> None:
    done = etlmon("ui", TERM=term)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "etlmon: the UI needs a terminal; `etlmon status` prints a snapshot without one\n"


@pytest.mark.parametrize(
    ("arguments", "term", "code", "said"),
    [
        (["ui"], "dumb", 1, "the UI needs a terminal"),
        (["ui", "-c", "none.yaml"], "xterm", 2, "none.yaml: can not be read: there is no such file"),
    ],
)
def test_in_a_terminal_the_ui_says_what_is_wrong_before_it_draws(
    arguments: list[str], term: str, code: int, said: str, environment: dict[str, str], tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "etlmon", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "TERM": term}, cwd=tmp_path,
    )  # fmt: skip
    os.close(theirs)
    try:
        assert child.wait(30) == code
        assert select.select([ours], [], [], 5)[0]
        assert said in os.read(ours, 65536).decode()
    finally:
        os.close(ours)


def test_status_asks_the_nodes_of_ui_yaml(etlmon: Run, tmp_path: Path) -> None:
    write(
        tmp_path / "config/etlmon/ui.yaml", "nodes: [{name: etl-77, address: '127.0.0.1:1'}, {address: '127.0.0.1:2'}]"
    )
    done = etlmon("status", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(node["name"], node["address"]) for node in document["nodes"]] == [
        ("etl-77", "127.0.0.1:1"),
        ("127.0.0.1:2", "127.0.0.1:2"),
    ]
    assert "No node answers" in done.stderr


def test_status_without_anything_asks_this_host(etlmon: Run) -> None:
    done = etlmon("status", "--json")
    assert [node["address"] for node in json.loads(done.stdout)["nodes"]] == ["http://localhost:8080"]


def test_status_asks_an_address_once(etlmon: Run) -> None:
    done = etlmon("status", "--json", "127.0.0.1:1", "127.0.0.1:1")
    assert len(json.loads(done.stdout)["nodes"]) == 1


def test_a_ui_yaml_with_a_problem_stops_status(etlmon: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "config/etlmon/ui.yaml", "nods: []")
    done = etlmon("status")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{file}:1: nods: unknown key; did you mean nodes?")


def test_a_pipe_that_is_closed_early_is_no_error(environment: dict[str, str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "etlmon", "completion", "bash"],
            stdout=write_end, stderr=subprocess.PIPE, env=environment, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("arguments", "code"), [("--version", 0), ("status --json 127.0.0.1:1", 1), ("ui", 1), ("node --check", 0)]
)
def test_streams_that_are_closed_are_no_error(
    arguments: str, code: int, environment: dict[str, str], tmp_path: Path
) -> None:
    command = f"{sys.executable} -m etlmon {arguments} <&- >&- 2>&-"
    assert (
        subprocess.run(["sh", "-c", command], env=environment, cwd=tmp_path, timeout=60, check=False).returncode == code
    )


def test_an_interrupt_leaves_without_a_traceback(environment: dict[str, str]) -> None:
    # A node that takes the connection and never answers keeps status busy.
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = subprocess.Popen(
            [sys.executable, "-m", "etlmon", "status", f"127.0.0.1:{port}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        server.settimeout(30)
        connection, _ = server.accept()
        connection.settimeout(30)
        assert connection.recv(1)  # it is in the midst of asking
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
        connection.close()
    assert (child.returncode, out, err) == (130, b"", b"")


def test_names_that_are_not_ascii_are_printed_on_any_terminal(etlmon: Run) -> None:
    done = etlmon(
        "status", "127.0.0.1:1", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert done.stdout.startswith("x 127.0.0.1:1")


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Callable[..., "subprocess.Popen[bytes]"]:
    def start(file: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "node.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "etlmon", "node", "-c", str(file), *arguments],
                stdout=log,
                stderr=log,
                env=environment,
            )

    return start


def wait_for(log: Path, pattern: str) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := re.search(pattern, log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"waited for {pattern!r} in:\n{log.read_text(encoding='utf-8')}")


def test_a_node_runs_reads_its_file_again_and_stops(
    running: Callable[..., "subprocess.Popen[bytes]"], etlmon: Run, tmp_path: Path
) -> None:
    log = tmp_path / "node.log"
    text = f"node: {{listen: 127.0.0.1:0, db_path: {tmp_path}/n.db, node_name: etl-5}}\n"
    file = write(tmp_path / "node.yaml", text + "loadtests: {enabled: true}\n")
    node = running(file, "--read-only")
    try:
        address = wait_for(log, r"listening on (http://\S+)")
        wait_for(log, r"(WARNING etlmon\.config: .*node\.yaml:2: loadtests: has no effect in this version)")
        document = json.loads(etlmon("status", "--json", address).stdout)["nodes"][0]
        assert (document["name"], document["error"]) == ("etl-5", None)
        assert document["node"]["read_only"] is True
        write(file, text + "pathz: []\n")
        node.send_signal(signal.SIGHUP)
        wait_for(log, r"(node\.yaml:2: pathz: unknown key; did you mean paths\?)")
        document = json.loads(etlmon("status", "--json", address).stdout)["nodes"][0]
        assert document["health"]["status"] == "degraded"
        write(file, text)
        node.send_signal(signal.SIGHUP)
        wait_for(log, r"(read again and is in force)")
        document = json.loads(etlmon("status", "--json", address).stdout)["nodes"][0]
        assert document["node"]["read_only"] is True
    finally:
        node.terminate()
        assert node.wait(15) == 0

"""`etlmon alert` as it is typed, against a real node whose channel is a real receiver."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from etlmon import cli
from tests.fakes.nodes import closed_port
from tests.node.processes import NodeUnderTest, node, wait_until
from ui import format as fmt

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
node: {{listen: "127.0.0.1:0", node_name: etl-5}}
alerts:
  evaluation_interval: 200ms
  group_window: 1h
  builtin: false
  rules:
    - {{name: always, metric: etlmon_build_info, condition: "== 1", severity: critical, summary: "it runs"}}
    - {{name: never, metric: no_such_number, condition: "> 1", for: 5m}}
  channels:
    - {{name: hook, type: webhook, url: "http://127.0.0.1:{port}/"}}
    - {{name: deaf, type: webhook, url: "http://127.0.0.1:{closed}/"}}
"""


class Receiver(ThreadingHTTPServer):
    """Takes whatever is posted to it."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Taking)


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[NodeUnderTest]:
    config = CONFIG.format(port=receiver.server_address[1], closed=closed_port().rpartition(":")[2])
    with node(tmp_path_factory.mktemp("node"), config) as started:
        wait_until(lambda: len(started.get("/api/v1/alerts")[1]) == 1)
        yield started


@pytest.fixture
def typed(watcher: NodeUnderTest, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `etlmon alert ...` on the node: exit code, standard output, standard error."""

    def run(act: str, *arguments: str, address: str | None = None) -> tuple[int, str, str]:
        code = cli.main(["alert", act, "--node", address or watcher.address, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


Typed = Callable[..., tuple[int, str, str]]


def test_what_is_wrong_is_a_table_or_a_document(typed: Typed, watcher: NodeUnderTest) -> None:
    code, out, err = typed("list")
    titles, row = out.splitlines()
    assert (code, err) == (0, "")
    assert titles.split() == ["SUMMARY", "ID", "RULE", "SEVERITY", "VALUE", "SINCE", "STATE"]
    assert row.split()[1:7] == ["it", "runs", "1", "always", "critical", "1"]
    (document,) = json.loads(typed("list", "--json")[1])
    assert (document["node"], document["rule"], document["state"]) == ("etl-5", "always", "active")
    assert json.loads(typed("list", "--history", "--json")[1])[0]["id"] == document["id"]


def test_rules_are_listed_with_what_they_wait_for(typed: Typed) -> None:
    code, out, _ = typed("rules")
    assert code == 0
    rows = {line.split()[1]: line for line in out.splitlines()[1:]}
    assert "etlmon_build_info == 1" in rows["always"]
    assert "no_such_number > 1 for 5m" in rows["never"]
    assert rows["never"].endswith("nothing is known under the name no_such_number")
    assert [row["rule"]["for"] for row in json.loads(typed("rules", "--json")[1])] == ["0s", "5m"]


def test_an_alert_is_acknowledged(typed: Typed) -> None:
    code, out, _ = typed("ack", "1", "--comment", "on it")
    assert (code, out) == (0, "1 is acknowledged: it runs\n")
    assert "acknowledged by" in typed("list")[1]
    code, _, err = typed("ack", "77")
    assert code == 1
    assert "there is no alert 77" in err


def test_a_silence_is_made_listed_and_ended(typed: Typed) -> None:
    assert typed("silence")[:2] == (0, "  nothing is silenced\n")
    code, out, _ = typed("silence", "--for", "2h", "--reason", "new pump", "--rule", "always", "--label", "version=~.*")
    assert code == 0
    assert out.startswith("silence 1 from ")
    assert ": nobody is told of alerts of always with version=~.*; it covers" in out
    assert "; it covers 1 that are open now. `etlmon alert silence --end 1` ends it" in out
    listed = typed("silence")[1].splitlines()[1]
    assert "new pump" in listed
    assert "always{version=~.*}" in listed
    assert json.loads(typed("silence", "--json")[1])[0]["labels"] == {"version": "~.*"}
    assert typed("silence", "--end", "1")[:2] == (0, "silence 1 is over\n")
    assert typed("silence")[1] == "  nothing is silenced\n"
    code, _, err = typed("silence", "--for", "2h", "--reason", "r", "--label", "version=~(")
    assert code == 1
    assert "is no regular expression" in err


def test_a_silence_says_what_it_lacks(typed: Typed) -> None:
    code, _, err = typed("silence", "--for", "2h")
    assert code == 2
    assert "why? say it with --reason" in err
    code, _, err = typed("silence", "--reason", "new pump")
    assert code == 2
    assert "for how long?" in err
    with pytest.raises(SystemExit, match="2"):
        typed("silence", "--for", "2h", "--reason", "r", "--label", "novalue")


FOR_A_WHILE = ("silence", "--for", "2h", "--reason", "r")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "of which alerts? name them with --rule or --label; --all is every alert of the node"),
        (("--all", "--rule", "always"), 2, "--all is every alert of the node; leave it out"),
        (("--label", "path=/a", "--label", "path=/b"), 2, "the label path is given 2 times"),
        (("--rule", "alway"), 1, "nothing is silenced: the node has no rule alway; did you mean always?"),
    ],
)
def test_nothing_is_silenced_by_a_slip(typed: Typed, options: tuple[str, ...], code: int, words: str) -> None:
    before = typed("silence", "--json")[1]
    assert typed(*FOR_A_WHILE, *options)[:2] == (code, "")
    assert words in typed(*FOR_A_WHILE, *options)[2]
    assert typed("silence", "--json")[1] == before


def test_everything_is_silenced_only_when_that_is_said(typed: Typed) -> None:
    code, out, _ = typed(*FOR_A_WHILE, "--all")
    assert code == 0
    assert ": nobody is told of any alert of this node; it covers 1 that are open now." in out
    assert typed("silence", "--end", out.split()[1])[0] == 0


def test_channels_and_notices_are_listed(typed: Typed, watcher: NodeUnderTest, receiver: Receiver) -> None:
    code, out, _ = typed("channels")
    rows = {line.split()[2]: line for line in out.splitlines()[1:]}
    assert (code, sorted(rows)) == (0, ["deaf", "hook"])
    assert rows["hook"].split()[3:6] == ["webhook", "1", "0"]
    assert {row["name"]: row["waiting"] for row in json.loads(typed("channels", "--json")[1])} == {"hook": 1, "deaf": 1}
    code, out, _ = typed("deliveries", "--channel", "hook", "--state", "waiting")
    titles, row = out.splitlines()
    assert (code, row.split()[1:3], row.split()[4:7]) == (0, ["it", "runs"], ["hook", "waiting", "0"])
    assert titles.split()[:3] == ["NOTICE", "ID", "CHANNEL"]
    assert [row["channel"] for row in json.loads(typed("deliveries", "--json")[1])] == ["deaf", "hook"]
    assert typed("deliveries", "--state", "failed")[:2] == (0, "  nobody was told anything that fits\n")
    with pytest.raises(SystemExit, match="2"):
        typed("deliveries", "--state", "lost")


def test_the_history_says_until_when_each_alert_lasted(typed: Typed, tmp_path: Path) -> None:
    rules = [f"{{name: {name}, metric: etlmon_build_info, condition: '> 0'}}" for name in ("stays", "goes")]
    text = "{{node: {{listen: '127.0.0.1:0'}}, alerts: {{builtin: false, evaluation_interval: 100ms, rules: [{}]}}}}"
    with node(tmp_path, text.format(", ".join(rules))) as started:
        wait_until(lambda: len(started.get("/api/v1/alerts")[1]) == 2)
        (tmp_path / "node.yaml").write_text(text.format(rules[0]), encoding="utf-8")
        started.signal(signal.SIGHUP)
        wait_until(lambda: len(started.get("/api/v1/alerts")[1]) == 1)
        titles, *rows = typed("list", "--history", address=started.address)[1].splitlines()
        ended = {row["rule"]: row["resolved_at"] for row in started.get("/api/v1/alerts/history")[1]}["goes"]
    assert titles.split() == ["SUMMARY", "ID", "RULE", "SEVERITY", "WORST", "FROM", "UNTIL", "LASTED", "STATE"]
    stays, goes = sorted(rows, key=lambda row: " goes " in row)
    assert " still " in stays
    assert f" {fmt.stamp(datetime.fromisoformat(ended), 'local', datetime.now(UTC))} " in goes
    assert goes.endswith("resolved")


def test_alerts_that_are_switched_off_are_not_taken_for_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: Typed
) -> None:
    with node(tmp_path, "{node: {listen: '127.0.0.1:0', node_name: etl-6}, alerts: {enabled: false}}") as started:
        for act in ("list", "rules", "silence", "channels"):
            code, out, err = typed(act, address=started.address)
            assert (code, err) == (0, "")
            assert out == "  alerts are switched off on this node (alerts.enabled): nothing is judged, nobody is told\n"
        code, out, err = typed("list", "--json", address=started.address)
        assert (code, out) == (0, "[]\n")
        assert "etl-6: alerts are switched off" in err
        code, _, err = typed(*FOR_A_WHILE, "--rule", "always", address=started.address)
        assert (code, "nothing is silenced: alerts are switched off" in err) == (1, True)


def test_a_channel_is_tried(typed: Typed, receiver: Receiver) -> None:
    code, out, _ = typed("test", "hook")
    assert code == 0
    assert out.startswith("the notice through hook arrived in ")
    assert json.loads(receiver.taken[-1])["kind"] == "test"
    code, out, err = typed("test", "deaf")
    assert (code, out) == (1, "")
    assert "the notice through deaf did not arrive" in err
    code, _, err = typed("test", "nobody")
    assert code == 1
    assert "there is no channel nobody" in err


def test_a_rule_is_replayed_from_the_node_or_from_a_file(typed: Typed, tmp_path: Path) -> None:
    code, out, _ = typed("backtest", "never", "--since", "1h")
    assert code == 0
    headline, level, nothing = out.splitlines()
    assert headline.startswith("never: 0 notices from ")
    assert level == "by 0 series, a point each 15 seconds"
    assert nothing == "  it would not have told"
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n- {name: new, metric: m, condition: '> 1', for: 5m}\n", encoding="utf-8")
    assert json.loads(typed("backtest", "new", "--file", str(file), "--json")[1])["rule"] == "new"
    assert typed("backtest", "nobody")[0] == 1


def test_a_rule_in_the_other_spelling_is_replayed_from_a_file(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    text = "{name: new, metric_name: m, condition: {operator: '>', threshold: 1}, for_duration_minutes: 5"
    file.write_text(f"rules: [{text}, label_selector: 'a=\"b\"', annotations: {{summary: s}}}}]\n", encoding="utf-8")
    assert json.loads(typed("backtest", "new", "--file", str(file), "--json")[1])["rule"] == "new"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("rules: [{name: other}]", "has no rule named 'new'"),
        ("- {name: new, metric: m}", "the rule 'new' is wrong: Object missing required field `condition`"),
        ("- {name: new, metric: m, condition: '> 1', for: soon}", "'soon' is not a duration"),
        ("- {name: new, metric_name: 5, condition: '> 1'}", "Expected `str`, got `int` - at `metric_name`"),
        ("- {name: new, metric: m, condition: {operator: gt, threshold: 1}}", 'condition.operator: "gt" is not one of'),
        ("{", "is no YAML"),
        ("7", "has no rule named 'new'"),
    ],
)
def test_a_file_without_such_a_rule_is_named(typed: Typed, tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "rules.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    code, out, err = typed("backtest", "new", "--file", str(file))
    assert (code, out) == (2, "")
    assert words in err


def test_a_node_that_does_not_answer_is_named_and_the_others_are_shown(typed: Typed, watcher: NodeUnderTest) -> None:
    silent = closed_port()
    code, out, err = typed("list", "--node", silent)
    assert code == 1
    assert "does not answer" in err
    assert "it runs" in out
    code, _, err = typed("ack", "1", "--node", silent)
    assert code == 2
    assert "which node? there are 2" in err


def test_it_runs_as_a_program(watcher: NodeUnderTest, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "etlmon", "alert", "rules", "--node", watcher.address],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path)},
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "always" in done.stdout

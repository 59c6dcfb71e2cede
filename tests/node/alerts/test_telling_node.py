"""A real node, also one that is killed at the worst moments: who honours the key hears of each change exactly once."""

import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.receiver import Received, Receiver, Reply, receiver
from tests.fakes.smtp import smtp_server
from tests.node.processes import NodeUnderTest, node, wait_until

CONFIG = """
node: {{listen: '127.0.0.1:0', node_name: etl01}}
paths: [{{path: '{landing}', name: landing, scan_interval: 100ms}}]
alerts:
  builtin: false
  evaluation_interval: 100ms
  group_window: 0s
  retries: {{initial: 100ms, max: 200ms}}
  rules:
  - {{name: backlog, metric: etlmon_path_file_count, condition: '> 0', cooldown: 0s, summary: 'files wait'}}
  channels:
  - {channel}
"""


def config(landing: Path, channel: str) -> str:
    landing.mkdir(exist_ok=True)
    return CONFIG.format(landing=landing, channel=channel)


def hook(taken: Receiver) -> str:
    return f"{{name: ops, type: webhook, url: '{taken.url}', timeout: 20s}}"


def killed(started: NodeUnderTest) -> None:
    started.signal(signal.SIGKILL)
    started.ended()


def deliveries(started: NodeUnderTest) -> list[Any]:
    """Oldest first."""
    status, rows = started.get("/api/v1/alerts/deliveries?limit=1000")
    assert status == 200, rows
    return list(rows)[::-1]


def changes(messages: Mapping[str, Received]) -> Counter[tuple[int, str]]:
    """How often each change of each alert was told."""
    return Counter((one["id"], one["status"]) for message in messages.values() for one in message.json["alerts"])


def test_a_node_killed_while_it_sends_sends_the_same_again_and_nothing_else(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    with receiver() as taken:
        text = config(landing, hook(taken))
        (landing / "a").touch()
        taken.usual = Reply(hang=True)
        with node(tmp_path, text) as started:
            wait_until(lambda: len(taken.received) == 1, 60)
            killed(started)
        taken.usual = Reply()
        with node(tmp_path, text) as again:
            wait_until(lambda: [one["state"] for one in deliveries(again)] == ["sent"], 60)
            (landing / "a").unlink()
            wait_until(lambda: [one["state"] for one in deliveries(again)] == ["sent", "sent"], 60)
            first, second = deliveries(again)
            assert again.stopped() == 0
    assert (first["attempts"], second["attempts"]) == (2, 1)
    assert [one.key for one in taken.received] == [first["key"], first["key"], second["key"]]
    assert taken.received[0].body == taken.received[1].body
    assert changes(taken.once) == {(1, "firing"): 1, (1, "resolved"): 1}


def test_a_node_killed_at_any_moment_tells_each_change_once(tmp_path: Path) -> None:
    dice = random.Random(20261121)
    landing = tmp_path / "landing"
    with receiver() as taken:
        text = config(landing, hook(taken))
        for _ in range(6):
            taken.replies += [Reply(status=500)] * dice.randrange(2)
            with node(tmp_path, text) as started:
                is_there = _flip(landing / "a")
                wait_until(lambda: bool(started.get("/api/v1/alerts")[1]) is is_there, 60)  # noqa: B023
                for _ in range(2):
                    _let_pass(dice.uniform(0.0, 0.4))
                    _flip(landing / "a")
                _let_pass(dice.uniform(0.0, 0.2))
                killed(started)
        taken.replies.clear()
        (landing / "a").unlink(missing_ok=True)
        with node(tmp_path, text) as last:
            wait_until(lambda: _is_quiet(last), 60)
            history: Sequence[Any] = last.get("/api/v1/alerts/history?limit=1000")[1]
            assert last.stopped() == 0
    ids = [one["id"] for one in history]
    assert len(ids) >= 3
    assert changes(taken.once) == Counter({(id_, kind): 1 for id_ in ids for kind in ("firing", "resolved")})
    assert {len({one.body for one in taken.received if one.key == key}) for key in taken.once} == {1}


def _flip(file: Path) -> bool:
    """Whether it is there then."""
    if file.exists():
        file.unlink()
    else:
        file.touch()
    return file.exists()


def _let_pass(seconds: float) -> None:
    """The kill comes at a moment that nothing else decides."""
    time.sleep(seconds)


def _is_quiet(last: NodeUnderTest) -> bool:
    """Nothing is open, nothing is owed, and the last look at the world was after the file was gone."""
    counted = last.get("/api/v1/paths")[1]
    is_empty = [path["file_count"] for path in counted] == [0]
    is_told = all(one["state"] == "sent" for one in deliveries(last))
    return is_empty and is_told and last.get("/api/v1/alerts")[1] == []


def test_a_mail_under_way_dies_with_the_node_and_is_sent_again_under_its_id(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    with smtp_server() as mailbox:
        channel = (
            f"{{name: ops, type: email, host: 127.0.0.1, port: {mailbox.port}, to: [ops@example.com], timeout: 30s}}"
        )
        text = config(landing, channel)
        (landing / "a").touch()
        mailbox.data_sec = 3600
        with node(tmp_path, text) as started:
            wait_until(lambda: _children(started.process.pid) != [], 60)
            wait_until(lambda: mailbox.begun == 1, 60)
            children = _children(started.process.pid)
            killed(started)
        wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in children), 30)
        mailbox.data_sec = 0
        with node(tmp_path, text) as again:
            wait_until(lambda: [one["state"] for one in deliveries(again)] == ["sent"], 60)
            (sent,) = deliveries(again)
            assert again.stopped() == 0
    assert mailbox.begun == 2
    assert [mail["X-Etlmon-Delivery"] for mail in mailbox.mails] == [sent["key"]]
    assert mailbox.mails[0]["Subject"] == "[etlmon] WARNING etl01: files wait"


def test_a_channel_that_is_configured_anew_is_told_from_then_on(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    with receiver() as old, receiver() as new, node(tmp_path, config(landing, hook(old))) as started:
        (landing / "a").touch()
        wait_until(lambda: [one["state"] for one in deliveries(started)] == ["sent"], 60)
        (tmp_path / "node.yaml").write_text(config(landing, hook(new)))
        started.signal(signal.SIGHUP)
        wait_until(lambda: "was read again and is in force" in started.output, 60)
        (landing / "a").unlink()
        wait_until(lambda: [one["state"] for one in deliveries(started)] == ["sent", "sent"], 60)
        assert started.stopped() == 0
    assert (changes(old.once), changes(new.once)) == ({(1, "firing"): 1}, {(1, "resolved"): 1})


def _children(pid: int) -> list[int]:
    """The processes that send its mails."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(pid).encode() in command and any(part.endswith(b"email_child.py") for part in command):
            found.append(int(process.name))
    return found

"""A disk fills up and is emptied again: whoever reads the Slack channel hears of both, once."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.receiver import Receiver, Reply, receiver
from tests.node.processes import NodeUnderTest, node, wait_until
from tests.peers import tmpfs

CONFIG = """
node: {{listen: '127.0.0.1:0', node_name: etl01}}
refresh: {{disk: 1s}}
cron: {{enabled: false}}
alerts:
  evaluation_interval: 200ms
  group_window: 0s
  retries: {{initial: 100ms, max: 200ms}}
  builtin: false
  rules:
  - {{name: disk_nearly_full, metric: etlmon_fs_used_percent, condition: '>= 90', clear: '< 80', for: 1s, cooldown: 0s,
      severity: critical, labels: {{mount: '{disk}'}}, summary: '{{{{ labels.mount }}}} is {{{{ value }}}} % used'}}
  channels:
  - {{name: ops, type: slack, url: '{url}/services/T0/B0/secret', mention: '<!channel>'}}
"""


def _texts(taken: Receiver) -> list[str]:
    """The first line of each message."""
    return [one.json["text"] for one in taken.received]


def _fill(disk: Path) -> None:
    (disk / "in.csv").write_bytes(b"x" * 7_800_000)


def _deliveries(started: NodeUnderTest) -> list[Any]:
    _, rows = started.get("/api/v1/alerts/deliveries")
    return [(row["kind"], row["state"], row["attempts"]) for row in rows][::-1]


def _is_looked_at_again(started: NodeUnderTest) -> bool:
    """The disk was measured, and the rules were judged by it, since the node began."""
    mounts = started.get("/api/v1/fs")[1]
    rules = started.get("/api/v1/alerts/rules")[1]
    (mine,) = [one for one in rules if one["rule"]["name"] == "disk_nearly_full"]
    return bool(mounts) and mine["series"] == 1 and bool(mine["evaluated_at"])


@pytest.mark.peer("tmpfs")
def test_a_full_disk_and_its_end_are_told_once_also_over_a_kill(tmp_path: Path) -> None:
    with receiver() as taken, tmpfs(tmp_path / "data", "size=8m") as disk:
        config = CONFIG.format(disk=disk, url=taken.url)
        with node(tmp_path, config) as started:
            wait_until(lambda: _is_looked_at_again(started), 60)
            assert started.get("/api/v1/alerts")[1] == []
            _fill(disk)
            wait_until(lambda: _deliveries(started) == [("firing", "sent", 1)], 60)
            started.signal(signal.SIGKILL)
            started.ended()
        with node(tmp_path, config) as again:
            wait_until(lambda: _is_looked_at_again(again), 60)
            (alert,) = again.get("/api/v1/alerts")[1]
            assert (alert["state"], alert["labels"]) == ("active", {"mount": str(disk)})
            # The end is told by a node that finds nobody there at first.
            taken.replies.append(Reply(status=503))
            (disk / "in.csv").unlink()
            wait_until(lambda: _deliveries(again) == [("firing", "sent", 1), ("resolved", "sent", 2)], 60)
            assert again.get("/api/v1/alerts")[1] == []
            assert again.stopped() == 0
    told, refused, over = _texts(taken)
    assert told.startswith("<!channel> *")
    assert "CRITICAL" in told
    assert f"{disk} is 9" in told
    assert "etl01" in told
    assert refused == over
    assert "RESOLVED" in over
    assert "<!channel>" not in over
    assert [one.key for one in taken.received][1:] == [taken.received[1].key] * 2
    assert "secret" not in started.output + again.output

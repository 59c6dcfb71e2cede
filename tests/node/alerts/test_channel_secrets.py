"""Secrets of channels, searched for wherever a real node writes or says something."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etlmon.client import NodeClient
from etlmon.contract.alerts import ALERT_CHANNEL_TEST, ALERT_CHANNELS, ALERT_DELIVERIES
from etlmon.contract.alerts_rules import TestNotice
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.node import AUDIT, EVENTS, HEALTH, NODE
from tests.fakes.proxmox_certificate import Authority
from tests.fakes.receiver import Receiver, Reply, receiver
from tests.fakes.smtp import Mailbox, smtp_server
from tests.node.collecting import until
from tests.node.processes import NodeUnderTest, node

SECRET = "S3cret-of-a-channel-7731"  # noqa: S105
ANOTHER = "another"
CHANNELS = ("mail", "slack", "hook", "am", "chat")
CHILDREN = {"mail": "email_child.py", "chat": "apprise_child.py"}
"""The channels whose messages a process of its own sends."""

CONFIG = """
node: {{listen: '127.0.0.1:0'}}
logging: {{level: debug}}
refresh: {{host: 200ms}}
alerts:
  builtin: false
  evaluation_interval: 200ms
  group_window: 0s
  rules: [{{name: memory, metric: memory_total_bytes, condition: '> 0'}}]
  heartbeat: {{url: '{url}/{secret}', interval: 200ms}}
  channels:
  - {{name: mail, type: email, host: 127.0.0.1, port: {port}, security: starttls, ca_file: '{folder}/ca.pem',
      username: etl, password: '{secret}', to: [ops@example.com], timeout: 30s}}
  - {{name: slack, type: slack, url: '{url}/hook/{secret}'}}
  - {{name: hook, type: webhook, url: '{url}/in?token={secret}', secret: '{secret}', headers: {{X-Key: '{secret}'}}}}
  - {{name: am, type: alertmanager, url: '{login}', headers: {{Authorization: 'Bearer {secret}'}}}}
  - {{name: chat, type: apprise, url: '{apprise}', timeout: 30s}}
"""


def config(folder: Path, taken: Receiver, mailbox: Mailbox) -> str:
    (folder / "channel.secret").write_text(SECRET)
    host = taken.url.removeprefix("http://")
    secret = f"${{file:{folder}/channel.secret}}"
    places = {"login": f"http://u:{secret}@{host}", "apprise": f"json://u:{secret}@{host}/{secret}"}
    return CONFIG.format(url=taken.url, port=mailbox.port, folder=folder, secret=secret, **places)


@contextmanager
def commands_seen() -> Iterator[set[str]]:
    """What anybody on the host sees of processes while the block goes on."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((process / "cmdline").read_bytes().decode(errors="replace"))
                    if "_child.py" in (process / "cmdline").read_text(errors="replace"):
                        seen.add((process / "environ").read_bytes().decode(errors="replace"))
                except OSError:
                    continue

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        done.set()
        looking.join()


async def what_is_said(started: NodeUnderTest, seen: set[str]) -> str:
    """Each answer in which a secret might stand, after each channel failed and was tried out.

    Whoever looks at the processes of a busy machine may miss one that is soon over, so the channels that have one are
    tried out until it was seen.
    """
    async with NodeClient(started.address, timeout=60) as client:

        async def all_failed() -> bool:
            channels = (await client.ask(ALERT_CHANNELS)).unwrap()
            return all(one.last_error for one in channels)

        await until(all_failed, 60)
        asked = [client.ask(ALERT_CHANNEL_TEST, body=TestNotice(), name=name) for name in CHANNELS]
        tested = [answer.unwrap() for answer in await asyncio.gather(*asked)]
        assert [one.delivered for one in tested] == [False] * len(CHANNELS), tested
        said = [repr(tested)]
        for _ in range(10):
            for name in [name for name, child in CHILDREN.items() if not any(child in command for command in [*seen])]:
                said.append(repr((await client.ask(ALERT_CHANNEL_TEST, body=TestNotice(), name=name)).unwrap()))
        endpoints: list[Endpoint[Any]] = [ALERT_CHANNELS, ALERT_DELIVERIES, AUDIT, EVENTS, HEALTH, NODE]
        for endpoint in endpoints:
            said.append(repr((await client.ask(endpoint)).unwrap()))
    return "\n".join(said)


def test_no_secret_of_a_channel_stands_anywhere(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    context = authority.issue(tmp_path, ["127.0.0.1"]).context()
    with receiver() as taken, smtp_server(starttls=context, password=ANOTHER) as mailbox, commands_seen() as seen:
        taken.usual = Reply(status=500, body=f"no: {SECRET}".encode())
        with node(tmp_path, config(tmp_path, taken, mailbox)) as started:
            said = asyncio.run(what_is_said(started, seen))
            assert started.stopped() == 0
            log = started.output
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("etlmon.db*"))
    assert ("etl", SECRET) in mailbox.logins
    assert any(SECRET in json.dumps(dict(one.headers)) for one in taken.received)
    for child in CHILDREN.values():
        assert any(child in command for command in seen)
    assert "500 no: ***" in said
    assert [place for place, text in (("answers", said), ("log", log), ("ps", "".join(seen))) if SECRET in text] == []
    assert SECRET.encode() not in stored

"""Channels of alerts, as a client of the node sees and proves them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.alerts import ALERT_CHANNEL_TEST, ALERT_CHANNELS
from etlmon.contract.alerts_rules import TestNotice, TestResult
from etlmon.contract.node import AUDIT
from etlmon.units import Duration
from node.settings import NodeSettings, Security
from node.settings_alerts import AlertChannel, Alerts
from tests.fakes.receiver import Receiver, Reply, receiver
from tests.serving import serving

Scenario = Callable[[NodeClient], Awaitable[None]]


def play(folder: Path, taken: Receiver, scenario: Scenario, *, read_only: bool = False) -> None:
    hook = AlertChannel(name="night shift/1", type="webhook", url=f"{taken.url}/secret/x", timeout=Duration(10))
    mail = AlertChannel(name="mail", type="email", to=("a@b.c", "d@e.f"))
    settings = NodeSettings(alerts=Alerts(channels=(hook, mail)), security=Security(read_only=read_only))

    async def main() -> None:
        async with serving(folder, settings) as served, NodeClient(served.url, timeout=20) as client:
            await scenario(client)

    asyncio.run(main())


async def proved(client: NodeClient, name: str) -> TestResult:
    return (await client.ask(ALERT_CHANNEL_TEST, body=TestNotice(), name=name)).unwrap()


def test_channels_are_listed_without_their_secrets(tmp_path: Path) -> None:
    async def scenario(client: NodeClient) -> None:
        listed = (await client.ask(ALERT_CHANNELS)).unwrap()
        assert [(one.name, one.type, one.target) for one in listed] == [
            ("night shift/1", "webhook", f"{taken.url}/***"),
            ("mail", "email", "a@b.c, d@e.f"),
        ]
        assert {(one.waiting, one.failed, one.last_error) for one in listed} == {(0, 0, None)}

    with receiver() as taken:
        play(tmp_path, taken, scenario)


def test_a_channel_is_proved_and_the_audit_says_what_came_of_it(tmp_path: Path) -> None:
    async def scenario(client: NodeClient) -> None:
        good = await proved(client, "night shift/1")
        taken.usual = Reply(status=403, body=b"go away")
        bad = await proved(client, "night shift/1")
        assert (good.delivered, good.message) == (True, "200 ok")
        assert (bad.delivered, bad.message) == (False, "403 go away")
        second, first = (await client.ask(AUDIT)).unwrap()
        assert (first.action, first.target, first.result) == ("alerts.test_channel", "night shift/1", "done")
        assert (second.result, second.message) == ("failed", "403 go away")
        assert taken.received[0].json["kind"] == "test"

    with receiver() as taken:
        play(tmp_path, taken, scenario)


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def scenario(client: NodeClient) -> None:
        with pytest.raises(NodeRefused, match="there is no channel pager") as caught:
            await proved(client, "pager")
        assert caught.value.status == 404

    with receiver() as taken:
        play(tmp_path, taken, scenario)


def test_a_node_that_may_not_act_sends_nothing(tmp_path: Path) -> None:
    async def scenario(client: NodeClient) -> None:
        with pytest.raises(NodeRefused) as caught:
            await proved(client, "night shift/1")
        assert caught.value.status == 403
        assert taken.received == []

    with receiver() as taken:
        play(tmp_path, taken, scenario, read_only=True)

"""A real Alertmanager takes what it is sent, believes it as long as it is true, and tells its own receivers."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.units import Duration
from node.alerts.channels.alertmanager import AlertmanagerChannel
from node.clock import utc_now
from node.settings_alerts import AlertChannel
from tests.fakes.receiver import receiver
from tests.node.alerts.alertmanager import alertmanager
from tests.node.alerts.delivering import running, settings, stage
from tests.node.alerts.told import alert, message, over
from tests.node.collecting import until

pytestmark = pytest.mark.peer("alertmanager")


def am(url: str) -> AlertChannel:
    return AlertChannel(name="am", type="alertmanager", url=url, timeout=Duration(10))


def test_an_alert_begins_and_ends_there_and_its_receiver_hears_of_both(tmp_path: Path) -> None:
    now = utc_now()
    began = alert(triggered_at=now - timedelta(minutes=5), labels={"path": "/데이터", "job": "mine", "empty": ""})
    ended = over(triggered_at=began.triggered_at, labels=began.labels, resolved_at=now)

    async def main() -> None:
        channel = AlertmanagerChannel(am(known.url), utc_now)
        await channel.send(message(began), "k1")
        await until(lambda: len(hook.received) == 1, 30)
        (believed,) = known.alerts()
        assert believed["labels"] == {
            "alertname": "landing_backlog",
            "severity": "warning",
            "node": "etl01",
            "job": "etlmon",
            "exported_job": "mine",
            "path": "/데이터",
        }
        assert believed["status"]["state"] == "active"
        await channel.send(message(began), "k1")
        await channel.send(message(ended), "k2")
        await until(lambda: len(hook.received) == 2, 30)
        assert known.alerts() == []

    with receiver() as hook, alertmanager(tmp_path / "am", hook.url) as known:
        asyncio.run(main())
    assert [one.json["status"] for one in hook.received] == ["firing", "resolved"]
    assert hook.received[0].json["alerts"][0]["annotations"]["summary"] == "/data/in1 holds 12017 files"


def test_one_that_was_started_anew_hears_again_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.alerts.courier.REPEAT_SEC", 0.2)
    began = alert(triggered_at=utc_now() - timedelta(minutes=5))

    async def main() -> None:
        with alertmanager(tmp_path / "am", hook.url) as known:
            port = int(known.url.rpartition(":")[2])
            async with stage(tmp_path, settings(am(known.url))) as on:
                await on.put_open(began, told=["am"])
                await on.owe("am", began)
                async with running(on.deliverer()):
                    await until(lambda: on.counted("am", "sent") == 1)
                    known_before = len(known.alerts())
        with alertmanager(tmp_path / "again", hook.url, port) as known:
            assert (known_before, known.alerts()) == (1, [])
            async with stage(tmp_path, settings(am(known.url))) as on, running(on.deliverer()):
                await until(lambda: len(known.alerts()) == 1, 30)

    with receiver() as hook:
        asyncio.run(main())

"""Channels of the package apprise, with a service of its own that speaks JSON over HTTP."""

import asyncio
import time
from pathlib import Path

import pytest

from etlmon.units import Duration
from node.alerts.channels import apprise as apprise_channel
from node.alerts.channels.apprise import AppriseChannel
from node.alerts.channels.channel import ChannelError, Sent
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel
from tests.fakes.receiver import Reply, receiver
from tests.node.alerts.told import alert, message, over

SECRET = "S3cret-of-the-service-7731"  # noqa: S105


def send(url: str, what: Message | None = None, *, within_sec: float = 60) -> Sent:
    settings = AlertChannel(name="chat", type="apprise", url=url, timeout=Duration(within_sec))
    return asyncio.run(AppriseChannel(settings).send(what or message(alert()), "key1"))


def refused(url: str, *, within_sec: float = 60) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(url, within_sec=within_sec)
    return caught.value


def test_a_service_gets_the_text_and_how_grave_it_is() -> None:
    with receiver() as taken:
        where = taken.url.replace("http://", "json://")
        send(where, message(alert(severity="critical")))
        send(where, message(over()))
    first, second = (one.json for one in taken.received)
    assert (first["title"], first["type"]) == ("CRITICAL etl01: /data/in1 holds 12017 files", "failure")
    assert "since 2026-11-21 06:00:00 UTC" in first["message"]
    assert (second["title"], second["type"]) == ("RESOLVED etl01: /data/in1 holds 12017 files", "success")


def test_a_service_that_refuses_is_tried_again_and_no_secret_is_told() -> None:
    with receiver() as taken:
        taken.usual = Reply(status=500, body=SECRET.encode())
        error = refused(taken.url.replace("http://", f"json://user:{SECRET}@") + f"/{SECRET}")
    assert not error.is_permanent
    assert str(error).startswith("not taken: ")
    assert SECRET not in str(error)


def test_a_url_of_no_service_is_refused_for_good() -> None:
    error = refused(f"nosuchservice://{SECRET}")
    assert error.is_permanent
    assert "apprise does not know such a URL" in str(error)
    assert SECRET not in str(error)


def test_a_service_that_hangs_is_left_when_the_time_is_over() -> None:
    with receiver() as taken:
        taken.usual = Reply(hang=True)
        began = time.monotonic()
        error = refused(taken.url.replace("http://", "json://"), within_sec=3)
    assert str(error) == "not done within 3s"
    assert time.monotonic() - began < 20


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "without.py"
    child = apprise_channel.__file__.replace("apprise.py", "apprise_child.py")
    script.write_text(
        "import runpy, sys\nsys.modules['apprise'] = None\n"
        f"sys.argv[0] = {child!r}\nrunpy.run_path({child!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(apprise_channel, "_SCRIPT", script)
    error = refused("json://127.0.0.1")
    assert error.is_permanent
    assert str(error) == "the package apprise is not installed; install it with: pip install 'etlmon[alerts]'"

"""What docs/domains/alerts.md says about channels is so."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from node.alerts.channels import webhook
from node.alerts.channels.alertmanager import HOLDS_SEC, REPEAT_SEC
from node.alerts.channels.email import PORTS
from node.alerts.channels.http import KEY_HEADER, LONGEST_RETRY_AFTER_SEC
from node.alerts.courier import JITTER
from node.alerts.wording import MOST_LISTED
from node.checks_channels import channel_problems
from node.settings_alerts import AlertChannel
from node.store.alerts_deliveries import LARGEST_CONTENT
from tests.node.alerts.told import alert, message

TEXT = (Path(__file__).parents[2] / "docs/domains/alerts.md").read_text(encoding="utf-8")
CHANNELS = TEXT[TEXT.index("\n## Channels\n") :]
GIVEN: dict[str, Any] = {
    "url": "http://127.0.0.1:1",
    "mention": "x",
    "method": "PUT",
    "headers": {"X-A": "b"},
    "secret": "x",
    "host": "localhost",
    "port": 1,
    "security": "tls",
    "username": "u",
    "password": "p",
    "from": "a@b.c",
    "to": ("a@b.c",),
    "ca_file": "/x",
    "send_resolved": False,
}


def table(heading: str) -> dict[str, str]:
    """The rows of the table with this heading: first column, second column."""
    rows = CHANNELS[CHANNELS.index(heading) :].split("\n\n", 1)[0].splitlines()[2:]
    return {first.strip().strip("`"): second for _, first, second, _ in (row.split("|") for row in rows)}


@pytest.mark.parametrize("type_", ["email", "slack", "webhook", "alertmanager", "apprise"])
def test_the_keys_of_each_type_are_those_that_mean_something_to_it(type_: str) -> None:
    documented = set(re.findall(r"`(\w+)`", table("| type | keys of its own |")[type_]))
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(AlertChannel)}
    given = {fields[key]: value for key, value in GIVEN.items()}
    said = channel_problems(AlertChannel(name="a", type=type_, **given))  # type: ignore[arg-type]
    meaningless = {key for key, reason in said if "means nothing" in reason}
    assert documented == GIVEN.keys() - meaningless


def test_the_channels_of_the_example_are_taken() -> None:
    block = CHANNELS[CHANNELS.index("```yaml\n") + 8 :].split("```", 1)[0]
    for raw in yaml.safe_load(block)["alerts"]["channels"]:
        raw["url"] = "https://x/y" if raw["type"] != "email" else None
        channel = msgspec.convert(raw, AlertChannel)
        assert list(channel_problems(channel)) == []


def test_the_document_of_a_webhook_has_the_keys_that_are_shown() -> None:
    block = CHANNELS[CHANNELS.index("```json\n") + 8 :].split("```", 1)[0]
    shown: dict[str, Any] = msgspec.json.decode(block)
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(webhook.document(message(alert()), "k")))
    assert list(shown) == list(made)
    assert list(shown["alerts"][0]) == list(made["alerts"][0])


def test_the_figures_are_those_of_the_program() -> None:
    assert list(PORTS.values()) == [25, 587, 465]
    assert (REPEAT_SEC, HOLDS_SEC / REPEAT_SEC) == (60, 4)
    assert (LONGEST_RETRY_AFTER_SEC, JITTER, MOST_LISTED, LARGEST_CONTENT) == (3600, 0.25, 10, 1000)
    assert f"beyond the {LARGEST_CONTENT} that" in CHANNELS
    for header in (KEY_HEADER, webhook.SIGNATURE_HEADER):
        assert f"`{header}`" in CHANNELS

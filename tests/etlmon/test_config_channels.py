"""Channels of alerts as they may not be configured; what is said about them holds no secret."""

from pathlib import Path

import pytest

from etlmon.config import ConfigError, load
from node import checks
from node.settings import NodeSettings

SECRET = "S3cret-of-the-config-7731"  # noqa: S105


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load(file, NodeSettings, env={}, check=checks.check)
    except ConfigError as error:
        return [str(finding).removeprefix(f"{file}:1: alerts.") for finding in error.findings]
    return []


def channel(more: str) -> str:
    return f"alerts: {{channels: [{{name: a, {more}}}]}}"


MAIL = "type: email, to: [a@b.c]"


@pytest.mark.parametrize(
    "more",
    [
        MAIL,
        "type: email, to: ['Ops <ops+etl@example.com>'], from: 'etlmon <e@x>', host: '::1', username: u, password: p",
        "type: email, to: ['\"Müller, Jörg\" <j@x.de>', 'A. B. (on call) <a@x.de>', '야간 <n@x.de>', '<b@x.de>']",
        f"{MAIL}, host: mail.example.com, security: starttls, username: u, password: p, ca_file: /ca.pem",
        "type: slack, url: 'https://hooks.slack.com/services/T/B/x', mention: '<!channel>'",
        "type: webhook, url: 'http://u:p@[::1]:9000/x?y', method: PUT, headers: {X-Team: etl, Authorization: Bearer x}",
        "type: alertmanager, url: 'http://127.0.0.1:9093', min_severity: warning, headers: {A: b}",
        "type: apprise, url: 'tgram://1:2/3', send_resolved: false, timeout: 30s",
    ],
)
def test_a_channel_with_what_its_type_needs_is_taken(tmp_path: Path, more: str) -> None:
    assert problems(tmp_path, channel(more)) == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("type: email", "to: names nobody; write at least one address"),
        ("type: email, to: [ops]", 'to[0]: "ops" is no address of e-mail'),
        ('type: email, to: ["a@b.c\\nBcc: x@y.z"]', "is no address of e-mail"),
        (f"{MAIL}, from: nobody", 'from: "nobody" is no address of e-mail'),
        (f"{MAIL}, host: 'a b'", 'host: "a b" is no name or address of a host'),
        (f"{MAIL}, username: u", "password: goes with username, and the other way round"),
        (f"{MAIL}, ca_file: /x", "ca_file: goes with security: starttls or tls"),
        (
            f"{MAIL}, host: mail.example.com, username: u, password: {SECRET}",
            "security: is none: everybody on the way would read the password; write starttls or tls",
        ),
        (f"{MAIL}, url: 'http://{SECRET}'", "url: means nothing to a channel of type email; leave it out"),
        ("type: slack", "url: is missing; a channel of type slack needs it"),
        (f"type: slack, url: 'hooks.slack.com/{SECRET}'", "url: is no address of HTTP; write for example https://"),
        (f"type: webhook, url: 'ftp://x/{SECRET}'", "url: is no address of HTTP; write for example https://"),
        (f"type: webhook, url: 'http://x:99999/{SECRET}'", "url: is no URL; write for example https://"),
        (f"type: webhook, url: 'http://x/ {SECRET}'", "url: holds a blank or a control character"),
        (f"type: webhook, url: 'http://x', headers: {{'X Y': {SECRET}}}", "headers.X Y: is no name of a header"),
        (f"type: webhook, url: 'http://x', headers: {{Host: {SECRET}}}", "headers.Host: is set by etlmon itself"),
        (f'type: webhook, url: "http://x", headers: {{A: "{SECRET}\\n"}}', "headers.A: holds a line feed or another"),
        ("type: slack, url: 'http://x', from: a@b.c", "from: means nothing to a channel of type slack"),
        (
            "type: alertmanager, url: 'http://x', send_resolved: false",
            "send_resolved: means nothing to a channel of type alertmanager; leave it out",
        ),
        (f"type: apprise, url: '{SECRET}'", "url: is no URL of apprise"),
        ("type: slack, url: 'http://x', timeout: 0s", "timeout: 0s is too short; write at least 100ms"),
    ],
)
def test_what_does_not_fit_a_channel_is_named_with_its_key(tmp_path: Path, more: str, problem: str) -> None:
    (found,) = problems(tmp_path, channel(more))
    assert found.startswith("channels[0].")
    assert problem in found
    assert SECRET not in found


@pytest.mark.parametrize(
    "address",
    [".a@x.de", "a..b@x.de", "a.@x.de", "a@x..de", "a@-x.de", "a@x.de.", "Ops: a@x.de;", "a@x.de (x", "M, J <a@x.de>"],
)
def test_an_address_that_no_mail_can_carry_is_refused(tmp_path: Path, address: str) -> None:
    found = problems(tmp_path, channel(f"type: email, to: ['{address}'], from: '{address}'"))
    assert found == [f'channels[0].{key}: "{address}" is no address of e-mail' for key in ("to[0]", "from")]


@pytest.mark.parametrize(
    "addresses",
    ["a@x.de, b@y.de", "ops@example.com;night@example.com", "a@x.de b@y.de", "<a@b.c> <d@e.f>", "Ops <a@b.c>, d@e.f"],
)
def test_each_item_is_one_address(tmp_path: Path, addresses: str) -> None:
    found = problems(tmp_path, channel(f"type: email, to: [ok@x.de, '{addresses}']"))
    assert found == [f'channels[0].to[1]: "{addresses}" is no address of e-mail; write each as an item of its own']


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("alerts: {retries: {initial: 1h}}", "retries.initial: is above alerts.retries.max (10m); it must not be"),
        ("alerts: {retries: {initial: 0s}}", "retries.initial: 0s is too short"),
        ("alerts: {evaluation_interval: 0s}", "evaluation_interval: 0s is too short"),
        ("alerts: {heartbeat: {url: 'x'}}", "heartbeat.url: is no address of HTTP"),
        ("alerts: {heartbeat: {interval: 0s}}", "heartbeat.interval: 0s is too short"),
        (
            "alerts: {channels: [{name: a, type: slack, url: 'http://x'}, {name: a, type: slack, url: 'http://x'}]}",
            'channels[1].name: "a" stands at alerts.channels[0] already',
        ),
    ],
)
def test_what_does_not_fit_alerts_is_named_with_its_key(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert problem in found

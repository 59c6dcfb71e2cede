"""The section of node.yaml about alerts."""

from typing import Annotated, Any, Literal

import msgspec

from etlmon.units import Duration
from node.section import AbsolutePath, Count, Name, Section

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class AlertChannel(Section, frozen=True, kw_only=True):
    """One way to tell people. Which keys count depends on `type`; the others are problems."""

    name: Name
    type: Literal["email", "slack", "webhook", "alertmanager", "apprise"]
    url: Url | None = None
    mention: str | None = None
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    secret: str | None = None
    host: str | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    security: Literal["none", "starttls", "tls"] = "none"
    username: str | None = None
    password: str | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    to: tuple[str, ...] = ()
    ca_file: AbsolutePath | None = None
    min_severity: Literal["info", "warning", "critical"] = "info"
    send_resolved: bool = True
    timeout: Duration = Duration(10)


class AlertRetries(Section, frozen=True, kw_only=True):
    """The waits between the tries of a notice: twice as long each time, with jitter; given up after `give_up`."""

    initial: Duration = Duration(5)
    max: Duration = Duration(600)
    give_up: Duration = Duration(86400)


class Heartbeat(Section, frozen=True, kw_only=True):
    """A URL that is asked as long as the node is well: whoever is asked notices when it is not."""

    url: Url | None = None
    interval: Duration = Duration(60)


class Alerts(Section, frozen=True, kw_only=True):
    enabled: bool = True
    evaluation_interval: Duration = Duration(15)
    builtin: bool = True
    builtin_disabled: tuple[str, ...] = ()
    rules_file: AbsolutePath | None = None
    rules: tuple[dict[str, Any], ...] = ()
    channels: tuple[AlertChannel, ...] = ()
    group_window: Duration = Duration(30)
    storm: Count = 10
    repeat_interval: Duration = Duration(0)
    retention: Duration = Duration(30 * 86400)
    retries: AlertRetries = AlertRetries()
    heartbeat: Heartbeat = Heartbeat()

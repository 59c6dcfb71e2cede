"""The section of node.yaml about Proxmox VE clusters."""

from typing import Annotated, Literal

import msgspec

from etlmon.units import Duration
from node.section import AbsolutePath, Name, Section


class StaticTls(Section, frozen=True, kw_only=True):
    verify: Literal["system", "ca", "fingerprint"] = "system"
    ca_file: AbsolutePath | None = None
    fingerprint: str = ""


class StaticCluster(Section, frozen=True, kw_only=True):
    """A cluster that is watched because the configuration says so; it cannot be deregistered."""

    name: Name
    api_endpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    username: Name
    password: str | None = None
    token_name: str | None = None
    token_value: str | None = None
    tls: StaticTls = StaticTls()
    failover: tuple[str, ...] = ()


class Clusters(Section, frozen=True, kw_only=True):
    key_file: AbsolutePath | None = None
    connect_timeout: Duration = Duration(3)
    read_timeout: Duration = Duration(10)
    total_timeout: Duration = Duration(15)
    static: tuple[StaticCluster, ...] = ()

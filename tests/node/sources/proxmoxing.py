"""Looks at a fake Proxmox VE: from this process, and through the one that etlmon starts for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from node.sources.proxmox import Proxmox
from node.sources.proxmox_dial import Dialer
from node.sources.proxmox_session import Session
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLimits, ProxmoxLook, ProxmoxTarget
from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox

T = TypeVar("T")

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
LIMITS = ProxmoxLimits(connect_sec=10, read_sec=20, total_sec=30)
"""Never reached: what waits for a limit sets it."""


@pytest.fixture
def pve() -> Iterator[FakeProxmox]:
    with fake_proxmox(unauthorized_delay_sec=0.05) as one:
        yield one


def target(pve: FakeProxmox, **changes: Any) -> ProxmoxTarget:
    """With a password, and the certificate known by its fingerprint."""
    one = ProxmoxTarget(
        id="c1",
        endpoints=[pve.url],
        username="root@pam",
        secret=PASSWORD,
        verify="fingerprint",
        fingerprint=pve.fingerprint,
    )
    return msgspec.structs.replace(one, **changes)


def token_target(pve: FakeProxmox, **changes: Any) -> ProxmoxTarget:
    return target(pve, **{"token_name": "mon", "secret": TOKEN, **changes})


class Looker:
    """A session in this process."""

    def __init__(self, limits: ProxmoxLimits = LIMITS) -> None:
        self._limits = limits
        self._session = Session(limits, Dialer(limits))

    def look(self, target: ProxmoxTarget) -> ProxmoxLook:
        return self._session.look(target, target.secret, NOW, self._limits.total_sec)

    def failure(self, target: ProxmoxTarget) -> ProxmoxFailure:
        with pytest.raises(ProxmoxError) as caught:
            self.look(target)
        assert target.secret not in str(caught.value)
        return caught.value.failure


def asked(pve: FakeProxmox) -> list[str]:
    """The paths asked for so far, in order; the list begins anew."""
    paths = [call.path for call in pve.calls]
    pve.calls.clear()
    return paths


def with_proxmox(
    act: Callable[[Proxmox], Awaitable[T]], folder: Path, limits: ProxmoxLimits = LIMITS, **options: Any
) -> T:
    """What `act` does with a Proxmox; afterwards nothing of it is left."""

    async def main() -> T:
        proxmox = Proxmox(limits, folder / "secret.key", **options)
        try:
            return await act(proxmox)
        finally:
            await proxmox.close()
            assert proxmox.pids == []

    return asyncio.run(main())

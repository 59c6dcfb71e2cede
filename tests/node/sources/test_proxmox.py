import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from node.sources.proxmox import Proxmox
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxTarget
from tests.fakes.proxmox import PASSWORD, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_estate import GIB, Estate, Guest, Node
from tests.fakes.proxmox_faults import HANG, Fault
from tests.node.sources.proxmoxing import LIMITS, NOW, asked, pve, target, token_target, with_proxmox

__all__ = ["pve"]


async def until(condition: object, within_sec: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within_sec
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def failure_of(proxmox: Proxmox, one: ProxmoxTarget) -> ProxmoxFailure:
    with pytest.raises(ProxmoxError) as caught:
        await proxmox.look(one, NOW)
    return caught.value.failure


def sealed_target(pve: FakeProxmox, sealed: str) -> ProxmoxTarget:
    return target(pve, secret="", sealed=sealed)


def test_a_sealed_password_is_as_good_as_a_typed_one_and_goes_on_with_its_ticket(
    pve: FakeProxmox, tmp_path: Path
) -> None:
    async def act(proxmox: Proxmox) -> None:
        typed = await proxmox.look(target(pve), NOW)
        sealed = await proxmox.seal("c1", PASSWORD)
        assert asked(pve)[0] == "/access/ticket"
        later = await proxmox.look(sealed_target(pve, sealed), NOW)
        assert asked(pve) == ["/cluster/status", "/cluster/resources"]
        assert msgspec.structs.replace(later, duration_ms=0) == msgspec.structs.replace(typed, duration_ms=0)
        assert later.at == NOW

    with_proxmox(act, tmp_path)


def test_a_secret_that_is_not_the_clusters_own_is_not_opened(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        sealed = await proxmox.seal("c2", PASSWORD)
        failure = await failure_of(proxmox, sealed_target(pve, sealed))
        assert (failure.trouble, failure.message) == ("secret", "the stored secret belongs to something else")
        assert asked(pve) == []

    with_proxmox(act, tmp_path)


def test_a_lost_key_makes_the_secret_unreadable_also_while_there_is_a_ticket(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        sealed = await proxmox.seal("c1", PASSWORD)
        await proxmox.look(sealed_target(pve, sealed), NOW)
        key = (tmp_path / "secret.key").read_bytes()
        (tmp_path / "secret.key").unlink()
        failure = await failure_of(proxmox, sealed_target(pve, sealed))
        assert failure.trouble == "secret"
        assert "is gone: bring it back" in failure.message
        (tmp_path / "secret.key").write_bytes(key)
        (tmp_path / "secret.key").chmod(0o600)
        await proxmox.look(sealed_target(pve, sealed), NOW)

    with_proxmox(act, tmp_path)


def test_a_key_that_cannot_be_written_is_said_when_sealing(tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        with pytest.raises(ProxmoxError, match="cannot write a key to") as caught:
            await proxmox.seal("c1", PASSWORD)
        assert caught.value.failure.trouble == "secret"

    with_proxmox(act, tmp_path / "nowhere")


def test_a_credential_of_systemd_is_the_key_and_no_other_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = tmp_path / "etlmon-secret-key"
    credential.write_text("A" * 43 + "=\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    async def act(proxmox: Proxmox) -> str:
        return await proxmox.seal("c1", PASSWORD)

    assert with_proxmox(act, tmp_path / "unused")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["etlmon-secret-key"]


def test_the_authorities_that_the_daemon_is_told_of_count_in_the_process_too(
    pve: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text(pve.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    by_system = target(pve, verify="system", fingerprint="")
    assert with_proxmox(lambda proxmox: proxmox.look(by_system, NOW), tmp_path).quorate is True


def test_a_forgotten_cluster_is_logged_in_to_anew(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        await proxmox.forget("c1")
        assert proxmox.pids == []
        await proxmox.look(target(pve), NOW)
        await proxmox.forget("c1")
        asked(pve)
        await proxmox.look(target(pve), NOW)
        assert asked(pve)[0] == "/access/ticket"

    with_proxmox(act, tmp_path)


def test_failures_come_as_they_are(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        failure = await failure_of(proxmox, target(pve, verify="system", fingerprint=""))
        assert (failure.trouble, failure.fingerprint, failure.endpoint) == ("certificate", pve.fingerprint, pve.url)
        failure = await failure_of(proxmox, target(pve, secret="wrong"))  # noqa: S106
        assert (failure.trouble, failure.status) == ("authentication", 401)

    with_proxmox(act, tmp_path)


def test_one_process_asks_many_clusters_at_once_and_a_slow_one_holds_up_no_other(
    pve: FakeProxmox, tmp_path: Path
) -> None:
    async def act(proxmox: Proxmox) -> None:
        pve.state.faults["/version"] = [HANG]
        slow = asyncio.create_task(proxmox.look(token_target(pve, id="slow"), NOW))
        await until(lambda: pve.called("/version"))
        looks = await asyncio.gather(*(proxmox.look(token_target(pve, id=f"c{n}"), NOW) for n in range(20)))
        assert {look.nodes[0].cluster_id for look in looks} == {f"c{n}" for n in range(20)}
        assert not slow.done()
        assert len(proxmox.pids) == 1
        slow.cancel()
        await asyncio.wait([slow])

    with_proxmox(act, tmp_path)


@pytest.fixture
def fifty() -> Iterator[list[FakeProxmox]]:
    """Fewer servers than clusters: it is the asking that is measured."""
    with fake_proxmox() as one, fake_proxmox() as other:
        for fake in (one, other):
            fake.state.latency_sec = 0.3
        yield [one, other] * 25


def test_fifty_clusters_are_asked_at_once(fifty: list[FakeProxmox], tmp_path: Path) -> None:
    targets = [target(fake, id=f"c{number}") for number, fake in enumerate(fifty)]

    async def act(proxmox: Proxmox) -> float:
        await proxmox.look(targets[0], NOW)
        started = time.monotonic()
        await asyncio.gather(*(proxmox.look(one, NOW) for one in targets))
        return time.monotonic() - started

    # One after the other they would take 60 s; on a host with nothing else to do it is less than 5 s.
    assert with_proxmox(act, tmp_path) < 40


def test_a_large_cluster_comes_whole(tmp_path: Path) -> None:
    nodes = [f"pve{number}" for number in range(20)]
    guests = [Guest(100 + number, nodes[number % 20], f"guest-{number}", maxmem=GIB) for number in range(5000)]
    with fake_proxmox(Estate(nodes=[Node(name) for name in nodes], guests=guests)) as pve:
        look = with_proxmox(lambda proxmox: proxmox.look(target(pve), NOW), tmp_path)
    assert (len(look.nodes), len(look.guests)) == (20, 5000)
    assert look.guests[-1].name == "guest-4999"


def test_a_process_that_is_killed_in_the_middle_is_replaced_and_asked_again(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        pve.state.faults["/version"] = [HANG]
        look = asyncio.create_task(proxmox.look(target(pve), NOW))
        await until(lambda: pve.called("/version"))
        (pid,) = proxmox.pids
        os.kill(pid, signal.SIGKILL)
        assert (await look).quorate is True
        assert proxmox.pids != [pid]

    with_proxmox(act, tmp_path)


def test_a_process_that_is_killed_each_time_is_said_to_be(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        pve.state.faults["/version"] = HANG
        look = asyncio.create_task(failure_of(proxmox, target(pve)))
        for times in (1, 2):
            await until(lambda times=times: len(pve.called("/version")) == times)
            os.kill(proxmox.pids[-1], signal.SIGKILL)
        failure = await look
        assert failure.message == "the process that asks Proxmox VE ended without an answer (killed? out of memory?)"

    with_proxmox(act, tmp_path)


def test_a_process_that_hangs_is_ended_and_another_takes_over(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        await proxmox.look(target(pve), NOW)
        (pid,) = proxmox.pids
        os.kill(pid, signal.SIGSTOP)
        patience_sec, proxmox._patience_sec = proxmox._patience_sec, 0.3
        failure = await failure_of(proxmox, target(pve))
        assert failure.message == "the process that asks Proxmox VE does not answer; it is ended"
        await until(lambda: proxmox.pids == [])
        proxmox._patience_sec = patience_sec
        assert (await proxmox.look(target(pve), NOW)).quorate is True

    with_proxmox(act, tmp_path)


def test_nobody_who_asks_needs_no_process(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        assert proxmox.pids == []
        await proxmox.look(target(pve), NOW)
        await until(lambda: proxmox.pids == [])
        asked(pve)
        assert (await proxmox.look(target(pve), NOW)).quorate is True
        assert asked(pve)[0] == "/access/ticket"

    with_proxmox(act, tmp_path, idle_sec=0.05)


def test_a_process_is_not_ended_while_somebody_waits_for_it(pve: FakeProxmox, tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        pve.state.faults["/version"] = [Fault(delay_sec=2.0)]
        slow = asyncio.create_task(proxmox.look(target(pve, id="slow"), NOW))
        await until(lambda: pve.called("/version"))
        await proxmox.look(target(pve), NOW)
        await slow
        assert len(proxmox.pids) == 1

    with_proxmox(act, tmp_path, idle_sec=0.5)


def test_it_ends_with_the_daemon_however_that_ends(pve: FakeProxmox, tmp_path: Path) -> None:
    code = f"""
import asyncio, os, signal
from pathlib import Path
from node.sources.proxmox import Proxmox
from node.sources.proxmox_types import ProxmoxLimits
async def main():
    proxmox = Proxmox(ProxmoxLimits(), Path({str(tmp_path / "secret.key")!r}))
    await proxmox.seal("c1", "x")
    print(proxmox.pids[0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""

    async def main() -> None:
        daemon = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        out, _ = await daemon.communicate()
        await until(lambda: not Path(f"/proc/{int(out)}").exists() or _is_zombie(int(out)))

    asyncio.run(main())


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("package", ["proxmoxer", "cryptography"])
def test_without_the_extra_it_is_said_what_to_install(
    pve: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(f"raise ModuleNotFoundError(name={package!r})")

    async def act(proxmox: Proxmox) -> None:
        failure = await failure_of(proxmox, target(pve))
        assert failure.trouble == "missing_package"
        assert failure.message == (
            f"Proxmox VE cannot be asked: {package} is not installed here; pip install 'etlmon[proxmox]'"
        )
        with pytest.raises(ProxmoxError, match="pip install"):
            await proxmox.seal("c1", PASSWORD)
        monkeypatch.undo()  # it was installed
        assert (await proxmox.look(target(pve), NOW)).quorate is True

    monkeypatch.syspath_prepend(tmp_path)
    with_proxmox(act, tmp_path)


def test_a_system_without_room_for_a_process_is_said_to_be_one(
    pve: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async def act(proxmox: Proxmox) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_spawn", full)
            failure = await failure_of(proxmox, target(pve))
        assert "cannot be started: Resource temporarily unavailable" in failure.message
        assert (await proxmox.look(target(pve), NOW)).quorate is True

    with_proxmox(act, tmp_path, LIMITS)


def test_the_daemon_does_not_carry_what_only_that_process_needs() -> None:
    code = """
import sys
import node.sources.proxmox
heavy = {"proxmoxer", "requests", "urllib3", "cryptography", "http.client", "ssl"} & sys.modules.keys()
assert heavy <= {"ssl"}, heavy
"""

    async def main() -> int:
        return await (await asyncio.create_subprocess_exec(sys.executable, "-c", code)).wait()

    assert asyncio.run(main()) == 0

"""Where a secret must not be seen, and where nothing of it may go."""

import logging
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.sources.proxmox import Proxmox
from node.sources.proxmox_types import ProxmoxError, ProxmoxTarget
from node.sources.proxmox_words import Look, Seal
from tests.fakes.proxmox import FakeProxmox
from tests.fakes.proxmox_faults import Fault
from tests.node.sources.proxmoxing import NOW, asked, pve, target, token_target, with_proxmox

__all__ = ["pve"]

SECRET = "S3cret-of-the-test-7731"  # noqa: S105


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A proxy that the whole environment names; what it was told."""
    told: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            with connection:
                told.append(b"a connection")

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, url)
    yield told
    done.set()
    thread.join()
    listening.close()


def test_a_proxy_in_the_environment_hears_nothing(pve: FakeProxmox, sink: list[bytes], tmp_path: Path) -> None:
    async def act(proxmox: Proxmox) -> None:
        await proxmox.look(target(pve), NOW)
        await proxmox.look(token_target(pve, verify="ca", ca=pve.ca_pem), NOW)

    with_proxmox(act, tmp_path)
    assert "/cluster/resources" in asked(pve)
    assert sink == []


def test_a_netrc_in_the_home_replaces_nobodys_token(
    pve: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login root password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with_proxmox(lambda proxmox: proxmox.look(token_target(pve), NOW), tmp_path)
    assert all(call.headers["authorization"].startswith("PVEAPIToken=") for call in pve.calls)


def test_the_process_has_no_secret_in_its_command_or_environment(
    pve: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVE_PASSWORD", SECRET)
    pve.users["root@pam"] = SECRET

    async def act(proxmox: Proxmox) -> None:
        await proxmox.look(target(pve, secret=SECRET), NOW)
        sealed = await proxmox.seal("c1", SECRET)
        await proxmox.look(target(pve, secret="", sealed=sealed), NOW)
        (pid,) = proxmox.pids
        shown = {name: _shown(pid, name) for name in ("cmdline", "environ", "comm", "status", "maps")}
        assert [name for name, text in shown.items() if SECRET in text] == []
        assert "PVE_PASSWORD" not in shown["environ"]
        assert "etlmon-proxmox" in shown["cmdline"]
        assert SECRET not in sealed

    with_proxmox(act, tmp_path)
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()


def _shown(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().decode()


def test_the_memory_of_the_process_is_nobodys_to_read_but_roots() -> None:
    code = """
import ctypes, sys
from node.sources import proxmox_child
sys.modules["proxmoxer"] = None  # it does not go on
proxmox_child.main()
PR_GET_DUMPABLE = 3
raise SystemExit(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_no_failure_says_the_secret_whatever_the_other_side_answers(
    pve: FakeProxmox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"errors":{{"password":"{SECRET}"}},"data":null}}'.encode()
    headers = {"Location": f"https://evil.example/{SECRET}"}
    ways = [target(pve, secret=SECRET), token_target(pve, id="c2", secret=SECRET)]

    async def act(proxmox: Proxmox) -> list[str]:
        told = []
        for status in (200, 307, 400, 401, 403, 500):
            pve.state.faults["*"] = Fault(status=status, reason=f"you said {SECRET}", body=body, headers=headers)
            for one in ways:
                with pytest.raises(ProxmoxError) as caught:
                    await proxmox.look(one, NOW)
                told += [str(caught.value), repr(caught.value.failure), *traceback.format_exception(caught.value)]
        return told

    told = "".join(with_proxmox(act, tmp_path))
    assert "you said …" in told
    assert SECRET not in told
    assert SECRET not in caplog.text


def test_a_secret_does_not_show_where_a_request_is_printed(pve: FakeProxmox) -> None:
    one: ProxmoxTarget = target(pve, secret=SECRET)
    assert SECRET not in repr(one)
    assert SECRET not in repr(Look(number=1, target=one, now=NOW))
    assert SECRET not in repr(Seal(number=1, cluster_id="c1", secret=SECRET))


def test_an_error_of_the_program_itself_is_told_without_its_values(pve: FakeProxmox, tmp_path: Path) -> None:
    broken = target(pve, endpoints=["https://127.0.0.1:notaport"], secret=SECRET)

    async def act(proxmox: Proxmox) -> str:
        with pytest.raises(ProxmoxError) as caught:
            await proxmox.look(broken, NOW)
        assert (await proxmox.look(target(pve), NOW)).quorate is True
        return caught.value.failure.message

    message = with_proxmox(act, tmp_path)
    assert message.startswith("an error of etlmon: ValueError at ")
    assert "notaport" not in message

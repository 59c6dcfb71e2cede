"""The prober against sshfs, whose server may stop answering as a far host does."""

import asyncio
import contextlib
import getpass
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.sources.mounts import read_mounts
from node.sources.probe import Outcome, Prober, Silent
from node.sources.usage import Usage
from tests.node.collecting import until
from tests.node.processes import wait_until
from tests.peers import is_mounted, program, run, unmount

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[int, int]]:
    """A server of this test alone, with its own host key: its port and its pid."""
    for name in ("host", "user"):
        run(program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's server locks itself in
    port = free_port()
    settings = folder / "sshd_config"
    settings.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin yes\nAuthorizedKeysFile {folder}/user.pub\nSubsystem sftp /usr/lib/openssh/sftp-server\n"
    )
    log = folder / "sshd.log"
    with log.open("wb") as file:
        server = subprocess.Popen([program("sshd").resolve(), "-D", "-e", "-f", settings], stderr=file)
    try:
        wait_until(lambda: answers(port) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def sshfs(folder: Path, port: int) -> Iterator[Path]:
    where, served = folder / "mount", folder / "served"
    where.mkdir()
    served.mkdir()
    options = f"port={port},IdentityFile={folder}/user,UserKnownHostsFile=/dev/null,StrictHostKeyChecking=no"
    run("sshfs", "-o", options, f"{getpass.getuser()}@127.0.0.1:{served}", where)
    try:
        assert is_mounted(where)
        yield where
    finally:
        unmount(where)


def sftp_server(sshd: int) -> int:
    """The process below that sshd which serves its files."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text() == "sftp-server\n" and sshd in ancestors(process):
                return int(process.name)
    raise AssertionError("no sftp-server runs for the mount")


def ancestors(process: Path) -> Iterator[int]:
    while process.name != "0":
        process = process.with_name((process / "stat").read_text().rpartition(")")[2].split()[1])
        yield int(process.name)


@pytest.mark.peer("sshfs")
def test_an_sshfs_whose_server_stops_is_silent_and_recovers(tmp_path: Path) -> None:
    async def scenario(where: Path, server: int) -> None:
        prober = Prober(timeout_sec=3.0)
        now = START

        async def look() -> Outcome:
            nonlocal now
            now += timedelta(seconds=1)
            entries = [entry for entry in read_mounts() if entry.mount_point == str(where)]
            return (await prober.look(entries, now))[str(where)]

        async def recovered() -> bool:
            return isinstance(await look(), Usage)

        try:
            assert isinstance(await look(), Usage)
            os.kill(server, signal.SIGSTOP)
            silent = await look()
            assert isinstance(silent, Silent)
            assert silent.overdue
            os.kill(server, signal.SIGCONT)
            await until(recovered)
        finally:
            os.kill(server, signal.SIGCONT)
            await prober.close()

    with ssh_server(tmp_path) as (port, sshd), sshfs(tmp_path, port) as where:
        asyncio.run(scenario(where, sftp_server(sshd)))

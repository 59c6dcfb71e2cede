"""Real FTP servers with a user of their own, on loopback, that leave the machine as it was.

Each runs in mount and pid namespaces of its own: vsftpd sees a password file and a PAM service that exist nowhere else,
proftpd has files for that anyway. With its namespace every session ends, however the test ended.
"""

import contextlib
import ftplib
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from tests.peers import program

USER, PASSWORD = "etl", "pw"
HASHED = "$6$etlmon$PutYGL6xXPQFkq648hqqLePrxl8TEA6Td/YviFHiac.IU06A4MNv5ewXLQZnsQ7qGhzeTYc10gCr05a62PXrJ1"
"""The password as crypt(5) stores it."""

UID = 64021
START_SEC = 20.0

STOCK = {
    "listen": "NO",
    "listen_ipv6": "YES",
    "anonymous_enable": "NO",
    "local_enable": "YES",
    "dirmessage_enable": "YES",
    "use_localtime": "YES",
    "xferlog_enable": "YES",
    "pam_service_name": "vsftpd",
    "ssl_enable": "NO",
}
"""What Debian's vsftpd.conf sets, but for connect_from_port_20, which asks for a port that may be taken."""

XFERLOG = {"xferlog_std_format": "YES", "dual_log_enable": "YES"}
CHROOT = {"chroot_local_user": "YES", "allow_writeable_chroot": "YES"}


@dataclass(frozen=True, slots=True)
class FtpServer:
    """`log` is vsftpd's own, `xferlog` the standard one."""

    port: int
    home: Path
    log: Path
    xferlog: Path

    def url(self, name: str) -> str:
        return f"ftp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{quote(name)}"

    @contextlib.contextmanager
    def session(self) -> Iterator[ftplib.FTP]:
        """A client that is logged in. Its own log is the one that stood at the path when it came."""
        with ftplib.FTP(encoding="utf-8", timeout=20) as client:  # noqa: S321 - it is what is watched
            client.connect("127.0.0.1", self.port)
            client.login(USER, PASSWORD)
            yield client

    def curl(self, *arguments: str | Path) -> int:
        command = [program("curl"), "-sS", "--max-time", "20", *arguments]
        return subprocess.run(command, check=False, capture_output=True).returncode

    def lftp(self, *commands: str) -> int:
        """Commands of one lftp session, up to the first that fails."""
        script = "; ".join(["set ftp:ssl-allow no", "set cmd:fail-exit yes", "set net:max-retries 1", *commands, "bye"])
        command: list[str | Path] = [
            program("lftp"),
            "-e",
            script,
            "-u",
            f"{USER},{PASSWORD}",
            f"ftp://127.0.0.1:{self.port}",
        ]
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode


def put(session: ftplib.FTP, name: str, content: bytes = b"x") -> None:
    session.storbinary(f"STOR {name}", BytesIO(content))


@contextlib.contextmanager
def vsftpd(settings: Mapping[str, str] | None = None) -> Iterator[FtpServer]:
    """A vsftpd as Debian sets it up, writable, and with these settings besides."""
    with _directory() as directory:
        server = _server(directory)
        empty = directory / "empty"
        empty.mkdir()
        options = {
            **STOCK,
            "write_enable": "YES",
            "listen_address6": "::ffff:127.0.0.1",
            "listen_port": str(server.port),
            "secure_chroot_dir": str(empty),
            "vsftpd_log_file": str(server.log),
            "xferlog_file": str(server.xferlog),
            **(settings or {}),
        }
        conf, users, pam = (directory / name for name in ("vsftpd.conf", "passwd", "pam"))
        conf.write_text("".join(f"{name}={value}\n" for name, value in options.items()), encoding="ascii")
        own = f"{USER}:x:{UID}:{UID}::{server.home}:/bin/sh\n"
        users.write_text(Path("/etc/passwd").read_text(encoding="utf-8") + own, encoding="utf-8")
        pam.write_text("".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session")))
        prepare = f"mount --bind {users} /etc/passwd && mount --bind {pam} /etc/pam.d/vsftpd"
        with _serving(server, f"{prepare} && {program('vsftpd')} {conf}"):
            yield server


@contextlib.contextmanager
def proftpd() -> Iterator[FtpServer]:
    """A proftpd; it writes the standard log alone."""
    with _directory() as directory:
        server = _server(directory)
        users, groups = directory / "passwd", directory / "group"
        for file, line in (
            (users, f"{USER}:{HASHED}:{UID}:{UID}::{server.home}:/bin/sh\n"),
            (groups, f"{USER}:x:{UID}:\n"),
        ):
            file.touch(mode=0o600)
            file.write_text(line, encoding="ascii")
        conf = directory / "proftpd.conf"
        conf.write_text(
            f"ServerType standalone\nPort {server.port}\nDefaultAddress 127.0.0.1\nSocketBindTight on\nUseIPv6 off\n"
            f"UseReverseDNS off\nUser root\nGroup root\nAuthPAM off\nAuthOrder mod_auth_file.c\n"
            f"AuthUserFile {users}\nAuthGroupFile {groups}\nRequireValidShell off\nWtmpLog off\nDelayEngine off\n"
            f"ControlsEngine off\nScoreboardFile {directory}/scoreboard\nPidFile {directory}/pid\n"
            f"SystemLog {directory}/system.log\nTransferLog {server.xferlog}\nAllowOverwrite on\n",
            encoding="ascii",
        )
        with _serving(server, f"{program('proftpd')} -n -q -c {conf}"):
            yield server


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """A place that the FTP user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="etlmon-ftp-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def _server(directory: Path) -> FtpServer:
    home, logs = directory / "home", directory / "log"
    home.mkdir()
    os.chown(home, UID, UID)
    logs.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return FtpServer(port, home, logs / "vsftpd.log", logs / "xferlog")


@contextlib.contextmanager
def _serving(server: FtpServer, script: str) -> Iterator[None]:
    # The shell stays the first process of the namespace: vsftpd crashes when it has to reap children it does not know.
    namespace = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    output = server.home.parent / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program("unshare"), *namespace, "sh", "-c", f"{script}; exit $?"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + START_SEC
        while not _listens(server.port):
            said = output.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"{shlex.quote(script)} ended: {said}"
            assert time.monotonic() < end, f"no FTP server within {START_SEC:g} s: {said}"
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)


def _listens(port: int) -> bool:
    """Told by the kernel's table (proc(5)): a connection would stand in the server's log."""
    wanted = f":{port:04X} "
    return any(
        wanted in line and " 0A " in line
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text(encoding="ascii").splitlines()
    )

"""A real cron with a system log of its own, in namespaces: the host sees nothing of it, and all of it ends with it.

Its /etc/crontab, /etc/cron.d, spool, /run, /dev and /var/log are its own. Programs are started inside through a shell
that is the first process there.
"""

import contextlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.node.processes import wait_until

_FIRST = r"""
mount --make-rprivate /
mount -t tmpfs -o mode=755 etlmon-cron "$1/dev"
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    set -- "$1" $node
    mknod -m 666 "$1/dev/$2" c "$3" "$4"
done
ln -s /proc/self/fd "$1/dev/fd"
mkdir "$1/dev/shm"
mount --bind "$1/dev" /dev
mount -t tmpfs etlmon-cron /run
mount --bind "$1/crontab" /etc/crontab
mount --bind "$1/cron.d" /etc/cron.d
mkdir -p /var/spool/cron/crontabs
mount --bind "$1/spool" /var/spool/cron
mount --bind "$1/log" /var/log
echo ready
while IFS= read -r line; do eval "$line"; done
"""

_RSYSLOG = """
module(load="imuxsock")
$ActionFileDefaultTemplate RSYSLOG_FileFormat
$RepeatedMsgReduction off
cron.* /var/log/cron.log
*.*;auth,authpriv.none /var/log/syslog
"""


@dataclass(frozen=True)
class PrivateHost:
    """Where cron is alone. `folder` is seen from both sides."""

    folder: Path
    shell: "subprocess.Popen[str]"

    def do(self, line: str) -> None:
        """Let the shell inside do this; it goes on when that is done."""
        assert self.shell.stdin is not None
        self.shell.stdin.write(line + "\n")
        self.shell.stdin.flush()

    def pid_of(self, command: str, name: str) -> int:
        """Start a command in the background; its pid inside."""
        told = self.folder / f"{name}.pid"
        told.unlink(missing_ok=True)
        said = shlex.quote(str(self.folder / f"{name}.out"))
        self.do(f"{command} </dev/null >>{said} 2>&1 & echo $! >{shlex.quote(str(told))}")
        wait_until(lambda: told.exists() and told.read_text().endswith("\n"))
        return int(told.read_text())

    def end(self, pid: int, signal: str = "TERM") -> None:
        """End one of these, and wait until it is gone."""
        done = self.folder / f"ended-{pid}"
        self.do(
            f"kill -{signal} {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.02; done; "
            f"touch {shlex.quote(str(done))}"
        )
        wait_until(done.exists)

    def cron(self, *options: str) -> int:
        """The pid of a cron that runs from now on."""
        return self.pid_of(shlex.join(["cron", "-f", *options]), "cron")

    def node(self, config: str, *, name: str = "node") -> int:
        """The pid of a node; it answers at `socket`."""
        file = self.folder / f"{name}.yaml"
        file.write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "etlmon", "node", "-c", str(file)]
        self.do(f"cd {shlex.quote(str(Path.cwd()))}")
        return self.pid_of(shlex.join(command), name)

    def crontab(self, text: str, name: str = "etl") -> None:
        """A file of /etc/cron.d."""
        file = self.folder / "cron.d" / name
        new = file.with_name(f".{name}.new")
        new.write_text(text)
        new.chmod(0o644)
        new.rename(file)


@contextlib.contextmanager
def private_host(folder: Path, *, syslog: str = "rsyslogd") -> Iterator[PrivateHost]:
    """A host with a log daemon (`rsyslogd` or `busybox`) and no cron yet."""
    for name in ("dev", "cron.d", "spool/crontabs", "log"):
        (folder / name).mkdir(parents=True)
    (folder / "spool/crontabs").chmod(0o1730)
    shutil.chown(folder / "spool/crontabs", group="crontab")
    (folder / "crontab").write_text("# nothing\n")
    (folder / "rsyslog.conf").write_text(_RSYSLOG)
    errors = (folder / "shell.err").open("w")
    shell = subprocess.Popen(
        ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", _FIRST, "first", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    try:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n", (folder / "shell.err").read_text()
        host = PrivateHost(folder, shell)
        if syslog == "rsyslogd":
            host.pid_of(f"rsyslogd -n -f {shlex.quote(str(folder / 'rsyslog.conf'))} -i /run/rsyslogd.pid", "syslog")
        else:
            host.pid_of("busybox syslogd -n -O /var/log/syslog", "syslog")
        host.do("until [ -S /dev/log ]; do sleep 0.02; done")
        yield host
    finally:
        shell.kill()
        shell.communicate()
        errors.close()

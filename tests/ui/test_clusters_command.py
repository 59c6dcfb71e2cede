"""`etlmon clusters` as it is typed, against a real node that asks a Proxmox VE which is a real server."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.nodes import closed_port
from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox
from tests.node.processes import NodeUnderTest, ask, node
from ui.clusters_command.acting import Login

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "node: {listen: 127.0.0.1:0, node_name: etl-5}\n"
WAIT_SEC = 60.0


@pytest.fixture
def pve() -> Iterator[FakeProxmox]:
    with fake_proxmox(unauthorized_delay_sec=0.05) as served:
        yield served


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[NodeUnderTest]:
    with node(tmp_path, CONFIG) as started:
        yield started


class Shell:
    """Types commands of `etlmon clusters`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
        (folder / "secret").write_text(f"{PASSWORD}\n", encoding="utf-8")

    def command(self, act: str, *arguments: str, node: bool = True) -> list[str]:
        named = ["--node", self.address] if node else []
        return [sys.executable, "-m", "etlmon", "clusters", act, *named, *arguments]

    def run(
        self, act: str, *arguments: str, node: bool = True, typed: bytes = b""
    ) -> "subprocess.CompletedProcess[str]":
        """The command where there is no terminal."""
        done = subprocess.run(
            self.command(act, *arguments, node=node),
            input=typed, capture_output=True, timeout=WAIT_SEC, env=self.environment, cwd=self.folder, check=False,
        )  # fmt: skip
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def register(self, pve: FakeProxmox, *arguments: str) -> "subprocess.CompletedProcess[str]":
        login = ("--user", "root@pam", "--password-file", "secret")
        return self.run("register", "prod", pve.url, *login, *arguments)

    def at_a_terminal(self, answers: dict[str, str], act: str, *arguments: str) -> tuple[int, str]:
        """The exit code and all that stood on the terminal; each answer is typed when its question is there."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *self.command(act, *arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=self.environment, cwd=self.folder,
        )  # fmt: skip
        os.close(theirs)
        try:
            return self._converse(ours, child, dict(answers))
        finally:
            os.close(ours)
            child.kill()
            child.wait(10)

    def _converse(self, terminal: int, child: "subprocess.Popen[bytes]", answers: dict[str, str]) -> tuple[int, str]:
        seen, end = "", time.monotonic() + WAIT_SEC
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    seen += os.read(terminal, 65536).decode(errors="replace")
                except OSError:  # whoever wrote to it is gone
                    return child.wait(10), seen.replace("\r\n", "\n")
            for question in [question for question in answers if question in seen]:
                os.write(terminal, f"{answers.pop(question)}\n".encode())
        raise AssertionError(f"waited for the end of {seen!r}")


@pytest.fixture
def shell(tmp_path: Path, watcher: NodeUnderTest) -> Shell:
    return Shell(tmp_path, watcher.address)


def test_a_cluster_is_registered_listed_and_deregistered(
    shell: Shell, pve: FakeProxmox, watcher: NodeUnderTest
) -> None:
    done = shell.register(pve, "--fingerprint", pve.fingerprint)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"prod was registered: healthy, Proxmox VE {pve.state.version}, 3 nodes\n"
    listed = shell.run("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    titles, row = listed.stdout.splitlines()
    assert titles.split() == ["CLUSTER", "VERSION", "NODES", "GUESTS", "CPU%", "MEMORY", "SEEN", "STATE"]
    assert row.split()[1:4] == ["prod", pve.state.version, "3/3"]
    assert row.endswith("healthy")
    [document] = json.loads(shell.run("list", "--json").stdout)
    [told] = watcher.get("/api/v1/clusters")[1]["clusters"]
    assert document == {"node": "etl-5", **told}
    again = shell.register(pve, "--fingerprint", pve.fingerprint)
    assert (again.returncode, again.stdout) == (1, "")
    assert "there is a cluster 'prod' already" in again.stderr
    gone = shell.run("deregister", "prod", "--yes")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "prod was deregistered\n", "")
    assert watcher.get("/api/v1/clusters")[1]["total"] == 0
    assert "no cluster is watched" in shell.run("list").stdout


def test_without_a_terminal_an_unknown_certificate_is_named_and_not_trusted(
    shell: Shell, pve: FakeProxmox, watcher: NodeUnderTest
) -> None:
    done = shell.register(pve)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"--fingerprint {pve.fingerprint}" in done.stderr
    assert watcher.get("/api/v1/clusters")[1]["total"] == 0
    assert pve.calls == []


def test_at_a_terminal_the_password_is_asked_for_unseen_and_the_certificate_shown(
    shell: Shell, pve: FakeProxmox, watcher: NodeUnderTest
) -> None:
    answers = {"Password of root@pam: ": PASSWORD, "[y/N]": "y"}
    code, seen = shell.at_a_terminal(answers, "register", "prod", pve.url, "--user", "root@pam")
    assert code == 0, seen
    assert PASSWORD not in seen
    assert f"  {pve.fingerprint}\n" in seen
    assert "prod was registered: healthy" in seen
    [row] = watcher.get("/api/v1/clusters")[1]["clusters"]
    assert row["tls"]["fingerprint"] == pve.fingerprint
    code, seen = shell.at_a_terminal({"[y/N]": ""}, "deregister", row["id"].upper())
    assert (code, "prod is not deregistered" in seen) == (1, True)
    code, seen = shell.at_a_terminal({"[y/N]": "yes"}, "deregister", row["id"])
    assert (code, "prod was deregistered" in seen) == (0, True)


def test_a_certificate_that_nobody_confirms_is_not_trusted(
    shell: Shell, pve: FakeProxmox, watcher: NodeUnderTest
) -> None:
    answers = {"Password": PASSWORD, "[y/N]": "n"}
    code, seen = shell.at_a_terminal(answers, "register", "prod", pve.url, "--user", "root@pam")
    assert (code, "its certificate is not trusted" in seen) == (1, True)
    assert watcher.get("/api/v1/clusters")[1]["total"] == 0


def test_a_token_comes_from_standard_input_and_authorities_from_a_file(
    shell: Shell, pve: FakeProxmox, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(pve.ca_pem, encoding="ascii")
    login = ("--user", "root@pam", "--token", "mon", "--password-file", "-", "--ca-file", "ca.pem")
    done = shell.run("register", "prod", pve.url, *login, "--json", typed=f"{TOKEN}\r\n".encode())
    assert (done.returncode, done.stderr) == (0, "")
    row = json.loads(done.stdout)
    assert (row["auth"], row["token_name"], row["status"]) == ("token", "mon", "healthy")


def test_what_the_node_refuses_is_told_and_nothing_of_the_secret(shell: Shell, pve: FakeProxmox) -> None:
    pve.users["root@pam"] = "another"
    done = shell.register(pve, "--fingerprint", pve.fingerprint)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"etlmon: {shell.address}: ")
    assert "(401 AuthenticationFailed)" in done.stderr
    assert PASSWORD not in done.stderr


def test_a_node_that_would_refuse_is_not_sent_the_secret(pve: FakeProxmox, tmp_path: Path) -> None:
    with node(tmp_path, f"{CONFIG}security: {{read_only: true}}\n") as started:
        done = Shell(tmp_path, started.address).register(pve, "--fingerprint", pve.fingerprint)
        assert (done.returncode, done.stdout) == (1, "")
        assert "prod is not registered: this node is read-only" in done.stderr
        # What is refused stands in the audit: nothing was.
        assert started.get("/api/v1/audit") == (200, [])


def test_a_cluster_that_is_not_there_is_not_deregistered(shell: Shell, pve: FakeProxmox) -> None:
    assert "there is no cluster prod; none is watched" in shell.run("deregister", "prod", "-y").stderr
    assert shell.register(pve, "--fingerprint", pve.fingerprint).returncode == 0
    done = shell.run("deregister", "pro", "-y")
    assert (done.returncode, done.stderr) == (1, "etlmon: there is no cluster pro; there are prod\n")
    done = shell.run("deregister", "prod")
    assert (done.returncode, "say --yes" in done.stderr) == (1, True)


def test_nothing_the_node_leaves_behind_holds_the_password_and_only_its_child_decrypts(
    shell: Shell, pve: FakeProxmox, watcher: NodeUnderTest, tmp_path: Path
) -> None:
    assert shell.register(pve, "--fingerprint", pve.fingerprint).returncode == 0
    pve.stop()
    [row] = watcher.get("/api/v1/clusters")[1]["clusters"]
    (tmp_path / "secret").unlink()
    told = [
        json.dumps(ask(watcher.address, f"/api/v1/{path}")) for path in ("audit", "events", f"clusters/{row['id']}")
    ]
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(watcher.process.pid)], capture_output=True, text=True, check=True
    )
    pids = [watcher.process.pid, *map(int, children.stdout.split())]
    assert len(pids) > 1
    with_cryptography = ["cryptography" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8") for pid in pids]
    assert (with_cryptography[0], any(with_cryptography)) == (False, True)
    shown = [Path(f"/proc/{pid}/{file}").read_bytes() for pid in pids for file in ("cmdline", "environ")]
    assert watcher.stopped(20) == 0
    kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(kept) >= 3
    for text in [*shown, *kept, "".join(told).encode()]:
        assert PASSWORD.encode() not in text
        assert json.dumps(PASSWORD)[1:-1].encode() not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\n", "is not UTF-8"),
        (b"x" * 5000, "is larger than"),
    ],
)
def test_a_file_without_a_password_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, closed_port())
    if content is not None:
        (tmp_path / "given").write_bytes(content)
    done = shell.run("register", "a", "pve", "--user", "root@pam", "--password-file", "given")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("etlmon: given ")
    assert words in done.stderr


def test_what_cannot_be_asked_is_wrong_usage(tmp_path: Path) -> None:
    shell = Shell(tmp_path, closed_port())
    done = shell.run("register", "a", "pve", "--user", "root@pam")
    assert (done.returncode, "no terminal to ask for the password of root@pam" in done.stderr) == (2, True)
    (tmp_path / "etlmon").mkdir()
    (tmp_path / "etlmon/ui.yaml").write_text("nodes: [{address: 'a:1'}, {address: 'b:1'}]", encoding="utf-8")
    done = shell.run("deregister", "a", node=False)
    assert (done.returncode, "which node? there are 2" in done.stderr) == (2, True)


def test_a_node_that_does_not_answer_is_named_and_the_others_are_listed(shell: Shell, pve: FakeProxmox) -> None:
    silent = closed_port()
    assert shell.register(pve, "--fingerprint", pve.fingerprint).returncode == 0
    done = shell.run("list", "--node", silent)
    assert done.returncode == 1
    assert f"{silent.removeprefix('http://')} does not answer: connection refused" in done.stderr
    assert done.stdout.startswith("etl-5\n")
    done = shell.run("deregister", "a", "--node", silent, node=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "connection refused" in done.stderr


@pytest.mark.parametrize(
    ("username", "token", "asked"),
    [
        ("root@pam", None, "password of root@pam"),
        ("etlmon@pve", "mon", "value of the token mon"),
        ("etlmon@pve!mon", None, "value of the token etlmon@pve!mon"),
        ("odd!name@pam", None, "password of odd!name@pam"),
    ],
)
def test_the_secret_is_a_password_unless_a_token_is_named(username: str, token: str | None, asked: str) -> None:
    login = Login(name="a", endpoint="pve", username=username, token_name=token)
    body = login.request("secret")
    assert login.secret_of == asked
    assert (body.password, body.token_value) == (("secret", None) if "password" in asked else (None, "secret"))

"""Completion in the shells themselves."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etlmon.cli import build_parser
from etlmon.completion import Command, describe, script

CASES: list[tuple[str, set[str]]] = [
    ("", {"node", "ui", "demo", "status", "logs", "alert", "clusters", "dataproc", "config", "completion"}),
    ("co", {"config", "completion"}),
    ("config ", {"check"}),
    ("config check --kind ", {"node", "ui"}),
    ("config check --kind u", {"ui"}),
    ("clusters ", {"list", "register", "deregister"}),
    ("clusters deregister --y", {"--yes"}),
    ("clusters register a b --fi", {"--fingerprint"}),
    ("clusters register --password-file nod", {"node.yaml"}),
    ("dataproc ", {"collect", "export"}),
    ("dataproc collect data --j", {"--json"}),
    ("dataproc export --s", {"--spaceone"}),
    ("completion ", {"bash", "zsh", "fish"}),
    ("completion z", {"zsh"}),
    ("-c x node --ch", {"--check"}),
    ("node --re", {"--read-only"}),
    ("ui --a", {"--ascii"}),
    ("ui --node node --a", {"--ascii"}),
    ("config check --c", set()),
    ("status http://h:1 --j", {"--json"}),
    ("logs app batch --se", {"--severity"}),
    ("logs --severity e", {"error"}),
    ("logs -n 5 --fo", {"--follow"}),
    ("logs ", set()),
    ("node -c nod", {"node.yaml"}),
    ("node --config nod", {"node.yaml"}),
    ("config check nod", {"node.yaml"}),
    ("config check --kind node nod", {"node.yaml"}),
    ("ui --node ", set()),
]
"""What is typed after `etlmon `, and what a shell must offer in a directory with a node.yaml and a dir/."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with files to complete, and the three scripts."""
    (tmp_path / "node.yaml").touch()
    (tmp_path / "with a blank.yaml").touch()
    (tmp_path / "dir").mkdir()
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"_{shell}").write_text(script(shell, build_parser()), encoding="utf-8")
    return tmp_path


def walk(command: Command) -> list[Command]:
    return list(command.walk())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_every_script(shell: str) -> None:
    text = script(shell, build_parser())
    for command in walk(describe(build_parser(), ("etlmon",))):
        assert command.words[-1] in text
        for option in command.options:
            for name in option.names:
                assert (name if shell != "fish" else name.lstrip("-")) in text


def bash(place: Path, typed: str) -> set[str]:
    words = typed.split(" ")
    code = f"""\
source _bash
COMP_WORDS=(etlmon {" ".join(f"'{word}'" for word in words)})
COMP_CWORD={len(words)}
_etlmon
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-uc", code], capture_output=True, text=True, check=True, cwd=place, timeout=30
    )
    assert done.stderr == ""
    return set(done.stdout.splitlines()) - {""}


@pytest.mark.peer("bash")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash_offers_what_may_follow(typed: str, offered: set[str], place: Path) -> None:
    assert bash(place, typed) == offered


@pytest.mark.peer("bash")
def test_bash_completes_a_value_after_an_equals_sign(place: Path) -> None:
    # bash cuts words at `=`.
    assert bash(place, "config check --kind =") == {"node", "ui"}
    assert bash(place, "config check --kind = u") == {"ui"}


@pytest.mark.peer("bash")
def test_bash_names_files_with_blanks_whole(place: Path) -> None:
    assert bash(place, "node -c with") == {"with a blank.yaml"}


def fish(place: Path, typed: str) -> set[str]:
    code = f"source _fish; complete --do-complete 'etlmon {typed}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True, cwd=place, timeout=30
    )
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.peer("fish")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish_offers_what_may_follow(typed: str, offered: set[str], place: Path) -> None:
    found = {name for name in fish(place, typed) if not (typed.endswith(" ") and name.startswith("-"))}
    assert found == offered


@pytest.mark.peer("fish")
def test_fish_tells_what_a_command_does(place: Path) -> None:
    code = "source _fish; complete --do-complete 'etlmon no'"
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True, cwd=place)
    assert done.stdout == "node\twatch this host and answer what was seen\n"


class Terminal:
    """An interactive shell in which `etlmon` prints its arguments."""

    def __init__(self, command: list[str], place: Path, setup: str) -> None:
        self._seen = ""
        self._fd, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "PS1": "$ ", "HOME": str(place)}
        self._shell = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=place, env=environment
        )
        os.close(theirs)
        self.type(f"{setup}\n")
        self.type("etlmon() { printf 'GOT:'; printf '<%s>' \"$@\"; echo; }\necho rea''dy\n")
        self.wait("ready")

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait(self, pattern: str) -> str:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self._fd], [], [], 0.1)[0]:
                self._seen += os.read(self._fd, 65536).decode(errors="replace")
            if found := re.search(pattern, self._seen):
                self._seen = self._seen[found.end() :]
                return found[0]
        raise AssertionError(f"waited for {pattern!r} in {self._seen!r}")

    def close(self) -> None:
        os.close(self._fd)
        self._shell.wait(30)


SHELLS = {
    "bash": (["bash", "--norc", "-i"], "source ./_bash"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u -D; source ./_zsh"),
}


@pytest.fixture
def terminal(place: Path, request: pytest.FixtureRequest) -> Callable[[str], Terminal]:
    def start(shell: str) -> Terminal:
        started = Terminal(SHELLS[shell][0], place, SHELLS[shell][1])
        request.addfinalizer(started.close)
        return started

    return start


@pytest.mark.parametrize("shell", [pytest.param(name, marks=pytest.mark.peer(name)) for name in SHELLS])
def test_tab_completes_what_is_unique(shell: str, terminal: Callable[[str], Terminal]) -> None:
    typed = terminal(shell)
    for keys, got in [
        ("no\t--ch\t-c nod\t", "<node><--check><-c><node.yaml>"),
        ("con\tch\t--k\tu\t", "<config><check><--kind><ui>"),
        ("ui --as\t--read\t", "<ui><--ascii><--read-only>"),
        ("comp\tz\t", "<completion><zsh>"),
        ("st\t--j\thttp://h:1", "<status><--json><http://h:1>"),
        ("lo\tapp batch --fo\t--tim\tu\t", "<logs><app><batch><--follow><--time><utc>"),
        ("node -c with\t", "<node><-c><with a blank.yaml>"),
    ]:
        typed.type(f"etlmon {keys}\n")
        assert typed.wait(r"GOT:.*>") == f"GOT:{got}"


@pytest.mark.peer("zsh")
def test_zsh_takes_the_script_from_its_function_path(place: Path) -> None:
    (place / "_etlmon").write_text((place / "_zsh").read_text(encoding="utf-8"), encoding="utf-8")
    typed = Terminal(SHELLS["zsh"][0], place, "fpath=($PWD $fpath); autoload -Uz compinit && compinit -u -D")
    try:
        typed.type("etlmon no\t--ch\t\n")
        assert typed.wait(r"GOT:.*>") == "GOT:<node><--check>"
    finally:
        typed.close()

"""`crontab -n`, Debian's own check of a crontab, for thousands of crontabs: one after the other in a namespace.

It puts what it checks into the spool of the host; here that is a directory of the test's own.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.peers import program

_CHECK = """
mount --make-rprivate / && mount -t tmpfs -o size=16m etlmon-test /var/spool/cron/crontabs || exit 1
while read -r file; do
    "$0" -n "$file" 2>&1
    printf '== %s\\n' "$?"
done
"""
_SAID = re.compile(r'".*":(?P<line>-?\d+): (?P<words>.+)')


@dataclass(frozen=True)
class Verdict:
    """What it says, without the file's name; `line` is the number it prints. Both None: the crontab is taken."""

    words: str | None = None
    line: int | None = None


class CrontabChecker:
    """Asks one `crontab -n` after the other."""

    def __init__(self, folder: Path, questions: IO[str], answers: IO[str]) -> None:
        self._file, self._questions, self._answers = folder / "tab", questions, answers

    def __call__(self, data: bytes) -> Verdict:
        self._file.write_bytes(data)
        self._questions.write(f"{self._file}\n")
        self._questions.flush()
        said = []
        while not (line := self._answers.readline()).startswith("== "):
            assert line, "crontab does not answer"
            said.append(line.rstrip("\n"))
        if line == "== 0\n":
            return Verdict()
        found = _SAID.fullmatch(said[0])
        return Verdict(found["words"], int(found["line"])) if found else Verdict(said[0])


@contextmanager
def checker(folder: Path) -> Iterator[CrontabChecker]:
    """A checker that works in a directory of its own."""
    command = ["unshare", "-m", "bash", "-c", _CHECK, str(program("crontab"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield CrontabChecker(folder, process.stdin, process.stdout)
        process.stdin.close()
        assert process.wait(60) == 0

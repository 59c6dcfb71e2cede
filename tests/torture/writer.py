"""A program that writes numbered lines at a given rate, and knows how many it wrote.

`python writer.py FILE LINES_PER_SEC REOPEN PIECES`; REOPEN says when it opens its file anew: on SIGHUP (`hup`), when
the path shows another file (`stat`), or `never`. With PIECES `torn` what it hands to the kernel ends anywhere, also in
the midst of a line, with `whole` it does not; no line ever stands in two files. SIGTERM ends it: it finishes its line
and prints the number of lines.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

TICK_SEC = 0.01
WORDS = ("loaded", "checked", "moved", "정산 완료", "rejected", "WARN slow", "ERROR no such feed", "archived")


def line(number: int) -> str:
    """The line of this number, always the same; about 100 bytes."""
    word = WORDS[number % len(WORDS)]
    return f"{number:010d} etl.load job={number * 7919 % 100_003} {word} " + "=" * (40 + number % 37)


class Writer:
    def __init__(self, path: Path, reopen: str, pieces: str) -> None:
        self.path = path
        self.reopens = reopen
        self.torn = pieces == "torn"
        self.descriptor = self._open()
        self.hangup = self.ending = False
        self.number = 0
        self.waiting = b""

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def tick(self, lines: int) -> None:
        """Write so many lines, but for a random part of the last when they are torn; it comes with the next tick."""
        if self._moved():
            self._write(self.waiting)
            os.close(self.descriptor)
            self.descriptor, self.waiting, self.hangup = self._open(), b"", False
        text = "".join(line(number) + "\n" for number in range(self.number, self.number + lines)).encode()
        self.number += lines
        data = self.waiting + text
        keep = random.randrange(min(60, len(data)) + 1) if self.torn else 0
        self.waiting = data[len(data) - keep :]
        self._write(data[: len(data) - keep])

    def _moved(self) -> bool:
        if self.reopens == "hup":
            return self.hangup
        if self.reopens == "never":
            return False
        try:
            return self.path.stat().st_ino != os.fstat(self.descriptor).st_ino
        except FileNotFoundError:
            return True

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.descriptor, data) :]

    def run(self, lines_per_sec: float) -> None:
        began = time.monotonic()
        while not self.ending:
            self.tick(max(0, int((time.monotonic() - began) * lines_per_sec) - self.number))
            time.sleep(TICK_SEC)
        self._write(self.waiting)


def main(path: Path, lines_per_sec: float, reopen: str, pieces: str) -> int:
    writer = Writer(path, reopen, pieces)

    def on_signal(number: int, _: object) -> None:
        if number == signal.SIGHUP:
            writer.hangup = True
        else:
            writer.ending = True

    signal.signal(signal.SIGHUP, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    writer.run(lines_per_sec)
    return writer.number


if __name__ == "__main__":
    sys.stdout.write(str(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4])))

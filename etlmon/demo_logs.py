"""What the demo's ETL and its FTP server write: an application log, a job log and vsftpd's own log.

The lines tell of what the ETL really does with its files, with the odd warning, stack trace and broken transfer. Every
log is rotated by renaming and keeps its size.
"""

import random
import time
from pathlib import Path

ROTATE_BYTES = 128 * 1024
KEEP = 2
CLIENTS = ("10.0.4.17", "10.0.4.18", "192.0.2.61", "198.51.100.7")
USERS = ("partner", "warehouse", "etl")
INTERRUPTED_CHANCE = 0.006
REFUSED_CHANCE = 0.02
FETCHED_CHANCE = 0.1
WARNING_CHANCE = 0.08
CHATTER_CHANCE = 0.7
PAST_SEC, PAST_FILES = 6 * 3600.0, 250
FEEDS = ("sales", "stock", "clicks", "정산")

TRACE = """\
Traceback (most recent call last):
  File "/opt/etl/load.py", line 212, in load
    rows = parse(file, schema)
  File "/opt/etl/parse.py", line 88, in parse
    raise SchemaError(f"{{file}}: column {{name!r}} is missing")
etl.errors.SchemaError: {file}: column 'amount' is missing"""


class RotatingLog:
    """A log file that is renamed to FILE.1, FILE.2 when it is large enough."""

    def __init__(self, path: Path, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.path = path
        self.rotate_bytes = rotate_bytes

    def write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
            size = file.tell()
        if size >= self.rotate_bytes:
            self._rotate()

    def _rotate(self) -> None:
        for number in range(KEEP, 0, -1):
            newer = self.path if number == 1 else self._old(number - 1)
            if newer.exists():
                newer.rename(self._old(number))

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


class DemoLogs:
    """The three logs in one directory; each method is something that happened to a file.

    `at` is when it happens, in seconds since 1970; None is now.
    """

    def __init__(self, directory: Path, chance: random.Random) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.app = RotatingLog(directory / "app.log")
        self.jobs = RotatingLog(directory / "jobs.log")
        self.ftp = RotatingLog(directory / "vsftpd.log")
        self.chance = chance
        self.at: float | None = None

    def uploaded(self, name: str, size: int) -> None:
        """A client has sent a file; now and then another one fails or fetches something."""
        self._transfer("OK", "UPLOAD", f"/in/{name}", size)
        self._app("INFO", "landing", f"arrived {name} bytes={size}")
        if self.chance.random() < INTERRUPTED_CHANCE:
            self._transfer("FAIL", "UPLOAD", f"/in/again_{name}", size // 3)
            self._app(
                "WARN", "landing", f"incomplete again_{name}: {size // 3} of {size} bytes, waiting for the client"
            )
        if self.chance.random() < REFUSED_CHANCE:
            self._transfer("FAIL", "DOWNLOAD", "/out/report_2019.csv", 0)
        if self.chance.random() < FETCHED_CHANCE:
            self._transfer("OK", "DOWNLOAD", f"/out/report of {name}", size // 10)

    def loading(self, name: str) -> None:
        worker, rows = self.chance.randrange(1, 5), self.chance.randrange(800, 90_000)
        self._app("INFO", f"worker-{worker}", f"loading {name} rows={rows}")
        if self.chance.random() < WARNING_CHANCE:
            self._app("WARN", f"worker-{worker}", f"slow insert: {name} took {self.chance.uniform(2, 9):.1f} s")

    def rejected(self, name: str) -> None:
        self._app("ERROR", f"worker-{self.chance.randrange(1, 5)}", f"cannot load {name}\n{TRACE.format(file=name)}")
        self._job(f"rejected {name} exit=1")

    def archived(self, name: str) -> None:
        self._job(f"archived {name} exit=0 took={self.chance.uniform(0.1, 3):.1f}s")

    def idle(self) -> None:
        """What a program says while nothing happens."""
        if self.chance.random() < CHATTER_CHANCE:
            self._app(
                "DEBUG", "scheduler", f"queue={self.chance.randrange(0, 9)} free_workers={self.chance.randrange(5)}"
            )

    def _now(self) -> float:
        return time.time() if self.at is None else self.at

    def _app(self, level: str, thread: str, text: str) -> None:
        now = self._now()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        self.app.write(f"{stamp},{int(now % 1 * 1000):03} {level:<5} [{thread}] {text}")

    def _job(self, text: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        self.jobs.write(f"{stamp} load_landing[{self.chance.randrange(2000, 32000)}]: {text}")

    def _transfer(self, result: str, direction: str, path: str, size: int) -> None:
        """A line as vsftpd writes it: `?` for each byte of a name that is not ASCII, nothing for no bytes."""
        mangled = "".join(letter if letter.isascii() else "?" * len(letter.encode()) for letter in path)
        moved = f", {size} bytes" if size else ""
        rate = self.chance.uniform(200, 9000) if size else 0.0
        client, user = self.chance.choice(CLIENTS), self.chance.choice(USERS)
        at, pid = time.asctime(time.localtime(self._now())), self.chance.randrange(2000, 32000)
        self.ftp.write(
            f"{at} [pid {pid}] [{user}] {result} {direction}: "
            f'Client "{client}", "{mangled}"{moved}, {rate:.2f}Kbyte/sec'
        )


def write_past(directory: Path, chance: random.Random) -> None:
    """Logs of the last hours, in which files came and were loaded."""
    now = time.time()
    logs = DemoLogs(directory, chance)
    for serial, ago_sec in enumerate(sorted((chance.uniform(0, PAST_SEC) for _ in range(PAST_FILES)), reverse=True)):
        logs.at = now - ago_sec
        name = f"{chance.choice(FEEDS)}_{serial:04}.csv"
        logs.uploaded(name, chance.randrange(1_000, 60_000))
        logs.loading(name)
        logs.archived(name)

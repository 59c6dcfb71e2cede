"""What the child says: lines of JSON, counted as they go out."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from node.sources.dataproc_types import ClusterLine, DataprocLine, TroubleLine


@dataclass(slots=True)
class Tally:
    """What was asked for one thing; it belongs to one thread."""

    calls: int = 0
    retries: int = 0


class Says:
    """Several threads may say something at once; lines that are said together stay together."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """`write` takes all of it, or raises OSError when nobody listens."""
        self._write = write
        self._encoder = msgspec.json.Encoder()
        self._lock = threading.Lock()
        self.secrets: Callable[[], Sequence[str]] = tuple
        """What must not be said, wherever it stands."""
        self.success = 0
        self.failure = 0
        self.timeout = 0
        self.unknown = 0
        self.calls = 0
        self.retries = 0

    def say(self, *lines: DataprocLine) -> None:
        """Raises OSError when nobody listens any more."""
        if not lines:
            return
        data = self._encoder.encode_lines(lines)
        for secret in self.secrets():
            data = data.replace(secret.encode(), b"***")
        with self._lock:
            for line in lines:
                self._count(line)
            self._write(data)

    def tally(self, tally: Tally) -> None:
        """Count the calls that were made for something."""
        with self._lock:
            self.calls += tally.calls
            self.retries += tally.retries

    def _count(self, line: DataprocLine) -> None:
        if isinstance(line, ClusterLine):
            self.success += 1
        elif isinstance(line, TroubleLine):
            setattr(self, line.kind, getattr(self, line.kind) + 1)

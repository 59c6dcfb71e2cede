"""The process that reads one Dataproc account and ends. dataproc.py starts it, gives it a task, and may kill it.

The task is one line of JSON on standard input; the answers are lines of JSON on standard output.
"""

import contextlib
import os
import signal
import sys
import traceback
from types import TracebackType
from typing import Any

import msgspec

from node.sources.dataproc_says import Says
from node.sources.dataproc_types import BrokenLine, DataprocTask

SPARE_SEC = 10
"""So long after its time whoever started it has killed it, or is not there any more."""


def main() -> None:
    """Never returns: the process ends with the run, whatever its threads still hang in."""
    sys.excepthook = _broken
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=DataprocTask, dec_hook=_decoded)
    # The kernel's own clock: it ends a process also when nothing of it runs any more.
    signal.alarm(int(task.settings.timeouts.total) + SPARE_SEC)
    try:
        from node.sources.dataproc_run import Run
    except ImportError as error:
        _end(f"Dataproc cannot be read without {error.name}; install it with: pip install 'etlmon[dataproc]'")
    Run(task, Says(write), os.environ).run()
    os._exit(0)


def write(data: bytes) -> None:
    """All of it, however long whoever listens takes. Raises OSError when nobody does."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def _decoded(kind: type, value: Any) -> Any:
    """A setting of a kind that JSON does not have."""
    return kind(value)


def _broken(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Where it happened and what, without a word of the data that it happened with."""
    frames = traceback.extract_tb(trace)
    place = f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""  # noqa: PTH119
    _end(f"the process that reads Dataproc has failed: {kind.__name__}{place}")


def _end(message: str) -> None:
    with contextlib.suppress(OSError):
        write(msgspec.json.encode(BrokenLine(message=message)) + b"\n")
    os._exit(1)

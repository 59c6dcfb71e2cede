"""The process that has the package apprise send one message, and ends. apprise.py starts it, and may kill it.

It reads one line of JSON from standard input and writes one to standard output.
"""

import json
import logging
import os
import signal
import sys
from typing import Any

SPARE_SEC = 5
"""So long after its time whoever started it has killed it, or is not there any more."""

NOT_INSTALLED = "the package apprise is not installed; install it with: pip install 'etlmon[alerts]'"


class LastWords(logging.Handler):
    """What apprise logs last is the only reason that it gives."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.words = record.getMessage()


def main() -> None:
    """Never returns: the process ends with the message, whatever its threads still hang in."""
    sys.path[:] = sys.argv[2:]
    from node.alerts.channels.email_child import guard

    guard(int(sys.argv[1]))
    request = json.loads(sys.stdin.buffer.readline())
    signal.alarm(int(request["timeout"]) + SPARE_SEC)
    said = json.dumps(answer(request))
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    os._exit(0)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What became of the message."""
    try:
        import apprise
    except ImportError:
        return {"error": NOT_INSTALLED, "is_permanent": True}
    last = LastWords()
    apprise.logger.handlers[:] = [last]
    apprise.logger.propagate = False
    # Nothing is written to the disk, and no code of a plugin directory is run.
    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, plugin_paths=[])
    service = apprise.Apprise(asset=asset)
    if not service.add(request["url"]):
        return {"error": f"apprise does not know such a URL: {last.words}", "is_permanent": True}
    taken = service.notify(
        body=request["body"], title=request["title"], notify_type=request["type"], body_format=apprise.NotifyFormat.TEXT
    )
    if taken:
        return {"sent": "taken"}
    return {"error": f"not taken: {last.words or 'apprise says no more'}", "is_permanent": False}


if __name__ == "__main__":
    main()

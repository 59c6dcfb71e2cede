"""The process that asks Proxmox VE: it alone knows secrets and tickets, and it may be lost. proxmox.py starts it.

It reads requests from standard input and writes answers to standard output (proxmox_words.py) until its input ends.
"""

import ctypes
import os
import sys
import threading

import msgspec

from node.sources.proxmox_types import ProxmoxFailure
from node.sources.proxmox_words import Answer, Failed, Ready, Request, Start

PR_SET_DUMPABLE = 4


class Voice:
    """Writes answers, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, answer: Answer) -> None:
        with self._lock:
            try:
                sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
                sys.stdout.buffer.flush()
            except BrokenPipeError:  # nobody is left to tell
                os._exit(0)


def main() -> None:
    # Nobody but root reads the memory or the environment of a process that cannot be dumped: proc(5), prctl(2).
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.chdir("/")  # nobody's directory is kept busy
    voice = Voice()
    try:
        from node.sources.proxmox_asker import Asker
    except ModuleNotFoundError as error:
        voice.say(Failed(number=0, failure=_missing(error.name or "a package")))
        return
    requests = msgspec.json.Decoder(Request)
    start = requests.decode(sys.stdin.buffer.readline())
    if not isinstance(start, Start):
        raise TypeError("the first request starts nothing")
    asker = Asker(start, voice.say)
    voice.say(Ready())
    for line in sys.stdin.buffer:
        request = requests.decode(line)
        if not isinstance(request, Start):
            asker.take(request)
    os._exit(0)  # a thread may hang


def _missing(package: str) -> ProxmoxFailure:
    message = f"Proxmox VE cannot be asked: {package} is not installed here; pip install 'etlmon[proxmox]'"
    return ProxmoxFailure(trouble="missing_package", message=message)

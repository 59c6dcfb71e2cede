"""Works on what the process that asks Proxmox VE is told (proxmox_child.py): looks at clusters, and seals secrets.

Each request is worked on in a thread of its own, so that a cluster that is slow holds up no other.
"""

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from node.sources.proxmox_dial import Dialer
from node.sources.proxmox_session import Session
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure
from node.sources.proxmox_words import MOST_AT_ONCE, Answer, Failed, Forget, Look, Looked, Seal, Sealed, Start
from node.sources.secret_box import SecretBox, SecretError


class Asker:
    """Many at a time; `say` is called with each answer, in any thread."""

    def __init__(self, start: Start, say: Callable[[Answer], None]) -> None:
        self._limits = start.limits
        self._say = say
        self._box = SecretBox(Path(start.key_file), given=start.key_given)
        self._dialer = Dialer(start.limits)
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def take(self, request: Look | Seal | Forget) -> None:
        """Begin with it."""
        if isinstance(request, Forget):
            with self._lock:
                self._sessions.pop(request.cluster_id, None)
            return
        number = request.number
        answer = self._pool.submit(self._answer, request, time.monotonic())
        answer.add_done_callback(lambda future: self._say(_said(number, future)))

    def _answer(self, request: Look | Seal, asked_at: float) -> Answer:
        """`asked_at` in monotonic seconds: what it waited for a thread is taken from its time."""
        try:
            if isinstance(request, Seal):
                return Sealed(number=request.number, sealed=self._box.seal(request.cluster_id, request.secret))
            target = request.target
            secret = target.secret or self._box.open(target.id, target.sealed)
            sec = max(0.0, self._limits.total_sec - (time.monotonic() - asked_at))
            look = self._session(target.id).look(target, secret, request.now, sec)
            return Looked(number=request.number, look=look)
        except SecretError as error:
            failure = ProxmoxFailure(trouble="secret", message=str(error))
        except ProxmoxError as error:
            failure = error.failure
        return Failed(number=request.number, failure=failure)

    def _session(self, cluster_id: str) -> Session:
        with self._lock:
            if cluster_id not in self._sessions:
                self._sessions[cluster_id] = Session(self._limits, self._dialer)
            return self._sessions[cluster_id]


def _said(number: int, future: "Future[Answer]") -> Answer:
    """What came of a request, also when that is an error of this program."""
    error = future.exception()
    if error is None:
        return future.result()
    # Neither its words nor its values: they may hold a secret.
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"an error of etlmon: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    return Failed(number=number, failure=ProxmoxFailure(trouble="malformed", message=message))

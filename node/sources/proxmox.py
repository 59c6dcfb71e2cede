"""Asks Proxmox VE clusters, through one process that knows their secrets and may be lost (proxmox_child.py).

It is started when somebody asks, and ended when nobody did for a while. Every call in it has a last moment; when it
keeps silent beyond that all the same, it is ended, and another takes over.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from node.sources.proxmox_process import Process
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLimits, ProxmoxLook, ProxmoxTarget
from node.sources.proxmox_words import MOST_AT_ONCE, Answer, Failed, Forget, Look, Looked, Seal, Sealed, Start

IDLE_SEC = 600.0
CREDENTIAL = "etlmon-secret-key"
"""A credential of systemd by this name is the key (systemd.exec(5), LoadCredential=)."""

_READY_SEC = 60.0
_GRACE_SEC = 10.0
"""Beyond the last moment of a call: on a busy host an answer is long on its way."""
_END_SEC = 0.5
_TRIES = 2

AnswerT = TypeVar("AnswerT", Looked, Sealed)


class Proxmox:
    """It belongs to the event loop it is used in."""

    def __init__(self, limits: ProxmoxLimits, key_file: Path, *, idle_sec: float = IDLE_SEC) -> None:
        """`key_file` holds the key of the secrets; it is made when the first is sealed."""
        given = _given_key()
        self._start = Start(limits=limits, key_file=str(given or key_file), key_given=given is not None)
        self._patience_sec = limits.total_sec + _GRACE_SEC
        self._idle_sec = idle_sec
        self._process: Process | None = None
        self._ended: list[Process] = []
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._asked = 0
        self._number = 0
        self._rest: asyncio.TimerHandle | None = None

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        processes = [*self._ended, *([self._process] if self._process is not None else [])]
        return sorted(process.pid for process in processes if not process.ended)

    async def look(self, target: ProxmoxTarget, now: datetime) -> ProxmoxLook:
        """The whole cluster as it is now. Raises ProxmoxError."""
        answer = await self._ask(lambda number: Look(number=number, target=target, now=now), Looked)
        return answer.look

    async def seal(self, cluster_id: str, secret: str) -> str:
        """The secret of a cluster as it may be stored. Raises ProxmoxError."""
        answer = await self._ask(lambda number: Seal(number=number, cluster_id=cluster_id, secret=secret), Sealed)
        return answer.sealed

    async def forget(self, cluster_id: str) -> None:
        """Drop its session."""
        if self._process is not None and self._process.listens:
            self._process.tell(Forget(cluster_id=cluster_id))

    async def close(self) -> None:
        """End the process."""
        self._stop_resting()
        self._leave()
        for process in self._ended:
            await process.wait_ended(_END_SEC)

    async def _ask(self, request: Callable[[int], Look | Seal], kind: type[AnswerT]) -> AnswerT:
        """Raises ProxmoxError."""
        async with self._slots:
            self._stop_resting()
            self._asked += 1
            try:
                answer = await self._answer(request)
            finally:
                self._asked -= 1
                if not self._asked:
                    self._rest = asyncio.get_running_loop().call_later(self._idle_sec, self._leave)
        if isinstance(answer, Failed):
            raise ProxmoxError(answer.failure)
        if not isinstance(answer, kind):
            raise _lost("answers something else than it was asked")
        return answer

    async def _answer(self, request: Callable[[int], Look | Seal]) -> Answer:
        """Raises ProxmoxError. A process that ends without an answer may have been ended for another's sake."""
        for _ in range(_TRIES):
            process = await self._ready()
            self._number += 1
            try:
                async with asyncio.timeout(self._patience_sec):
                    answer = await process.ask(self._number, request(self._number))
            except TimeoutError:
                self._leave(process)
                raise _lost("does not answer; it is ended") from None
            if answer is not None:
                return answer
        raise _lost("ended without an answer (killed? out of memory?)")

    async def _ready(self) -> Process:
        """A process that listens. Raises ProxmoxError."""
        if self._process is None or not self._process.listens:
            self._leave()
            try:
                self._process = Process(self._start)
            except OSError as error:
                raise _lost(f"cannot be started: {error.strerror or error}") from error
        process = self._process
        if not await process.wait_ready(_READY_SEC):
            self._leave(process)
            raise ProxmoxError(process.failure) if process.failure is not None else _lost("does not start")
        return process

    def _leave(self, process: Process | None = None) -> None:
        """End a process; without one named, the one that is there."""
        process = process or self._process
        self._ended = [one for one in self._ended if not one.ended]
        if process is None:
            return
        if process is self._process:
            self._process = None
        process.abandon()
        if process not in self._ended:
            self._ended.append(process)

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None


def _given_key() -> Path | None:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    file = Path(directory, CREDENTIAL) if directory else None
    return file if file is not None and file.exists() else None


def _lost(what: str) -> ProxmoxError:
    message = f"the process that asks Proxmox VE {what}"
    return ProxmoxError(ProxmoxFailure(trouble="unreachable", message=message))

"""clusters: when a cluster that refuses the log-in is asked again."""

from dataclasses import dataclass

from node.sources.proxmox_types import ProxmoxFailure

LONGEST_PAUSE_SEC = 600.0
_PATIENT = ("authentication", "tfa")


@dataclass(slots=True)
class _Refused:
    times: int
    until_sec: float


class Turns:
    """Knocking with a password that is wrong locks users and addresses out (fail2ban): each pause is twice the last.

    Times are those of the event loop. Everything else is asked at every turn.
    """

    def __init__(self, interval_sec: float) -> None:
        self._interval_sec = interval_sec
        self._refused: dict[str, _Refused] = {}

    def is_due(self, cluster_id: str, now_sec: float) -> bool:
        refused = self._refused.get(cluster_id)
        return refused is None or now_sec >= refused.until_sec

    def answered(self, cluster_id: str) -> None:
        """It let us in, or is asked in another way from now on."""
        self._refused.pop(cluster_id, None)

    def failed(self, cluster_id: str, failure: ProxmoxFailure, now_sec: float) -> None:
        if failure.trouble not in _PATIENT:
            self.answered(cluster_id)
            return
        before = self._refused.get(cluster_id)
        times = before.times + 1 if before is not None else 1
        pause_sec = min(self._interval_sec * 2**times, max(LONGEST_PAUSE_SEC, self._interval_sec))
        # A run that begins a moment before its time is meant by it.
        self._refused[cluster_id] = _Refused(times, now_sec + pause_sec - self._interval_sec / 2)

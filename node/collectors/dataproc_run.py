"""How one run goes: what its lines add up to, and what came of it in the end."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from etlmon.contract.dataproc_rows import DataprocRun, RegionResult, RegionsFrom, RunResult
from etlmon.logs import redact
from node.sources.dataproc_types import (
    ClusterLine,
    DataprocLine,
    DoneLine,
    RegionLine,
    RegionsLine,
    TroubleLine,
)

MOST_ERRORS = 50
LONGEST_ERROR = 500

_BY_TRUST: tuple[RegionsFrom, ...] = ("", "api", "cache", "fallback")


class RunSoFar:
    """Takes the lines of a run one by one."""

    def __init__(self, account: str, started_at: datetime) -> None:
        self.account = account
        self.started_at = started_at
        self.regions: list[RegionResult] = []
        self.troubles: list[TroubleLine] = []
        self.regions_from: RegionsFrom = ""
        self.done: DoneLine | None = None
        self.failure: str | None = None
        """Why nothing more came, though nobody cut the run off."""
        self.refused = False
        """The account itself is not let in."""
        self._read = 0
        """Regions of which every cluster is known."""
        self._clusters = 0
        self._jobs = 0
        self._hints: list[str] = []

    def take(self, line: DataprocLine) -> None:
        match line:
            case RegionsLine():
                self.regions_from = max(self.regions_from, line.regions_from, key=_BY_TRUST.index)
                if line.error:
                    self._hints.append(f"{line.project_id}: {said(line.error)}")
            case ClusterLine():
                self._clusters += 1
                self._jobs += len(line.cluster.jobs)
            case RegionLine():
                self.regions.append(line.result)
                self._read += "clusters" in line.complete
            case TroubleLine():
                self.troubles.append(line)
                self.refused |= line.stops == "account" and line.kind == "failure"
            case DoneLine():
                self.done = line

    def fail(self, reason: str) -> None:
        """It ended before its time."""
        self.failure = said(reason)

    def so_far(self) -> DataprocRun:
        """The run while it goes on."""
        return DataprocRun(account=self.account, started_at=self.started_at, result="running")

    def ended(self, at: datetime, *, stale: int) -> DataprocRun:
        """The run as it was. `stale` is how many clusters were known before and could not be looked at."""
        counts = self._counts()
        result = self._result(stale)
        done = self.done
        return DataprocRun(
            account=self.account,
            started_at=self.started_at,
            ended_at=at,
            duration_ms=round((at - self.started_at).total_seconds() * 1000, 1),
            result=result,
            reason=self._reason(result, stale),
            success=done.success if done is not None else self._clusters,
            failure=counts["failure"],
            timeout=counts["timeout"],
            unknown=counts["unknown"],
            calls=done.calls if done is not None else sum(region.calls for region in self.regions),
            retries=done.retries if done is not None else 0,
            clusters=self._clusters,
            jobs=self._jobs,
            regions_from=self.regions_from,
            quota_percent=done.quota_percent if done is not None else 0.0,
            regions=sorted(self.regions, key=lambda region: (region.project_id, region.region)),
            errors=self._errors(),
        )

    def calls(self) -> Mapping[str, int]:
        """By project, as far as regions told of theirs."""
        calls: Counter[str] = Counter()
        for region in self.regions:
            calls[region.project_id] += region.calls
        return calls

    def _counts(self) -> Mapping[Literal["failure", "timeout", "unknown"], int]:
        if self.done is not None:
            return {"failure": self.done.failure, "timeout": self.done.timeout, "unknown": self.done.unknown}
        kinds = Counter(trouble.kind for trouble in self.troubles)
        was_cut = self.failure is None
        return {
            "failure": kinds["failure"] + (not was_cut),
            "timeout": kinds["timeout"] + was_cut,
            "unknown": kinds["unknown"],
        }

    def _result(self, stale: int) -> RunResult:
        if self.failure is not None or self.refused:
            return "failed"
        if self.done is None or any(one.stops == "account" for one in self.troubles):
            return "timeout"
        # What is of a new form was read all the same.
        troubles = [one for one in self.troubles if one.kind != "unknown"]
        if not troubles and all(region.state == "ok" for region in self.regions):
            return "complete" if not stale else "partial"
        if self._read or self._clusters:
            return "partial"
        cut = all(one.kind == "timeout" for one in troubles)
        return "timeout" if cut and all(one.state in ("timeout", "skipped") for one in self.regions) else "failed"

    def _reason(self, result: RunResult, stale: int) -> str | None:
        """In a sentence."""
        if result == "complete":
            return self._hints[0] if self._hints else None
        if self.failure is not None:
            return self.failure
        stops = next((one for one in self.troubles if one.stops == "account"), None)
        if stops is not None:
            return said(stops.message)
        unread = [region for region in self.regions if region.state != "ok"]
        first = self._first(unread)
        if self.done is None:
            return f"it was cut off at its deadline, after {len(self.regions)} regions{first}"
        if unread:
            return f"{len(unread)} of {len(self.regions)} regions could not be read whole{first}"
        if self.troubles:
            return f"{len(self.troubles)} things could not be read{first}"
        return f"{stale} clusters are in regions that were not asked" + "".join(f"; {hint}" for hint in self._hints[:1])

    def _first(self, unread: list[RegionResult]) -> str:
        for region in unread:
            if region.error:
                return f"; {region.project_id}/{region.region}: {said(region.error)}"
        return f"; {told(self.troubles[0])}" if self.troubles else ""

    def _errors(self) -> list[str]:
        """What regions do not tell themselves."""
        known = {region.error for region in self.regions}
        rest = [*self._hints, *(told(one) for one in self.troubles if one.message not in known)]
        kept = list(dict.fromkeys(rest))
        more = len(kept) - MOST_ERRORS
        return [*kept[:MOST_ERRORS], f"and {more} more"] if more > 0 else kept


def told(trouble: TroubleLine) -> str:
    """A trouble with its place."""
    place = "/".join(part for part in (trouble.project_id, trouble.region, trouble.cluster_name) if part)
    return f"{place}: {said(trouble.message)}" if place else said(trouble.message)


def said(message: str) -> str:
    """What somebody else says of what went wrong: one line, bounded, without what looks like a secret."""
    return redact(" ".join(message.split()))[:LONGEST_ERROR]

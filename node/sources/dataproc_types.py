"""What is asked of Google Cloud Dataproc, and what it answers, line by line."""

from datetime import datetime
from typing import Literal

import msgspec

from etlmon.contract.dataproc_models import DataprocCluster, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import RegionResult, RegionsFrom
from node.settings_dataproc import Dataproc, DataprocAccount


class KnownRegions(msgspec.Struct, frozen=True, kw_only=True):
    """The regions that a project had a short while ago."""

    regions: list[str]
    until: datetime
    """So long they count as known."""


class DataprocTask(msgspec.Struct, frozen=True, kw_only=True):
    """One account, to be read once from end to end. It goes to the child over its input, never as an argument."""

    account: DataprocAccount
    settings: Dataproc
    """Without the accounts."""
    credentials: str = ""
    """The text of the key file; empty for an anonymous account."""
    known: dict[str, KnownRegions] = {}
    """By project."""
    earlier_calls: dict[str, list[float]] = {}
    """By project: how many seconds ago each call of the last minute was."""

    def __repr__(self) -> str:
        """Without the key, wherever it is printed."""
        return f"DataprocTask(account={self.account.name!r})"


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="line"):
    """One line of the child."""


class RegionsLine(_Line, frozen=True, kw_only=True, tag="regions"):
    """Which regions of a project are read, and how they are known; only those from the API may be remembered.

    `error` says why they are not from the API, or which of the wanted ones are not among them.
    """

    project_id: str
    regions: list[str]
    regions_from: RegionsFrom
    error: str | None = None
    until: datetime | None = None


class ClusterLine(_Line, frozen=True, kw_only=True, tag="cluster"):
    cluster: DataprocCluster


class TemplateLine(_Line, frozen=True, kw_only=True, tag="template"):
    template: DataprocTemplate


class PolicyLine(_Line, frozen=True, kw_only=True, tag="policy"):
    policy: DataprocPolicy


class RegionLine(_Line, frozen=True, kw_only=True, tag="region"):
    """A region is done; everything of it was said before.

    `complete` names what of it is known to the end, so that what was not said is not there any more: clusters, jobs,
    templates, policies. What the account does not ask for counts as known, and there is nothing of it. Without "jobs"
    those of the clusters are at best some of the latest.
    """

    result: RegionResult
    complete: list[Literal["clusters", "jobs", "templates", "policies"]]


class TroubleLine(_Line, frozen=True, kw_only=True, tag="trouble"):
    """Something could not be read: of the account, of a project, of a region, of a cluster."""

    kind: Literal["failure", "timeout", "unknown"]
    message: str
    project_id: str = ""
    region: str = ""
    cluster_name: str = ""
    stops: Literal["", "project", "account"] = ""
    """What is not asked any further because of it."""


class DoneLine(_Line, frozen=True, kw_only=True, tag="done"):
    """The last line: nothing more is asked. Without it the run was cut off from outside.

    When its own time was over a TroubleLine says so before: `timeout`, and it stops the account.
    `success` counts the clusters that were read, the others the TroubleLines of their kind.
    """

    success: int
    failure: int
    timeout: int
    unknown: int
    calls: int
    retries: int
    quota_percent: float
    recent_calls: dict[str, list[float]] = {}
    """As `DataprocTask.earlier_calls` of the next run."""


DataprocLine = RegionsLine | ClusterLine | TemplateLine | PolicyLine | RegionLine | TroubleLine | DoneLine


class BrokenLine(_Line, frozen=True, kw_only=True, tag="broken"):
    """The last line of a child that cannot go on: a library is missing, or there is a mistake in the program."""

    message: str

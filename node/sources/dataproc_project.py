"""What the regions of one project share that are read at the same time: whom to ask, and who has said no to all."""

import threading
from dataclasses import dataclass, field
from typing import Literal

from node.settings_dataproc import DataprocAccount
from node.sources.dataproc_errors import ApiError
from node.sources.dataproc_lists import CLUSTERS, List, ListName
from node.sources.dataproc_pages import Pages
from node.sources.dataproc_says import Says
from node.sources.dataproc_types import TroubleLine

_WITHOUT = {
    "clusters": "or take the project out of the account's projects",
    "jobs": "or set include_jobs: false",
    "templates": "or set include_workflow_templates: false",
    "policies": "or set include_autoscaling_policies: false",
}
_NOUNS = {"clusters": "clusters", "jobs": "jobs", "templates": "workflow templates", "policies": "autoscaling policies"}


@dataclass(kw_only=True)
class Project:
    """One project of the account."""

    name: str
    account: DataprocAccount
    pages: Pages
    says: Says
    until: float
    """The end of the run, by time.monotonic()."""
    stopping: threading.Event
    """Set when the account is refused."""
    refused: str = ""
    """Why the project is not asked any further."""
    denied: dict[ListName, str] = field(default_factory=dict)
    """The lists that the account may not see, and what was said."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def why_skipped(self) -> str:
        """Why no other region is asked; empty as long as they are."""
        return "the account is refused" if self.stopping.is_set() else self.refused

    def failed(self, which: List, region: str, error: ApiError) -> str:
        """A list of a region could not be read: say it, once for all that is not asked any further because of it.

        Returns the words.
        """
        words = f"the {_NOUNS[which.name]} cannot be read: {error}{_advice(which, error)}"
        stops: Literal["", "project", "account"] = ""
        with self.lock:
            is_known = False
            if error.refuses_account:
                stops, is_known = "account", self.stopping.is_set()
                self.stopping.set()
            elif error.refuses_project and which is CLUSTERS:
                stops, is_known = "project", bool(self.refused)
                self.refused = self.refused or words
            elif error.refuses_project:
                is_known = which.name in self.denied
                self.denied.setdefault(which.name, words)
        if not is_known:
            place = "" if error.refuses_account or error.refuses_project else region
            self.says.say(TroubleLine(kind=error.kind, message=words, project_id=self.name, region=place, stops=stops))
        return words


def _advice(which: List, error: ApiError) -> str:
    """What to do about it, where that can be told."""
    if error.refuses_account:
        return "; is the key still good, and the host's clock right?"
    if error.is_disabled:
        return f"; switch the Cloud Dataproc API on in the project, {_WITHOUT[which.name]}"
    if error.refuses_project:
        return f"; grant {which.permission} to the account, {_WITHOUT[which.name]}"
    if error.code == "INVALID_ARGUMENT":
        return "; exclude_regions leaves out a region that has no Dataproc"
    return ""

"""One region of one project, read from end to end: clusters with their latest jobs, templates, policies."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

from etlmon.contract.dataproc_rows import RegionResult, RegionState
from node.sources.dataproc_errors import ApiError, clean
from node.sources.dataproc_fields import ShapeError
from node.sources.dataproc_latest import LatestJobs
from node.sources.dataproc_lists import CLUSTERS, JOBS, POLICIES, TEMPLATES, List, ListName
from node.sources.dataproc_project import Project
from node.sources.dataproc_says import Tally
from node.sources.dataproc_shapes import cluster, new_state
from node.sources.dataproc_types import (
    ClusterLine,
    DataprocLine,
    PolicyLine,
    RegionLine,
    TemplateLine,
    TroubleLine,
)
from node.sources.dataproc_work_shapes import job, policy, template

T = TypeVar("T")

_LISTS: tuple[ListName, ...] = ("clusters", "jobs", "templates", "policies")


class RegionReader:
    """Reads a region, and says everything of it. It belongs to one thread."""

    def __init__(self, project: Project, region: str) -> None:
        self._project = project
        self._region = region
        self._tally = Tally()
        self._counts = dict.fromkeys(_LISTS, 0)
        self._ended: set[ListName] = set()
        self._spoilt: set[ListName] = set()
        self._state: RegionState = "ok"
        self._error: str | None = None

    def read(self) -> RegionResult:
        """Whatever goes wrong with the API is said, and not raised."""
        started = time.monotonic()
        project = self._project
        if project.why_skipped:
            self._end("skipped", project.why_skipped)
        elif started >= project.until:
            self._end("timeout", "the time of the run was over before it was asked")
        else:
            self._read()
        result = RegionResult(
            project_id=project.name,
            region=self._region,
            state=self._state,
            **self._counts,
            calls=self._tally.calls,
            duration_ms=round((time.monotonic() - started) * 1000, 1),
            error=self._error,
        )
        complete = [name for name in _LISTS if name in self._ended - self._spoilt]
        project.says.tally(self._tally)
        project.says.say(RegionLine(result=result, complete=complete))
        return result

    def _read(self) -> None:
        """A region whose clusters cannot be read is not asked for anything else."""
        account, place = self._project.account, {"project": self._project.name, "region": self._region}
        clusters = list(self._each(CLUSTERS))
        latest = LatestJobs(clusters, account.jobs_per_cluster)
        if "clusters" not in self._ended:
            self._tell_clusters(clusters, latest)
            return
        # Jobs are told with their clusters: without any there is nothing to ask for.
        for message in self._wanted(JOBS, account.include_jobs and bool(clusters)):
            latest.add(message)
        self._tell_clusters(clusters, latest)
        templates = self._wanted(TEMPLATES, account.include_workflow_templates)
        for workflow in self._told(TEMPLATES, partial(template, **place), templates):
            self._say("templates", TemplateLine(template=workflow))
        policies = self._wanted(POLICIES, account.include_autoscaling_policies)
        for scaling in self._told(POLICIES, partial(policy, clusters=clusters, **place), policies):
            self._say("policies", PolicyLine(policy=scaling))

    def _tell_clusters(self, clusters: Iterable[Any], latest: LatestJobs) -> None:
        place = {"project": self._project.name, "region": self._region}
        for message in clusters:
            name = message.cluster_name
            jobs = list(self._told(JOBS, partial(job, **place), latest.of(message.cluster_uuid), name))
            for told in self._told(CLUSTERS, partial(cluster, jobs=jobs, **place), [message], name):
                self._say("clusters", ClusterLine(cluster=told))
                self._counts["jobs"] += len(jobs)
                if (state := new_state(message)) is not None:
                    words = f"its state is {state}, for which the installed google-cloud-dataproc has no name"
                    self._trouble("unknown", words, name)

    def _told(
        self, which: List, shape: Callable[[Any], T], messages: Iterable[Any], cluster_name: str = ""
    ) -> Iterator[T]:
        """The messages in the form of the contract. One that cannot be told costs the others nothing."""
        for message in messages:
            try:
                yield shape(message)
            except ShapeError as error:
                words = clean(str(error))
                self._spoilt.add(which.name)
                self._end("failed", words)
                self._trouble("failure", words, cluster_name)

    def _wanted(self, which: List, is_wanted: bool) -> Iterator[Any]:
        if is_wanted:
            yield from self._each(which)
        else:
            self._ended.add(which.name)

    def _each(self, which: List) -> Iterator[Any]:
        """What a list holds, until it ends or cannot be read any further."""
        project = self._project
        if which.name in project.denied:
            self._end("failed", project.denied[which.name])
            return
        try:
            yield from project.pages.each(which, project.name, self._region, self._tally)
            self._ended.add(which.name)
        except ApiError as error:
            if error.code == "CANCELLED" and project.why_skipped:
                self._end("skipped", project.why_skipped)
            else:
                words = project.failed(which, self._region, error)
                self._end("timeout" if error.kind == "timeout" else "failed", words)

    def _say(self, name: ListName, line: DataprocLine) -> None:
        self._counts[name] += 1
        self._project.says.say(line)

    def _trouble(self, kind: Literal["failure", "unknown"], words: str, cluster_name: str) -> None:
        self._project.says.say(
            TroubleLine(
                kind=kind,
                message=words,
                project_id=self._project.name,
                region=self._region,
                cluster_name=cluster_name,
            )
        )

    def _end(self, state: RegionState, words: str) -> None:
        """What went wrong first is how the region went."""
        if self._state == "ok":
            self._state, self._error = state, words

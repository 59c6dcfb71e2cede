"""What else a node knows of Dataproc: jobs, workflow templates, autoscaling policies, and how collecting went."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from etlmon.contract.dataproc import (
    DATAPROC_JOBS,
    DATAPROC_POLICIES,
    DATAPROC_RUNS,
    DATAPROC_TEMPLATES,
    DataprocJobQuery,
    DataprocRunQuery,
    InventoryQuery,
)
from etlmon.contract.dataproc_models import DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRun
from ui.glyphs import State
from ui.problems import dataproc as dataproc_problems
from ui.state import NodeState, Question
from ui.views.clusters_listed import Words, labels_of
from ui.views.clusters_query import ClusterQuery
from ui.views.dataproc import job_level
from ui.views.dataproc_detail import job_detail, policy_detail, run_detail, run_questions, template_detail
from ui.views.dataproc_fields import JOB_FIELDS, POLICY_FIELDS, RUN_FIELDS, TEMPLATE_FIELDS
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.rows import Row

T = TypeVar("T")

_MOST = 1000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_DISABLED = "They are collected with dataproc: in node.yaml."


class Inventory(Part[T]):
    """A kind of rows that the query narrows. A subclass says which question gives them."""

    question: Question[list[T]]

    def __init__(self, query: ClusterQuery) -> None:
        self.query = query

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (self.question,)

    def items(self, node: NodeState, nodes: int) -> Sequence[T]:
        items = node.answer(self.question) or ()
        return list({self.key_of(one): one for one in items if self.query.fits(self.words_of(one))}.values())

    def words_of(self, item: T) -> Words:
        """By what the item can be found."""
        raise NotImplementedError

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        held = [node.held(self.question) for node in nodes]
        cut = any(one is not None and (one.total or 0) > len(one.value) for one in held)
        return f"the first {_MOST:,} of each node" if cut else ""


class Jobs(Inventory[DataprocJob]):
    title = "Dataproc jobs"
    name = "jobs"
    noun = "job"
    nothing = f"No job is known. {_DISABLED}"
    columns = JOB_FIELDS
    question = Question(DATAPROC_JOBS, DataprocJobQuery(limit=_MOST))

    def words_of(self, item: DataprocJob) -> Words:
        labels = labels_of(item.labels)
        flags = ("ill", "error") if job_level(item) != "ok" else ()
        return {"name": (item.cluster_name, item.job_id), "state": (item.status.state,), "project": (item.project_id,),
                "region": (item.region,), "kind": ("dataproc", item.type), "label": labels, "is": flags}  # fmt: skip

    def key_of(self, item: DataprocJob) -> str:
        return f"{item.project_id} {item.region} {item.job_id}"

    def level_of(self, item: DataprocJob) -> State:
        return job_level(item)

    def order(self, item: DataprocJob) -> tuple[float, str]:
        return -(item.submitted_at or _LONG_AGO).timestamp(), item.job_id

    def detail(self, row: Row[DataprocJob]) -> Detail:
        return job_detail(row)


class Templates(Inventory[DataprocTemplate]):
    title = "Dataproc workflow templates"
    name = "templates"
    noun = "template"
    nothing = f"No workflow template is known. {_DISABLED}"
    columns = TEMPLATE_FIELDS
    question = Question(DATAPROC_TEMPLATES, InventoryQuery(limit=_MOST), pace="slow")

    def words_of(self, item: DataprocTemplate) -> Words:
        return {"name": (item.id,), "project": (item.project_id,), "region": (item.region,), "kind": ("dataproc",),
                "label": labels_of(item.labels)}  # fmt: skip

    def key_of(self, item: DataprocTemplate) -> str:
        return item.name

    def level_of(self, item: DataprocTemplate) -> State:
        return "ok"

    def order(self, item: DataprocTemplate) -> tuple[str, str, str]:
        return item.project_id, item.region, item.id

    def detail(self, row: Row[DataprocTemplate]) -> Detail:
        return template_detail(row)


class Policies(Inventory[DataprocPolicy]):
    title = "Dataproc autoscaling policies"
    name = "policies"
    noun = "policy"
    nothing = f"No autoscaling policy is known. {_DISABLED}"
    columns = POLICY_FIELDS
    question = Question(DATAPROC_POLICIES, InventoryQuery(limit=_MOST), pace="slow")

    def words_of(self, item: DataprocPolicy) -> Words:
        return {"name": (item.id, *item.used_by), "policy": (item.id,), "project": (item.project_id,),
                "region": (item.region,), "kind": ("dataproc",), "label": labels_of(item.labels)}  # fmt: skip

    def key_of(self, item: DataprocPolicy) -> str:
        return item.name

    def level_of(self, item: DataprocPolicy) -> State:
        return "ok"

    def order(self, item: DataprocPolicy) -> tuple[str, str, str]:
        return item.project_id, item.region, item.id

    def detail(self, row: Row[DataprocPolicy]) -> Detail:
        return policy_detail(row)


class Runs(Inventory[DataprocRun]):
    title = "Dataproc collections"
    name = "collections"
    noun = "run"
    nothing = "Nothing was collected yet. An account is named with dataproc: in node.yaml."
    columns = RUN_FIELDS
    question = Question(DATAPROC_RUNS, DataprocRunQuery(limit=100))

    def words_of(self, item: DataprocRun) -> Words:
        projects = sorted({region.project_id for region in item.regions})
        flags = ("ill",) if dataproc_problems.run_level(item) != "ok" else ()
        return {"name": (item.account,), "account": (item.account,), "state": (item.result,), "project": projects,
                "region": [region.region for region in item.regions], "kind": ("dataproc",), "is": flags}  # fmt: skip

    def key_of(self, item: DataprocRun) -> str:
        return str(item.id)

    def level_of(self, item: DataprocRun) -> State:
        return dataproc_problems.run_level(item)

    def order(self, item: DataprocRun) -> float:
        return -item.started_at.timestamp()

    def detail_questions(self, row: Row[DataprocRun]) -> tuple[Question[Any], ...]:
        return run_questions(row.item)

    def detail(self, row: Row[DataprocRun]) -> Detail:
        return run_detail(row)

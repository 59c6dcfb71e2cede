"""What can be done in the Clusters view: register and forget clusters, trust certificates, ask anew, and links."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from textual.binding import BindingType

from etlmon.contract.clusters import (
    CLUSTER_DEREGISTER,
    CLUSTER_REFRESH,
    CLUSTER_REGISTER,
    CLUSTER_TEST,
    CLUSTER_TRUST,
    Cluster,
    ClusterAct,
    ClusterProbe,
    RegisterCluster,
    TrustCertificate,
)
from etlmon.contract.dataproc import DATAPROC_COLLECT, CollectRequest, CollectStarted
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.register import RegisterDialog
from ui.dialogs.register_form import fingerprint_lines, probe_lines
from ui.keys import key
from ui.problems import clusters as clusters_problems
from ui.state import NodeState
from ui.views.acting import ActingView
from ui.views.base import Outcome
from ui.views.clusters_detail import certificate_words
from ui.views.clusters_listed import Listed
from ui.views.parts import PartsView
from ui.views.rows import Row, counted
from ui.views.rows_table import RowsTable
from ui.widgets.lines import Line

_BINDINGS = [
    key("n", "register", "Register", id="register", show=True),
    key("d", "deregister", "Forget", id="deregister", show=True),
    key("C", "trust", "Trust its new certificate", id="trust_certificate"),
    key("R", "ask_again", "Ask anew", id="ask_again", show=True),
    key("o", "console", "Copy the address of its console", id="copy_console"),
    key("O", "save", "Save to a file", id="save"),
]


class ClusterActs(PartsView, ActingView[Any]):
    """The acts of a view whose rows are clusters. Each is meant for the cluster that was under the cursor then."""

    BINDINGS: ClassVar[list[BindingType]] = [*_BINDINGS]

    def __init__(self) -> None:
        super().__init__()
        self._dialog: RegisterDialog | None = None
        self._awaited = ""
        """The key of a row that was registered a moment ago, and is not shown yet."""

    # Registering

    def action_register(self) -> None:
        """Ask for a cluster that the chosen node is to watch."""
        if self._scope is None:
            return
        node = self._scope.front
        if reason := self.why_not(node):
            self.refuse(f"No cluster can be registered: {reason}")
            return
        self._dialog = RegisterDialog(node.name, test=partial(self._test, node), register=partial(self._register, node))
        self.app.push_screen(self._dialog, self._registering_ended)

    def _test(self, node: NodeState, body: RegisterCluster) -> None:
        done = partial(self._tested, self._dialog)
        self.post_message(
            self.Act(node.name, CLUSTER_TEST, body, lambda _: "it answers", node_id=node.node_id, done=done)
        )

    def _tested(self, dialog: RegisterDialog | None, outcome: Outcome) -> None:
        if dialog is None or dialog is not self._dialog:
            return  # nothing was saved, and nobody waits for it
        if outcome.problem:
            dialog.refuse(outcome.problem, outcome.refusal)
        else:
            probe: ClusterProbe = outcome.answer
            dialog.tell(probe_lines(probe))

    def _register(self, node: NodeState, body: RegisterCluster) -> None:
        done = partial(self._registered, self._dialog, node.name, body.name)
        self.post_message(
            self.Act(node.name, CLUSTER_REGISTER, body, _registered_words, node_id=node.node_id, done=done)
        )

    def _registered(self, dialog: RegisterDialog | None, node: str, name: str, outcome: Outcome) -> None:
        """Tell how it went: in the dialog, or in a notice when that was closed meanwhile."""
        is_open = dialog is not None and dialog is self._dialog
        if outcome.problem and dialog is not None and is_open:
            dialog.refuse(outcome.problem, outcome.refusal)
            return
        if outcome.problem:
            self.refuse(f"{node}: {name}: {outcome.problem}")
            return
        cluster: Cluster = outcome.answer
        self._awaited = f"{node}\n{clusters_problems.key_of(cluster)}"
        self.notify(f"{node}: {outcome.words}", markup=False)
        if dialog is not None and is_open:
            dialog.dismiss(None)

    def _registering_ended(self, _: None) -> None:
        self._dialog = None

    def _go_to_awaited(self) -> None:
        """Put the cursor on the cluster that was registered, once it is there."""
        if self._awaited and self.query_one(RowsTable).move_to(self._awaited):
            self._awaited = ""

    # Forgetting it, and trusting what it shows

    def action_deregister(self) -> None:
        """Ask whether the node is to forget the cluster."""
        found = self._proxmox_row("forgotten")
        if found is None:
            return
        row, cluster = found
        if cluster.origin == "static":
            self.refuse(f"{cluster.name} stands in node.yaml: take it out under clusters: static:, and reload")
            return
        lines: list[Line] = [
            [(cluster.name, "title"), (f" at {cluster.api_endpoint}", None)],
            [(f"{counted(cluster.node_count, 'node')}, {counted(cluster.guests_total, 'guest')}", None)],
            [(f"watched by {row.node.name}", "dim")],
            [],
            [("The node forgets it, what it knows of it, and its credentials.", "warn")],
            [("Nothing is done to the cluster itself.", None)],
        ]
        act = self.Act(
            row.node.name,
            CLUSTER_DEREGISTER,
            None,
            lambda _: f"{cluster.name} is no longer watched",
            {"id": cluster.id},
            node_id=row.node.node_id,
        )
        self._confirm("Forget a cluster", lines, "Forget it", act)

    def action_trust(self) -> None:
        """Ask whether the certificate that the cluster shows now is the right one."""
        found = self._proxmox_row("changed")
        if found is None:
            return
        row, cluster = found
        if not cluster.seen_fingerprint:
            self.refuse(f"{cluster.name} shows the certificate that is trusted: there is nothing to decide")
            return
        if cluster.origin == "static":
            self.refuse(f"{cluster.name} stands in node.yaml: write the fingerprint there, under tls:, and reload")
            return
        seen = cluster.seen_fingerprint
        lines: list[Line] = [
            [(cluster.name, "title"), (f" at {cluster.active_endpoint or cluster.api_endpoint}", None)],
            [("trusted so far", "dim")],
            *fingerprint_lines(certificate_words(cluster).removeprefix("SHA-256 ")),
            [("shown now, SHA-256", "dim")],
            *fingerprint_lines(seen, "warn"),
            [("Compare it on the cluster itself: pvenode cert info", None)],
        ]
        act = self.Act(
            row.node.name,
            CLUSTER_TRUST,
            TrustCertificate(fingerprint=seen, confirm=True),
            _status_words,
            {"id": cluster.id},
            node_id=row.node.node_id,
        )
        self._confirm("Trust a certificate", lines, "Trust it", act)

    def _confirm(self, heading: str, lines: Sequence[Line], does: str, act: "ClusterActs.Act") -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(act)

        self.app.push_screen(ConfirmDialog(heading, lines, does), answered)

    def _proxmox_row(self, done: str) -> tuple[Row[Any], Cluster] | None:
        """The registered cluster that is meant; None, with the reason told, when there is none to act upon."""
        row = self.aimed_at
        item = None if row is None else row.item
        if row is None or not isinstance(item, Listed):
            return None
        if not isinstance(item.item, Cluster):
            self.refuse(f"{item.name} was not registered here: dataproc: in node.yaml says what is collected")
            return None
        if reason := self.why_not(row.node):
            self.refuse(f"{item.name} is not {done}: {reason}")
            return None
        return row, item.item

    # Asking anew

    def action_ask_again(self) -> None:
        """Have the nodes ask the chosen clusters now, and collect the accounts of the chosen Dataproc rows."""
        accounts: dict[str, dict[str, None]] = {}
        for row in self.selected:
            one = row.item.item if isinstance(row.item, Listed) else row.item
            if isinstance(one, Cluster):
                self.post_message(self.Act(row.node.name, CLUSTER_REFRESH, ClusterAct(), _status_words, {"id": one.id}))
            elif isinstance(one, DataprocRow | DataprocRun):
                accounts.setdefault(row.node.name, {})[one.account] = None
        for node, names in accounts.items():
            body = CollectRequest(accounts=list(names))
            self.post_message(self.Act(node, DATAPROC_COLLECT, body, _collect_words))

    # Elsewhere

    def action_console(self) -> None:
        """Copy where the row is found in the console of its maker."""
        row = self.aimed_at
        address = "" if row is None else getattr(row.item, "console_url", "")
        if not address:
            self.notify("There is no console address of this.", markup=False)
            return
        self.app.copy_to_clipboard(address)
        self.notify(f"Copied {address} (The terminal must allow OSC 52.)", markup=False)


def _registered_words(cluster: Cluster) -> str:
    return f"{_status_words(cluster)}; it is watched from now on"


def _status_words(cluster: Cluster) -> str:
    words = clusters_problems.words(cluster)
    why = "" if words == cluster.status else f": {words}"
    return f"{cluster.name} is {cluster.status}{why}"


def _collect_words(started: CollectStarted) -> str:
    parts = [f"{', '.join(started.accepted)} is collected now"] if started.accepted else []
    parts += [f"{', '.join(started.running)} is being collected already"] if started.running else []
    return "; ".join(parts) or "nothing is to be collected"

"""Forgetting and trusting clusters, asking anew, and links: the cluster that is meant, never on one key."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from etlmon.contract.clusters import CLUSTER_DEREGISTER, CLUSTER_REFRESH, CLUSTER_TRUST, CLUSTERS, ClusterTls
from etlmon.contract.dataproc import DATAPROC_COLLECT, CollectStarted
from etlmon.contract.errors import BadGateway, Conflict, NotFound
from etlmon.contract.node import NODE_ID_HEADER
from tests.fakes.nodes import FakeNode, hanging_up
from tests.ui.estates import NEW_PRINT, OLD_PRINT, cluster_id, listing, pve
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import Looking, looking
from ui.dialogs.confirm import ConfirmDialog
from ui.settings import Ui
from ui.views.rows_table import RowsTable

QUICK = Ui(refresh_interval=0.1, health_interval=0.2)  # type: ignore[arg-type]
COPY = "(The terminal must allow OSC 52.)"


@dataclass
class Stage:
    eye: Looking
    fake: FakeNode
    sent: list[tuple[str, str, dict[str, Any], str | None]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    async def take(self, request: web.Request) -> Any:
        text = await request.text()
        meant = request.headers.get(NODE_ID_HEADER)
        self.sent.append((request.method, request.path, json.loads(text) if text else {}, meant))
        return self.answers.get(request.method + request.path.rpartition("/")[2], pve())

    @property
    def asks(self) -> bool:
        return isinstance(self.eye.app.screen, ConfirmDialog)

    async def to(self, name: str) -> None:
        """Put the cursor on the cluster of this name."""
        view: Any = self.eye.app.view
        await self.eye.until(lambda: any(row.item.name == name for row in view.shown_rows), name)
        view.query_one(RowsTable).move_to(next(row.key for row in view.shown_rows if row.item.name == name))
        await self.eye.pilot.pause()

    async def told(self, words: str) -> None:
        await self.eye.until(lambda: any(words in notice for notice in self.eye.notices), words)


Scene = Callable[[Stage], Awaitable[None]]


def play(scene: Scene, *, ui: Ui = QUICK, read_only: bool = False) -> None:
    """A node with clusters in trouble."""

    async def main() -> None:
        async with FakeNode(node_id="id-1") as fake:
            in_trouble(fake, "web1")
            async with looking([("web1", fake.url)], ui=ui, read_only=read_only) as eye:
                stage = Stage(eye, fake)

                def one(request: web.Request) -> Any:
                    return pve() if request.method == "GET" else stage.take(request)

                for endpoint in (CLUSTER_DEREGISTER, CLUSTER_REFRESH, CLUSTER_TRUST, DATAPROC_COLLECT):
                    fake.answers[endpoint.path] = one
                await eye.press("8")
                await eye.until_shown("prod-cluster")
                await eye.until(lambda: eye.app.fleet.live("web1").info is not None, "the node")
                eye.app.paint()
                await scene(stage)

    asyncio.run(main())


def test_d_asks_first_and_enter_alone_cancels() -> None:
    async def scene(stage: Stage) -> None:
        await stage.to("lab")
        await stage.eye.press("d")
        await stage.eye.until_shown(
            "Forget a cluster", "lab at https://pve.example.com:8006", "3 nodes, 41 guests", "watched by web1",
            "its credentials.", "Nothing is done to the cluster itself.",
        )  # fmt: skip
        await stage.eye.press("enter")
        assert (stage.asks, stage.sent) == (False, [])

    play(scene)


def test_the_cluster_that_was_under_the_cursor_is_forgotten() -> None:
    async def scene(stage: Stage) -> None:
        await stage.to("lab")
        await stage.eye.press("d")
        # Below the question another cluster takes its place.
        stage.fake.answers[CLUSTERS.path] = listing(pve("aaa", status="unhealthy"))
        view: Any = stage.eye.app.view
        await stage.eye.until(lambda: all(row.item.name != "lab" for row in view.shown_rows), "the change")
        await stage.eye.press("tab", "enter")
        await stage.told("web1: lab is no longer watched")
        assert stage.sent == [("DELETE", f"/api/v1/clusters/{cluster_id('lab')}", {}, "id-1")]

    play(scene)


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("서울-신규", "d", "서울-신규 stands in node.yaml: take it out under clusters: static:, and reload"),
        ("etl-prod", "d", "etl-prod was not registered here: dataproc: in node.yaml says what is collected"),
        ("etl-prod", "C", "etl-prod was not registered here"),
        ("prod-cluster", "C", "prod-cluster shows the certificate that is trusted: there is nothing to decide"),
    ],
)
def test_what_cannot_be_done_with_a_cluster_is_said_at_once(name: str, key: str, words: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.to(name)
        await stage.eye.press(key)
        await stage.told(words)
        assert (stage.asks, stage.sent) == (False, [])

    play(scene)


def test_the_new_certificate_of_a_cluster_in_node_yaml_is_trusted_there() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[CLUSTERS.path] = listing(pve("fixed", seen_fingerprint=NEW_PRINT, origin="static"))
        await stage.to("fixed")
        await stage.eye.press("C")
        await stage.told("write the fingerprint there")
        assert not stage.asks

    play(scene)


def test_a_certificate_is_compared_and_trusted_by_its_fingerprint() -> None:
    async def scene(stage: Stage) -> None:
        stage.answers["POSTtrust"] = pve("partner")
        await stage.to("partner")
        await stage.eye.press("C")
        await stage.eye.until_shown(
            "Trust a certificate", "trusted so far", OLD_PRINT[:47], "shown now, SHA-256", NEW_PRINT[:47],
            NEW_PRINT[48:], "pvenode cert info",
        )  # fmt: skip
        await stage.eye.press("escape", "C", "l", "enter")
        await stage.told("web1: partner is healthy")
        body = {"fingerprint": NEW_PRINT, "confirm": True}
        assert stage.sent == [("POST", f"/api/v1/clusters/{cluster_id('partner')}/trust", body, "id-1")]

    play(scene)


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (ClusterTls(), "signed by an authority of the system"),
        (ClusterTls(verify="ca", ca="PEM"), "signed by the authority given"),
    ],
)
def test_what_was_trusted_so_far_may_be_an_authority(tls: ClusterTls, words: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.answers[CLUSTERS.path] = listing(pve("new", seen_fingerprint=NEW_PRINT, tls=tls))
        await stage.to("new")
        await stage.eye.press("C")
        await stage.eye.until_shown(words, NEW_PRINT[:47])

    play(scene)


def test_a_refusal_is_told_with_its_reason() -> None:
    async def scene(stage: Stage) -> None:
        stage.answers["POSTtrust"] = Conflict("partner does not show this certificate: compare it again")
        stage.answers[f"DELETE{cluster_id('lab')}"] = NotFound("there is no such cluster")
        await stage.to("partner")
        await stage.eye.press("C", "tab", "enter")
        await stage.told("not done: partner does not show this certificate")
        await stage.to("lab")
        await stage.eye.press("d", "tab", "enter")
        await stage.told("not done: there is no such cluster")

    play(scene)


def test_in_a_detail_the_keys_mean_its_cluster() -> None:
    async def scene(stage: Stage) -> None:
        await stage.to("lab")
        await stage.eye.press("enter")
        await stage.eye.until_shown("lab ─ unhealthy, as it was 14 min ago")
        await stage.eye.press("n")
        assert len(stage.eye.app.screen_stack) == 1
        await stage.eye.press("o")
        await stage.told(f"Copied https://pve.example.com:8006 {COPY}")
        await stage.eye.press("d")
        await stage.eye.until_shown("lab at")
        await stage.eye.press("tab", "enter")
        await stage.told("lab is no longer watched")

    play(scene)


def test_nothing_is_asked_of_a_node_that_must_not_be_acted_upon() -> None:
    async def scene(stage: Stage) -> None:
        await stage.to("lab")
        for key in ("d", "n"):
            await stage.eye.press(key)
        await stage.told("lab is not forgotten: this UI was started read-only")
        await stage.told("No cluster can be registered: this UI was started read-only")
        assert not stage.asks

    play(scene, read_only=True)


def test_nothing_is_asked_of_a_silent_node() -> None:
    async def scene(stage: Stage) -> None:
        stage.fake.behave = hanging_up
        await stage.eye.until(lambda: stage.eye.app.fleet.live("web1").up is False, "silence")
        stage.eye.app.paint()
        await stage.to("partner")
        await stage.eye.press("C", "n")
        await stage.told("partner is not changed: web1 does not answer")
        await stage.told("No cluster can be registered: web1 does not answer")
        assert not stage.asks

    play(scene)


def test_another_node_that_the_ui_has_not_noticed_yet_forgets_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.to("lab")
        await stage.eye.press("d")
        stage.fake.node_id = "id-9"
        await stage.eye.press("tab", "enter")
        await stage.told("not done: this is another node than the one that is meant")
        assert stage.sent == []

    play(scene, ui=Ui(refresh_interval=30, health_interval=30))  # type: ignore[arg-type]


# Asking anew


def test_r_asks_the_cluster_or_collects_its_account() -> None:
    async def scene(stage: Stage) -> None:
        stage.answers["POSTrefresh"] = pve("dr-site", status="degraded", status_reason="pve3 offline")
        stage.answers["POSTcollect"] = CollectStarted(accepted=["data"])
        await stage.to("dr-site")
        await stage.eye.press("R")
        await stage.told("web1: dr-site is degraded: pve3 offline")
        await stage.to("adhoc")
        await stage.eye.press("R")
        await stage.told("web1: data is collected now")
        assert [(path, body) for _, path, body, _ in stage.sent] == [
            (f"/api/v1/clusters/{cluster_id('dr-site')}/refresh", {}),
            ("/api/v1/dataproc/collect", {"accounts": ["data"]}),
        ]

    play(scene)


def test_r_takes_the_marked_rows_and_each_account_once() -> None:
    async def scene(stage: Stage) -> None:
        stage.answers["POSTcollect"] = CollectStarted(accepted=[], running=["data"])
        for name in ("lab", "broken", "adhoc"):
            await stage.to(name)
            await stage.eye.press("space")
        await stage.eye.press("R")
        await stage.told("data is being collected already")
        await stage.told("prod-cluster is healthy")
        assert sorted(path.rpartition("/")[2] for _, path, _, _ in stage.sent) == ["collect", "refresh"]

    play(scene)


def test_r_on_a_collection_collects_its_account_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.answers["POSTcollect"] = BadGateway("pip install 'etlmon[dataproc]'")
        await stage.eye.press("V")
        await stage.eye.until_shown("3 runs")
        await stage.eye.press("R")
        await stage.told("not done: pip install 'etlmon[dataproc]'")
        assert stage.sent[0][2] == {"accounts": ["data"]}

    play(scene)


# Links


def test_o_copies_the_address_in_the_console_and_capital_o_saves(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    async def scene(stage: Stage) -> None:
        await stage.to("etl-prod")
        await stage.eye.press("o")
        address = "https://console.cloud.google.com/dataproc/clusters/etl-prod?region=asia-northeast3&project=data-prod"
        assert stage.eye.app.clipboard == address
        await stage.to("서울-신규")
        await stage.eye.press("ㅐ")
        await stage.told("There is no console address of this.")
        assert stage.eye.app.clipboard == address
        await stage.eye.press("v", "v")
        await stage.eye.until_shown("hourly-sync")
        await stage.eye.press("o")
        assert stage.eye.app.clipboard.endswith("/dataproc/jobs/nightly-load-1")
        await stage.eye.press("O")
        (saved,) = tmp_path.rglob("*.csv")
        assert "적재-일배치" in saved.read_text()

    play(scene)


def test_a_remapped_save_is_remapped_here_too() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)], ui=Ui(keys={"save": "f6", "copy_console": "f7"})) as eye:
                await eye.press("8")
                await eye.until_shown("prod-cluster")
                live = {
                    name: binding.binding.id
                    for name, binding in eye.app.screen.active_bindings.items()
                    if binding.binding.id in ("save", "copy_console")
                }
                assert live == {"f6": "save", "f7": "copy_console"}

    asyncio.run(main())

"""The view of the clusters of both kinds, as an operator uses it."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from etlmon.contract.clusters import CLUSTER_GUESTS, CLUSTER_NODES, CLUSTER_STORAGE, CLUSTERS
from etlmon.contract.dataproc import DATAPROC_CLUSTER, DATAPROC_CLUSTERS, DATAPROC_JOBS, DATAPROC_RUNS
from etlmon.contract.errors import NotFound
from etlmon.contract.host import HOST_HISTORY
from tests.fakes.nodes import FakeNode
from tests.ui.estates import (
    JOBS,
    cluster_id,
    cut_off,
    gcp,
    job,
    listing,
    pve,
    pve_guests,
    ran,
    whole,
)
from tests.ui.hosts import in_trouble, says
from tests.ui.looking import Looking, looking
from tests.ui.playing import QUICK, play_in
from tests.ui.textsnap import screen_lines, screen_styles, screen_widths
from ui.settings import Ui
from ui.views.rows_table import RowsTable

play = partial(play_in, "8")


def names(eye: Looking) -> list[str]:
    """The first column, as the rows stand."""
    view: Any = eye.app.view
    return [row.item.name for row in view.shown_rows]


def line_of(eye: Looking, word: str) -> str:
    return next(line for line in eye.screen.splitlines() if word in line)


async def open_row(eye: Looking, name: str) -> None:
    view: Any = eye.app.view
    await eye.until(lambda: name in names(eye), name)
    view.query_one(RowsTable).move_to(next(row.key for row in view.shown_rows if row.item.name == name))
    await eye.press("enter")


def squeezed(eye: Looking) -> str:
    return " ".join(eye.screen.split())


def test_both_kinds_stand_in_one_list_the_worst_first() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: len(names(eye)) == 12, "the clusters")
        assert names(eye) == [
            "lab", "partner", "broken", "dr-site", "viewer", "new-one", "adhoc", "서울-신규", "europe",
            "prod-cluster", "etl-prod", "gke-spark",
        ]  # fmt: skip
        assert "PVE  ◆ unhealthy     3/3   38/41" in line_of(eye, "unreachable for")
        assert "GCE  ▲ CREATING" in line_of(eye, "CREATING for 48")
        assert "GCE  ● RUNNING     1+4+2    1/10" in line_of(eye, "etl-prod")
        assert "GKE  ● RUNNING         ─     0/1" in line_of(eye, "gke-spark")
        await eye.until_shown("Dataproc data: 2 of 3 regions could not be read")

    play(scene, trouble=True)


def test_guests_that_may_not_be_read_are_not_none() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("viewer")
        assert " denied " in line_of(eye, "viewer")
        assert "0/0" not in line_of(eye, "viewer")
        fake.answers[CLUSTER_GUESTS.path] = []
        await open_row(eye, "viewer")
        await eye.until_shown("Not read", "guests: no permission (VM.Audit)", "Not known: see above")
        assert "0 of 0" not in eye.screen

    play(scene, trouble=True, size=(120, 60))


def test_numbers_that_are_not_of_now_are_dim_and_their_age_is_not() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("unreachable for")
        y = next(y for y, line in enumerate(eye.screen.splitlines()) if "unreachable for" in line)
        colours = {text.strip(): colour for text, colour, _, _ in screen_styles(eye.app, y)}
        assert colours["38/41"] == "#66708f"
        assert colours["14m"] == "#e0af68"

    play(scene, trouble=True)


def test_the_detail_of_a_proxmox_cluster_has_nodes_guests_and_storage() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "prod-cluster")
        await eye.until_shown("pve3", "etl-db", "local-lvm", "CPU %, 24 h", "memory, 24 h")
        text = squeezed(eye)
        for words in (
            "prod-cluster ─ healthy",
            "quorum yes",
            "nodes 3 of 3 online",
            "guests 38 of 41 running",
            "CPU 17.4% of 96 cores",
            "47% 1.9T of 4.0T",
            "logs in as etlmon@pve!monitor, an API token",
            "signed by an authority of the system",
            "pve3 ◆ offline 10.0.0.13",
            "102 적재-서버 lxc pve2 running 3%",
            "locked: backup",
            "103 ─ qemu pve3 unknown",
            "900 debian-12 qemu pve1 stopped",
            "template",
            "nas shared nfs available",
            "98% 880G 900G images, rootdir",
            "its node is offline",
        ):
            assert words in text, words
        path = f"/api/v1/clusters/{cluster_id('prod-cluster')}"
        asked = [where for _, where in fake.requests if where.startswith(path)]
        assert {f"{path}/nodes", f"{path}/guests?limit=1000&offset=0", f"{path}/storage"} <= set(asked)

    play(scene, size=(200, 70))


def test_a_cluster_without_a_history_has_no_charts_in_its_detail() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "prod-cluster")
        await eye.until_shown("pve3", "etl-db", "local-lvm")
        assert "24 h" not in eye.screen

    def without(fake: FakeNode) -> None:
        fake.answers[HOST_HISTORY.path] = []

    play(scene, size=(200, 70), set_up=without)


def test_a_detail_says_what_there_is_not_and_why() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CLUSTERS.path] = listing(
            pve("alone", cluster_name="", quorate=None, failover=["https://pve2:8006"], origin="static")
        )
        fake.answers[CLUSTER_NODES.path] = NotFound("there is no such cluster any more")
        fake.answers[CLUSTER_GUESTS.path] = pve_guests(pve()) * 300
        fake.answers[CLUSTER_STORAGE.path] = []
        fake.headers["X-Total-Count"] = "1201"

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "alone")
        await eye.until_shown("there is no such cluster any more", "Guests, the first 1,200 of 1,201")
        for words in ("cluster none: a host by itself", "else ask https://pve2:8006", "known from node.yaml"):
            assert words in squeezed(eye)

    play(scene, set_up=set_up, size=(120, 50))


def test_the_detail_of_a_dataproc_cluster_has_all_that_google_says() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "etl-prod")
        await eye.until_shown("hourly-sync", "Autoscaling", "2-10")
        text = squeezed(eye)
        for words in (
            "etl-prod ─ RUNNING",
            "masters 1 n2-standard-4",
            "secondary 2 SPOT",
            "jobs 1 running of the 10 latest",
            "deleted by itself no: it runs, and costs, until somebody deletes it",
            "▲ ERROR 4 min",
            "exit code 1: no such table",
            "workers 4 n2-standard-8",
            "100 GB pd-ssd",
            "components JUPYTER",
            "spark:spark.executor.cores 4",
            "network etl",
            "internal addresses only",
            "metadata owner etl",
            "deleted when idle for 00:30:00",
            "YARN https://x.dataproc.googleusercontent.com/yarn/",
            "CREATING",
            "yarn-memory-mb-available 90,112",
            "workers 2-10",
            "secondary workers 0-20",
            "team 적재",
        ):
            assert words in text.replace("00:04:00", "4 min"), words

    play(scene, trouble=True, size=(200, 120))


def test_a_cluster_on_kubernetes_engine_has_no_compute_engine_in_its_detail() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "gke-spark")
        await eye.until_shown("On Kubernetes Engine", "namespace", "component SPARK", "It follows no policy.")
        assert "Compute Engine" not in eye.screen.replace("On Kubernetes Engine", "")

    play(scene, trouble=True, size=(200, 70))


def test_a_dataproc_cluster_that_is_gone_meanwhile_says_so() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[DATAPROC_CLUSTER.path] = NotFound("there is no such cluster here", field="id")

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await open_row(eye, "etl-prod")
        await eye.until_shown("there is no such cluster here (404 NotFound)")

    play(scene, set_up=set_up, size=(120, 60))


def test_v_goes_through_all_kinds_of_rows() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster", "v counts")
        for title, words in (
            ("Clusters by kind, state, region and project", "asia-northeast3"),
            ("Dataproc jobs", "no such table"),
            ("Dataproc workflow templates", "managed nightly-cluster"),
            ("Dataproc autoscaling policies", "0-20"),
            ("Dataproc collections", "2 of 3 regions"),
            ("Clusters", "prod-cluster"),
        ):
            await eye.press("v")
            await eye.until_shown(f"{title} · web1", words)
        await eye.press("V")
        await eye.until_shown("Dataproc collections · web1", "3 runs")
        await eye.press("escape")
        await eye.until_shown("Clusters · web1")

    play(scene, trouble=True, size=(200, 36))


def test_each_kind_of_rows_has_a_detail() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster")
        await eye.press("v", "v")
        await eye.until_shown("hourly-sync", "▶ RUNNING")
        await eye.press("enter")
        await eye.until_shown("exit code 1: no such table", "gs://dataproc-staging-1/out", "PENDING", "run  1")
        await eye.press("escape", "v")
        await eye.until_shown("1 template")
        await eye.press("enter")
        await eye.until_shown("Steps", "sum", "DATE")
        await eye.press("escape", "v")
        await eye.until_shown("1 policy", "etl-prod")
        await eye.press("enter")
        await eye.until_shown("looks again after", "00:02:00", "used by")
        await eye.press("escape", "v")
        await eye.until_shown("▲ partial")
        await eye.press("enter")
        await eye.until_shown(
            "▲ failed", "europe-west1", "503 after 3 tries", "▲ timeout", "What went wrong", "Google's list"
        )
        await eye.until_shown("how long the runs took, 24 h", "what they could not read, 24 h")

    play(scene, trouble=True, size=(200, 60))


def test_a_list_of_regions_that_is_a_guess_says_so() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[DATAPROC_RUNS.path] = [ran(100, regions_from="fallback")]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster", "Dataproc data: complete in 5.2 s, of the regions in")
        await eye.press("V")
        await eye.until_shown("● complete", "complete, of the regions")
        await eye.press("enter")
        await eye.until_shown("dataproc.fallback_regions")

    play(scene, set_up=set_up, size=(200, 40))


def test_enter_on_a_count_lists_its_clusters_and_esc_leads_back() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster")
        await eye.press("v")
        await eye.until_shown("data-dev")
        eye.app.view.query_one(RowsTable).move_to("web1\nregion us-central1")
        await eye.press("enter")
        await eye.until(lambda: names(eye) == ["broken"], "the clusters of the region")
        await eye.until_shown("region=us-central1", "1 cluster ")
        await eye.press("v")
        await eye.until_shown("Clusters by kind", "us-central1")
        assert "asia-northeast3" not in eye.screen
        await eye.press("V", "escape")
        await eye.until(lambda: len(names(eye)) == 12, "all of them")
        assert "region=" not in eye.screen

    play(scene, trouble=True)


def test_f_finds_and_says_what_it_does_not_understand() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster")
        await eye.press("f", *"project:data-dev", "enter")
        await eye.until(lambda: names(eye) == ["new-one"], "what is found")
        await eye.press("f", *"x", "escape")
        assert names(eye) == ["new-one"], "what was not submitted is gone"
        await eye.press("f", "home", "X", "enter")
        await eye.until_shown("Nothing is what is to be found", "\\ clears it")
        await eye.press("backslash")
        await eye.until(lambda: len(names(eye)) == 12, "all of them")
        await eye.press("f", *"colour:red", "enter")
        await eye.until_shown("colour: is not known")
        await eye.press("escape", "f", *"kind:pve", "enter", "slash", *"degraded", "enter")
        await eye.until(lambda: names(eye) == ["dr-site", "viewer"], "both filters")
        await eye.press("escape")
        assert len(names(eye)) == 6
        await eye.press("escape")
        assert len(names(eye)) == 12

    play(scene, trouble=True)


def test_those_that_are_gone_are_asked_for_only_when_they_are_looked_for() -> None:
    def clusters(request: web.Request) -> object:
        return [gcp("left", gone_at=datetime(2026, 11, 20, tzinfo=UTC))] if request.query["gone"] == "true" else [gcp()]

    def set_up(fake: FakeNode) -> None:
        fake.answers[DATAPROC_CLUSTERS.path] = clusters

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("etl-prod")
        assert not [path for _, path in fake.requests if "gone=true" in path]
        await eye.press("f", *"is:gone", "enter")
        await eye.until_shown("· gone")
        assert names(eye) == ["left"]

    play(scene, set_up=set_up)


def test_more_clusters_than_fit_in_an_answer_are_all_asked_for() -> None:
    every = [gcp(f"c{number:04}") for number in range(2100)]

    def clusters(request: web.Request) -> object:
        start = int(request.query.get("offset", 0))
        return every[start : start + int(request.query["limit"])]

    def set_up(fake: FakeNode) -> None:
        fake.answers[DATAPROC_CLUSTERS.path] = clusters
        fake.headers["X-Total-Count"] = "2100"

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("2,101 clusters")
        await eye.press("f", *"c2099", "enter")
        await eye.until(lambda: names(eye) == ["c2099"], "the last one")

    play(scene, set_up=set_up, ui=Ui(refresh_interval=1, health_interval=1))  # type: ignore[arg-type]


def test_a_row_that_comes_twice_is_shown_once() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[CLUSTERS.path] = listing(pve(), pve())
        fake.answers[DATAPROC_CLUSTERS.path] = [gcp(), gcp(), gcp(account="other")]
        fake.answers[DATAPROC_JOBS.path] = [job(1), job(1)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: names(eye) == ["prod-cluster", "etl-prod", "etl-prod"], "the clusters")
        await eye.press("v", "v")
        await eye.until_shown("1 job ")

    play(scene, set_up=set_up)


def test_nothing_watched_says_what_to_do() -> None:
    def set_up(fake: FakeNode) -> None:
        for endpoint in (DATAPROC_CLUSTERS, DATAPROC_RUNS, DATAPROC_JOBS):
            fake.answers[endpoint.path] = []
        fake.answers[CLUSTERS.path] = listing()

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("No cluster is watched. n registers one of Proxmox VE")
        await eye.press("v", "v")
        await eye.until_shown("No job is known.")

    play(scene, set_up=set_up)


def test_all_nodes_share_the_list_with_a_column_for_the_node() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "web1")
            in_trouble(two, "web2")
            async with looking([("web1", one.url), ("web2", two.url)], ui=QUICK) as eye:
                await eye.press("8", "a")
                await eye.until_shown(
                    "Clusters · all nodes", "NODE", "14 clusters", "web2 Dataproc data: 2 of 3 regions"
                )
                await eye.until_shown("web1 Dataproc data: complete in 5.2 s")

    asyncio.run(main())


HOSTILE = "x\x1b]52;c;aGFja2Vk\x07[/red][@click=app.exit]y[/]\u202e\r\n한글-\U0001f469\u200d\U0001f4bb " * 9
LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@pytest.mark.parametrize(("size", "end"), [((80, 24), LAST), ((120, 36), FIRST), ((40, 10), LAST)])
def test_hostile_and_wide_texts_stay_in_their_columns(size: tuple[int, int], end: datetime) -> None:
    times = dict.fromkeys(("created_at", "updated_at", "polled_at", "last_success_at"), end)
    strange = {"api_endpoint": HOSTILE, "status_reason": HOSTILE, "proxmox_version": HOSTILE, "username": HOSTILE,
               "missing": [HOSTILE], "failover": [HOSTILE], "console_url": HOSTILE, "active_endpoint": "http://[x",
               "cluster_name": HOSTILE, "seen_fingerprint": HOSTILE}  # fmt: skip

    def set_up(fake: FakeNode) -> None:
        fake.answers[CLUSTERS.path] = listing(pve(HOSTILE, status="degraded", **times, **strange))
        fake.answers[DATAPROC_CLUSTERS.path] = [
            gcp(HOSTILE, state=HOSTILE, region=HOSTILE, project_id=HOSTILE, account=HOSTILE, state_since=end,
                collected_at=end, labels={HOSTILE: HOSTILE}, detail=HOSTILE, attention="error", policy=HOSTILE)
        ]  # fmt: skip
        fake.answers[DATAPROC_CLUSTER.path] = whole(HOSTILE, jobs=[job(1, job_id=HOSTILE, submitted_at=end)])
        fake.answers[DATAPROC_JOBS.path] = [job(1, job_id=HOSTILE, submitted_at=end, ended_at=end), *JOBS]
        fake.answers[DATAPROC_RUNS.path] = [
            ran(1, account=HOSTILE, started_at=end, reason=HOSTILE, errors=[HOSTILE], result="failed"), cut_off(2)
        ]  # fmt: skip

    async def scene(eye: Looking, fake: FakeNode) -> None:
        ways: tuple[tuple[str, ...], ...] = (
            (), ("enter",), ("escape", "j", "enter"), ("escape", "v"), ("v",), ("enter",), ("escape", "V", "V", "V"),
            ("enter",), ("escape", "t"),
        )  # fmt: skip
        for pressed in ways:
            await eye.press(*pressed)
            await eye.until_shown("]52;c;a")
            assert screen_widths(eye.app) == {size[0]}
            assert not set("\x1b\x07\u202e\r\n") & set("".join(screen_lines(eye.app)))

    play(scene, size=size, set_up=set_up)


def test_ascii_has_words_and_no_other_signs() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("# unhealthy", "! degraded", "* healthy", "? unknown")
        for pressed in ((), ("enter",), ("escape", "v"), ("v",), ("enter",), ("escape", "v", "v", "v"), ("enter",)):
            await eye.press(*pressed)
            assert "".join(char for char in eye.screen if not "가" <= char <= "힣").isascii()

    play(scene, trouble=True, ui=Ui(refresh_interval=0.1, ascii=True))  # type: ignore[arg-type]


def test_save_and_copy_give_every_field() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("prod-cluster", "etl-prod")
        stem, suffix, text = eye.app.view.export()
        assert (stem, suffix) == ("clusters-web1", ".csv")
        head, proxmox, dataproc = text.splitlines()
        assert {"node", "kind", "name", "cluster_name", "quorate", "staging_bucket"} <= set(head.split(","))
        assert proxmox.startswith("web1,pve,")
        assert ",gce," in dataproc
        assert eye.app.view.selection()[1].startswith("prod-cluster\tPVE\t● healthy\t3/3\t38/41")
        await eye.press("v")
        assert "web1,state,RUNNING,1,0,5" in eye.app.view.export()[2]

    play(scene)

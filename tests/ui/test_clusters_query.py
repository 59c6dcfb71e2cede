"""Which clusters are found by what is typed."""

import time

import pytest

from tests.ui.estates import gcp, pve
from tests.ui.looking import NOW
from ui.views.clusters_fields import counts
from ui.views.clusters_listed import of_dataproc, of_proxmox
from ui.views.clusters_query import exactly, parse_query
from ui.views.queried import QueryError

PVE = of_proxmox(pve())
OLD = of_proxmox(pve("서울-신규", status="unhealthy", failures=3))
ETL = of_dataproc(gcp(policy="burst"))
DEV = of_dataproc(gcp("adhoc", project_id="data-dev", region="us-east1", attention="idle", labels={"env": "dev [x]"}))
GKE = of_dataproc(gcp("gke", kind="gke", state="ERROR", project_id="data", account="lab"))
GONE = of_dataproc(gcp("left", gone_at=NOW))
ALL = {"pve": PVE, "old": OLD, "etl": ETL, "dev": DEV, "gke": GKE, "gone": GONE}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "pve old etl dev gke gone"),
        ("etl", "etl"),
        ("prod-cluster", "pve"),
        ("서울", "old"),
        ("ETL-PROD", "etl"),
        ("e*", "etl"),
        ("name:a?hoc", "dev"),
        ("kind:pve", "pve old"),
        ("kind:dataproc", "etl dev gke gone"),
        ("kind=gke", "gke"),
        ("state:running", "etl dev"),
        ("state:unhealthy", "old"),
        ("state=healthy", "pve"),
        ("project:data-", "etl dev gone"),
        ("project=data", "gke"),
        ("region:asia project:data-prod", "etl gone"),
        ("zone:northeast3-a region:us", "dev"),
        ("version:8.4", "pve old"),
        ("account:lab", "gke"),
        ("policy:burst", "etl"),
        ("label:env=prod", "etl gke gone"),
        ("label:env", "etl dev gke gone"),
        ("'label:dev [x]'", "dev"),
        ("is:ill", "old dev gke"),
        ("is:idle", "dev"),
        ("is:error", "gke"),
        ("is:old", "old"),
        ("is:gone", "gone"),
        ("nowhere", ""),
        ("project:*?", "etl dev gke gone"),
    ],
)
def test_words_narrow_it_down(text: str, found: str) -> None:
    query = parse_query(text)
    assert [name for name, one in ALL.items() if query.fits(one.words)] == found.split()


def test_only_who_looks_for_the_gone_asks_for_them() -> None:
    assert parse_query("project:x is:gone").wants_gone
    assert not parse_query("is:idle").wants_gone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour:red", "colour: is not known; there are name: kind: state:"),
        ("size=3", "size= is not known"),
        ("project:", "project: says nothing; write for example state:running"),
        ("is:sleepy", "is:sleepy is not known; there are ill, error, stuck, idle, old, gone"),
        ("name:'a", "a quote is not closed"),
        ("x" * 201, "longer than 200 characters"),
    ],
)
def test_what_cannot_be_understood_says_why(text: str, words: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(text)
    assert words in str(raised.value)


@pytest.mark.parametrize("value", ["RUNNING", "a b", "*", "[x]", "it's", "=", "데이터", 'quote " in it', "?"])
def test_a_value_that_is_clicked_finds_itself_and_nothing_else(value: str) -> None:
    query = parse_query(exactly("project", value))
    assert query.fits({"project": (value,)})
    assert not query.fits({"project": (f"{value}2", "RUNNING2", "x")})


def test_a_pattern_made_to_be_slow_is_not() -> None:
    query = parse_query("*a" * 99)
    started = time.process_time()
    assert not query.fits({"name": ("a" * 60 + "b",)})
    assert time.process_time() - started < 1.0


def test_clusters_are_counted_by_kind_state_region_and_project() -> None:
    found = [(one.by, one.value, one.clusters, one.ill, one.nodes) for one in counts([PVE, OLD, ETL, DEV, GKE, GONE])]
    assert found == [
        ("all", "clusters", 6, 3, 26),
        ("kind", "GCE", 3, 1, 15),
        ("kind", "PVE", 2, 1, 6),
        ("kind", "GKE", 1, 1, 5),
        ("state", "RUNNING", 2, 1, 10),
        ("state", "ERROR", 1, 1, 5),
        ("state", "gone", 1, 0, 5),
        ("state", "healthy", 1, 0, 3),
        ("state", "unhealthy", 1, 1, 3),
        ("region", "asia-northeast3", 3, 1, 15),
        ("region", "us-east1", 1, 1, 5),
        ("project", "data-prod", 2, 0, 10),
        ("project", "data", 1, 1, 5),
        ("project", "data-dev", 1, 1, 5),
    ]
    assert counts([]) == []

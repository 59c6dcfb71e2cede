"""docs/domains/clusters.md names every event, metric and state of the domain, and tells its limits as they are."""

import re
from pathlib import Path
from typing import get_args

from etlmon.config import load
from etlmon.contract.clusters import ClusterStatus, Verify
from node.checks import check
from node.collectors import clusters_told, clusters_turns
from node.collectors.clusters_status import UNHEALTHY_AFTER
from node.commands import clusters_told as commands_told
from node.settings import NodeSettings
from node.sources import proxmox, proxmox_login
from tests.fakes.proxmox_access import AUDITOR

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/domains/clusters.md").read_text(encoding="utf-8")
SOURCES = "".join(Path(str(module.__file__)).read_text("utf-8") for module in (clusters_told, commands_told))


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n##", 1)[0]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"`([\w.]+)`", "".join(re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE))))


def test_the_page_lists_the_metrics_that_there_are() -> None:
    assert first_cells(section("Metrics")) == set(re.findall(r'"(etlmon_cluster_\w+)"', SOURCES))


def test_the_page_lists_the_events_that_there_are() -> None:
    kinds = r'"(cluster_(?:registered|deregistered|status|node_\w+|certificate_\w+))"'
    assert first_cells(section("Events")) == set(re.findall(kinds, SOURCES))


def test_the_page_explains_every_status_and_every_check() -> None:
    assert first_cells(section("States")) - {"status"} == set(get_args(ClusterStatus))
    assert first_cells(section("The certificate")) - {"tls.verify"} == set(get_args(Verify))


def test_the_privileges_are_those_of_the_role_that_is_named() -> None:
    named = set(re.findall(r"`(\w+\.Audit)`", section("Who logs in")))
    assert named <= AUDITOR
    assert len(named) == 3


def test_the_page_tells_the_limits_as_they_are() -> None:
    assert (UNHEALTHY_AFTER, "the third poll in a row failed" in PAGE) == (3, True)
    assert (clusters_turns.LONGEST_PAUSE_SEC, "up to ten\nminutes" in PAGE) == (600.0, True)
    assert (proxmox.IDLE_SEC, "none was for ten minutes" in PAGE) == (600.0, True)
    assert (proxmox_login.TICKET_SEC, "renewed after an hour" in PAGE) == (3600.0, True)
    assert f"`{proxmox.CREDENTIAL}`" in PAGE


def test_the_configuration_in_the_page_is_one(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "token").write_text("value\n")
    (tmp_path / "node.yaml").write_text(text.replace("/etc/etlmon/lab.token", str(tmp_path / "token")))
    [lab] = load(tmp_path / "node.yaml", NodeSettings, env={}, check=check).settings.clusters.static
    assert (lab.name, lab.token_value) == ("lab", "value")

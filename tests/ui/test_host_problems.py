"""How bad it is with a host: what runs out is told, what works is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from etlmon.contract.host import HOST, Pressure, SelfUse, Swap
from tests.ui.looking import NOW
from tests.ui.machines import GB, MB, cpu, host, host_in_trouble, memory
from ui.problems import host as host_problems
from ui.problems import of_node
from ui.problems.host import QUESTION, findings, is_unwatched
from ui.state import NodeState, Question, answered, failed

NODE = NodeState(name="web2", address="http://web2:8080")


def test_a_host_that_is_busy_is_well() -> None:
    busy = host(
        cpu=cpu(100.0), load_1=64.0, memory=memory(94.0),
        swap=Swap(total_bytes=GB, used_bytes=GB, used_percent=100.0, in_bytes_per_sec=0.0, out_bytes_per_sec=0.0),
        pressure=[Pressure(resource="cpu", some_avg10=100.0, some_avg60=100.0, full_avg10=0.0, full_avg60=0.0)],
    )  # fmt: skip
    assert list(findings(busy)) == []


@pytest.mark.parametrize(("used", "level"), [(94.9, None), (95.0, "warn"), (97.9, "warn"), (98.0, "crit")])
def test_memory_that_runs_out_is_told(used: float, level: str | None) -> None:
    found = list(findings(host(memory=memory(used))))
    assert [one.level for one in found] == ([level] if level else [])
    assert host_problems.level(host(memory=memory(used)), "memory") == (level or "ok")


def test_full_swap_is_a_problem_only_while_something_is_swapped() -> None:
    swap = Swap(total_bytes=GB, used_bytes=GB, used_percent=97.0, in_bytes_per_sec=None, out_bytes_per_sec=None)
    assert list(findings(host(swap=swap))) == []
    moving = Swap(total_bytes=GB, used_bytes=GB, used_percent=97.0, in_bytes_per_sec=0.0, out_bytes_per_sec=4096.0)
    assert [one.text for one in findings(host(swap=moving))] == ["97% used, and the host is swapping"]
    assert list(findings(host(swap=Swap(in_bytes_per_sec=1.0)))) == [], "there is no swap at all"


@pytest.mark.parametrize(
    ("resource", "full", "told"),
    [
        ("memory", 9.9, None),
        ("memory", 10.0, "everything waited for memory in 10% of the last minute"),
        ("io", 49.0, None),
        ("io", 58.0, "everything waited for disks in 58% of the last minute"),
        ("cpu", 100.0, None),
        ("io", None, None),
    ],
)
def test_waiting_is_a_problem_when_everything_waits_for_memory_or_disks(
    resource: str, full: float | None, told: str | None
) -> None:
    pressure = Pressure(resource=resource, some_avg60=100.0, full_avg60=full)  # type: ignore[arg-type]
    found = list(findings(host(pressure=[pressure])))
    assert [(one.about, one.text) for one in found] == ([(f"wait {resource}", told)] if told else [])


def test_a_processor_that_others_take_and_a_node_that_uses_too_much_are_told() -> None:
    own = SelfUse(cpu_percent=3.42, mem_rss_bytes=91 * MB, max_cpu_percent=2.0, max_mem_bytes=80 * MB)
    over = [
        SelfUse(cpu_percent=3.42, max_cpu_percent=2.0, over=["cpu"]),
        SelfUse(mem_rss_bytes=91 * MB, max_mem_bytes=80 * MB, over=["memory"], slowed=True),
        SelfUse(slowed=True),
    ]
    assert list(findings(host(own=own))) == [], "it is over a limit only when the node says so"
    assert [next(findings(host(own=one))).text for one in over] == [
        "uses 3.4% CPU (limit 2%)",
        "uses 91M memory (limit 80M); its collectors run half as often",
        "its collectors run half as often",
    ]
    stolen = next(findings(host(cpu=cpu(40.0, steal=25.0))))
    assert (stolen.about, stolen.text) == ("cpu", "25% of the processors' time goes to other guests")


def test_each_finding_is_a_problem_of_the_node_that_leads_to_its_row() -> None:
    node = answered(NODE, QUESTION, host_in_trouble(), now=NOW, node_id="id")
    found = [one for one in of_node(node) if one.view == "host"]
    assert [(one.level, one.key) for one in found] == [
        ("warn", "cpu"), ("crit", "memory"), ("warn", "swap"), ("warn", "wait memory"), ("warn", "wait io"),
        ("warn", "etlmon"),
    ]  # fmt: skip
    assert found[1].text == "memory: 98% used, 1.1G left"


def test_a_node_that_is_silent_or_knows_nothing_of_its_host_has_no_such_problem() -> None:
    assert list(host_problems.problems(NODE)) == []
    ill = answered(NODE, QUESTION, host_in_trouble(), now=NOW, node_id="id")
    silent = failed(ill, "refused: start it", now=NOW, next_try=NOW + timedelta(seconds=1))
    assert [one.view for one in of_node(silent)] == ["overview"]


def test_a_host_that_is_not_watched_is_no_refusal_to_speak_of() -> None:
    assert [is_unwatched(QUESTION, status) for status in (404, 503, 403, 500)] == [True, True, False, False]
    assert is_unwatched(replace(QUESTION, pace="fast"), 404)
    assert not is_unwatched(Question(replace(HOST, path="/api/v1/other")), 404)

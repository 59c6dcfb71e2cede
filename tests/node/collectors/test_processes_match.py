"""Which watches a process fits."""

import os
from collections.abc import Sequence

import pytest

from node.collectors.processes_match import NOTHING, Candidate, Conditions, Matcher
from node.settings import ProcessWatch

WORKER = ("python3", "/opt/etl/bin/worker.py", "--job", "load 1")


def candidate(
    name: str = "python3",
    arguments: Sequence[str] | None = WORKER,
    *,
    uid: int = 1000,
    is_kernel_thread: bool = False,
    is_own: bool = False,
) -> Candidate:
    return Candidate(pid=77, name=name, uid=uid, arguments=arguments, is_kernel_thread=is_kernel_thread, is_own=is_own)


def conditions(*, uid: int | None = None, pids: frozenset[int] | None = None) -> Conditions:
    return Conditions({0: uid}, {} if pids is None else {0: pids})


def fits(watch: ProcessWatch, process: Candidate, given: Conditions | None = None) -> bool | None:
    verdict = Matcher([watch]).judge(process, given or conditions())
    return None if verdict.unsure else bool(verdict.fits)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("worker.py", True),
        ("^python3$", True),  # its name
        ("^python3 /opt", True),
        ("load 1$", True),
        ("py.*--job", True),
        ("WORKER", False),
        ("(?i)WORKER", True),
        ("^worker", False),
    ],
)
def test_a_pattern_is_looked_for_in_the_name_and_in_the_command_line(match: str, expected: bool) -> None:
    assert fits(ProcessWatch(match=match), candidate()) is expected


def test_what_was_not_read_is_neither_a_fit_nor_none() -> None:
    watch = ProcessWatch(match="worker.py")
    assert fits(watch, candidate(arguments=None)) is None
    assert fits(watch, candidate("worker.py", None)) is True
    assert fits(ProcessWatch(match="worker.py", exact="perl"), candidate(arguments=None)) is False
    assert Matcher([watch]).judge(candidate("sh", ("sh",)), conditions()) is NOTHING


def test_a_pattern_that_takes_too_long_is_no_answer() -> None:
    slow = ProcessWatch(match="(a|a|aa)+$")
    assert fits(slow, candidate("sh", ("a" * 5000 + "!",))) is None


def test_an_exact_name_is_the_whole_name() -> None:
    assert fits(ProcessWatch(exact="python3"), candidate(arguments=None))
    assert not fits(ProcessWatch(exact="python"), candidate())
    assert not fits(ProcessWatch(exact="worker.py"), candidate())


def test_a_long_name_is_found_although_the_kernel_cuts_it() -> None:
    watch = ProcessWatch(exact="collector-of-invoices")
    assert fits(watch, candidate("collector-of-in", ("/opt/bin/collector-of-invoices", "-v")))
    assert fits(watch, candidate("collector-of-in", ("/bin/sh", "/opt/bin/collector-of-invoices")))
    assert not fits(watch, candidate("collector-of-in", ("collector-of-insects",)))
    assert fits(watch, candidate("collector-of-in", None)) is None
    assert fits(watch, candidate("sh", None)) is False


def test_a_name_of_letters_that_take_several_bytes_is_cut_within_one() -> None:
    name = "작업작업작업"
    cut = os.fsencode(name)[:15].decode("utf-8", "backslashreplace")
    assert fits(ProcessWatch(exact=name), candidate(cut, (name,)))


def test_every_selector_that_is_given_must_fit() -> None:
    watch = ProcessWatch(match="worker", user="etl")
    assert fits(watch, candidate(), conditions(uid=1000))
    assert not fits(watch, candidate(), conditions(uid=1001))
    assert not fits(watch, candidate("sh", ("sh",)), conditions(uid=1000))
    assert not fits(watch, candidate(), conditions(uid=None))


def test_a_pid_holds_only_together_with_the_rest() -> None:
    watch = ProcessWatch(pid=77, match="worker")
    assert fits(watch, candidate(), conditions(pids=frozenset({77})))
    assert not fits(watch, candidate(), conditions(pids=frozenset()))
    assert not fits(watch, candidate("sh", ("sh",)), conditions(pids=frozenset({77})))


def test_the_kernel_s_threads_are_watched_by_their_exact_name_alone() -> None:
    thread = candidate("nfsd", (), uid=0, is_kernel_thread=True)
    assert fits(ProcessWatch(exact="nfsd"), thread)
    assert not fits(ProcessWatch(match="nfs"), thread)
    assert not fits(ProcessWatch(user="root"), thread, conditions(uid=0))
    assert not Matcher([ProcessWatch(exact="nfsd")]).needs_arguments(thread, conditions())


def test_the_node_itself_is_watched_only_by_its_pid() -> None:
    node = candidate(is_own=True)
    assert not fits(ProcessWatch(match="python3"), node)
    assert not fits(ProcessWatch(exact="python3"), node)
    assert fits(ProcessWatch(pid=77), node, conditions(pids=frozenset({77})))


def test_command_lines_are_asked_for_only_where_they_decide_or_show_something() -> None:
    matcher = Matcher([ProcessWatch(match="worker", user="etl"), ProcessWatch(exact="vsftpd")])
    given = Conditions({0: 1000}, {})
    assert matcher.needs_arguments(candidate("sh", None, uid=1000), given)
    assert not matcher.needs_arguments(candidate("sh", None, uid=0), given)
    assert matcher.needs_arguments(candidate("vsftpd", None, uid=0), given)

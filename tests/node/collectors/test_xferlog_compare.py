import time
from collections.abc import Sequence
from typing import Any

import pytest

from etlmon.contract.xferlog import Finding, OnDisk
from node.collectors.xferlog_compare import MOST_UNLOGGED, Comparer
from node.sources.changes import Changes
from node.store.xferlog import Known, Logged
from tests.node.store.opened import START, after

NOW = after(3600)
FileFacts = tuple[str, int, float]


def act(number: int = 1, path: str = "/in/a.csv", size: int = 100, seconds: float = 0, **facts: Any) -> Logged:
    row = Logged(number, after(seconds), path, size, False, "upload", "complete", None)
    return row._replace(**facts)


def file(path: str = "in/a.csv", size: int = 100, seconds: float = 0) -> FileFacts:
    return path, size, after(seconds).timestamp()


def compared(acts: Sequence[Logged], files: Sequence[FileFacts], **facts: Any) -> Comparer:
    known = Known(
        acts=acts,
        since=facts.pop("since", after(-60)),
        caught_up=facts.pop("caught_up", True),
        findings=facts.pop("before", ()),
    )
    rules = {"quiet_sec": facts.pop("quiet_sec", 60.0), "settling_sec": facts.pop("settling_sec", 0.0)}
    changes = Changes(**{"end": "done", "files": list(files), "dirs": ["", "in/"], **facts})
    comparer = Comparer(known, changes, "/srv", NOW, **rules)
    for _ in comparer.steps():
        pass
    return comparer


def states(acts: Sequence[Logged], files: Sequence[FileFacts], **facts: Any) -> list[OnDisk | None]:
    """By id, oldest first; `acts` are newest first, as the store gives them."""
    told = {row: state for state, rows in compared(acts, files, **facts).result.on_disk.items() for row in rows}
    return [told.get(one.id, one.on_disk) for one in reversed(acts)]


def state(files: Sequence[FileFacts], *, upload: Logged | None = None, **facts: Any) -> OnDisk | None:
    return states([upload or act()], files, **facts)[0]


def findings(acts: Sequence[Logged], files: Sequence[FileFacts], **facts: Any) -> Sequence[Finding]:
    return compared(acts, files, **facts).result.findings


def test_an_upload_that_lies_there_as_large_as_logged_is_present() -> None:
    assert state([file()]) == "present"


def test_an_upload_that_is_nowhere_is_missing() -> None:
    assert state([]) == "missing"
    (found,) = findings([act(7)], [])
    assert found == Finding(
        kind="missing", filename="/in/a.csv", logged_bytes=100, log_time=START, found_at=NOW, transfer_id=7
    )


def test_an_upload_that_is_smaller_on_the_disk_is_shorter() -> None:
    (found,) = findings([act()], [file(size=60, seconds=-1)])
    assert (found.kind, found.path, found.disk_bytes, found.logged_bytes) == ("shorter", "/srv/in/a.csv", 60, 100)


def test_a_larger_file_is_present_because_what_was_resumed_or_appended_is_logged_alone() -> None:
    assert state([file(size=500)]) == "present"


def test_an_ascii_upload_may_be_smaller_by_its_carriage_returns() -> None:
    assert state([file(size=6)], upload=act(size=9, is_ascii=True)) == "present"
    assert state([file(size=4)], upload=act(size=9, is_ascii=True)) == "shorter"


def test_a_file_that_somebody_wrote_to_later_tells_nothing_of_its_upload() -> None:
    assert state([file(size=60, seconds=1800)]) == "unknown"


def test_a_date_that_the_client_set_does_not_matter() -> None:
    assert state([file(seconds=-(10**8))]) == "present"


def test_one_of_several_that_may_be_meant_is_enough_and_none_of_them_tells_nothing() -> None:
    upload = act(path="/a_b.csv")
    assert state([file("x/a b.csv", 50), file("y/a_b.csv", 100)], upload=upload) == "present"
    assert state([file("x/a b.csv", 50), file("y/a_b.csv", 60)], upload=upload) == "unknown"


def test_a_name_in_other_letters_is_found_by_its_pattern() -> None:
    assert state([file("in/정산 마감.csv")], upload=act(path="/in/??????_??????.csv")) == "present"


def test_a_file_that_was_renamed_after_its_upload_is_found_by_its_size_and_time() -> None:
    """Only vsftpd's own log tells of renamings."""
    assert state([file("in/a.csv.done", seconds=1)]) == "present"
    assert state([file("in/a.csv.done", size=99, seconds=1)]) == "missing"
    assert state([file("in/a.csv.done", seconds=600)]) == "missing"
    assert state([file("elsewhere/a.csv.done", seconds=1)]) == "missing"


def test_a_file_that_a_job_moved_away_is_found_by_its_name_size_and_time() -> None:
    assert state([file("archive/2026/a.csv", seconds=1)]) == "present"
    assert state([file("archive/2026/a.csv", seconds=600)]) == "missing"
    assert state([file("archive/2026/a.csv", size=99, seconds=1)]) == "missing"


def test_a_renamed_file_stands_for_one_upload_alone() -> None:
    acts = [act(3, "/in/c"), act(2, "/in/b"), act(1, "/in/a")]
    assert states(acts, [file("in/b"), file("in/x")]) == ["missing", "present", "present"]


def test_an_empty_upload_is_not_found_by_its_size() -> None:
    assert state([file("in/other", size=0)], upload=act(size=0)) == "missing"
    assert state([file(size=0)], upload=act(size=0)) == "present"


def test_only_the_last_upload_of_a_name_is_looked_at() -> None:
    acts = [act(3, size=20, seconds=9), act(2, size=50, seconds=5), act(1, size=100, on_disk="present")]
    assert states(acts, [file(size=20, seconds=9)]) == [None, None, "present"]


@pytest.mark.parametrize(
    "later",
    [
        act(2, direction="delete"),
        act(2, "/in/a.csv /done/a.csv", direction="rename"),
        act(2, "/in/b c.csv /in/a.csv", direction="rename"),
    ],
)
def test_a_file_that_was_deleted_or_renamed_later_is_not_looked_for(later: Logged) -> None:
    assert states([later, act(1, on_disk="present")], [])[0] is None


def test_a_deletion_before_the_upload_does_not_matter() -> None:
    assert states([act(2), act(1, direction="delete")], [])[1] == "missing"


def test_an_upload_that_broke_off_is_not_looked_at() -> None:
    assert state([file(size=10)], upload=act(outcome="interrupted")) is None


def test_a_name_that_the_server_chose_is_found_by_its_size_or_not_at_all() -> None:
    upload = act(path="/in/")
    assert state([file("in/STOU.7f3", seconds=1)], upload=upload) == "present"
    assert state([], upload=upload) == "unknown"


@pytest.mark.parametrize(
    "partial",
    [{"end": "timeout"}, {"end": "cut"}, {"skipped": 1, "first_skipped": ("x/", "Permission denied")}, {"dirs": []}],
)
def test_nothing_is_missing_that_may_be_out_of_sight(partial: dict[str, Any]) -> None:
    assert state([], **partial) == "unknown"
    assert state([file()], **partial) == "present"


def test_nothing_is_missing_whose_directory_is_not_known_to_be_there() -> None:
    assert state([], upload=act(path="/tmp/a.csv")) == "unknown"


def test_nothing_is_missing_that_a_network_mount_may_not_show_yet() -> None:
    assert state([], upload=act(seconds=3580), settling_sec=60) == "unknown"
    assert state([], upload=act(seconds=3500), settling_sec=60) == "missing"


def test_a_file_without_a_line_is_found_once_it_lies_still() -> None:
    files = [file("in/a.csv"), file("in/한글 \x1b.csv", 7, 100), file("growing", 7, 3590), file("old", 7, -3600)]
    (found,) = findings([act()], files)
    assert found == Finding(
        kind="unlogged", filename="in/한글 \x1b.csv", path="/srv/in/한글 \x1b.csv", disk_bytes=7, found_at=NOW
    )


@pytest.mark.parametrize(
    "logged",
    [
        act(2, "/in/x", outcome="interrupted"),
        act(2, "/in/x", direction="delete"),
        act(2, "/in/tmp /in/x", direction="rename"),
        act(2, "/in/x.part", size=7, seconds=100),
    ],
)
def test_a_file_that_any_line_tells_of_is_logged(logged: Logged) -> None:
    assert findings([logged], [file("in/x", 7, 100)]) == []


def test_nothing_is_unlogged_while_the_log_is_not_read_to_its_end() -> None:
    assert findings([], [file()], caught_up=False) == []
    assert findings([], [file()], since=None) == []
    assert len(findings([], [file()])) == 1


def test_files_without_a_line_are_named_the_newest_so_many() -> None:
    found = findings([], [file(f"in/{number}", seconds=number) for number in range(MOST_UNLOGGED + 50)])
    assert [one.filename for one in found[:2]] == ["in/149", "in/148"]
    assert len(found) == MOST_UNLOGGED


def test_a_finding_keeps_the_time_at_which_it_was_first_found() -> None:
    (first,) = findings([act()], [])
    before = [Finding(**{**{name: getattr(first, name) for name in first.__struct_fields__}, "found_at": START})]
    (again,) = findings([act()], [], before=before)
    assert again.found_at == START


def test_only_changes_are_told() -> None:
    assert compared([act(on_disk="present")], [file()]).result.on_disk == {}
    assert compared([act(on_disk="missing")], [file()]).result.on_disk == {"present": [1]}


def test_thousands_of_one_name_are_compared_in_no_time() -> None:
    """Looking at each file for each upload would take ten times as long as is allowed here."""
    count = 5000
    own = [act(number, f"/user{number}/in/data.csv") for number in range(count, 0, -1)]
    locked_in = [act(count + number, "/in/data.csv") for number in range(count, 0, -1)]
    files = [file(f"user{number}/in/data.csv") for number in range(1, count + 1)]
    began = time.process_time()
    assert states([*locked_in, *own], files) == [*["present"] * count, *[None] * (count - 1), "present"]
    assert time.process_time() - began < 3

"""Where cron's log is, and reading a file of it."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.collectors.cron_run_log import FIRST_LINES, JOURNAL, FileLog, LogRead, choose
from node.sources.tail_types import Restored
from node.sources.watch import Watcher
from tests.node.store.opened import START, after


def line(at: datetime, pid: int = 34, host: str = "vm") -> str:
    return f"{at.isoformat()} {host} CRON[{pid}]: (etl) CMD (/opt/load)\n"


def reads(path: Path, *acts: str, restored: Restored = Restored()) -> list[LogRead]:  # noqa: B008 - it never changes
    """One read, and one more after each of these was appended."""

    async def main() -> list[LogRead]:
        log = FileLog(str(path), Watcher(), zone=UTC, host="vm", restored=restored, latest=None)
        found = [await log.read(START)]
        for text in acts:
            with path.open("a") as file:
                file.write(text)
            found.append(await log.read(after(60)))
        await log.close()
        return found

    return asyncio.run(main())


def places(tmp_path: Path, *names: str) -> Sequence[str]:
    for name in names:
        (tmp_path / name).touch()
    return [str(tmp_path / name) for name in names]


def chosen(
    setting: str, candidates: Sequence[str], journals: Sequence[str] = (), *, first_journal: bool = False
) -> str:
    now = datetime.now(UTC)
    return choose(setting, now, lambda _: False, candidates, journals, first_journal=first_journal)


def test_a_log_that_is_named_is_the_log(tmp_path: Path) -> None:
    candidates = places(tmp_path, "cron.log")
    for setting in ("/var/log/mine", JOURNAL, ""):
        assert chosen(setting, candidates) == setting


def test_auto_takes_the_first_file_that_is_written_to(tmp_path: Path) -> None:
    candidates = places(tmp_path, "cron.log", "cron", "syslog")
    assert chosen("auto", candidates) == candidates[0]
    os.utime(candidates[0], (0, 0))
    assert chosen("auto", candidates) == candidates[1]
    Path(candidates[1]).unlink()
    assert chosen("auto", candidates) == candidates[2]


def test_auto_takes_the_journal_where_no_file_is_written_to(tmp_path: Path) -> None:
    candidates = places(tmp_path, "cron.log")
    os.utime(candidates[0], (0, 0))
    assert chosen("auto", candidates, [str(tmp_path)]) == JOURNAL
    assert chosen("auto", candidates, [str(tmp_path / "none")]) == candidates[0]
    assert chosen("auto", [], []) == ""


def test_a_journal_that_was_read_so_far_is_kept(tmp_path: Path) -> None:
    candidates = places(tmp_path, "cron.log")
    assert chosen("auto", candidates, [str(tmp_path)]) == candidates[0]
    assert chosen("auto", candidates, [str(tmp_path)], first_journal=True) == JOURNAL


def test_auto_leaves_files_alone_that_may_hang(tmp_path: Path) -> None:
    candidates = places(tmp_path, "cron.log", "syslog")
    now = datetime.now(UTC)
    assert choose("auto", now, lambda path: path == candidates[0], candidates, ()) == candidates[1]


def test_the_first_read_says_where_the_log_begins_and_the_next_ones_do_not(tmp_path: Path) -> None:
    log = tmp_path / "cron.log"
    log.write_text(f"{after(-900).isoformat()} vm sshd[1]: x\n" + line(after(-600)))
    first, second = reads(log, line(after(5)))
    assert (first.first, first.latest, len(first.entries)) == (after(-900), after(-600), 1)
    assert (second.first, second.latest, len(second.entries)) == (None, after(5), 1)


def test_an_empty_log_begins_now(tmp_path: Path) -> None:
    log = tmp_path / "cron.log"
    log.touch()
    (first,) = reads(log)
    assert (first.first, first.latest) == (START, None)


def test_a_missing_log_begins_when_it_comes(tmp_path: Path) -> None:
    log = tmp_path / "cron.log"
    missing, there = reads(log, line(after(30)))
    assert (missing.status, missing.first) == ("missing", None)
    assert (there.status, there.first) == ("ok", after(30))


def test_lines_that_are_lost_begin_it_anew(tmp_path: Path) -> None:
    log = tmp_path / "cron.log"
    log.write_text(line(after(-600)) * 20)

    async def main() -> LogRead:
        reader = FileLog(str(log), Watcher(), zone=UTC, host="vm", restored=Restored(), latest=None)
        await reader.read(START)
        log.write_text(line(after(50)))
        found = await reader.read(after(60))
        await reader.close()
        return found

    read = asyncio.run(main())
    assert read.lost
    assert read.first == after(60)


def test_a_huge_log_is_read_from_near_its_end(tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    began = START - timedelta(days=9)
    with log.open("w") as file:
        for number in range(FIRST_LINES * 2):
            file.write(f"{(began + timedelta(seconds=number)).isoformat()} vm app[1]: nothing\n")

    async def main() -> LogRead:
        reader = FileLog(str(log), Watcher(), zone=UTC, host="vm", restored=Restored(), latest=None)
        found = await reader.read(START)
        await reader.close()
        return found

    read = asyncio.run(main())
    assert read.first == began + timedelta(seconds=FIRST_LINES)
    assert read.more


def test_lines_of_other_hosts_are_counted_once(tmp_path: Path) -> None:
    log = tmp_path / "cron.log"
    log.write_text(line(after(-60), host="db1") * 3)
    first, second = reads(log, line(after(1), host="db1"))
    assert (first.others, second.others) == (3, 1)


@pytest.mark.peer("root")
def test_a_directory_is_no_log(tmp_path: Path) -> None:
    (read,) = reads(tmp_path)
    assert (read.status, read.entries) == ("error", [])
    assert read.reason

"""The logs of the demo: what the node reads from them is what the ETL did, and they stay small."""

import random
import re
import time
from collections import Counter
from pathlib import Path

from etlmon.demo_etl import Etl, prepare
from etlmon.demo_logs import KEEP, DemoLogs, RotatingLog, write_past
from node.collectors.xferlog_lines import Entry, parse

STARTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO |WARN |ERROR) \[")


def lines(log: RotatingLog) -> list[str]:
    return log.path.read_text(encoding="utf-8").splitlines()


def test_a_log_is_renamed_when_it_is_large_and_only_some_are_kept(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "app.log", rotate_bytes=100)
    for number in range(52):
        log.write(f"line {number:02}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["app.log.1", "app.log.2"]
    assert "line 51" in (tmp_path / "app.log.1").read_text(encoding="utf-8")
    log.write("the next")
    assert lines(log) == ["the next"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < (KEEP + 2) * 110


def test_a_day_of_the_etl_is_told_with_levels_and_whole_stack_traces(tmp_path: Path) -> None:
    prepare(tmp_path)
    etl = Etl(tmp_path, random.Random(7))
    for _ in range(600):
        etl.step()
    files = sorted((tmp_path / "log").glob("app.log*"), reverse=True)
    text = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    levels = Counter(found[1].strip() for line in text if (found := STARTS.match(line)))
    assert set(levels) == {"DEBUG", "INFO", "WARN", "ERROR"}
    assert levels["INFO"] > 10 * levels["ERROR"] > 0
    assert text.count("Traceback (most recent call last):") == levels["ERROR"]
    rejected = sum(1 for _ in (tmp_path / "rejected").iterdir())
    assert levels["ERROR"] == rejected == len([line for line in lines(etl.logs.jobs) if "exit=1" in line])


def test_each_transfer_is_one_the_node_understands(tmp_path: Path) -> None:
    logs = DemoLogs(tmp_path, random.Random(7))
    logs.ftp.rotate_bytes = 10**9
    for number in range(900):
        logs.uploaded(f"정산_{number:04}.csv", 5000)
    entries = [parse(line) for line in lines(logs.ftp)]
    assert all(isinstance(entry, Entry) for entry in entries)
    outcomes = Counter((entry.direction, entry.outcome) for entry in entries if isinstance(entry, Entry))
    assert outcomes["upload", "complete"] == 900
    assert set(outcomes) == {
        ("upload", "complete"),
        ("upload", "interrupted"),
        ("download", "complete"),
        ("download", "refused"),
    }


def test_there_are_logs_of_the_hours_before(tmp_path: Path) -> None:
    write_past(tmp_path, random.Random(7))
    first, *_, last = (tmp_path / "app.log").read_text(encoding="utf-8").splitlines()
    ages = [time.time() - time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S")) for line in (first, last)]
    assert 5 * 3600 < ages[0] < 7 * 3600
    assert 0 <= ages[1] < 3600

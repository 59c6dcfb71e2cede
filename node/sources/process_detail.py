"""One process looked at now: what it started, what started it, its files. Nothing of it is read that could block."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from etlmon.contract.processes import ProcessDetail
from node.sources import procfs
from node.sources.mounts import readable
from node.sources.proc_reader import ProcReader
from node.sources.process_top import Watches, told
from node.sources.process_types import Stat
from node.sources.procfs import PROC, TICKS_PER_SEC, Scan
from node.sources.users import Users

MOST_CHILDREN = 200
MOST_FILES = 100
_MOST_DESCRIPTORS = 4096
_NO_FILES = ("/dev/", "/proc/", "/sys/", "/memfd:")


async def detail(
    pid: int,
    *,
    reader: ProcReader,
    users: Users,
    before: Scan | None = None,
    watches: Watches | None = None,
    proc: Path = PROC,
) -> ProcessDetail | None:
    """The process of this pid, None when there is none. `before` is an earlier look, for the processor's share.

    What may not be seen (another user's files) is None or empty. Raises OSError when /proc cannot be read.
    """
    now = await procfs.scan(proc)
    stats = {other: procfs.parse_stat(line) for other, line in now.lines.items()}
    if pid not in stats:
        return None
    stat, boot_sec = stats[pid], procfs.boot_time(proc)
    below = descendants(pid, stats.values())
    shown = below[:MOST_CHILDREN]
    above = _parents(stat, stats)
    cpu = {one.pid: now.cpu_percent(one.pid, before) if before is not None else None for one in (*shown, *above)}
    rows = await told([*shown, *above], cpu, boot_sec, reader=reader, users=users, watches=watches, proc=proc)
    here = proc / str(pid)
    return ProcessDetail(
        pid=pid,
        start_time=procfs.started_at(boot_sec, stat.start_ticks),
        children=rows[: len(shown)],
        children_total=len(below),
        parents=rows[len(shown) :],
        cwd=_link(here / "cwd"),
        exe=_link(here / "exe"),
        nice=procfs.nice_of(now.lines[pid]),
        cpu_sec=stat.cpu_ticks / TICKS_PER_SEC,
        open_files=procfs.open_files(pid, proc),
        file_limit=_file_limit(here),
        files=_files(here),
    )


def descendants(pid: int, stats: Iterable[Stat]) -> list[Stat]:
    """What a process started and what those started, nearest first, each generation by age."""
    children: dict[int, list[Stat]] = {}
    for stat in stats:
        children.setdefault(stat.ppid, []).append(stat)
    found: list[Stat] = []
    generation = [pid]
    while generation:
        below = [child for parent in generation for child in children.pop(parent, ())]
        below.sort(key=lambda stat: (stat.start_ticks, stat.pid))
        found += below
        generation = [stat.pid for stat in below]
    return found


def _parents(stat: Stat, stats: Mapping[int, Stat]) -> list[Stat]:
    """The parent, that one's parent and so on."""
    found: list[Stat] = []
    while stat.ppid in stats and all(stat.ppid != one.pid for one in found):
        stat = stats[stat.ppid]
        found.append(stat)
    return found


def _link(link: Path) -> str | None:
    try:
        return readable(os.readlink(link))  # noqa: PTH115 - surrogates stay as they are
    except OSError:
        return None


def _file_limit(process: Path) -> int | None:
    """The soft limit of open files (proc_pid_limits(5)); None for none, or when it may not be seen."""
    try:
        lines = (process / "limits").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdecimal() else None
    return None


def _files(process: Path) -> list[str]:
    """The files it has open, by name: links are read and never followed, so a dead file system does not matter."""
    files: dict[str, None] = {}
    try:
        numbers = os.listdir(process / "fd")[:_MOST_DESCRIPTORS]  # noqa: PTH208 - names alone are wanted
    except OSError:
        return []
    for number in numbers:
        target = _link(process / "fd" / number)
        if target is None or not target.startswith("/") or target.startswith(_NO_FILES):
            continue
        if not _is_directory(process / "fdinfo" / number):
            files[target] = None
        if len(files) == MOST_FILES:
            break
    return list(files)


def _is_directory(info: Path) -> bool:
    """Whether it was opened as one (proc_pid_fdinfo(5)): asking the file itself might hang."""
    try:
        for line in info.read_bytes().splitlines():
            if line.startswith(b"flags:"):
                return bool(int(line.split()[1], 8) & os.O_DIRECTORY)
    except OSError:
        return False
    return False

"""The mounts: how full each one is, and what is wrong with it."""

from dataclasses import replace
from functools import partial
from typing import Any

from etlmon.contract.fs import FS, FS_HISTORY, FS_HOLDERS, FsHistoryQuery, FsHoldersQuery, FsPoint, Holder, Mount
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import fs as fs_problems
from ui.state import Question
from ui.views.detail import Detail, History, Section, facts
from ui.views.events import events_question, events_section
from ui.views.history import history_questions, history_values
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.views.sampled import DAY, Series, chart, sample_question
from ui.views.table import TableView
from ui.widgets.bar import bar
from ui.widgets.cells import Cell
from ui.widgets.lines import grid

_BAR = 15
_SOON_SEC = 86_400
_HOLD_SEC = 330
"""A mount whose usage does not change has a point every five minutes."""


def _state(row: Row[Mount]) -> Cell:
    mount = row.item
    if mount.state == "stuck":
        return level_cell(row.level, f"stuck {row.age(mount.stuck_since)}")
    return level_cell(row.level, "" if mount.state == "ok" else mount.state.replace("_", " "))


def _used(row: Row[Mount]) -> Cell:
    if _percent(row) is None:
        return (NOTHING, "dim")
    percent = row.item.used_percent
    return [(bar(percent, _BAR), level_tone(row.level)), f" {fmt.used_percent(percent):>4}"]


def _percent(row: Row[Mount]) -> float | None:
    """None where nothing was ever measured; a stuck mount keeps its last values."""
    return row.item.used_percent if row.item.total_bytes or row.item.state == "ok" else None


def _bytes(row: Row[Mount], size_bytes: int) -> str:
    return NOTHING if _percent(row) is None else fmt.size(size_bytes)


def _inodes(row: Row[Mount]) -> str:
    return fmt.used_percent(row.item.inodes_used_percent) if row.item.inodes_total else NOTHING


def _full_sec(row: Row[Mount]) -> float | None:
    return None if row.item.full_at is None else max(0.0, (row.item.full_at - row.now).total_seconds())


def _full_in(row: Row[Mount]) -> Cell:
    seconds = _full_sec(row)
    return (fmt.age(seconds), "warn" if seconds is not None and seconds < _SOON_SEC else None)


FIELDS: tuple[Field[Mount], ...] = (
    Field("mount", "MOUNT", 14, lambda row: row.item.mount_point, lambda row: row.item.mount_point, flex=True),
    Field("used%", "USED%", _BAR + 5, _used, _percent, right=True),
    Field(
        "used",
        "USED",
        6,
        lambda row: _bytes(row, row.item.used_bytes),
        lambda row: row.item.used_bytes,
        right=True,
        priority=2,
    ),
    Field(
        "avail", "AVAIL", 6, lambda row: _bytes(row, row.item.avail_bytes), lambda row: row.item.avail_bytes, right=True
    ),
    Field(
        "total",
        "TOTAL",
        6,
        lambda row: _bytes(row, row.item.total_bytes),
        lambda row: row.item.total_bytes,
        right=True,
        priority=3,
    ),
    Field("inodes", "INODE%", 6, _inodes, lambda row: row.item.inodes_used_percent, right=True, priority=5),
    Field("full", "FULL IN", 7, _full_in, _full_sec, right=True, priority=4),
    Field("fstype", "TYPE", 8, lambda row: (row.item.fstype, "dim"), lambda row: row.item.fstype, priority=6),
    Field("state", "STATE", 13, _state),
)


class FsView(TableView[Mount]):
    """The mounts of a node, the worst first. Detail: history, who is blocked, who holds deleted files, events."""

    view, number, title, tab, tab_short = "fs", "2", "Filesystems", "FS", "FS"
    question = Question(FS)
    fields = FIELDS
    noun = "mount"
    nothing = (
        "No file system is reported. Are all of them excluded (fs.exclude_fstypes, fs.exclude_mounts in node.yaml)?"
    )

    def key_of(self, item: Mount) -> str:
        return item.mount_point

    def level_of(self, item: Mount) -> State:
        return fs_problems.level(item)

    def detail_questions(self, row: Row[Mount]) -> tuple[Question[Any], ...]:
        mount = row.item.mount_point
        asked = (*history_questions(row, partial(_history, mount)), _events(mount), _holders(mount))
        return (*asked, sample_question(_inodes_of(mount), DAY)) if row.item.inodes_total else asked

    def detail(self, row: Row[Mount]) -> Detail:
        mount = row.item
        blocked = grid([(str(one.pid), one.process_name, one.wchan) for one in mount.blocked], right=(0,))
        return Detail(
            title=mount.mount_point,
            charts=(_chart(row), *_inode_chart(row)),
            sections=(
                Section(f"{mount.mount_point} {NOTHING} {fs_problems.words(mount)}", _facts(row)),
                Section("Processes that wait for it", blocked, "None."),
                _holders_section(row),
                events_section(row, _events(mount.mount_point)),
            ),
        )


def _facts(row: Row[Mount]) -> list[Any]:
    mount = row.item
    flags = [
        ("read-only", mount.read_only),
        ("network", mount.network),
        ("expected by the configuration", mount.expected),
    ]
    return facts(
        ("device", mount.device or NOTHING),
        ("type", ", ".join([mount.fstype or NOTHING, *(name for name, is_set in flags if is_set)])),
        (
            "used",
            f"{_bytes(row, mount.used_bytes)} of {_bytes(row, mount.total_bytes)}, "
            f"{_bytes(row, mount.avail_bytes)} left",
        ),
        ("limits", f"warn {fmt.percent(mount.warn_percent)}, critical {fmt.percent(mount.critical_percent)}"),
        ("inodes", f"{_inodes(row)} of {fmt.count(mount.inodes_total)}" if mount.inodes_total else NOTHING),
        ("full in", _full_in(row)),
        ("measured", row.when(mount.collected_at)),
        *([("stuck since", row.when(mount.stuck_since))] if mount.stuck_since else []),
        *([("error", (mount.error_message, "crit"))] if mount.error_message else []),
    )


def _history(mount: str, step_sec: int) -> Question[list[FsPoint]]:
    return Question(FS_HISTORY, FsHistoryQuery(mount=mount, step=step_sec), pace="slow")


def _events(mount: str) -> Question[Any]:
    return events_question("fs", mount)


def _holders(mount: str) -> Question[list[Holder]]:
    return Question(FS_HOLDERS, FsHoldersQuery(mount=mount), pace="once")


def _chart(row: Row[Mount]) -> History:
    ask = partial(_history, row.item.mount_point)
    values, step = history_values(row, ask, lambda point: point.used_percent, hold_sec=_HOLD_SEC)
    return History(
        title=f"used %, {fmt.age(step * len(values))}" if values else "used %",
        values=values,
        whole=True,
        warn=row.item.warn_percent,
        critical=row.item.critical_percent,
    )


def _inodes_of(mount: str) -> Series:
    return Series("inodes", "etlmon_fs_inodes_used_percent", (("mount", mount),))


def _inode_chart(row: Row[Mount]) -> tuple[History, ...]:
    """The inodes of the last day, where there is a history of them."""
    series = _inodes_of(row.item.mount_point)
    points = row.node.answer(sample_question(series, DAY)) if row.item.inodes_total else None
    if not points:
        return ()
    found = chart(series, points, DAY, row.now, title=f"inodes %, {DAY.name}")
    return (replace(found, warn=row.item.warn_percent, critical=row.item.critical_percent),)


def _holders_section(row: Row[Mount]) -> Section:
    question = _holders(row.item.mount_point)
    holders = row.node.answer(question)
    title = "Deleted files that are still open (their space comes back when they are closed)"
    if holders is None:
        return Section(title, (), row.node.refusals.get(question.key, "Looking ..."))
    lines = grid(
        [
            (str(one.pid), one.user, one.process_name, fmt.count(one.deleted_files), fmt.size(one.deleted_bytes))
            for one in holders
        ],
        head=("PID", "USER", "PROCESS", "FILES", "BYTES"),
        right=(0, 3, 4),
    )
    return Section(title, lines, "None.")

"""Do the log and the disk say the same? What is logged of the uploads, beside the files that are there. Pure.

Only the last upload of a name is looked at, and only when nothing in the log says that its file was deleted or renamed
later. A size tells more than a name, and nothing is called missing that may only be out of sight.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from etlmon.contract.xferlog import Finding, OnDisk
from node.collectors.xferlog_match import File, Files, Logged, Parts, logged
from node.sources.changes import Changes
from node.sources.mounts import readable
from node.store.xferlog import Known
from node.store.xferlog import Logged as Act

MOST_FINDINGS = 1000
MOST_UNLOGGED = 100

_EARLY_SEC, _LATE_SEC = 10.0, 3.0
"""The end of a transfer is logged in whole seconds, after the file was written; the disk's clock may be another's."""

_CHANGED_SEC = 60.0
"""A file that was written to so long after its upload is as large as somebody else made it."""

_MOST_SPLITS = 50


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`on_disk`: ids of acts by their state, those alone whose state changed."""

    on_disk: Mapping[OnDisk | None, Sequence[int]]
    findings: Sequence[Finding]


class Comparer:
    """One comparison. `now` is its time; a file is unlogged when it lies untouched for `quiet_sec`.

    Nothing that ended less than `settling_sec` ago is called missing: directories of network mounts are read late.
    """

    def __init__(
        self, known: Known, changes: Changes, root: str, now: datetime, *, quiet_sec: float, settling_sec: float = 0.0
    ) -> None:
        self._known = known
        self._changes = changes
        self._root = root.rstrip("/")
        self._now = now
        self._quiet_sec = quiet_sec
        self._settling_sec = settling_sec
        self._files = Files(root)
        self._on_disk: dict[OnDisk | None, list[int]] = {}
        self._findings: list[Finding] = []
        self._before = {_identity(finding): finding.found_at for finding in known.findings}

    def steps(self) -> Iterator[None]:
        """The work, in steps of less than a millisecond; `result` has what came of it."""
        files: list[File] = []
        for fact in self._changes.files:
            files.append(self._files.add(*fact))
            yield
        for directory in self._changes.dirs:
            self._files.add_directory(directory)
            yield
        claimed: set[str] = set()
        told: set[Logged] = set()
        unnamed: list[tuple[Act, Logged]] = []
        for act, path, is_last in self._acts():
            named = self._files.named(path)
            if path not in told:
                told.add(path)
                claimed.update(file.path for file in named)
            if is_last and named:
                self._judge(act, named)
            elif is_last:
                unnamed.append((act, path))
            elif act.direction == "upload":
                self._state(act, None)
            yield
        for act, path in unnamed:
            self._judge_unnamed(act, path, claimed)
            yield
        self._find_unlogged([file for file in files if file.path not in claimed])

    @property
    def result(self) -> Result:
        return Result(on_disk=self._on_disk, findings=self._findings)

    def _acts(self) -> Iterator[tuple[Act, Logged, bool]]:
        """What the log says, newest first; with it whether its file should lie on the disk as it was uploaded."""
        later: set[Parts] = set()
        for act in self._known.acts:
            paths = _renamed(act.filename) if act.direction == "rename" else [logged(act.filename)]
            for path in paths:
                is_last = act.direction == "upload" and act.outcome == "complete" and path.key not in later
                yield act, path, is_last
            later.update(path.key for path in paths if path.name is not None)

    def _judge(self, act: Act, named: Sequence[File]) -> None:
        """An upload whose file is there, or may be one of several."""
        if any(_is_whole(act, file) for file in named):
            self._state(act, "present")
        elif len(named) == 1 and named[0].mtime <= act.log_time.timestamp() + _CHANGED_SEC:
            self._state(act, "shorter", named[0])
        else:
            self._state(act, "unknown")

    def _judge_unnamed(self, act: Act, path: Logged, claimed: set[str]) -> None:
        """An upload that is not where it was: it was moved or renamed, or the server chose the name, or it is gone."""
        end = act.log_time.timestamp()
        for file in (*self._files.elsewhere(path, act.bytes), *self._files.beside(path, act.bytes)):
            if file.path not in claimed and act.bytes and -_EARLY_SEC <= file.mtime - end <= _LATE_SEC:
                claimed.add(file.path)
                self._state(act, "present")
                return
        is_settled = self._now.timestamp() - end >= self._settling_sec
        can_tell = path.name is not None and self._changes.is_whole and is_settled and self._files.has_directory(path)
        self._state(act, "missing" if can_tell else "unknown")

    def _state(self, act: Act, state: OnDisk | None, file: File | None = None) -> None:
        if act.on_disk != state:
            self._on_disk.setdefault(state, []).append(act.id)
        if (state == "missing" or state == "shorter") and len(self._findings) < MOST_FINDINGS:
            self._find(
                Finding(
                    kind=state,
                    filename=act.filename,
                    path=None if file is None else self._path(file),
                    logged_bytes=act.bytes,
                    disk_bytes=None if file is None else file.bytes,
                    log_time=act.log_time,
                    found_at=self._now,
                    transfer_id=act.id,
                )
            )

    def _find_unlogged(self, files: Sequence[File]) -> None:
        """Files that came since the log began, and of which it tells nothing. One that grows may be on its way."""
        if self._known.since is None or not self._known.caught_up:
            return
        first, last = self._known.since.timestamp(), self._now.timestamp() - self._quiet_sec
        untold = sorted((file for file in files if first < file.mtime <= last), key=lambda file: -file.mtime)
        for file in untold[:MOST_UNLOGGED]:
            self._find(
                Finding(
                    kind="unlogged",
                    filename=readable(file.path),
                    path=self._path(file),
                    disk_bytes=file.bytes,
                    found_at=self._now,
                )
            )

    def _find(self, finding: Finding) -> None:
        found_at = self._before.get(_identity(finding), finding.found_at)
        self._findings.append(msgspec.structs.replace(finding, found_at=found_at))

    def _path(self, file: File) -> str:
        return readable(f"{self._root}/{file.path}")


def _is_whole(act: Act, file: File) -> bool:
    """Whether a file is as large as its upload. It may be larger: what was resumed or appended is logged alone.

    In ASCII mode line feeds travel as two bytes.
    """
    return file.bytes >= act.bytes or (act.is_ascii and 2 * file.bytes >= act.bytes)


def _renamed(text: str) -> list[Logged]:
    """`/a b /c d`: the two paths of a renaming, or all that they may be, because a blank may belong to either."""
    splits = [at for at, char in enumerate(text) if char == " " and text[at + 1 : at + 2] == "/"][:_MOST_SPLITS]
    return [logged(path) for at in splits for path in (text[:at], text[at + 1 :])]


def _identity(finding: Finding) -> tuple[object, ...]:
    return finding.kind, finding.filename, finding.path, finding.transfer_id

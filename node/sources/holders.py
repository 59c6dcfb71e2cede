"""Who keeps deleted files of a mount open, looked up when somebody asks."""

import asyncio
from typing import cast

from etlmon.contract.errors import DeadlineExceeded, NotFound, Unavailable
from etlmon.contract.fs import Holder
from node.sources.child import ProbeChild
from node.sources.mounts import read_mounts, readable


async def holders(mount_point: str, *, deadline_sec: float = 5.0) -> list[Holder]:
    """Processes with deleted files open on the file system at `mount_point` (as rows name it), most bytes first.

    Processes of other users are seen by root alone. The look-up runs in a child: the size of an open file is a question
    to its file system. Raises NotFound, DeadlineExceeded (also while an earlier look-up still waits) and Unavailable.
    """
    entry = next((entry for entry in read_mounts() if readable(entry.mount_point) == mount_point), None)
    if entry is None:
        raise NotFound(f"nothing is mounted at {mount_point!r}; GET /api/v1/fs lists the mounts", field="mount")
    try:
        child = ProbeChild()
    except OSError as error:
        raise Unavailable(f"cannot start a process to look at {mount_point}: {error.strerror}; try again") from error
    asked = child.ask("deleted", {"major_minor": entry.major_minor})
    try:
        in_time, _ = await asyncio.wait([asked], timeout=deadline_sec)
    finally:
        child.abandon()
    answer = asked.result()
    if not in_time or (answer is not None and answer.value is None and not answer.errno):
        raise DeadlineExceeded(
            f"looking for deleted files on {mount_point} has no answer after {deadline_sec:g} s; "
            "its file system does not answer: see its state in GET /api/v1/fs"
        )
    if answer is None or answer.errno:
        raise Unavailable(f"the process that looks for deleted files on {mount_point} failed; try again")
    rows = cast("list[tuple[int, str, str, int, int]]", answer.value)
    return [
        Holder(pid=pid, process_name=name, user=user, deleted_files=files, deleted_bytes=size)
        for pid, name, user, files, size in rows
    ]

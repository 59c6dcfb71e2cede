"""The process that looks where looking may never return: `python -I -S probe_child.py PARENT_PID`.

One JSON request a line on standard input, one JSON answer a line on standard output, until the input ends; a first line
says that it is ready. It needs
the standard library alone, and dies with its parent. Who asks, and what happens when no answer comes, is probe.py.
"""

# pathlib would cost this process more memory than its own work does.
# ruff: noqa: PTH115, PTH116, PTH123, PTH208
import ctypes
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

PR_SET_PDEATHSIG = 1
_MOST_DESCRIPTORS = 4096
_SILLY_NAMES = (".nfs", ".fuse_hidden")
"""What NFS and FUSE rename a file to that is deleted while it is open."""


def look(request: dict[str, Any]) -> list[int]:
    """How full: f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_flag. Its root is asked for as well."""
    seen = os.statvfs(request["path"])
    os.stat(request["path"])
    return [seen.f_frsize, seen.f_blocks, seen.f_bfree, seen.f_bavail, seen.f_files, seen.f_ffree, seen.f_flag]


def list_root(request: dict[str, Any]) -> bool:
    """Whether the root directory gives its first entry; a directory that others may not read is as good as read."""
    try:
        with os.scandir(request["path"]) as entries:
            next(entries, None)
    except PermissionError:
        return False
    return True


def blocked(request: dict[str, Any]) -> list[tuple[int, str, str, list[str]]]:
    """Processes in state D: pid, name, wait channel, and those of `mounts` that their open files lie on.

    Only /proc is read, links are read and never followed.
    """
    found = []
    for pid in _pids(exclude={os.getpid(), *request["exclude"]}):
        wchan = _sleeping_in(pid)
        if wchan is not None:
            found.append((pid, _name(pid), wchan, _mounts_used(pid, request["mounts"])))
    return found


def deleted(request: dict[str, Any]) -> list[tuple[int, str, str, int, int]] | None:
    """Processes that hold deleted files of a file system open: pid, name, user, files, bytes; most bytes first.

    None when a search of the same file system still runs: it holds a name that the kernel takes back when it ends,
    however long a stuck file system keeps it.
    """
    import _socket  # the socket module proper would double what this process weighs

    guard = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        guard.bind(f"\0etlmon-deleted-{os.getppid()}-{request['major_minor']}".encode())
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
    ids_of: dict[str, set[str]] = {}
    found = []
    for pid in _pids(exclude=set()):
        sizes = _deleted_files(pid, request["major_minor"], ids_of)
        if sizes:
            found.append((pid, _name(pid), _user(pid), len(sizes), sum(sizes.values())))
    guard.close()
    return sorted(found, key=lambda row: (-row[4], row[0]))


def changed(request: dict[str, Any]) -> dict[str, Any]:
    """What changed below `root` since `since` (seconds since 1970): files with their path below it, bytes and
    modification time, and directories in which something came or went ("" is the root, others end in a slash).

    Other file systems and linked directories belong to it, each once; those in `closed` are not entered. It ends early
    with `most` findings or after `within_sec`. `skipped` is what could not be looked at; `first_skipped` is one of
    them, and why. `is_empty`: nothing at all lies in the root.
    """
    os.nice(10)
    root, since = request["root"].rstrip("/"), request["since"]
    deadline = time.monotonic() + request["within_sec"]
    files: list[tuple[str, int, float]] = []
    dirs: list[str] = []
    skipped: list[tuple[str, str]] = []
    is_empty = True
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    end = "done"
    while waiting and end == "done":
        place = waiting.pop()
        path = place
        try:
            status = _may_enter(f"{root}/{place}", request["closed"], seen)
            if status is None:
                continue
            if _changed_at(status) >= since:
                dirs.append(place)
            for entry in os.scandir(f"{root}/{place}"):
                is_empty, path = False, f"{place}{entry.name}"
                try:
                    if entry.is_dir():
                        waiting.append(f"{path}/")
                    elif _changed_at(status := entry.stat()) >= since:
                        files.append((path, status.st_size, status.st_mtime))
                except OSError as error:
                    _skip(error, path, skipped)
                if time.monotonic() >= deadline or len(files) + len(dirs) >= request["most"]:
                    end = "timeout" if time.monotonic() >= deadline else "cut"
                    break
        except OSError as error:
            if not place:
                raise
            _skip(error, place, skipped)
    found = {"end": end, "files": files, "dirs": dirs, "is_empty": is_empty}
    return {**found, "skipped": len(skipped), "first_skipped": next(iter(skipped), None)}


def _may_enter(directory: str, closed: list[str], seen: set[tuple[int, int]]) -> os.stat_result | None:
    """The directory's status; None when it was seen before. Raises OSError."""
    if directory.rstrip("/") in closed:
        raise OSError(errno.EXDEV, "it is left to its automounter")
    status = os.stat(directory)
    if (status.st_dev, status.st_ino) in seen:
        return None
    seen.add((status.st_dev, status.st_ino))
    return status


def _changed_at(status: os.stat_result) -> float:
    """Anybody may set the modification time, and nobody the change time."""
    return max(status.st_ctime, status.st_mtime)


def _skip(error: OSError, path: str, skipped: list[tuple[str, str]]) -> None:
    # What is gone since it was listed, and a link that leads nowhere or in a circle, hides nothing.
    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        skipped.append((path, error.strerror or str(error)))


def _pids(exclude: set[int]) -> Iterator[int]:
    return (pid for name in os.listdir("/proc") if name.isdigit() and (pid := int(name)) not in exclude)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # the process has ended, or is another user's
        return b""


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").rstrip(b"\n").decode("utf-8", "backslashreplace")


def _user(pid: int) -> str:
    import pwd

    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _sleeping_in(pid: int) -> str | None:
    """The wait channel of the first thread in state D."""
    for thread in _names_in(f"/proc/{pid}/task"):
        place = f"/proc/{pid}/task/{thread}"
        # "42 (any ) name) D 1 ...": the state follows the last parenthesis.
        if _read(f"{place}/stat").rpartition(b")")[2][1:2] == b"D":
            return _read(f"{place}/wchan").decode("ascii", "replace")
    return None


def _mounts_used(pid: int, mounts: list[str]) -> list[str]:
    used: set[str] = set()
    descriptors = _names_in(f"/proc/{pid}/fd")[:_MOST_DESCRIPTORS]
    for link in ("cwd", "root", "exe", *(f"fd/{number}" for number in descriptors)):
        try:
            target = os.readlink(f"/proc/{pid}/{link}")
        except OSError:
            continue
        used.update(mount for mount in mounts if target == mount or target.startswith(mount.rstrip("/") + "/"))
    return sorted(used)


def _deleted_files(pid: int, major_minor: str, ids_of: dict[str, set[str]]) -> dict[tuple[int, int], int]:
    """(device, inode) -> bytes on the disk, of each deleted file of the file system that the process has open."""
    sizes: dict[tuple[int, int], int] = {}
    ids: set[str] | None = None
    for number in _names_in(f"/proc/{pid}/fd")[:_MOST_DESCRIPTORS]:
        descriptor = f"/proc/{pid}/fd/{number}"
        try:
            target = os.readlink(descriptor)
            silly = target.rpartition("/")[2].startswith(_SILLY_NAMES)
            if not silly and not target.endswith(" (deleted)"):
                continue
            if ids is None:
                ids = _mount_ids(pid, major_minor, ids_of)
            # Files of other mounts are left alone: one of those may be stuck.
            if _mount_id(pid, number) not in ids:
                continue
            seen = os.stat(descriptor)
        except OSError:
            continue
        if silly or seen.st_nlink == 0:
            sizes[seen.st_dev, seen.st_ino] = seen.st_blocks * 512
    return sizes


def _mount_ids(pid: int, major_minor: str, ids_of: dict[str, set[str]]) -> set[str]:
    """The mounts of the file system as the process sees them; containers see others than this process does."""
    namespace = os.readlink(f"/proc/{pid}/ns/mnt")
    if namespace not in ids_of:
        lines = [line.split(b" ", 3) for line in _read(f"/proc/{pid}/mountinfo").splitlines()]
        ids_of[namespace] = {fields[0].decode() for fields in lines if fields[2] == major_minor.encode()}
    return ids_of[namespace]


def _mount_id(pid: int, number: str) -> str:
    for line in _read(f"/proc/{pid}/fdinfo/{number}").splitlines():
        if line.startswith(b"mnt_id:"):
            return line[7:].strip().decode()
    return ""


QUESTIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "look": look,
    "list": list_root,
    "blocked": blocked,
    "deleted": deleted,
    "changed": changed,
}


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(0)


def main() -> None:
    _die_with(int(sys.argv[1]))
    os.chdir("/")  # nobody's directory is kept busy
    _say({"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            _say({"answer": QUESTIONS[request["question"]](request)})
        except OSError as error:
            _say({"errno": error.errno or errno.EIO})


def _say(words: dict[str, object]) -> None:
    try:
        sys.stdout.buffer.write(json.dumps(words).encode() + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()

"""The walk on real trees, beside find(1)."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.sources.walk import Order, Progress, Walker, WalkError, glob_patterns
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until
from tests.node.processes import wait_until
from tests.node.sources.walking import children, found, leaves, messages_of, result_of, walk
from tests.peers import bind, tmpfs

SUFFIXES = (".tmp", ".part")
KINDS = ("file", "empty", "hidden", "link", "dangling", "loop", "fifo", "socket", "temporary")
NAMES = st.one_of(
    st.sampled_from([b"data", b"a b", b"line\nbreak", b"\xff\xfe", "하위 폴더".encode(), b"[x]*", b".dot", b"-rf"]),
    st.binary(min_size=1, max_size=12).filter(lambda b: b"/" not in b and b"\0" not in b and b not in (b".", b"..")),
)
TREES = st.recursive(
    st.sampled_from(KINDS), lambda below: st.dictionaries(NAMES, below, max_size=6), max_leaves=25
).filter(lambda tree: isinstance(tree, dict))


def grow(where: Path, tree: object) -> None:
    """Make a tree of real things."""
    if isinstance(tree, dict):
        where.mkdir()
        for name, below in tree.items():
            grow(where / os.fsdecode(name), below)
        return
    match tree:
        case "file":
            where.write_bytes(b"content")
        case "link":
            where.symlink_to("..")
        case "dangling":
            where.symlink_to("nowhere")
        case "loop":
            where.symlink_to(where.name)
        case "fifo":
            os.mkfifo(where)
        case "socket":
            os.mknod(where, stat.S_IFSOCK | 0o600)
        case "temporary":
            where.with_name(where.name + ".tmp").touch()
        case _:
            where.touch()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, workers=st.sampled_from([1, 4]), depth=st.sampled_from([0, 1, 2]), plain=st.booleans())
def test_counts_what_find_counts_whatever_the_tree_holds(
    tmp_path: Path, tree: object, workers: int, depth: int, plain: bool
) -> None:
    root = tmp_path / "tree"
    shutil.rmtree(root, ignore_errors=True)
    grow(root, tree)
    limit = ["-maxdepth", str(depth)] if depth else []

    result = walk(
        root,
        workers=workers,
        max_depth=depth,
        arriving_suffixes=SUFFIXES,
        leaf_devices=leaves(root) if plain else (),
        may_hang=not plain,
    )

    assert result.end == "done"
    assert result.skipped == 0
    assert result.dirs == found(root, *limit, "-type", "d")
    assert result.files == found(root, *limit, "!", "-type", "d")
    arriving = ["(", "-name", "*.tmp", "-o", "-name", "*.part", ")"]
    assert result.arriving == found(root, *limit, "!", "-type", "d", *arriving)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, workers=st.sampled_from([1, 3]))
def test_measures_what_find_measures(tmp_path: Path, tree: object, workers: int) -> None:
    root = tmp_path / "tree"
    shutil.rmtree(root, ignore_errors=True)
    grow(root, tree)

    result = walk(root, workers=workers, sizes=True, top_n=3)

    listing = subprocess.run(
        ["find", root, "-mindepth", "1", "!", "-type", "d", "-printf", "%s %P\\0"], check=True, capture_output=True
    ).stdout.split(b"\0")[:-1]
    sizes = [int(line.partition(b" ")[0]) for line in listing]
    assert (result.files, result.total_bytes) == (len(sizes), sum(sizes))
    assert [size for size, _, _ in result.top_files] == sorted(sizes, reverse=True)[:3]
    named = {os.fsdecode(line.partition(b" ")[2]) for line in listing}
    assert all(path in named for _, path, _ in result.top_files)
    assert sum(files for _, _, files in walk(root, sizes=True, top_n=1000).top_dirs) == len(sizes)


def test_excludes_by_name_and_by_relative_path_and_does_not_enter_what_it_excludes(tmp_path: Path) -> None:
    for place in ("keep/a.csv", "keep/b.tmp", "cache/c.csv", "keep/cache/d.csv", "old/2024/e.csv", "old/2025/f.csv"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    names, paths = glob_patterns(("*.tmp", "cache/", "/old/2024"))

    result = walk(tmp_path, exclude_names=names, exclude_paths=paths, leaf_devices=leaves(tmp_path))

    assert (result.files, result.dirs) == (2, 3)  # keep/a.csv, old/2025/f.csv; keep, old, old/2025


def test_an_excluding_glob_full_of_stars_does_not_take_for_ever(tmp_path: Path) -> None:
    (tmp_path / ("a" * 250)).touch()
    names, paths = glob_patterns(("*a" * 60 + "*b",))

    assert walk(tmp_path, exclude_names=names, exclude_paths=paths, timeout_sec=10.0).files == 1


def test_a_linked_directory_is_entered_once_when_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").touch()
    (tmp_path / "real/up").symlink_to("..")
    (tmp_path / "again").symlink_to("real")
    (tmp_path / "itself").symlink_to("itself")

    followed = walk(tmp_path, follow_symlinks=True, workers=3)
    plain = walk(tmp_path)

    assert (followed.files, followed.dirs, followed.end) == (2, 3, "done")  # file and itself; real, again, real/up
    assert (plain.files, plain.dirs) == (4, 1)


def test_reads_a_tree_deeper_than_the_longest_path_that_the_kernel_takes(tmp_path: Path) -> None:
    script = f"for i in $(seq 30); do mkdir {'d' * 200} && cd {'d' * 200}; done; : > file"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)

    result = walk(tmp_path)

    assert (result.files, result.dirs, result.skipped) == (1, 30, 0)
    subprocess.run(["rm", "-rf", tmp_path / ("d" * 200)], check=True)


def test_a_directory_with_very_many_entries_is_counted_in_bounded_memory(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir()
    for number in range(12_000):
        (wide / f"{number:05}").mkdir()
        if number % 100 == 0:
            (wide / f"{number:05}" / "file").touch()

    result = walk(tmp_path, leaf_devices=leaves(tmp_path))
    shared = walk(tmp_path, workers=4)

    assert (result.files, result.dirs) == (120, 12_001)
    assert (shared.files, shared.dirs) == (120, 12_001)


@pytest.mark.peer("tmpfs")
def test_another_file_system_below_is_not_entered_unless_wanted(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    with tmpfs(tmp_path / "mount") as mount, bind(tmp_path / "mount", tmp_path / "bound"):
        (mount / "sub").mkdir()
        (mount / "sub/there").touch()

        inside = walk(tmp_path, leaf_devices=leaves(tmp_path))
        across = walk(tmp_path, one_file_system=False, leaf_devices=(*leaves(tmp_path), *leaves(mount)))
        closed = walk(tmp_path, one_file_system=False, closed_dirs=(str(mount),))

        assert inside.dirs == found(tmp_path, "-xdev", "-type", "d") == 2
        assert inside.files == found(tmp_path, "-xdev", "!", "-type", "d") == 1
        assert (across.files, across.dirs) == (3, 4)
        assert (closed.files, closed.dirs) == (2, 3)


@pytest.mark.peer("root")
def test_unreadable_directories_are_counted_as_skipped(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("open", "shut", "open/shut"):
        (root / name).mkdir(parents=True)
        (root / name / "file").touch()
    for name in ("shut", "open/shut"):
        (root / name).chmod(0)

    assert without_privileges(root) == "done 1 3 2 Permission denied 0"
    root.chmod(0)
    assert without_privileges(root) == "unreadable 0 0 0 - 13"


def without_privileges(root: Path) -> str:
    """end, files, dirs, skipped, reason and errno of a walk to which modes apply, as they do not to root."""
    code = """
import ctypes, sys
from tests.node.sources.walking import walk
CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH = 24, 1, 2
for capability in (DAC_OVERRIDE, DAC_READ_SEARCH):
    assert ctypes.CDLL(None).prctl(CAPBSET_DROP, capability, 0, 0, 0) == 0
r = walk(sys.argv[1])
print(r.end, r.files, r.dirs, r.skipped, r.first_skipped[1] if r.first_skipped else "-", r.errno)
"""
    here = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, "-c", code, root], check=True, capture_output=True, text=True, cwd=here
    ).stdout.strip()


@pytest.mark.parametrize(("make", "number"), [("nothing", 2), ("file", 20), ("nul", 22)])
def test_a_root_that_is_no_directory_says_why(tmp_path: Path, make: str, number: int) -> None:
    root = str(tmp_path / "root")
    if make == "file":
        Path(root).touch()

    result = walk(root + ("\0" if make == "nul" else ""))

    assert (result.end, result.errno, result.files) == ("unreadable", number, 0)


def test_stops_above_the_limit_and_not_at_it(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number:04}").touch()

    assert walk(tmp_path, max_files=3000).end == "done"
    over = walk(tmp_path, max_files=2999, leaf_devices=leaves(tmp_path), workers=2)

    assert over.end == "limit"
    assert over.files >= 2999


def test_a_throttled_walk_asks_no_more_than_it_may_and_ends_in_time_with_what_it_has(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "file").touch()

    began = time.monotonic()
    whole = walk(tmp_path, ops_per_sec=100, workers=4)
    took = time.monotonic() - began
    part = walk(tmp_path, ops_per_sec=5, timeout_sec=4.0, may_hang=False)

    assert (whole.end, whole.files) == ("done", 40)
    assert took >= 0.4  # 41 directories at 100 a second
    assert part.end == "timeout"
    assert 8 <= part.files <= 21  # 20 less those for which a busy machine had no time


def test_progress_grows_and_the_result_is_not_less(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "file").touch()
    order = Order(root=str(tmp_path), ops_per_sec=20, progress_sec=0.1)

    progress, result = asyncio.run(messages_of(Walker(), order))

    counts = [message.files for message in progress]
    assert len(counts) >= 5
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= result.files == 60


def test_files_that_vanish_during_the_walk_are_no_errors(tmp_path: Path) -> None:
    def fill(round_: int) -> None:
        for number in range(200):
            (tmp_path / f"{round_}-{number}").mkdir()
            (tmp_path / f"{round_}-{number}/file").touch()

    fill(0)
    vanish = subprocess.Popen(
        ["bash", "-c", "while :; do for d in 0-*; do rm -rf $d; mkdir $d; : > $d/file; done; done"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        for sizes in (False, True) * 5:
            result = walk(tmp_path, sizes=sizes, leaf_devices=leaves(tmp_path))
            assert (result.end, result.skipped) == ("done", 0)
            assert result.files <= 400
    finally:
        vanish.kill()
        vanish.wait()


def test_a_file_that_grew_since_the_walk_before_is_arriving(tmp_path: Path) -> None:
    grows, stays, old = tmp_path / "grows.csv", tmp_path / "stays.csv", tmp_path / "part.tmp"
    for file in (grows, stays, old):
        file.write_text("one")

    first = walk(tmp_path, sizes=True, arriving_suffixes=(".tmp",))
    grows.write_text("one and two")
    second = walk(tmp_path, sizes=True, arriving_suffixes=(".tmp",), recent=first.recent)
    third = walk(tmp_path, sizes=True, arriving_suffixes=(".tmp",), recent=second.recent)

    assert [result.arriving for result in (first, second, third)] == [1, 2, 1]


def test_leaving_a_walk_early_leaves_no_child(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}").mkdir()
    order = Order(root=str(tmp_path), ops_per_sec=5, progress_sec=0.05)

    async def scenario() -> None:
        walker = Walker()
        async with aclosing(walker.walk(order)) as messages:
            async for message in messages:
                assert isinstance(message, Progress)
                assert list(children()) == [walker.pid]
                break
        await until(lambda: (walker.pid, list(children())) == (None, []))
        task = asyncio.create_task(result_of(walker, order))
        await until(lambda: walker.pid is not None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: (walker.pid, list(children())) == (None, []))

    before = len(list(Path("/proc/self/fd").iterdir()))
    asyncio.run(scenario())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}").mkdir()
    code = (
        "import sys; from tests.node.sources.walking import walk\n"
        "walk(sys.argv[1], ops_per_sec=1, timeout_sec=60.0, progress_sec=0.2)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=Path(__file__).parents[3])
    try:
        wait_until(lambda: with_root(tmp_path) != [])
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: with_root(tmp_path) == [], within_sec=15)  # the walk would take 50 s


def with_root(root: Path) -> list[str]:
    found_ = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if b"etlmon-walk\0" + os.fsencode(root) in command:
            found_.append(entry.name)
    return found_


def test_a_child_that_dies_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(WalkError, match=r"cannot count .* ended with status 1 \(.*error"):
        walk(tmp_path, exclude_names="(unclosed")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangFs]:
    with hangfs(tmp_path / "mount") as mounted:
        yield mounted


@pytest.mark.peer("fuse")
@pytest.mark.parametrize("workers", [1, 3])
def test_a_tree_that_hangs_half_way_gives_what_was_counted_and_recovers(hanging: HangFs, workers: int) -> None:
    (hanging.backing / "sub").mkdir()
    order = Order(root=str(hanging.mount_point), timeout_sec=3.0, workers=workers)

    async def scenario() -> None:
        walker = Walker()
        assert (await result_of(walker, order)).end == "done"
        hanging.hang("readdir")
        stuck = await result_of(walker, order)
        assert stuck.end == "stuck"
        assert stuck.blocked_sec >= 0.25
        hung = walker.pid
        assert hung is not None
        assert (await result_of(walker, order)).end == "stuck"
        assert list(children()) == [hung]
        hanging.release()
        await until(lambda: walker.pid is None)
        assert (await result_of(walker, order)).files == 1
        await walker.close()

    asyncio.run(scenario())


@pytest.mark.peer("fuse")
def test_a_server_that_is_stopped_holds_no_child_for_ever(hanging: HangFs) -> None:
    async def scenario() -> None:
        walker = Walker()
        hanging.freeze()
        result = await result_of(walker, Order(root=str(hanging.mount_point), timeout_sec=2.0))
        assert result.end == "stuck"
        await until(lambda: walker.pid is None)
        hanging.thaw()
        assert (await result_of(walker, Order(root=str(hanging.mount_point)))).end == "done"

    asyncio.run(scenario())

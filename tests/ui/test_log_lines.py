"""`etlmon logs` against real nodes: which lines, in which order, and each of them once."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from node.settings import NodeSettings, WatchedLog
from node.sources.tail_types import Lost
from tests.fakes.nodes import closed_port
from tests.node.store.log_batches import batch, log, numbered, put
from tests.node.store.opened import START
from tests.serving import Serving, serving
from ui.log_lines import Shown, print_logs
from ui.log_lines.history import Wanted

ROOT = Path(__file__).parents[2]
GAP = Lost(path="/var/log/app.log", inode=7, offset=0, lost_bytes=None, reason="truncated", message="it was truncated")
WAIT_SEC = 30.0


def settings(*names: str, timestamp: str | None = None) -> NodeSettings:
    logs = tuple(WatchedLog(name=name, path=f"/var/log/{name}.log", timestamp=timestamp) for name in names)
    return NodeSettings(logs=logs)


def on_a_node(tmp_path: Path, scene: Callable[[Serving], Awaitable[None]], *names: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, settings(*(names or ("app",)))) as node:
            await scene(node)

    asyncio.run(main())


async def printing(
    names: Sequence[str], node: Serving, wanted: Wanted | None = None, shown: Shown | None = None
) -> int:
    """Print lines as the command does, from a thread of its own."""
    return await asyncio.to_thread(print_logs, names, {node.url: ""}, wanted or Wanted(), shown or Shown())


@asynccontextmanager
async def following(
    *arguments: str, tmp_path: Path, stderr: str = "stderr"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as it runs in a shell; `stderr` is the file that takes its standard error, "" joins the two."""
    with (tmp_path / (stderr or "empty")).open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "etlmon", "logs", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=errors if stderr else asyncio.subprocess.STDOUT, cwd=ROOT,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def lines_of(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(WAIT_SEC):
        return [(await process.stdout.readline()).decode().rstrip("\n") for _ in range(count)]


async def said(tmp_path: Path, text: str) -> str:
    """Wait until standard error says so; all it says."""
    end = time.monotonic() + WAIT_SEC
    while text not in (all_of_it := (tmp_path / "stderr").read_text(encoding="utf-8")):
        assert time.monotonic() < end, f"waited for {text!r} in {all_of_it!r}"
        await asyncio.sleep(0.02)
    return all_of_it


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), numbered(100, 2401)),
        (Wanted(count=0), []),
        (Wanted(count=2), numbered(2, 2499)),
        (Wanted(count=2400), numbered(2400, 101)),
        (Wanted(count=9999), numbered(2500)),
        (Wanted(count=None), numbered(2500)),
        (Wanted(count=3, grep="7$"), ["line 2477", "line 2487", "line 2497"]),
        (Wanted(count=1200, grep="[13579]$"), [f"line {number}" for number in range(101, 2501, 2)]),
        (Wanted(count=2, exclude="[1-9]$"), ["line 2490", "line 2500"]),
        (Wanted(count=None, grep="^line 1.$"), numbered(10, 10)),
        (Wanted(count=5, severity="error"), ["line 3"]),
        (Wanted(count=5, severity="warning"), ["line 3", "line 4"]),
        (Wanted(count=5, grep="nothing is like this"), []),
    ],
)
def test_the_lines_are_those_that_are_wanted(
    wanted: Wanted, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch(*numbered(2500), severities={2: 3, 3: 2}))
        assert await printing(["app"], node, wanted) == 0

    on_a_node(tmp_path, scene)
    out, err = capsys.readouterr()
    assert out.splitlines() == expected
    assert err == ""


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(count=None, since=START + timedelta(minutes=2)), numbered(8, 3)),
        (Wanted(count=3, since=START + timedelta(minutes=2)), numbered(3, 8)),
        (Wanted(count=9, since=START + timedelta(minutes=8), grep="."), numbered(2, 9)),
        (Wanted(count=None, since=START + timedelta(days=1)), []),
    ],
)
def test_since_leaves_out_what_was_before(
    wanted: Wanted, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(node: Serving) -> None:
        for minute, line in enumerate(numbered(10)):
            await put(node.database, batch(line, at=START + timedelta(minutes=minute)))
        assert await printing(["app"], node, wanted) == 0

    on_a_node(tmp_path, scene)
    assert capsys.readouterr().out.splitlines() == expected


def test_a_log_without_lines_prints_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch())
        assert await printing(["app"], node) == 0

    on_a_node(tmp_path, scene)
    assert capsys.readouterr().out == ""


def test_several_logs_come_in_the_order_of_their_times_and_each_in_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(node: Serving) -> None:
        later = START + timedelta(seconds=30)
        await put(node.database, batch("a1"), batch("b1", name="batch", at=later), batch("a2", at=START))
        await put(node.database, batch("a3", at=later + timedelta(seconds=1)), batch("b0", name="batch", at=START))
        assert await printing(["app", "batch", "app"], node, shown=Shown(times="utc")) == 0

    on_a_node(tmp_path, scene, "app", "batch")
    rows = [line.split(": ", 1) for line in capsys.readouterr().out.splitlines()]
    assert [(name, text[-2:]) for name, text in rows] == [
        ("app", "a1"), ("app", "a2"), ("batch", "b1"), ("batch", "b0"), ("app", "a3"),
    ]  # fmt: skip
    assert rows[0][1] == f"{START:%Y-%m-%d %H:%M:%S} a1"


def test_the_same_log_of_several_nodes_is_told_apart_by_the_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        (tmp_path / "1").mkdir()
        (tmp_path / "2").mkdir()
        async with serving(tmp_path / "1", settings("app")) as one, serving(tmp_path / "2", settings("app")) as two:
            await put(one.database, batch("first"))
            await put(two.database, batch("second", at=START + timedelta(seconds=1)))
            nodes = {one.url: "etl-01", two.url: "etl-02"}
            assert await asyncio.to_thread(print_logs, ["app"], nodes, Wanted(), Shown()) == 0
            assert await asyncio.to_thread(print_logs, ["etl-02/app"], nodes, Wanted(), Shown()) == 0

    asyncio.run(main())
    assert capsys.readouterr().out.splitlines() == ["etl-01/app: first", "etl-02/app: second", "second"]


def test_a_gap_is_told_between_the_lines_it_is_between(tmp_path: Path) -> None:
    async def scene(node: Serving) -> None:
        await put(
            node.database, batch(lost=[GAP]), batch("before"), batch(lost=[GAP]), batch("after"), batch(lost=[GAP])
        )
        async with following("app", "--node", node.url, tmp_path=tmp_path, stderr="") as process:
            # What is missing before the first line and after the last one is missing of what was not asked for.
            assert await lines_of(process, 4) == ["before", "-- gap: it was truncated", "after", ""]

    on_a_node(tmp_path, scene)


def test_lines_can_be_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("one\ttwo\nthree", severities={0: 3}))
        assert await printing(["app"], node, shown=Shown(as_json=True)) == 0
        assert await printing(["app"], node) == 0

    on_a_node(tmp_path, scene)
    document, *text = capsys.readouterr().out.splitlines()
    row = json.loads(document)
    assert (row["log"], row["line"], row["seq"], row["severity"]) == ("app", "one\ttwo\nthree", 1, "error")
    assert text == ["one\ttwo", "three"]


def test_no_line_drives_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("a\x1b]52;c;x\x07\rb\u202e한글"))
        assert await printing(["app"], node) == 0

    on_a_node(tmp_path, scene)
    assert capsys.readouterr().out == "a·]52;c;x··b·한글\n"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["ap"], "has no log 'ap'; did you mean app?"),
        (["zzz"], "has no log 'zzz'; there are app, batch"),
        (["etl-09/app"], "has no log 'etl-09/app'"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(
    names: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("a"), batch("b", name="batch"))
        assert await printing([*names, "batch"], node) == 1

    on_a_node(tmp_path, scene, "app", "batch")
    out, err = capsys.readouterr()
    assert words in err
    assert out == "b\n", "what is there is printed all the same"


def test_what_a_node_refuses_is_told_in_its_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("a"))
        assert await printing(["app"], node, Wanted(grep="(")) == 1
        assert await printing(["app"], node, Wanted(grep="("), Shown(follow=True)) == 1

    on_a_node(tmp_path, scene)
    assert capsys.readouterr().err.count("etlmon: app: grep is no regular expression") == 2


def test_a_node_that_is_down_is_named_and_the_others_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("a"))
        nodes = {node.url: "etl-01", closed_port(): "etl-02"}
        assert await asyncio.to_thread(print_logs, ["app"], nodes, Wanted(), Shown()) == 1

    on_a_node(tmp_path, scene)
    out, err = capsys.readouterr()
    assert out == "a\n"
    assert err.startswith("etlmon: etl-02 does not answer: connection refused")


def test_without_a_name_the_logs_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("a", row=log(errors_per_min=2.0)))
        await put(node.database, batch(name="batch", row=log("batch", path="/x", status="denied")))
        assert await printing([], node) == 0
        assert await printing([], node, shown=Shown(as_json=True)) == 0

    on_a_node(tmp_path, scene, "app", "batch")
    out = capsys.readouterr().out
    head, worst, other, rest = out.split("\n", 3)
    assert head.split() == ["LOG", "LINES", "LINES/s", "ERR/m", "BEHIND", "LAST", "LINE", "STATE", "FILE"]
    assert (worst.split()[:2], other.split()[:5]) == (["◆", "batch"], ["●", "app", "1", "0", "2"])
    assert [(row["name"], row["status"]) for row in json.loads(rest)] == [("app", "following"), ("batch", "denied")]


def test_a_node_without_logs_says_how_to_get_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(node: Serving) -> None:
        assert await printing([], node) == 0

    on_a_node(tmp_path, scene)
    assert "name some under logs: in node.yaml" in capsys.readouterr().out


def test_following_prints_each_line_once_over_restarts_of_the_node(tmp_path: Path) -> None:
    socket = tmp_path / "node.sock"

    async def main() -> None:
        async with serving(tmp_path, settings("app")) as node:
            await put(node.database, batch(*numbered(10)))
        async with following("app", "--node", f"unix:{socket}", "-f", "-n", "2", tmp_path=tmp_path) as process:
            await said(tmp_path, "does not answer: no socket at")
            async with serving(tmp_path, settings("app"), socket_file=socket) as node:
                assert await lines_of(process, 2) == numbered(2, 9)
                await put(node.database, batch("line 11", lost=[GAP]))
                assert await lines_of(process, 1) == ["line 11"]
                await said(tmp_path, "-- gap: it was truncated")
            socket.unlink(missing_ok=True)
            async with serving(tmp_path, settings("app"), socket_file=socket) as node:
                await put(node.database, batch(*numbered(700, 12)))
                assert await lines_of(process, 700) == numbered(700, 12)
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 130
        told = (tmp_path / "stderr").read_text(encoding="utf-8").splitlines()
        told = [line.rpartition(";")[2].rpartition(": ")[2] for line in told]
        assert [line for line in told if "again" in line] == ["connected again", " trying again", "connected again"]

    asyncio.run(main())


def test_following_with_no_lines_before_begins_with_the_next_one_that_is_wanted(tmp_path: Path) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("ERROR old", "INFO old"))
        arguments = ("app", "--node", node.url, "-f", "-n", "0", "--grep", "ERROR")
        async with following(*arguments, tmp_path=tmp_path) as process:
            end = time.monotonic() + WAIT_SEC
            while not node.context.followers._streams:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            await put(node.database, batch("INFO new", "ERROR new"))
            assert await lines_of(process, 1) == ["ERROR new"]

    on_a_node(tmp_path, scene)


def test_a_reader_that_closes_the_pipe_ends_it_though_nothing_comes(tmp_path: Path) -> None:
    async def scene(node: Serving) -> None:
        await put(node.database, batch("one", "two"))
        async with following("app", "--node", node.url, "-f", tmp_path=tmp_path) as process:
            assert await lines_of(process, 1) == ["one"]
            assert process.stdout is not None
            process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
            async with asyncio.timeout(WAIT_SEC):
                assert await process.wait() == 141
        assert (tmp_path / "stderr").read_text(encoding="utf-8") == ""

    on_a_node(tmp_path, scene)

"""Processes that hang in a dead file server: they cost the others nothing, and it is said that they do."""

import asyncio
import time
from pathlib import Path

import pytest

from node.collectors.processes import ProcessCollector
from node.settings import ProcessWatch as Watch
from tests.fakes.blocked import blocked
from tests.node.collectors.watching import NOW, Watching, by_mark, watching
from tests.node.programs import Programs


@pytest.mark.peer("fuse")
def test_a_process_that_hangs_keeps_nothing_from_being_seen(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        with blocked(tmp_path / "mount", made.mark) as hanging:
            process = made.sleeper()
            rows = await seen.until(lambda rows: [row.pid for row in rows] == [process.pid])
            # Whether it belongs to the watch cannot be told; there is one anyhow.
            assert (seen.watch().state, seen.watch().error_message) == ("ok", None)
            began = time.monotonic()
            for _ in range(5):
                (row,) = await seen.look()
                assert (row.pid, row.error_message) == (process.pid, None)
            assert time.monotonic() - began < 10
            assert hanging.pid not in {row.pid for row in rows}

    watching(tmp_path, by_mark, scenario)


@pytest.mark.peer("fuse")
def test_where_too_few_run_it_is_said_which_process_could_not_be_read(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        with blocked(tmp_path / "mount", made.mark) as hanging:
            (row,) = await seen.look()
            assert row.status == "STOPPED"
            assert f"{hanging.pid} python" in str(row.error_message)
            assert "cannot be told: their command lines cannot be read now" in str(row.error_message)
            assert seen.watch().state == "too_few"
            with pytest.raises(TimeoutError, match=f"command line of {hanging.pid} cannot be read"):
                await seen.collector.look(hanging.pid)
            hanging.release()
            # It is not asked again at once; a new node does not know that it hung.
            again = await seen.restarted()
            (row,) = await again.until(lambda rows: rows[0].status == "RUNNING")
            assert row.pid == hanging.pid
            await again.collector.close()

    watching(tmp_path, by_mark, scenario)


@pytest.mark.peer("fuse")
def test_a_watched_process_that_begins_to_hang_stays_what_it_was(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        with blocked(tmp_path / "mount", made.mark) as hanging:
            hanging.release()
            (row,) = await seen.until(lambda rows: rows[0].pid == hanging.pid)
            known = seen.collector._processes.get(hanging.pid)
            assert known is not None
            with blocked(tmp_path / "other") as other:
                # As if the one that is known hung, too: its reader is sent to the other.
                known.due_sec, reader = 0.0, seen.collector._reader
                real = reader.read

                async def read(places: list[str], within_sec: float = 1.0) -> dict[str, bytes]:
                    sent = [place.replace(f"{hanging.pid}/cmdline", f"{other.pid}/cmdline") for place in places]
                    return await real(sent, within_sec)

                reader.read = read  # type: ignore[method-assign, assignment]
                (stuck,) = await seen.look()
                assert (stuck.pid, stuck.status, stuck.cmdline) == (row.pid, "RUNNING", row.cmdline)
                assert "cannot be read now" in str(stuck.error_message)
                assert seen.events == []

    watching(tmp_path, by_mark, scenario)


@pytest.mark.peer("fuse")
def test_a_collector_stops_at_once_whatever_hangs(tmp_path: Path) -> None:
    async def main() -> None:
        collector = ProcessCollector([Watch(name="w", match="nothing-has-this-name")], interval_sec=5.0)
        _ = [reading async for reading in collector.readings(NOW)]
        began = time.monotonic()
        await collector.close()
        assert time.monotonic() - began < 5

    with blocked(tmp_path / "mount"):
        asyncio.run(main())

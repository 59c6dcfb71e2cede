"""Ending processes of a real node, seen and asked from outside."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.node import AUDIT
from etlmon.contract.processes import PROCESS, PROCESS_KILL, PROCESS_TOP, PROCESSES, Killed, KillRequest, Process
from tests.fakes.blocked import blocked
from tests.node.collecting import until
from tests.node.commands.victims import Victims, victims
from tests.node.processes import NodeUnderTest, node
from tests.node.programs import state

CONFIG = (
    "node: {{listen: '127.0.0.1:0'}}\nrefresh: {{process: 200ms}}\nprocess_watch: [{{name: worker, match: '{mark}'}}]\n"
)

Scenario = Callable[["Operator"], Awaitable[None]]


class Operator:
    """Looks at a node and acts there."""

    def __init__(self, started: NodeUnderTest, client: NodeClient, made: Victims) -> None:
        self.started, self.client, self.victims = started, client, made

    async def rows(self) -> list[Process]:
        return (await self.client.ask(PROCESSES)).unwrap()

    async def row(self, pid: int, named: str = "") -> Process:
        """The process as the node tells of it, once it does, and by a name that holds this."""
        found: list[Process] = []

        async def is_seen() -> bool:
            found[:] = [row for row in await self.rows() if row.pid == pid and named in row.process_name]
            return bool(found)

        await until(is_seen, 30)
        return found[0]

    async def kill(self, pid: int, **request: Any) -> Killed:
        body = KillRequest(**{"confirm": True, **request})
        return (await self.client.ask(PROCESS_KILL, body=body, pid=str(pid))).unwrap()

    async def refusal(self, attempt: Awaitable[Killed]) -> tuple[int, Any]:
        with pytest.raises(NodeRefused) as caught:
            await attempt
        return caught.value.status, (caught.value.body.details or {}).get("reason")


def play(folder: Path, scenario: Scenario, more: str = "", *, made: Victims) -> None:
    async def main(started: NodeUnderTest) -> None:
        async with NodeClient(started.address, timeout=20) as client:
            await scenario(Operator(started, client, made))

    with node(folder, CONFIG.format(mark=made.mark) + more) as started:
        asyncio.run(main(started))
        assert started.stopped() == 0


def test_a_row_s_process_is_ended_and_the_row_says_so(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        victim = operator.victims.sleeper()
        row = await operator.row(victim.pid)
        detail = (await operator.client.ask(PROCESS, pid=str(victim.pid))).unwrap()
        assert (detail.start_time, detail.refusal, detail.signals) == (row.start_time, None, ["SIGTERM", "SIGKILL"])

        killed = await operator.kill(victim.pid, start_time=row.start_time)

        assert (killed.result, victim.wait(10)) == ("exited", -signal.SIGTERM)

        async def is_stopped() -> bool:
            return [row.status for row in await operator.rows()] == ["STOPPED"]

        await until(is_stopped, 30)
        (audited,) = (await operator.client.ask(AUDIT)).unwrap()
        assert (audited.action, audited.result) == ("processes.kill", "done")
        assert audited.target.startswith(f"{victim.pid} ")
        assert audited.target.endswith("(worker)")

    with victims() as made:
        play(tmp_path, scenario, made=made)


def test_a_start_time_holds_over_a_restart_of_the_node(tmp_path: Path) -> None:
    seen: list[Process] = []

    async def look(operator: Operator) -> None:
        seen.append(await operator.row(victim.pid))

    async def act(operator: Operator) -> None:
        assert (await operator.row(victim.pid)).start_time == seen[0].start_time
        assert (await operator.kill(victim.pid, start_time=seen[0].start_time)).result == "exited"

    with victims() as made:
        victim = made.sleeper()
        play(tmp_path, look, made=made)
        play(tmp_path, act, made=made)


def test_a_real_node_refuses_what_it_must_not_end(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        victim = operator.victims.sleeper()
        unwatched = operator.victims.start("sleep", "300")
        row = await operator.row(victim.pid)
        assert row.start_time is not None
        own = operator.started.process.pid
        moved = row.start_time.replace(year=2000)
        seen = {
            "unwatched": await operator.refusal(operator.kill(unwatched.pid)),
            "itself": await operator.refusal(operator.kill(own, signal="SIGKILL")),
            "init": await operator.refusal(operator.kill(1, signal="SIGKILL")),
            "another's start": await operator.refusal(operator.kill(victim.pid, start_time=moved)),
            "not confirmed": await operator.refusal(operator.kill(victim.pid, confirm=False)),
        }
        assert seen == {
            "unwatched": (403, "not_watched"),
            "itself": (403, "own_process"),
            "init": (403, "pid_1"),
            "another's start": (409, "identity_changed"),
            "not confirmed": (400, None),
        }
        assert victim.poll() is None
        assert unwatched.poll() is None
        assert len((await operator.client.ask(AUDIT)).unwrap()) == len(seen)

    with victims() as made:
        play(tmp_path, scenario, made=made)


def test_the_policy_is_told_before_and_refuses_after(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        victim = operator.victims.sleeper()
        row = await operator.row(victim.pid)
        detail = (await operator.client.ask(PROCESS, pid=str(victim.pid))).unwrap()
        assert (detail.refusal_reason, detail.signals) == ("signal_not_allowed", ["SIGKILL"])
        assert await operator.refusal(operator.kill(victim.pid)) == (403, "signal_not_allowed")
        killed = await operator.kill(victim.pid, signal="SIGKILL", start_time=row.start_time)
        assert (killed.result, victim.wait(10)) == ("exited", -signal.SIGKILL)

    with victims() as made:
        play(tmp_path, scenario, "kill: {signals: [SIGKILL]}\n", made=made)


def test_one_that_became_another_program_is_not_ended(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        flag = tmp_path / "go"
        code = (
            "import os, pathlib, sys, time\n"
            "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n"
            "os.execvp('sleep', ['sleep', '300'])"
        )
        victim = operator.victims.python(code, str(flag))
        row = await operator.row(victim.pid)
        flag.touch()
        await until(lambda: Path(f"/proc/{victim.pid}/comm").read_text() == "sleep\n", 30)
        status, reason = await operator.refusal(operator.kill(victim.pid, start_time=row.start_time))
        # Before the next look it is known as what it was, after that as nothing that is watched.
        assert (status, reason) in {(409, "identity_changed"), (403, "not_watched")}
        assert victim.poll() is None

    with victims() as made:
        play(tmp_path, scenario, made=made)


@pytest.mark.peer("fuse")
def test_one_that_hangs_so_that_nobody_can_tell_what_it_is_is_not_ended_and_costs_the_others_nothing(
    tmp_path: Path,
) -> None:
    async def scenario(operator: Operator) -> None:
        victim = operator.victims.sleeper()
        row = await operator.row(victim.pid)
        with blocked(tmp_path / "mount", operator.victims.mark) as hanging:
            assert await operator.refusal(operator.kill(hanging.pid)) == (503, "unreadable")
            killed = await operator.kill(victim.pid, start_time=row.start_time)
            assert (killed.result, victim.wait(10)) == ("exited", -signal.SIGTERM)
            assert state(hanging.pid) not in ("", "Z")

    with victims() as made:
        play(tmp_path, scenario, made=made)


def test_a_hostile_name_and_command_line_are_only_text(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        code = "import ctypes, time\nctypes.CDLL(None).prctl(15, b'\\x1b[31m) R 1 \\xff')\ntime.sleep(300)"
        victim = operator.victims.python(code, os.fsdecode(b"\xff\x1b[2J\n[b]"), "--password=hunter2")
        await until(lambda: b"\xff" in Path(f"/proc/{victim.pid}/comm").read_bytes(), 30)
        row = await operator.row(victim.pid, "\\xff")
        assert (await operator.kill(victim.pid, start_time=row.start_time)).result == "exited"
        async with aiohttp.ClientSession() as session, session.get(f"{operator.started.address}/api/v1/audit") as raw:
            (audited,) = await raw.json()
        assert audited["target"] == f"{victim.pid} \x1b[31m) R 1 \\xff (worker)"
        assert "\\xff\x1b[2J" in audited["params"]["command"]
        assert "hunter2" not in str(audited)
        assert "\x1b" not in (await operator.client.ask(AUDIT)).unwrap()[0].target

    with victims() as made:
        play(tmp_path, scenario, made=made)


def test_the_largest_processes_are_told_watched_or_not(tmp_path: Path) -> None:
    async def scenario(operator: Operator) -> None:
        victim = operator.victims.sleeper()
        await operator.row(victim.pid)
        top = (await operator.client.ask(PROCESS_TOP)).unwrap()
        assert operator.started.process.pid in {row.pid for row in top}
        assert len(top) <= 20

    with victims() as made:
        play(tmp_path, scenario, made=made)


def test_with_nothing_watched_the_largest_are_told_and_nothing_is_ended(tmp_path: Path) -> None:
    async def main(started: NodeUnderTest) -> None:
        async with NodeClient(started.address, timeout=20) as client:
            assert (await client.ask(PROCESS_TOP)).unwrap() != []
            with pytest.raises(NodeRefused) as caught:
                await client.ask(PROCESS_KILL, body=KillRequest(confirm=True), pid=str(victim.pid))
            assert caught.value.body.details == {"reason": "not_watched"}
            with pytest.raises(NodeRefused) as caught:
                await client.ask(PROCESS, pid=str(victim.pid))
            assert caught.value.status == 404

    with victims() as made:
        victim = made.sleeper()
        with node(tmp_path, "node: {listen: '127.0.0.1:0'}\n") as started:
            asyncio.run(main(started))

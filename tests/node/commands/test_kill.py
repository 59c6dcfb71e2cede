"""Ending watched processes: real ones, with a real store for the audit."""

import asyncio
import contextlib
import errno
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.contract.errors import Conflict, NotFound, TooManyRequests
from etlmon.contract.processes import Killed
from etlmon.units import Duration
from node.clock import utc_now
from node.commands import act
from node.commands.act import Acts, Caller, RateLimit, Refusal
from node.commands.kill import Standing
from node.settings import Kill
from node.sources import pidfd
from node.sources.process_types import Target
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.node.commands.killing import WATCH, Desk, at_the_desk
from tests.node.commands.victims import ProcTargets, said_by
from tests.node.programs import state

BRIEF = Kill(rate_per_minute=1000, wait=Duration(0.3))


def test_a_watched_process_is_ended_and_the_answer_waits_for_its_end(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        (known,) = desk.targets.look_at(victim.pid)

        killed = await desk.kill(victim.pid, start_time=known.start_time)

        assert killed == Killed(pid=victim.pid, signal="SIGTERM", result="exited", waited_ms=killed.waited_ms)
        assert victim.wait(1) == -signal.SIGTERM
        assert killed.waited_ms < 10_000
        assert desk.looks == ["processes"]
        (row,) = await desk.audit()
        assert (row.who, row.address, row.action, row.result, row.status) == (
            *("ops", "127.0.0.1", "processes.kill", "done", 200),
        )
        assert row.target == f"{victim.pid} {known.name} ({WATCH})"
        assert row.message == f"it ended after {killed.waited_ms} ms"
        assert row.params["signal"] == "SIGTERM"
        assert row.params["command"] == known.cmdline

    at_the_desk(tmp_path, scenario)


def test_one_that_ignores_the_signal_is_still_alive_and_a_stronger_one_ends_it(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.stubborn()
        desk.targets.look_at(victim.pid)

        killed = await desk.kill(victim.pid, policy=BRIEF)

        assert (killed.result, killed.note) == ("still_alive", "it ignores SIGTERM")
        assert 300 <= killed.waited_ms < 5000
        assert victim.poll() is None
        assert (await desk.kill(victim.pid, by="SIGKILL")).result == "exited"
        assert victim.wait(1) == -signal.SIGKILL
        assert [row.message.partition(" ms")[2] for row in await desk.audit()] == ["", ": it ignores SIGTERM"]

    at_the_desk(tmp_path, scenario)


@pytest.mark.peer("fuse")
def test_one_that_hangs_in_the_kernel_does_not_hold_up_the_answer(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with hangfs(tmp_path / "mount") as mounted:
            mounted.hang("getattr")
            code = f"import os; os.stat({str(mounted.mount_point / 'file')!r})"
            victim = desk.victims.python(code)
            await until(lambda: mounted.holds("getattr"))
            desk.targets.look_at(victim.pid)

            # It hangs beyond the reach of signals once it had its turn to take this one.
            killed = await desk.kill(victim.pid, by="SIGKILL", policy=Kill(rate_per_minute=1000, wait=Duration(2)))

            assert killed.result == "still_alive"
            assert state(victim.pid) == "D"
            assert killed.note is not None
            assert killed.note.startswith("it waits in the kernel")
            mounted.release()
            assert victim.wait(30) == -signal.SIGKILL

    at_the_desk(tmp_path, scenario)


def test_a_process_whose_first_thread_has_ended_is_ended_by_its_others(tmp_path: Path) -> None:
    """Its state is that of a zombie, and its command line is empty."""
    exit_thread = {"x86_64": 60, "aarch64": 93}.get(os.uname().machine)
    if exit_thread is None:
        pytest.skip("the number of exit(2) is not known on this machine")
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(300,)).start()\n"
        f"ctypes.CDLL(None).syscall({exit_thread}, 0)"
    )

    async def scenario(desk: Desk) -> None:
        victim = desk.victims.python(code)
        desk.targets.look_at(victim.pid)
        await until(lambda: state(victim.pid) == "Z" and not said_by(victim.pid))

        assert (await desk.kill(victim.pid)).result == "exited"
        assert victim.wait(1) == -signal.SIGTERM

    at_the_desk(tmp_path, scenario)


def test_without_a_confirmation_nothing_is_done(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        status, _, words = await desk.refusal(desk.kill(victim.pid, confirm=False))
        assert (status, '{"confirm": true}' in words) == (400, True)
        assert victim.poll() is None
        assert desk.looks == []

    at_the_desk(tmp_path, scenario)


def test_who_may_not_act_ends_nothing(tmp_path: Path) -> None:
    refused = Refusal(reason="read_only", message="this node is read-only")
    elsewhere = Refusal(reason="another_node", message="it is meant for another node", is_conflict=True)

    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        for refusal, status in ((refused, 403), (elsewhere, 409)):
            caller = Caller(name="guest", address="10.0.0.9", role="viewer", refusal=refusal)
            seen = await desk.refusal(desk.kill(victim.pid, caller=caller))
            assert seen[:2] == (status, refusal.reason)
            standing = (await desk.standing(victim.pid, caller=caller)).refusal
            assert standing is not None
            assert standing.details == {"reason": refusal.reason}
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_what_is_never_ended_is_refused_each_with_its_own_reason(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        unwatched = desk.victims.start("sleep", "300")
        desk.targets.watches = {**desk.targets.watches, "everything": ""}
        parents = desk.targets.ancestors(os.getpid())
        desk.targets.look_at(1, os.getpid(), *parents)
        desk.targets.watches = {WATCH: desk.victims.mark}

        asked: dict[str, int | str] = {
            "zero": 0,
            "one": 1,
            "this": os.getpid(),
            "parent": parents[0],
            "unwatched": unwatched.pid,
            "a group": "-1",
            "no number": "12x",
            "too large": 2**22 + 1,
            "far too large": "9" * 5000,
        }
        seen = {name: (await desk.refusal(desk.kill(pid, by="SIGKILL")))[:2] for name, pid in asked.items()}

        assert seen == {
            "zero": (403, "pid_1"),
            "one": (403, "pid_1"),
            "this": (403, "own_process"),
            "parent": (403, "pid_1" if parents[0] == 1 else "ancestor"),
            "unwatched": (403, "not_watched"),
            "a group": (404, "gone"),
            "no number": (404, "gone"),
            "too large": (404, "gone"),
            "far too large": (404, "gone"),
        }
        assert unwatched.poll() is None
        assert len(await desk.audit()) == len(seen)

    at_the_desk(tmp_path, scenario)


def test_a_kernel_thread_is_named_as_one(tmp_path: Path) -> None:
    threads = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if is_kernel_thread(path)]
    if not threads:
        pytest.skip("no kernel thread is seen from here, as in a container")

    async def scenario(desk: Desk) -> None:
        desk.targets.watches = {"everything": ""}
        desk.targets.look_at(threads[0])
        status, reason, words = await desk.refusal(desk.kill(threads[0], by="SIGKILL"))
        assert (status, reason) == (403, "kernel_thread")
        assert "a part of the kernel" in words

    at_the_desk(tmp_path, scenario)


def is_kernel_thread(stat: Path) -> bool:
    try:
        return bool(int(stat.read_text().rpartition(")")[2].split()[6]) & 0x00200000)
    except OSError:
        return False


@pytest.mark.parametrize(
    ("policy", "reason", "words"),
    [
        (Kill(enabled=False), "disabled", "kill.enabled is false"),
        (Kill(allow=("another",)), "not_allowed", f"kill.allow does not name the watch {WATCH}"),
        (Kill(allow=()), "not_allowed", "kill.allow does not name"),
        (Kill(signals=("SIGKILL",)), "signal_not_allowed", "kill.signals allows SIGKILL, and not SIGTERM"),
        (Kill(signals=()), "signal_not_allowed", "allows none, and not SIGTERM"),
        (Kill(users=("etl", "12345")), "user_not_allowed", "kill.users allows etl, 12345"),
        (Kill(protect=("systemd", "python3.11", "python3", "python")), "protected", "kill.protect names python"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused_and_told_beforehand(
    tmp_path: Path, policy: Kill, reason: str, words: str
) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        status, seen, message = await desk.refusal(desk.kill(victim.pid, policy=policy))
        assert (status, seen) == (403, reason)
        assert words in message
        standing = await desk.standing(victim.pid, policy=policy)
        assert standing.refusal is not None
        assert (standing.refusal.message, standing.refusal.details) == (message, {"reason": reason})
        assert standing.signals == (["SIGKILL"] if policy.signals == ("SIGKILL",) else [])
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_what_the_policy_allows_is_told_beforehand_and_nothing_is_sent_or_audited(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        uid = str(os.geteuid())
        assert await desk.standing(victim.pid) == Standing(refusal=None, signals=["SIGTERM", "SIGKILL"])
        policy = Kill(allow=(WATCH,), users=(uid,), signals=("SIGTERM",))
        assert await desk.standing(victim.pid, policy=policy) == Standing(refusal=None, signals=["SIGTERM"])
        assert victim.poll() is None
        assert await desk.audit() == []

    at_the_desk(tmp_path, scenario)


def test_a_zombie_has_ended_already(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        victim.send_signal(signal.SIGKILL)
        await until(lambda: state(victim.pid) == "Z")
        status, reason, words = await desk.refusal(desk.kill(victim.pid))
        assert (status, reason) == (409, "zombie")
        assert f"its parent {os.getpid()} has yet to collect it" in words

    at_the_desk(tmp_path, scenario)


def test_a_process_that_is_gone_is_not_found(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        victim.kill()
        victim.wait(30)
        assert (await desk.refusal(desk.kill(victim.pid)))[:2] == (404, "gone")
        assert (await desk.audit())[0].target.endswith(f" ({WATCH})")

    at_the_desk(tmp_path, scenario)


def test_a_start_time_that_is_not_its_own_is_another_process(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        (known,) = desk.targets.look_at(victim.pid)
        for off in (timedelta(milliseconds=10), timedelta(days=-1)):
            seen = await desk.refusal(desk.kill(victim.pid, start_time=known.start_time + off))
            assert seen[:2] == (409, "identity_changed")
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_one_that_runs_another_program_under_its_pid_is_not_what_was_watched(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        flag = tmp_path / "go"
        code = (
            "import os, pathlib, sys, time\n"
            "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n"
            "os.execvp('sleep', ['sleep', '300'])"
        )
        victim = desk.victims.python(code, str(flag))
        (known,) = desk.targets.look_at(victim.pid)
        flag.touch()
        await until(lambda: said_by(victim.pid) == "sleep 300")

        status, reason, words = await desk.refusal(desk.kill(victim.pid, start_time=known.start_time))

        assert (status, reason) == (409, "identity_changed")
        assert "it runs sleep 300" in words
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_one_that_started_after_the_last_look_takes_its_start_time(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        assert (await desk.refusal(desk.kill(victim.pid)))[:2] == (409, "stale")
        (seen,) = desk.targets.look_at(victim.pid)
        desk.targets.look_at()
        assert (await desk.kill(victim.pid, start_time=seen.start_time)).result == "exited"

    at_the_desk(tmp_path, scenario)


def test_where_nothing_is_watched_nothing_is_ended(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.watches = {}
        assert (await desk.refusal(desk.kill(victim.pid)))[:2] == (403, "not_watched")

    at_the_desk(tmp_path, scenario)


def test_a_thread_is_no_process(tmp_path: Path) -> None:
    code = "import threading, time; threading.Thread(target=time.sleep, args=(300,)).start(); time.sleep(300)"

    async def scenario(desk: Desk) -> None:
        def threads(pid: int) -> list[int]:
            return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir() if int(path.name) != pid]

        victim = desk.victims.python(code)
        await until(lambda: bool(threads(victim.pid)))
        thread = threads(victim.pid)[0]
        assert desk.targets.look_at(thread)  # /proc has it, although it does not list it
        assert (await desk.refusal(desk.kill(thread)))[:2] == (404, "gone")
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_racing_attempts_are_limited_harm_nobody_else_and_are_all_in_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act, "COMMANDS_PER_MINUTE", 10**6)

    async def scenario(desk: Desk) -> None:
        victim, bystander = desk.victims.sleeper(), desk.victims.sleeper()
        (known, _) = desk.targets.look_at(victim.pid, bystander.pid)
        desk.acts, desk.rate = Acts(desk.database, utc_now), RateLimit(1)
        policy = Kill(rate_per_minute=10, wait=Duration(20))

        attempts = [desk.kill(victim.pid, start_time=known.start_time, policy=policy) for _ in range(100)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)

        done = [outcome for outcome in outcomes if isinstance(outcome, Killed)]
        late = [outcome for outcome in outcomes if isinstance(outcome, TooManyRequests)]
        assert {killed.result for killed in done} == {"exited"}
        assert 1 <= len(done) <= 10
        assert len(done) + len(late) == 100 - sum(isinstance(outcome, (NotFound, Conflict)) for outcome in outcomes)
        assert victim.wait(1) == -signal.SIGTERM
        assert bystander.poll() is None
        rows = await desk.audit()
        assert len(rows) == 100
        assert sum(row.result == "done" for row in rows) == len(done)
        assert all(row.target.startswith(f"{victim.pid} ") for row in rows)

    at_the_desk(tmp_path, scenario)


def test_the_limit_of_the_configuration_holds_and_follows_it(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victims = [desk.victims.sleeper() for _ in range(4)]
        desk.targets.look_at(*(victim.pid for victim in victims))
        narrow, wide = Kill(rate_per_minute=2), Kill(rate_per_minute=3)
        for victim in victims[:2]:
            await desk.kill(victim.pid, policy=narrow)
        status, reason, words = await desk.refusal(desk.kill(victims[2].pid, policy=narrow))
        assert (status, reason) == (429, "rate")
        assert "2 processes a minute" in words
        assert (await desk.kill(victims[2].pid, policy=wide)).result == "exited"
        assert (await desk.refusal(desk.kill(victims[3].pid, policy=wide)))[:2] == (429, "rate")
        assert victims[3].poll() is None

    at_the_desk(tmp_path, scenario)


class Unreadable(ProcTargets):
    """Its processes hang so that their command lines cannot be read."""

    async def look(self, pid: int) -> Target | None:
        raise TimeoutError


def test_one_that_cannot_be_looked_at_is_not_ended(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        unreadable = Unreadable(desk.targets.watches)
        unreadable.look_at(victim.pid)
        seen = await desk.refusal(desk.kill(victim.pid, targets=unreadable))
        assert seen[:2] == (503, "unreadable")
        assert victim.poll() is None
        assert (await desk.audit())[0].result == "failed"

    at_the_desk(tmp_path, scenario)


def test_a_system_without_pidfds_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def old_kernel(_: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        with monkeypatch.context() as patch:
            patch.setattr(pidfd, "_open", old_kernel)
            status, reason, words = await desk.refusal(desk.kill(victim.pid))
        assert (status, reason) == (503, "no_pidfd")
        assert "Function not implemented" in words
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)


def test_a_node_that_stops_meanwhile_leaves_a_row_that_says_so(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        got = tmp_path / "got"
        code = (
            "import pathlib, signal, sys, time\n"
            "signal.signal(15, lambda *_: pathlib.Path(sys.argv[1]).touch())\n"
            "while True: time.sleep(0.01)"
        )
        victim = desk.victims.minding(code, str(got))
        desk.targets.look_at(victim.pid)
        attempt = asyncio.create_task(desk.kill(victim.pid))
        await until(got.exists)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        (row,) = await desk.audit()
        assert (row.result, row.status) == ("failed", 503)
        assert "the node stopped" in row.message

    at_the_desk(tmp_path, scenario)


def pidfds() -> int:
    """How many processes this one holds: other descriptors come and go with the threads of the database."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += "pidfd" in str(descriptor.readlink())
    return found


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.stubborn()
        desk.targets.look_at(victim.pid)
        await desk.kill(victim.pid, policy=BRIEF)
        before = pidfds()
        for _ in range(5):
            await desk.kill(victim.pid, policy=Kill(rate_per_minute=1000, wait=Duration(0.01)))
            await desk.refusal(desk.kill(victim.pid, policy=Kill(enabled=False)))
            await desk.refusal(desk.kill(victim.pid, policy=Kill(allow=())))
        assert pidfds() == before

    at_the_desk(tmp_path, scenario)


@pytest.mark.peer("root")
def test_a_process_of_another_user_that_may_not_be_signalled_is_refused(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        victim = desk.victims.sleeper()
        desk.targets.look_at(victim.pid)
        os.setresuid(65534, 65534, 0)
        try:
            seen = await desk.refusal(desk.kill(victim.pid))
            standing = await desk.standing(victim.pid)
        finally:
            os.setresuid(0, 0, 0)
        assert seen[:2] == (403, "not_permitted")
        assert "runs as uid 65534" in seen[2]
        assert standing.refusal is not None
        assert standing.refusal.details == {"reason": "not_permitted"}
        assert victim.poll() is None

    at_the_desk(tmp_path, scenario)

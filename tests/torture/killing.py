"""Processes that are ended by their pid while the pid is given to another process.

`python -m tests.torture.killing [ROUNDS]` prints a verdict; the exit status is 0 when no signal reached a process that
was not meant, and every attempt is in the audit. It takes root: the pids are those of a namespace of its own.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etlmon.contract.errors import Problem
from etlmon.contract.node import AuditQuery
from etlmon.contract.processes import KillRequest
from etlmon.units import Duration
from node.clock import utc_now
from node.collectors.processes import ProcessCollector
from node.commands import act
from node.commands.act import Acts, Caller, RateLimit
from node.commands.kill import kill
from node.settings import Kill, ProcessWatch
from node.sources.process_types import Target
from node.store import node as node_store
from node.store.database import Database
from tests.peers import program

ROUNDS = 1000
BYSTANDERS = 20
MOMENTS = ("never", "before the request", "before the look", "after the look", "before the signal", "any time")
"""When the victim ends, and its pid is given to another process that fits the same watch."""

POLICY = Kill(rate_per_minute=10**9, wait=Duration(5))
LONGEST_RACE_SEC = 0.003

Process = subprocess.Popen[bytes]


@dataclass
class Course:
    """What came of the attempts: how often each answer or refusal, and what went wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    lured: int = 0
    """Attempts at whose signal the pid was another's: a check, and then kill(2), would have hit that one."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def perfect(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        rounds = sum(self.outcomes.values())
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{rounds} attempts in {self.seconds:.0f} s: {counts}\n"
            f"in {self.lured} of them the pid was another process's when the signal was due\n"
            + ("no signal reached a process that was not meant" if self.perfect else "\n".join(["FAILED", *self.wrong]))
        )


class Population:
    """Processes that all fit one watch. A new one can be given a pid that was just in use (pid_namespaces(7))."""

    def __init__(self) -> None:
        self.number = 0

    def start(self) -> Process:
        self.number += 1
        return subprocess.Popen(["sleep", f"300.{self.number:06}"], stdin=subprocess.DEVNULL)

    def replace(self, victim: Process) -> Process:
        """End it, and start another one under its pid."""
        victim.kill()
        victim.wait()
        while True:
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(victim.pid - 1))
            newcomer = self.start()
            if newcomer.pid == victim.pid:
                return newcomer
            newcomer.kill()
            newcomer.wait()


@dataclass
class Round:
    """One attempt on one victim, and the moment at which another process takes its place."""

    population: Population
    moment: str
    chance: random.Random
    victim: Process = field(init=False)
    newcomer: Process | None = None

    def __post_init__(self) -> None:
        self.victim = self.population.start()
        # A start is known to a tick of 10 ms. All pids of a host are not used up within one, but here one is chosen.
        time.sleep(2 / os.sysconf("SC_CLK_TCK"))

    def come(self, moment: str) -> None:
        if moment == self.moment and self.newcomer is None:
            self.newcomer = self.population.replace(self.victim)

    def come_at_any_time(self) -> threading.Thread:
        """The other process takes the place while the attempt goes on, or just before or after that."""

        def work() -> None:
            time.sleep(delay_sec)
            if self.victim.poll() is None:
                self.newcomer = self.population.replace(self.victim)

        delay_sec = self.chance.uniform(0, LONGEST_RACE_SEC)
        thread = threading.Thread(target=work)
        thread.start()
        return thread


class Replacing(ProcessCollector):
    """The node's own collector; another process takes the victim's place around its look at one process."""

    def __init__(self) -> None:
        watch = ProcessWatch(name="sleeper", match=r"^sleep 300\.")
        super().__init__([watch], interval_sec=3600.0, may_kill=[watch.title])
        self.come: Callable[[str], None] = lambda _: None

    async def look_at_all(self) -> None:
        async for _ in self.readings(utc_now()):
            pass

    async def look(self, pid: int) -> Target | None:
        self.come("before the look")
        target = await super().look(pid)
        self.come("after the look")
        return target


class LastMoment(RateLimit):
    """What is asked last before the signal is sent."""

    def __init__(self, come: Callable[[str], None]) -> None:
        super().__init__(POLICY.rate_per_minute)
        self._come = come

    def wait_sec(self) -> float:
        self._come("before the signal")
        return 0.0


async def attempt(acts: Acts, targets: Replacing, this: Round, course: Course) -> None:
    """Ask for the end of the victim, and see who was hit."""
    await targets.look_at_all()
    targets.come = this.come
    seen = targets.known(this.victim.pid)
    assert seen is not None, "the victim was not noticed"
    named = this.chance.random() < 0.5
    request = KillRequest(
        signal="SIGKILL" if this.chance.random() < 0.5 else "SIGTERM",
        confirm=True,
        start_time=seen.start_time if named else None,
    )
    this.come("before the request")
    racing = None
    if this.moment == "any time":
        racing = this.come_at_any_time()
        await asyncio.sleep(this.chance.uniform(0, LONGEST_RACE_SEC))
    try:
        killed = await kill(
            acts,
            Caller(name="torture", address="127.0.0.1", role="operator"),
            POLICY,
            targets,
            pid=str(seen.pid),
            request=request,
            rate=LastMoment(this.come),
            trigger=lambda _: True,
        )
    except Problem as problem:
        outcome = str(problem.details["reason"])
    else:
        outcome = killed.result
    if racing is not None:
        await asyncio.to_thread(racing.join)
    course.outcomes[outcome] += 1
    judge(this, outcome, seen, course)


def judge(this: Round, outcome: str, seen: Target, course: Course) -> None:
    what = f"{this.moment}: {seen.pid} {outcome}"
    if this.newcomer is not None:
        course.lured += this.moment != "any time"
        if this.newcomer.poll() is not None:
            course.wrong.append(f"{what}: hit the process that took the pid ({this.newcomer.returncode})")
        this.newcomer.kill()
        this.newcomer.wait()
    if this.moment == "never" and (outcome != "exited" or this.victim.poll() is None):
        course.wrong.append(f"{what}: the victim itself was not ended")
    this.victim.kill()
    this.victim.wait()


async def inside(folder: Path, rounds: int, moments: tuple[str, ...], chance: random.Random) -> Course:
    """In the namespace: the attempts, one after another."""
    act.COMMANDS_PER_MINUTE = act.AUDITED_PER_MINUTE = 10**9
    database = await Database.open(folder / "etlmon.db")
    acts, course, population = Acts(database, utc_now), Course(), Population()
    targets = Replacing()
    bystanders = [population.start() for _ in range(BYSTANDERS)]
    began = time.monotonic()
    try:
        for number in range(rounds):
            await attempt(acts, targets, Round(population, moments[number % len(moments)], chance), course)
        course.wrong += [f"bystander {one.pid} was hit" for one in bystanders if one.poll() is not None]
        audited = 0
        while rows := await database.read(node_store.audit, AuditQuery(limit=1000, after=audited)):
            audited = rows[0].id
        if audited != rounds:
            course.wrong.append(f"{audited} of {rounds} attempts are in the audit")
    finally:
        for one in bystanders:
            one.kill()
            one.wait()
        await targets.close()
        await database.close()
    course.seconds = time.monotonic() - began
    return course


def torture(rounds: int, seed: int, moments: tuple[str, ...] = MOMENTS) -> Course:
    """The same in a namespace of its own, where pids can be chosen."""
    order = json.dumps({"rounds": rounds, "seed": seed, "moments": moments})
    told = subprocess.run(
        [
            program("unshare"),
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            sys.executable,
            "-m",
            "tests.torture.killing",
            order,
        ],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return Course(Counter(found["outcomes"]), found["lured"], found["wrong"], found["seconds"])


def obey(order: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="etlmon-torture-") as folder:
        chance = random.Random(order["seed"])
        course = asyncio.run(inside(Path(folder), order["rounds"], tuple(order["moments"]), chance))
    sys.stdout.write(json.dumps(vars(course)))


def main(rounds: int) -> int:
    seed = random.randrange(2**32)
    course = torture(rounds, seed)
    sys.stdout.write(f"{course}\n(random seed {seed})\n")
    return 0 if course.perfect else 1


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("{"):
        obey(json.loads(sys.argv[1]))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))

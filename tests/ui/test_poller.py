"""The poller against real servers that are well, slow, strange, gone and back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from etlmon.client import NodeClient
from etlmon.contract.errors import Conflict, NotFound
from etlmon.contract.fs import FS, FS_HOLDERS, FsHoldersQuery, Mount
from etlmon.contract.node import HEALTH, NODE, NODE_ID_HEADER, Health
from etlmon.contract.paths import PATH_SCAN, PATHS, ScanAccepted, ScanRequest
from etlmon.contract.processes import PROCESS_KILL, Killed, KillRequest
from tests.fakes.nodes import FakeNode, closed_port, not_json, slow, web_page, well
from ui.poller import NotAsked, Poller
from ui.state import Fleet, Question

MOUNTS = Question(FS)
WAIT_SEC = 30.0


async def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_SEC
    while not condition():
        assert time.monotonic() < end, f"waited {WAIT_SEC:.0f} s for {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def polling(
    *urls: str,
    fast: float = 0.05,
    slow: float = 0.2,
    background: Sequence[Question[Any]] = (),
    timeout: float = 20.0,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[tuple[Fleet, Poller, list[str]]]:
    changes: list[str] = []
    fleet = Fleet([(f"node{index}", url) for index, url in enumerate(urls)])
    poller = Poller(
        fleet,
        lambda address: NodeClient(address, timeout=timeout),
        fast_sec=fast,
        slow_sec=slow,
        background=background,
        on_change=changes.append,
        clock=clock,
    )
    poller.start()
    try:
        yield fleet, poller, changes
    finally:
        await poller.close()


def asked(fake: FakeNode, path: str) -> int:
    return sum(one.partition("?")[0] == path for _, one in fake.requests)


def test_every_node_is_asked_who_it_is_and_how_it_fares() -> None:
    async def main() -> None:
        async with FakeNode() as one, FakeNode(node_id="two") as two, polling(one.url, two.url) as (fleet, _, changes):
            for name in fleet.names:
                await until(lambda name=name: fleet.live(name).answer(Question(HEALTH)) is not None, "health")  # type: ignore[misc]
                assert fleet.live(name).answer(Question(NODE)) == NODE.example
            await until(lambda: set(changes) == {"node0", "node1"}, "both changes")

    asyncio.run(main())


def test_what_is_on_the_screen_is_asked_often_and_the_rest_seldom() -> None:
    seldom = Question(PATHS, pace="slow")

    async def main() -> None:
        async with (
            FakeNode() as shown,
            FakeNode() as hidden,
            # Twenty to one: on a busy machine many a round of those that come often is left out.
            polling(shown.url, hidden.url, slow=1.0, background=[seldom]) as (_, poller, _changes),
        ):
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: asked(hidden, PATHS.path) >= 3, "three slow rounds")
            assert asked(shown, FS.path) > 2 * asked(shown, PATHS.path)
            assert asked(hidden, FS.path) == 0

    asyncio.run(main())


def test_an_answer_that_did_not_change_is_not_sent_again() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            statuses: list[int] = []

            async def noting(node: FakeNode, request: web.Request) -> web.StreamResponse:
                response = await well(node, request)
                if request.path == FS.path:
                    statuses.append(response.status)
                return response

            fake.behave = noting
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: len(statuses) >= 4, "four rounds")
            assert statuses[:4] == [200, 304, 304, 304]
            fake.answers[FS.path] = []
            await until(lambda: fleet.live("node0").answer(MOUNTS) == [], "the new answer")

    asyncio.run(main())


def test_never_two_requests_to_one_node_at_a_time_not_even_an_act() -> None:
    async def main() -> None:
        running = most = 0

        async def counting(node: FakeNode, request: web.Request) -> web.StreamResponse:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            return await well(node, request)

        async with FakeNode() as fake, polling(fake.url, fast=0.001, slow=0.002) as (fleet, poller, _):
            fake.behave = counting
            poller.watch({"node0": [MOUNTS, Question(PATHS)]})
            await until(lambda: fleet.live("node0").info is not None, "the node")
            for _attempt in range(5):
                poller.poke(["node0"])
                await poller.act("node0", PATH_SCAN, ScanRequest(), read_only=False)
            assert most == 1

    asyncio.run(main())


def test_an_act_that_waits_on_the_node_does_not_keep_the_node_from_being_asked() -> None:
    async def main() -> None:
        over = asyncio.Event()

        async def ending(_: web.Request) -> Killed:
            await over.wait()
            return Killed(pid=7, signal="SIGTERM", result="exited", waited_ms=9)

        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            fake.answers[PROCESS_KILL.path] = ending
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: fleet.live("node0").info is not None, "the node")
            body = KillRequest(confirm=True)
            act = asyncio.create_task(poller.act("node0", PROCESS_KILL, body, path={"pid": "7"}))
            await until(lambda: asked(fake, "/api/v1/processes/7/kill") == 1, "the act")
            before = asked(fake, FS.path)
            await until(lambda: asked(fake, FS.path) > before + 2, "the answers meanwhile")
            over.set()
            assert (await act).result == "exited"

    asyncio.run(main())


def test_an_act_is_meant_for_one_node_and_no_other_gets_it() -> None:
    async def main() -> None:
        meant: list[str | None] = []

        def noting(request: web.Request) -> ScanAccepted:
            meant.append(request.headers.get(NODE_ID_HEADER))
            return ScanAccepted(accepted=[], skipped=[])

        async with FakeNode(node_id="id-1") as fake, polling(fake.url) as (fleet, poller, _):
            fake.answers[PATH_SCAN.path] = noting
            await until(lambda: fleet.live("node0").info is not None, "the node")
            await poller.act("node0", PATH_SCAN, ScanRequest())
            await poller.act("node0", PATH_SCAN, ScanRequest(), node_id="id-1")
            assert meant == ["id-1", "id-1"]
            with pytest.raises(NotAsked, match="another node now"):
                await poller.act("node0", PATH_SCAN, ScanRequest(), node_id="id-0")
            assert asked(fake, PATH_SCAN.path) == 2

    asyncio.run(main())


def test_a_node_slower_than_the_pace_is_still_answered_round_for_round() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url, fast=0.01, slow=30.0) as (fleet, poller, _):
            fake.behave = slow(0.1)
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: asked(fake, FS.path) >= 4, "four slow answers")
            assert fleet.live("node0").up

    asyncio.run(main())


def test_a_refused_connection_backs_off_and_says_when_it_tries_next() -> None:
    async def main() -> None:
        now = datetime.now(UTC)  # and it stays so
        async with polling(closed_port(), clock=lambda: now) as (fleet, _, _changes):
            await until(lambda: fleet.live("node0").fails >= 2, "two tries")
            node = fleet.live("node0")
            assert node.up is False
            assert "connection refused" in node.reason
            assert node.next_try is not None
            assert node.since is not None
            wait = (node.next_try - now).total_seconds()
            assert 0.79 < wait / 2 ** (node.fails - 1) < 1.21

    asyncio.run(main())


def test_r_asks_a_node_that_is_backed_off_at_once() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            fake.behave = not_json
            await until(lambda: fleet.live("node0").fails >= 3, "three tries: four seconds of back-off")
            fake.behave = well
            started = time.monotonic()
            poller.poke(["node0"])
            await until(lambda: fleet.live("node0").up is True, "the node to be back")
            assert time.monotonic() - started < 3.0  # by itself it would ask after 3.2 s at the earliest

    asyncio.run(main())


@pytest.mark.parametrize(("behave", "reason"), [(web_page, "not an etlmon node"), (not_json, "another shape")])
def test_who_does_not_answer_as_a_node_is_down_with_the_reason(behave: Any, reason: str) -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, _, _changes):
            fake.behave = behave
            await until(lambda: fleet.live("node0").up is False, "the failure")
            assert reason in fleet.live("node0").reason

    asyncio.run(main())


def test_another_api_version_is_named() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, _, _changes):
            fake.api_version = "7"
            await until(lambda: fleet.live("node0").up is False, "the failure")
            assert "API version 7" in fleet.live("node0").reason

    asyncio.run(main())


def test_one_slow_answer_is_told_and_does_not_make_the_node_silent() -> None:
    async def one_is_slow(node: FakeNode, request: web.Request) -> web.StreamResponse:
        return await (slow(60.0) if request.path == FS.path else well)(node, request)

    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url, timeout=3.0) as (fleet, poller, _):
            fake.behave = one_is_slow
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: MOUNTS.key in fleet.live("node0").refusals, "the slow answer")
            assert fleet.live("node0").up
            assert "no answer within 3 s" in fleet.live("node0").refusals[MOUNTS.key]

    asyncio.run(main())


def test_a_question_the_node_refuses_keeps_the_reason_and_the_rest_goes_on() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            fake.answers[FS_HOLDERS.path] = NotFound("/gone is no mount")
            holders = Question(FS_HOLDERS, FsHoldersQuery(mount="/gone"), pace="once")
            poller.watch({"node0": [MOUNTS, holders]})
            await until(lambda: holders.key in fleet.live("node0").refusals, "the refusal")
            assert "/gone is no mount" in fleet.live("node0").refusals[holders.key]
            await until(lambda: asked(fake, FS.path) >= 3, "more rounds")
            assert asked(fake, FS_HOLDERS.path) == 1

    asyncio.run(main())


def test_an_unhealthy_node_is_up_and_its_health_is_read() -> None:
    async def unhealthy(node: FakeNode, request: web.Request) -> web.StreamResponse:
        response = await well(node, request)
        if request.path == HEALTH.path:
            response.set_status(503)
        return response

    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, _, _changes):
            fake.answers[HEALTH.path] = Health(status="unhealthy", problems=["the store is full"])
            fake.behave = unhealthy
            await until(lambda: fleet.live("node0").answer(Question(HEALTH)) is not None, "health")
            health = fleet.live("node0").answer(Question(HEALTH))
            assert health is not None
            assert health.problems == ["the store is full"]
            assert fleet.live("node0").up

    asyncio.run(main())


def test_another_identity_is_noticed_named_and_gets_no_act_and_the_right_one_is_taken_back() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            fake.answers[FS.path] = [Mount(mount_point="/mine", collected_at=datetime.now(UTC))]
            poller.watch({"node0": [MOUNTS]})
            await until(lambda: fleet.live("node0").held(MOUNTS) is not None, "the first answer")
            fake.node_id, fake.answers[FS.path] = "stranger", []
            await until(lambda: fleet.live("node0").other is not None, "the stranger")
            assert fleet.live("node0").held(MOUNTS) is not None
            with pytest.raises(NotAsked, match="another node answers"):
                await poller.act("node0", PATH_SCAN, ScanRequest())
            assert asked(fake, PATH_SCAN.path) == 0
            fake.node_id = "fake-node"
            await until(lambda: not fleet.live("node0").changed, "the right node")

    asyncio.run(main())


def test_an_act_gives_the_node_s_answer_and_its_refusal() -> None:
    async def main() -> None:
        async with FakeNode() as fake, polling(fake.url) as (fleet, poller, _):
            await until(lambda: fleet.live("node0").info is not None, "the node")
            fake.answers[PATH_SCAN.path] = ScanAccepted(accepted=["/in"], skipped=[])
            answer = await poller.act("node0", PATH_SCAN, ScanRequest(paths=["/in"]))
            assert answer.accepted == ["/in"]
            fake.answers[PATH_SCAN.path] = Conflict("a scan is running")
            with pytest.raises(Exception, match="a scan is running"):
                await poller.act("node0", PATH_SCAN, ScanRequest(paths=["/in"]))
            with pytest.raises(NotAsked, match="read-only"):
                await poller.act("node0", PATH_SCAN, ScanRequest(), read_only=True)

    asyncio.run(main())


def test_a_bug_while_polling_one_node_is_shown_there_and_the_others_go_on() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            fleet = Fleet([("broken", fake.url), ("sound", fake.url)])

            class Broken(NodeClient):
                async def ask(self, *_arguments: Any, **_more: Any) -> Any:
                    raise ZeroDivisionError("a bug")

            made = iter([Broken, NodeClient])
            poller = Poller(
                fleet,
                lambda address: next(made)(address),
                fast_sec=0.05,
                slow_sec=0.1,
                on_change=lambda _name: None,
                clock=lambda: datetime.now(UTC),
            )
            poller.start()
            await until(lambda: fleet.live("broken").up is False and fleet.live("sound").up is True, "both")
            assert "ZeroDivisionError" in fleet.live("broken").reason
            await poller.close()

    asyncio.run(main())

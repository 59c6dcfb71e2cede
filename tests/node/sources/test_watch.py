"""When a watcher says that a tail is worth a look, with real directories."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node.sources.watch import Subscription, Watcher
from node.sources.watch_directories import MOST_DIRECTORIES
from tests.node.collecting import until
from tests.peers import tmpfs

NEVER = 60.0


class Sleeper:
    """Says that it stirred when the test wants it to."""

    def __init__(self, stirs: Callable[[], bool] = lambda: False) -> None:
        self.stirs = stirs
        self.asked = 0

    def stirred(self) -> bool:
        self.asked += 1
        return self.stirs()


async def rings(
    subscription: Subscription, act: Callable[[], object], *, growth: bool = True, within_sec: float = 20.0
) -> float | None:
    """How long after the act the subscription said so; None when it did not within that time."""
    waiting = asyncio.create_task(subscription.wait(within_sec, growth=growth))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    act()
    return time.monotonic() - began if await waiting else None


def test_growth_is_told_at_the_next_look() -> None:
    async def scenario() -> None:
        sleeper = Sleeper()
        subscription = Watcher(look_every_sec=0.02).subscribe(sleeper, frozenset())
        waiting = asyncio.create_task(subscription.wait(NEVER))
        await until(lambda: sleeper.asked >= 2)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})
        took_sec = await rings(subscription, lambda: setattr(sleeper, "stirs", lambda: True))
        assert took_sec is not None
        assert took_sec < 5
        subscription.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("act", ["created", "renamed", "deleted", "linked"])
def test_what_comes_and_goes_is_told_long_before_the_next_look(tmp_path: Path, act: str) -> None:
    file = tmp_path / "app.log"
    acts: dict[str, Callable[[], object]] = {
        "created": lambda: (tmp_path / "other").touch(),
        "renamed": lambda: file.rename(tmp_path / "app.log.1"),
        "deleted": file.unlink,
        "linked": lambda: (tmp_path / "current").symlink_to(file),
    }

    async def scenario() -> None:
        file.touch()
        before = set(os.listdir(tmp_path))  # noqa: PTH208
        subscription = Watcher(look_every_sec=NEVER).subscribe(
            Sleeper(lambda: set(os.listdir(tmp_path)) != before),  # noqa: PTH208
            frozenset({str(tmp_path)}),
        )
        took_sec = await rings(subscription, acts[act])
        assert took_sec is not None
        assert took_sec < 10  # some milliseconds, on a machine that is not busy
        subscription.close()

    asyncio.run(scenario())


def test_what_comes_while_nobody_waits_is_told_to_who_waits_next(tmp_path: Path) -> None:
    async def scenario() -> None:
        subscription = Watcher(look_every_sec=0.02).subscribe(Sleeper(), frozenset({str(tmp_path)}), sees_new=False)
        assert not await subscription.wait(0.1)
        (tmp_path / "a").touch()
        await asyncio.sleep(0.1)
        assert await subscription.wait(20.0)
        assert not await subscription.wait(0.1)
        subscription.close()

    asyncio.run(scenario())


def test_other_files_in_the_directory_do_not_concern_a_tail_that_sees_all_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        subscription = Watcher(look_every_sec=0.02).subscribe(Sleeper(), frozenset({str(tmp_path)}))
        assert await rings(subscription, (tmp_path / "other").touch, within_sec=1.0) is None
        subscription.close()

    asyncio.run(scenario())


def test_a_tail_that_must_not_grow_is_told_of_what_comes_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        sleeper = Sleeper(lambda: True)
        subscription = Watcher(look_every_sec=0.02).subscribe(sleeper, frozenset({str(tmp_path)}))
        assert not await subscription.wait(0.2, growth=False)
        assert sleeper.asked == 0
        assert await rings(subscription, (tmp_path / "a").touch, growth=False) is not None
        subscription.close()

    asyncio.run(scenario())


def test_modified_files_make_no_events(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher = Watcher(look_every_sec=NEVER)
        with (tmp_path / "app.log").open("w", buffering=1) as file:
            sleeper = Sleeper()
            subscription = watcher.subscribe(sleeper, frozenset({str(tmp_path)}), sees_new=True)
            waiting = asyncio.create_task(subscription.wait(0.3))
            for _ in range(1000):
                file.write("line\n")
            assert not await waiting
            assert sleeper.asked == 0
        subscription.close()

    asyncio.run(scenario())


def test_a_directory_where_too_much_happens_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher = Watcher(look_every_sec=0.02)
        subscription = watcher.subscribe(Sleeper(), frozenset({str(tmp_path)}))
        assert watcher.watched == {str(tmp_path)}
        for number in range(2000):
            (tmp_path / str(number)).touch()
        await until(lambda: not watcher.watched)
        subscription.update(frozenset({str(tmp_path)}))
        assert not watcher.watched
        subscription.close()

    asyncio.run(scenario())


def test_a_directory_that_goes_and_comes_is_watched_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        directory = tmp_path / "logs"
        directory.mkdir()
        watcher = Watcher(look_every_sec=0.02)
        subscription = watcher.subscribe(Sleeper(), frozenset({str(directory)}), sees_new=False)
        shutil.rmtree(directory)
        await until(lambda: not watcher.watched)
        directory.mkdir()
        subscription.update(frozenset({str(directory)}))
        assert watcher.watched == {str(directory)}
        subscription.close()

    asyncio.run(scenario())


def test_a_directory_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher = Watcher(look_every_sec=0.02)
        subscription = watcher.subscribe(Sleeper(lambda: True), frozenset({str(tmp_path / "not")}))
        assert not watcher.watched
        assert await subscription.wait(20.0)
        subscription.close()

    asyncio.run(scenario())


def test_no_more_directories_are_watched_than_may_be_and_no_thread_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        before = threading.active_count()
        watcher = Watcher(look_every_sec=0.02)
        directories = [tmp_path / f"{number:03}" for number in range(MOST_DIRECTORIES + 10)]
        for directory in directories:
            directory.mkdir()
        subscriptions = [watcher.subscribe(Sleeper(), frozenset({str(directory)})) for directory in directories]
        assert len(watcher.watched) == MOST_DIRECTORIES
        subscriptions[0].close()
        subscriptions[-1].update(frozenset({str(directories[-1])}))
        assert len(watcher.watched) == MOST_DIRECTORIES
        for subscription in subscriptions[1:]:
            subscription.close()
        await until(lambda: threading.active_count() <= before)

    asyncio.run(scenario())


def test_one_directory_of_many_tails_is_watched_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher = Watcher(look_every_sec=0.02)
        subscriptions = [watcher.subscribe(Sleeper(), frozenset({str(tmp_path)}), sees_new=False) for _ in range(50)]
        threads = threading.active_count()
        waits = [asyncio.create_task(subscription.wait(20.0)) for subscription in subscriptions]
        await asyncio.sleep(0.05)
        (tmp_path / "a").touch()
        assert all(await asyncio.gather(*waits))
        assert threading.active_count() == threads
        for subscription in subscriptions:
            subscription.close()

    asyncio.run(scenario())


@pytest.mark.peer("tmpfs")
def test_a_mount_that_comes_is_worth_a_look_and_no_file_is_asked_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher = Watcher(look_every_sec=0.05)
        assert not watcher.mounts.may_hang(str(tmp_path))
        sleeper = Sleeper()
        subscription = watcher.subscribe(sleeper, frozenset())
        while await subscription.wait(0.2):  # other tests mount things meanwhile
            watcher.mounts.may_hang(str(tmp_path))
        with tmpfs(tmp_path / "mount"):
            assert watcher.mounts.changed()
            asked = sleeper.asked
            assert await subscription.wait(20.0)
            assert sleeper.asked == asked
        subscription.close()
        watcher.mounts.close()

    asyncio.run(scenario())

"""`etlmon logs`: lines of logs on standard output, for eyes and for pipes."""

import argparse
import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace

from etlmon.client import NodeError
from etlmon.contract.logs import LogLine
from ui.log_lines.following import Follower, is_final
from ui.log_lines.history import Extent, LogSource, Wanted, extent, history
from ui.log_lines.listing import print_listing
from ui.log_lines.merge import merged
from ui.log_lines.printing import GapTeller, Printer, Times, say
from ui.log_lines.sources import KnownNode, choose, look_at
from ui.text_page import colourful

LINES = 100
"""So many of each log, when neither a number nor a time is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the lines are printed. `follow`: go on with what comes, until interrupted."""

    follow: bool = False
    times: Times = "none"
    as_json: bool = False


def run(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    """Do what the command line says, see `print_logs`."""
    count = arguments.lines if arguments.lines is not None or arguments.since is not None else LINES
    wanted = Wanted(
        count=count,
        since=arguments.since,
        grep=arguments.grep,
        exclude=arguments.exclude,
        severity=arguments.severity,
    )
    shown = Shown(follow=arguments.follow, times=arguments.time, as_json=arguments.json)
    return print_logs(arguments.names, nodes, wanted, shown)


def print_logs(names: Sequence[str], nodes: Mapping[str, str], wanted: Wanted, shown: Shown) -> int:
    """Print lines of these logs, or without names the logs there are; the exit code.

    `nodes` gives what the operator calls each address, see `sources.look_at`. 0 when every log could be read; 1 when a
    node did not answer or a log is not there. Raises BrokenPipeError when nobody reads any more.
    """
    return asyncio.run(_print(names, nodes, wanted, shown))


async def _print(names: Sequence[str], nodes: Mapping[str, str], wanted: Wanted, shown: Shown) -> int:
    known = await look_at(nodes)
    try:
        return await _or_broken_pipe(_run(names, known, wanted, shown))
    finally:
        for node in known:
            await node.client.close()


async def _run(names: Sequence[str], known: Sequence[KnownNode], wanted: Wanted, shown: Shown) -> int:
    silent = [node for node in known if node.error]
    for node in silent:
        say(f"{node.name} does not answer: {node.error}")
    if not names:
        print_listing(known, as_json=shown.as_json)
        return 1 if silent else 0
    chosen = choose(names, known, hopeful=shown.follow)
    for problem in chosen.problems:
        say(problem)
    printer = Printer(
        labelled=len(chosen.sources) > 1,
        times=shown.times,
        colour=colourful() and not shown.as_json,
        as_json=shown.as_json,
    )
    down = {node.name for node in silent}
    job = _Job(wanted, printer, [source for source in chosen.sources if source.node not in down])
    await job.print_history()
    if shown.follow:
        waiting = [source for source in chosen.sources if source.node in down]
        await job.follow(waiting)
        return 1
    return 1 if job.failed or silent or chosen.problems else 0


class _Job:
    """Logs that are printed together: what they have, in the order of time, and then what comes."""

    def __init__(self, wanted: Wanted, printer: Printer, sources: Sequence[LogSource]) -> None:
        self._wanted = wanted
        self._printer = printer
        self._sources = sources
        self._printed: dict[LogSource, Extent | None] = {}
        """Up to where the lines of a log are printed; None when that could not begin."""
        self.failed = False

    async def print_history(self) -> None:
        known: dict[LogSource, Extent] = {}
        for source in self._sources:
            try:
                known[source] = self._printed[source] = await extent(source)
            except NodeError as error:
                self._fail(source, error)
        tellers = {source: GapTeller(its.gaps) for source, its in known.items()}
        pages = {source: self._pages(source, its) for source, its in known.items()}
        async for source, lines in merged(pages):
            self._print(source, lines, tellers[source])
        self._printer.flush()

    def _print(self, source: LogSource, lines: Sequence[LogLine], teller: GapTeller) -> None:
        start = 0
        for index, line in enumerate(lines):
            for gap in teller.before(line):
                self._printer.lines(source, lines[start:index])
                start = index
                self._printer.between(source, f"gap: {gap.message}")
        self._printer.lines(source, lines[start:])

    async def _pages(self, source: LogSource, known: Extent) -> AsyncIterator[Sequence[LogLine]]:
        printed: LogLine | None = None
        try:
            async for page in history(source, self._wanted, known):
                yield page
                printed = page[-1]
        except NodeError as error:
            self._fail(source, error, None if printed is None else replace(known, last=printed.seq))

    def _fail(self, source: LogSource, error: NodeError, printed: Extent | None = None) -> None:
        self.failed = True
        say(f"{source.label}: {error.message}")
        if is_final(error):
            self._printed.pop(source, None)
        else:
            self._printed[source] = printed

    async def follow(self, waiting: Sequence[LogSource]) -> None:
        """Print what comes, until no log is left that can be followed. `waiting` are on nodes that do not answer."""
        places = {**self._printed, **dict.fromkeys(waiting)}
        followers = [Follower(source, self._wanted, self._printer, known) for source, known in places.items()]
        await asyncio.gather(*(follower.run() for follower in followers))


async def _or_broken_pipe(work: Awaitable[int]) -> int:
    """The work's result. Raises BrokenPipeError as soon as nobody reads standard output any more."""
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[int] = loop.create_future()
    task = asyncio.ensure_future(work)
    descriptor = _pipe()
    if descriptor is not None:
        # A pipe is never readable at its writing end: what comes is that the other end was closed.
        loop.add_reader(descriptor, _break, closed)
    try:
        done, _ = await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        if descriptor is not None:
            loop.remove_reader(descriptor)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _break(closed: "asyncio.Future[int]") -> None:
    if not closed.done():
        closed.set_exception(BrokenPipeError())


def _pipe() -> int | None:
    """The descriptor of standard output when it is a pipe."""
    try:
        descriptor = sys.stdout.fileno()
        return descriptor if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else None
    except (OSError, ValueError):
        return None

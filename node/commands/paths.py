"""paths: scanning watched directories now instead of at their next turn."""

from collections.abc import Callable, Sequence

from etlmon.contract.errors import NotFound
from etlmon.contract.paths import PATH_SCAN, ScanAccepted, ScanRequest, ScanSkipped
from node.commands.act import Act, Acts, Caller
from node.settings import WatchedPath

_MOST_NAMED = 20
"""Paths that a message or the audit's target names; the others are counted."""


async def scan(
    acts: Acts, caller: Caller, watched: Sequence[WatchedPath], trigger: Callable[[str], bool], request: ScanRequest
) -> ScanAccepted:
    """Start the scans that are asked for, and answer at once. No paths, or an empty list, means all.

    `trigger` is the runner's. Raises NotFound, with nothing started, when a path is not watched.
    """
    asked = request.paths or []

    async def work() -> ScanAccepted:
        return _start([item.path for item in _chosen(watched, asked)], trigger)

    target = _named(asked) if asked else "all"
    act = Act(action="paths.scan", target=target, params={"paths": asked} if asked else {}, status=PATH_SCAN.status)
    return await acts.perform(caller, act, work)


def _chosen(watched: Sequence[WatchedPath], asked: Sequence[str]) -> list[WatchedPath]:
    """What each of `asked` means, a path before a name, each path once."""
    if not asked:
        return list(watched)
    known = {item.path for item in watched} | {item.name for item in watched if item.name}
    unknown = [text for text in dict.fromkeys(asked) if text not in known]
    if unknown:
        paths = [item.path for item in watched]
        hint = f"watched are {_named(paths)}" if paths else "no path is watched; add it to paths in node.yaml"
        raise NotFound(f"{_named(unknown)} cannot be scanned, because it is not watched; {hint}", field="paths")
    chosen: dict[str, WatchedPath] = {}
    for text in asked:
        same = [item for item in watched if item.path == text] or [item for item in watched if item.name == text]
        chosen.update((item.path, item) for item in same)
    return list(chosen.values())


def _start(paths: Sequence[str], trigger: Callable[[str], bool]) -> ScanAccepted:
    accepted: list[str] = []
    skipped: list[ScanSkipped] = []
    for path in paths:
        try:
            started = trigger(f"paths:{path}")
        except KeyError:  # the configuration is being read again
            skipped.append(ScanSkipped(path=path, reason="it is not watched any more"))
            continue
        if started:
            accepted.append(path)
        else:
            skipped.append(ScanSkipped(path=path, reason="a scan is running or about to start"))
    return ScanAccepted(accepted=accepted, skipped=skipped)


def _named(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

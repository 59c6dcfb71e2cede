"""A list of one region, page after page, within its time."""

import time
from collections.abc import Iterator
from typing import Any

from node.settings_dataproc import Dataproc
from node.sources.dataproc_apis import Api
from node.sources.dataproc_calls import Budget, Calls
from node.sources.dataproc_errors import ApiError
from node.sources.dataproc_lists import CLUSTERS, List
from node.sources.dataproc_says import Tally

MOST_PAGES = 1000
"""Of one list; one that is longer has no end."""


class Pages:
    """Asks for the lists of one region of a project; it belongs to one thread."""

    def __init__(self, api: Api, calls: Calls, budget: Budget, settings: Dataproc, until: float) -> None:
        """`until` is the end of the run, by time.monotonic()."""
        self._api = api
        self._calls = calls
        self._budget = budget
        self._settings = settings
        self._until = until

    def each(self, which: List, project: str, region: str, tally: Tally) -> Iterator[Any]:
        """Whatever the list holds. There is nothing in a region, or of a project, that does not exist.

        Raises ApiError where the list cannot be read any further, and behind the last when it leaves something out.
        """
        until, attempts = self._limits(which)
        tokens = [""]
        left_out: list[str] = []
        while True:
            token = tokens[-1]
            try:
                page = self._calls.make(
                    lambda within_sec, token=token: self._api.page(which, project, region, token, within_sec),  # type: ignore[misc]
                    attempts=attempts,
                    until=until,
                    tally=tally,
                    budget=self._budget,
                )
            except ApiError as error:
                if error.code == "NOT_FOUND" and not token:
                    return
                raise
            yield from getattr(page, which.name)
            left_out += getattr(page, "unreachable", ())
            if not page.next_page_token:
                break
            if page.next_page_token in tokens or len(tokens) >= MOST_PAGES:
                raise ApiError("INTERNAL", f"the pages of the list do not end (after {len(tokens)})")
            tokens.append(page.next_page_token)
        if left_out:
            raise ApiError("INTERNAL", f"the server leaves some out: {', '.join(left_out)}")

    def _limits(self, which: List) -> tuple[float, int]:
        """(when all of a list must have been read, how often a page is asked for)."""
        timeouts, retries = self._settings.timeouts, self._settings.retries
        if which is CLUSTERS:
            return min(self._until, time.monotonic() + timeouts.cluster), retries.clusters
        return min(self._until, time.monotonic() + timeouts.jobs), retries.jobs

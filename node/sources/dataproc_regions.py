"""Which regions of a project are read: those that Compute Engine names, or, when it does not, those of the settings."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from etlmon.contract.dataproc_rows import RegionsFrom
from node.sources.dataproc_apis import Headers, regions_page
from node.sources.dataproc_calls import Calls
from node.sources.dataproc_errors import ApiError
from node.sources.dataproc_http import Http
from node.sources.dataproc_says import Tally
from node.sources.dataproc_types import DataprocTask, RegionsLine

GLOBAL = "global"
"""A region of Dataproc alone, in which old projects may have clusters; read when region_filter names it."""


class Regions:
    """Looks up regions."""

    def __init__(self, task: DataprocTask, http: Http, endpoint: str, headers: Headers, calls: Calls) -> None:
        """`endpoint` is the URL before /projects; empty when there is nobody to ask."""
        self._task = task
        self._http = http
        self._endpoint = endpoint
        self._headers = headers
        self._calls = calls

    def of(self, project: str, until: float, tally: Tally) -> RegionsLine:
        """Which are read. `until` is the end of the run, by time.monotonic().

        Raises ApiError when the account is refused; whatever else goes wrong only makes them those of the settings.
        """
        now = datetime.now(UTC)
        known = self._task.known.get(project)
        if known is not None and known.until > now:
            return self._line(project, "cache", known.regions, [])
        try:
            found = self._ask(project, until, tally)
        except ApiError as error:
            if error.refuses_account:
                raise
            advice = "; grant compute.regions.list to the account" if error.refuses_project else ""
            words = f"the list of regions cannot be had, others may be missing: {error}{advice}"
            instead = self._task.account.region_filter or self._task.settings.fallback_regions
            return self._line(project, "fallback", instead, [words])
        down = [name for name, status in found.items() if status != "UP"]
        up = [name for name, status in found.items() if status == "UP"]
        ttl_sec = float(self._task.settings.region_cache_ttl)
        until_at = now + timedelta(seconds=ttl_sec) if ttl_sec else None
        return self._line(project, "api", up, [f"not up: {', '.join(down)}"] if down else [], until_at)

    def _line(
        self,
        project: str,
        regions_from: RegionsFrom,
        regions: Sequence[str],
        words: list[str],
        until: datetime | None = None,
    ) -> RegionsLine:
        account = self._task.account
        wanted = account.region_filter
        there = [*regions, *([GLOBAL] if GLOBAL in wanted and GLOBAL not in regions else [])]
        missing = [name for name in wanted if name not in there]
        if missing:
            words = [*words, f"region_filter names what is no region that is up: {', '.join(missing)}"]
        return RegionsLine(
            project_id=project,
            regions=[name for name in there if name not in account.exclude_regions and (not wanted or name in wanted)],
            regions_from=regions_from,
            error="; ".join(words) or None,
            until=until,
        )

    def _ask(self, project: str, until: float, tally: Tally) -> dict[str, str]:
        """Every region of the project with its status. Raises ApiError."""
        if not self._endpoint:
            raise ApiError("SETTINGS", "an anonymous account asks nobody without a compute_endpoint")
        settings = self._task.settings
        until = min(until, time.monotonic() + settings.timeouts.jobs)
        found: dict[str, str] = {}
        tokens = [""]
        while True:
            page, token = self._calls.make(
                partial(self._page, project, tokens[-1]), attempts=settings.retries.clusters, until=until, tally=tally
            )
            found |= page
            if not token:
                break
            if token in tokens:
                raise ApiError("INTERNAL", f"its pages do not end (after {len(tokens)})")
            tokens.append(token)
        if not found:
            raise ApiError("UNKNOWN", "it is empty")
        return found

    def _page(self, project: str, token: str, within_sec: float) -> tuple[dict[str, str], str]:
        headers = self._headers(within_sec)
        return regions_page(self._http, self._endpoint, headers, project, token, within_sec)

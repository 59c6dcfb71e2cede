"""One account, read once: a token, then its projects one after the other, of each some regions at a time."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from etlmon.contract.dataproc_rows import RegionResult
from node.settings_dataproc import DataprocAccount
from node.sources.dataproc_apis import Api, GrpcApi, RestApi
from node.sources.dataproc_calls import Budget, Calls
from node.sources.dataproc_errors import ApiError, LoginError
from node.sources.dataproc_http import Http
from node.sources.dataproc_login import Anonymous, Login, check_tls
from node.sources.dataproc_pages import Pages
from node.sources.dataproc_project import Project
from node.sources.dataproc_region import RegionReader
from node.sources.dataproc_regions import Regions
from node.sources.dataproc_says import Says, Tally
from node.sources.dataproc_types import DataprocTask, DoneLine, TroubleLine


class Run:
    """Says everything it finds, and at last that it is done."""

    def __init__(self, task: DataprocTask, says: Says, surroundings: Mapping[str, str]) -> None:
        """`surroundings` may name https_proxy and no_proxy."""
        self._task = task
        self._account = task.account
        self._says = says
        self._surroundings = surroundings
        self._until = time.monotonic() + task.settings.timeouts.total
        self._stopping = threading.Event()
        self._calls = Calls(task.settings.retries, self._stopping)
        self._budgets = {
            project: Budget(
                task.settings.quota.per_minute, task.earlier_calls.get(project, ()), project=f"the project {project}"
            )
            for project in dict.fromkeys(task.account.projects)
        }

    def run(self) -> None:
        """Raises OSError when nobody listens any more."""
        try:
            self._read()
        except ApiError as error:
            words = f"the account cannot be used: {error}"
            self._says.say(TroubleLine(kind=error.kind, message=words, stops="account"))
        says = self._says
        says.say(
            DoneLine(
                success=says.success,
                failure=says.failure,
                timeout=says.timeout,
                unknown=says.unknown,
                calls=says.calls,
                retries=says.retries,
                quota_percent=round(max((one.most_percent for one in self._budgets.values()), default=0.0), 1),
                recent_calls={project: budget.recent() for project, budget in self._budgets.items()},
            )
        )

    def _read(self) -> None:
        """Raises ApiError when the account cannot be used at all."""
        account = self._account
        roots = _certificates(account.ca_file) if account.ca_file is not None else None
        http = Http(ca_file=account.ca_file, proxies=self._surroundings)
        login = Anonymous() if account.anonymous else Login(self._task.credentials, http, insecure=account.insecure)
        self._says.secrets = lambda: login.secrets
        api = _api(account, login, http, roots)
        regions = Regions(self._task, http, _compute(account, login), login.headers, self._calls)
        try:
            if not account.anonymous:
                self._log_in(login)
            self._read_projects(api, regions)
        finally:
            api.close()

    def _log_in(self, login: Login | Anonymous) -> None:
        """Raises LoginError."""
        settings, tally = self._task.settings, Tally()
        until = min(self._until, time.monotonic() + settings.timeouts.jobs)
        try:
            self._calls.make(login.headers, attempts=settings.retries.clusters, until=until, tally=tally)
        finally:
            self._says.tally(tally)

    def _read_projects(self, api: Api, regions: Regions) -> None:
        """Raises ApiError when the account is refused."""
        left = list(self._budgets)
        while left and not self._stopping.is_set():
            if time.monotonic() >= self._until:
                self._say_cut(f"{', '.join(left)} not asked at all")
                return
            project = left.pop(0)
            results = self._read_project(project, api, regions)
            late = [result.region for result in results if result.state == "timeout"]
            if late and time.monotonic() >= self._until:
                self._say_cut(
                    "; ".join([f"{project}: {len(late)} regions not read", *[f"{one}: none" for one in left]])
                )
                return

    def _read_project(self, name: str, api: Api, regions: Regions) -> list[RegionResult]:
        """Raises ApiError when the account is refused."""
        tally = Tally()
        try:
            line = regions.of(name, self._until, tally)
        finally:
            self._says.tally(tally)
        self._says.say(line)
        if not line.regions:
            words = f"there is no region to read: {line.error or 'exclude_regions leaves none'}"
            self._says.say(TroubleLine(kind="failure", message=words, project_id=name, stops="project"))
            return []
        project = Project(
            name=name,
            account=self._account,
            pages=Pages(api, self._calls, self._budgets[name], self._task.settings, self._until),
            says=self._says,
            until=self._until,
            stopping=self._stopping,
        )
        with ThreadPoolExecutor(self._task.settings.region_concurrency, thread_name_prefix="dataproc-region") as pool:
            return list(pool.map(lambda region: RegionReader(project, region).read(), line.regions))

    def _say_cut(self, what: str) -> None:
        """The time of the run is over."""
        total = self._task.settings.timeouts.total
        words = f"the {total} of a run (dataproc.timeouts.total) are over: {what}"
        self._says.say(TroubleLine(kind="timeout", message=words, stops="account"))


def _api(account: DataprocAccount, login: Login | Anonymous, http: Http, roots: bytes | None) -> Api:
    """Raises LoginError for an endpoint to which a token must not go."""
    of_google = f"{{region}}-dataproc.{login.universe}"
    scheme, _, own = account.endpoint.rstrip("/").rpartition("://")
    if account.transport == "grpc" or (account.transport == "auto" and not scheme):
        insecure = account.insecure and bool(own)
        return GrpcApi(own or f"{of_google}:443", login.headers, roots=roots, insecure=insecure)
    if not scheme:
        scheme = "http" if account.insecure and own else "https"
    url = f"{scheme}://{own or of_google}"
    check_tls(url, "the endpoint", insecure=account.insecure)
    return RestApi(url, login.headers, http)


def _compute(account: DataprocAccount, login: Login | Anonymous) -> str:
    """Who is asked for regions. Whoever has no credentials has no business with Google's own."""
    url = account.compute_endpoint.rstrip("/")
    if not url:
        return "" if account.anonymous else f"https://compute.{login.universe}/compute/v1"
    check_tls(url, "the compute_endpoint", insecure=account.insecure)
    return url


def _certificates(path: str) -> bytes:
    """Raises LoginError when the file cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise LoginError("SETTINGS", f"the ca_file {path} cannot be read: {error.strerror}") from error

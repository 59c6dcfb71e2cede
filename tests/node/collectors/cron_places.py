"""A host of its own for the finder of jobs: its files lie below a directory, with the owners that cron asks for."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from etlmon.contract.cron import CronSource
from node.collectors.cron_files import Finder
from node.collectors.cron_types import Found, FoundJob, Host
from node.settings import Cron

DATA = Path(__file__).parents[2] / "data/cron"
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
NOBODY = 65534

T = TypeVar("T")


@dataclass
class CronPlaces:
    """`settings` and `host` of a host whose root is `root`. Debian's cron is installed, nothing else."""

    root: Path
    given: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cron_d.mkdir(parents=True)
        self.spool.mkdir(parents=True)
        self.stamps.mkdir(parents=True)
        self.install("usr/sbin/cron")

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def cron_d(self) -> Path:
        return self.etc / "cron.d"

    @property
    def spool(self) -> Path:
        return self.root / "var/spool/cron/crontabs"

    @property
    def stamps(self) -> Path:
        return self.root / "var/spool/anacron"

    @property
    def units(self) -> Path:
        return self.etc / "systemd/system"

    @property
    def settings(self) -> Cron:
        defaults: dict[str, object] = {
            "system_crontab": str(self.etc / "crontab"),
            "cron_d": str(self.cron_d),
            "spool": (str(self.spool), str(self.spool.parent)),
            "anacrontab": str(self.etc / "anacrontab"),
            "timezone": "UTC",
        }
        return Cron(**{**defaults, **self.given})  # type: ignore[arg-type]

    @property
    def host(self) -> Host:
        def at(path: str) -> str:
            return str(self.root / path)

        return Host(
            debian_cron=at("usr/sbin/cron"),
            crond=(at("usr/sbin/crond"),),
            cron_defaults=at("etc/default/cron"),
            anacron=(at("usr/sbin/anacron"),),
            anacron_stamps=str(self.stamps),
            run_parts=(at("usr/bin/run-parts"),),
            systemd=at("run/systemd/system"),
            units=(str(self.units), at("run/systemd/system-units"), at("usr/lib/systemd/system")),
            localtime=at("etc/localtime"),
        )

    def install(self, program: str, content: bytes = b"\x7fELF") -> Path:
        return self.put(program, content, 0o755)

    def put(self, path: str, content: str | bytes, mode: int = 0o644, uid: int | None = None) -> Path:
        """A file below the root; root owns it, or whoever runs the test."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        if uid is not None:
            os.chown(file, uid, -1)
        return file

    def system(self, content: str, **options: int) -> Path:
        return self.put("etc/crontab", content, **options)

    def packaged(self, name: str, content: str = "* * * * * root true\n", **options: int) -> Path:
        return self.put(f"etc/cron.d/{name}", content, **options)

    def user(self, name: str, content: str = "* * * * * true\n", mode: int = 0o600, **options: int) -> Path:
        return self.put(f"var/spool/cron/crontabs/{name}", content, mode, **options)

    def copy_data(self) -> None:
        """The crontabs of tests/data/cron, with the modes and owners that their names tell of."""
        for file in sorted((DATA / "etc").rglob("*")):
            if file.is_file() and file.name != "crontab.debian-default":
                self.put(str(Path("etc") / file.relative_to(DATA / "etc")), file.read_bytes())
        (self.cron_d / "bad-mode").chmod(0o664)
        os.chown(self.cron_d / "bad-owner", NOBODY, -1)
        (self.cron_d / "hard2").unlink()
        (self.cron_d / "hard2").hardlink_to(self.cron_d / "hard1")
        (self.cron_d / "link-good").symlink_to(self.cron_d / "good-syntax")
        (self.cron_d / "link-lost").symlink_to("/no/such/file")
        (self.cron_d / "link-foreign").symlink_to(self.cron_d / "good-syntax")
        os.chown(self.cron_d / "link-foreign", NOBODY, -1, follow_symlinks=False)
        (self.cron_d / "directory").mkdir()

    def with_finder(self, act: Callable[[Finder], Awaitable[T]]) -> T:
        async def main() -> T:
            finder = Finder(self.settings, self.host)
            try:
                return await act(finder)
            finally:
                await finder.close()
                assert finder.pids == []

        return asyncio.run(main())

    def find(self, now: datetime = NOW) -> Found:
        return self.with_finder(lambda finder: finder.find(now))

    def jobs(self, path: Path | str = "", now: datetime = NOW) -> list[FoundJob]:
        """The jobs found, of one source or of all."""
        return [job for job in self.find(now).jobs if not path or job.source == str(path)]

    def job(self, path: Path | str = "", now: datetime = NOW) -> FoundJob:
        (job,) = self.jobs(path, now)
        return job


def source_of(found: Found, path: Path | str) -> CronSource:
    (source,) = (source for source in found.sources if source.path == str(path))
    return source


def states_of(found: Found) -> dict[str, str]:
    return {source.path: source.state for source in found.sources}


def commands_of(jobs: Sequence[FoundJob]) -> list[str]:
    return [job.command for job in jobs]


def real_run_parts() -> Path:
    found = shutil.which("run-parts")
    assert found is not None
    return Path(found)

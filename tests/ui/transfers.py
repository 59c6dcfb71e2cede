"""What fake nodes say of transfers: a log that is filtered and paged as a node does it, and logs in trouble."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from aiohttp import web

from etlmon.contract.xferlog import (
    XFERLOG,
    XFERLOG_FINDINGS,
    XFERLOG_SOURCE,
    XFERLOG_SUMMARY,
    XFERLOG_UNPARSED,
    Finding,
    Transfer,
    TransferSummary,
    UnparsedLine,
    XferSource,
)
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW


def transfer(number: int, name: str = "/in/sales.csv", **more: object) -> Transfer:
    """The transfer with this id; the larger, the newer: one a minute, number 100 just now."""
    values: dict[str, object] = {
        "id": number,
        "log_time": NOW - timedelta(minutes=100 - number),
        "remote_host": "10.0.0.7",
        "username": "etl",
        "filename": name,
        "bytes": 1_048_576,
        "transfer_time_sec": 2.0,
        "direction": "upload",
        "transfer_type": "binary",
        "access_mode": "real",
        "started_at": NOW - timedelta(minutes=100 - number, seconds=2),
        "bytes_per_sec": 524_288.0,
    }
    return Transfer(**{**values, **more})  # type: ignore[arg-type]


def source(**more: object) -> XferSource:
    values: dict[str, object] = {
        "path": "/var/log/vsftpd.log",
        "format": "vsftpd",
        "size_bytes": 20_480,
        "offset": 20_480,
        "files": 1,
        "transfers_total": 12,
        "last_transfer_at": NOW,
        "collected_at": NOW,
    }
    return XferSource(**{**values, **more})  # type: ignore[arg-type]


def listing(transfers: Sequence[Transfer]) -> Callable[[web.Request], list[Transfer]]:
    """Answers as a node does that holds these transfers."""

    def answer(request: web.Request) -> list[Transfer]:
        wanted = request.query
        plain = {"user": "username", "direction": "direction", "outcome": "outcome"}
        rows = sorted(transfers, key=lambda one: one.id, reverse=True)
        for name, field in plain.items():
            if name in wanted:
                rows = [one for one in rows if getattr(one, field) == wanted[name]]
        for name, field in {"host": "remote_host", "filename": "filename"}.items():
            if name in wanted:
                rows = [one for one in rows if fnmatchcase(getattr(one, field), wanted[name])]
        if "since" in wanted:
            rows = [one for one in rows if one.log_time >= datetime.fromisoformat(wanted["since"])]
        if "until" in wanted:
            rows = [one for one in rows if one.log_time < datetime.fromisoformat(wanted["until"])]
        if "before" in wanted:
            rows = [one for one in rows if one.id < int(wanted["before"])]
        return rows[: int(wanted.get("limit", 100))]

    return answer


def summary(key: str, uploads: int = 10, **more: object) -> TransferSummary:
    values: dict[str, object] = {
        "key": key,
        "transfers": uploads + 1,
        "uploads": uploads,
        "downloads": 1,
        "upload_bytes": uploads * 2**20,
        "download_bytes": 1024,
        "interrupted": 0,
        "refused": 0,
        "bytes_per_sec": 524_288.0,
        "last_at": NOW - timedelta(minutes=3),
    }
    return TransferSummary(**{**values, **more})  # type: ignore[arg-type]


def transferred(fake: FakeNode) -> FakeNode:
    """An FTP server to which all is well."""
    fake.answers[XFERLOG_SOURCE.path] = [source()]
    fake.answers[XFERLOG.path] = listing([transfer(98), transfer(99, "/out/report.csv", direction="download")])
    fake.answers[XFERLOG_FINDINGS.path] = []
    fake.answers[XFERLOG_UNPARSED.path] = []
    fake.answers[XFERLOG_SUMMARY.path] = _summaries
    return fake


def _summaries(request: web.Request) -> list[TransferSummary]:
    rows = {
        "user": [summary("etl", 40), summary("partner-서울", 12, interrupted=2), summary("", 1, refused=7)],
        "host": [summary("10.0.0.7", 40), summary("::1", 3)],
        "hour": [summary("2026-11-21T05:00:00Z", 40), summary("2026-11-21T04:00:00Z", 11, interrupted=2)],
    }
    return rows[request.query["by"]]


def transfers_in_trouble(fake: FakeNode) -> FakeNode:
    """Uploads that broke off, were refused, and do not lie on the disk; lines that nobody could read."""
    transferred(fake)
    gone = transfer(93, "/in/gone_20261121.csv", on_disk="missing")
    fake.answers[XFERLOG.path] = listing(
        [
            transfer(40, "/in/old.csv", outcome="interrupted", status="incomplete", bytes=17),
            transfer(91, "/in/2026/11/21/sales_20261121.csv", bytes=3 * 2**30, on_disk="present"),
            transfer(92, "/in/?????????.csv", username="partner-서울", remote_host="::ffff:192.168.100.200"),
            gone,
            transfer(94, "/in/half.csv", on_disk="shorter"),
            transfer(95, "/in/orders.csv", outcome="interrupted", status="incomplete", bytes=52_000),
            transfer(96, "/etc/passwd", direction="download", outcome="refused", status="incomplete", bytes=0,
                     bytes_per_sec=None, transfer_time_sec=0.0, remote_host="203.0.113.9", username="?"),
            transfer(97, "/in/old.csv", direction="delete", bytes=0, bytes_per_sec=None, transfer_time_sec=0.0),
            transfer(98, "/out/report.csv", direction="download", username=""),
        ]
    )  # fmt: skip
    fake.answers[XFERLOG_SOURCE.path] = [
        source(
            path="/var/log/xferlog",
            format="xferlog",
            lag_bytes=12_345,
            unparsed_total=3,
            last_unparsed_at=NOW,
            transfers_total=12_345,
            root="/srv/ftp",
            compared_at=NOW - timedelta(minutes=2),
            advice=["Deletes and renames are only in vsftpd.log: set dual_log_enable=YES"],
        )
    ]
    fake.answers[XFERLOG_FINDINGS.path] = [
        Finding(
            kind="missing", filename=gone.filename, path="/srv/ftp/in/gone_20261121.csv", logged_bytes=1_048_576,
            log_time=gone.log_time, found_at=NOW, transfer_id=gone.id,
        ),
        Finding(
            kind="shorter", filename="/in/half.csv", path="/srv/ftp/in/half.csv", logged_bytes=1_048_576,
            disk_bytes=524_288, log_time=NOW - timedelta(minutes=6), found_at=NOW, transfer_id=94,
        ),
        Finding(kind="unlogged", filename="/in/by-hand.csv", path="/srv/ftp/by-hand.csv", disk_bytes=12, found_at=NOW),
    ]  # fmt: skip
    fake.answers[XFERLOG_UNPARSED.path] = [
        UnparsedLine(
            id=3, at=NOW - timedelta(minutes=1), line="garbage 쓰레기 [/x]", reason="it does not begin with a date"
        )
    ]
    return fake

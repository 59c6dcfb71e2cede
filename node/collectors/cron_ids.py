"""What a job is known by: the same as long as its source, user, schedule and command are, wherever its line moves."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from etlmon.contract.cron import CronKind
from node.collectors.cron_types import FoundJob

_BITS = 53
"""Whole in every JSON reader."""


def job_id(kind: CronKind, source: str, user: str, schedule_text: str, command: str, before: int) -> int:
    """`before`: how many equal ones stand before it in its source."""
    text = "\0".join((kind, source, user, schedule_text, command, str(before)))
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS)


def numbered(jobs: Iterable[FoundJob]) -> list[FoundJob]:
    """The jobs of one source, in their order, each with its id."""
    before: Counter[tuple[str, ...]] = Counter()
    named = []
    for job in jobs:
        key = (job.kind, job.source, job.user, job.schedule_text, job.command)
        named.append(replace(job, job_id=job_id(*key, before[key])))
        before[key] += 1
    return named

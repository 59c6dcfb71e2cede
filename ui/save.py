"""Saving what a view shows to a file of the user's own: never over another file."""

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from etlmon.home import home

_FORMULA = ("=", "+", "-", "@")
_ATTEMPTS = 1000


def save_directory(env: Mapping[str, str]) -> Path:
    """Where files are saved: `$XDG_DATA_HOME/etlmon`, `~/.local/share/etlmon` (XDG Base Directory specification).

    Raises OSError when there is neither.
    """
    base = env.get("XDG_DATA_HOME", "")
    if base.startswith("/"):
        return Path(base) / "etlmon"
    own = Path(env["HOME"]) if env.get("HOME") else home()
    if own is None:
        raise FileNotFoundError("this user has no home directory")
    return own / ".local/share/etlmon"


def save(directory: Path, stem: str, suffix: str, text: str, now: datetime) -> Path:
    """Write the text to a new file and return its path. Raises OSError when it cannot be written."""
    path, file = create(directory, stem, suffix, now)
    with file:
        file.write(text)
    return path


def create(directory: Path, stem: str, suffix: str, now: datetime) -> tuple[Path, TextIO]:
    """A new file to write to, and its path. Raises OSError when it cannot be made.

    Host data may be confidential: only the user can read directory and file.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]+", "_", stem).strip("._") or "view"
    base = f"{name[:80]}-{now:%Y%m%d-%H%M%S}"
    for attempt in range(_ATTEMPTS):
        path = directory / f"{base}{f'-{attempt + 1}' if attempt else ''}{suffix}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        return path, os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    raise FileExistsError(f"{directory} already holds {_ATTEMPTS} files named {base}: move some away")


def rows_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV (RFC 4180), a column for each key; lists and mappings as JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for record in records for name in record)))
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in record.items()} for record in records)
    return out.getvalue()


def _harmless(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it (CWE-1236)."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

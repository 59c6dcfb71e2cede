"""Where configurations lie when the command line names none."""

import os
from pathlib import Path

from etlmon.home import home

NODE_FILE = Path("/etc/etlmon/node.yaml")


def ui_file() -> Path | None:
    # The XDG base directory specification: an empty or relative directory counts as not set.
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if base.startswith("/"):
        return Path(base) / "etlmon/ui.yaml"
    own = home()
    return own / ".config/etlmon/ui.yaml" if own else None


def existing(file: Path | None) -> Path | None:
    """The file, unless there is none; one that can not be looked at is not passed over in silence."""
    if file is None:
        return None
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return file
    return file

"""Where the user's own files lie."""

from pathlib import Path


def home() -> Path | None:
    """The user's home directory; None where there is none: a uid without a name, as containers have it, and no HOME."""
    try:
        return Path.home()
    except RuntimeError:
        return None

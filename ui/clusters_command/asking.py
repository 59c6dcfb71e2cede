"""What somebody at the terminal is asked, or a file says: a secret, yes or no. A secret is never an argument."""

import getpass
import sys
from pathlib import Path

from etlmon.contract.clusters import LONGEST_CA, LONGEST_SECRET
from ui.widgets.cells import plain

STDIN = "-"


class CannotAsk(Exception):
    """There is nobody to ask, or the file cannot be read; the message says what to do."""


def secret(of: str, file: str | None) -> str:
    """The password or the token's value, which `of` names: from a file, from standard input (`-`), or as it is typed.

    One line feed at its end does not belong to it. Raises CannotAsk.
    """
    if file is not None:
        text = _read(file, LONGEST_SECRET).removesuffix("\n").removesuffix("\r")
        if not text:
            raise CannotAsk(f"{_named(file)} is empty; it has to hold the {of}")
        return text
    if not sys.stdin.isatty():
        raise CannotAsk(
            f"there is no terminal to ask for the {of}; give it with --password-file FILE, or - for standard input"
        )
    try:
        typed = getpass.getpass(f"{of[0].upper()}{of[1:]}: ")
    except EOFError:
        typed = ""
    if not typed:
        raise CannotAsk(f"without the {of} nothing can be registered")
    return typed


def authorities(file: str) -> str:
    """The certificates in a file. Raises CannotAsk."""
    return _read(file, LONGEST_CA)


def can_confirm() -> bool:
    """Whether somebody sits at a terminal who reads a question and answers it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Ask; anything but a yes is a no."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _read(file: str, most: int) -> str:
    try:
        if file == STDIN:
            raw = sys.stdin.buffer.read(most + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(most + 1)
        text = raw.decode()
    except OSError as error:
        raise CannotAsk(f"{_named(file)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CannotAsk(f"{_named(file)} is not UTF-8") from error
    if len(raw) > most:
        raise CannotAsk(f"{_named(file)} is larger than {most:,} bytes")
    return text


def _named(file: str) -> str:
    return "standard input" if file == STDIN else plain(file)

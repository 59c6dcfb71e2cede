"""`${ENV}` and `${file:/path}` inside a value: secrets and host names live outside the configuration."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from etlmon.config.document import not_text, read_regular, reason

LARGEST_FILE_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def has_reference(text: str) -> bool:
    """Whether the text would be changed by expand()."""
    return _REFERENCE.search(text) is not None


def expand(text: str, env: Mapping[str, str], problem: Callable[[str], None]) -> str:
    """The text with each reference replaced once; `$${` stands for `${`. What is replaced is never looked at again.

    `problem` hears each reference that can not be replaced: a missing variable, an unreadable file, a misspelling.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return _value(match, env)
        except ValueError as error:
            problem(str(error))
            return ""

    return _REFERENCE.sub(value, text)


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    if match[0] == "$${":
        return "${"
    name = match[1]
    if name is None:
        raise ValueError("a `${` has no `}`; write `$${` for the characters themselves")
    if name.startswith("file:"):
        return _content(name.removeprefix("file:"))
    if not _VARIABLE.fullmatch(name):
        raise ValueError(
            f"`{match[0]}` names no environment variable; write `$${{` for the characters `${{` themselves"
        )
    if name not in env:
        raise ValueError(f"the environment variable {name} is not set")
    return _text(env[name], f"the environment variable {name}")


def _content(name: str) -> str:
    path = Path(name)
    if not path.is_absolute():
        raise ValueError(f"`${{file:{name}}}` must name an absolute path")
    try:
        raw = read_regular(path, LARGEST_FILE_BYTES)
    except OSError as error:
        raise ValueError(f"the file {path} can not be read: {reason(error)}") from error
    if len(raw) > LARGEST_FILE_BYTES:
        raise ValueError(f"the file {path} is larger than {LARGEST_FILE_BYTES // 1024} KiB")
    return _text(raw.decode(errors="surrogateescape"), f"the file {path}").rstrip("\r\n")


def _text(value: str, what: str) -> str:
    if problem := not_text(value):
        raise ValueError(f"{what} {problem}")
    return value

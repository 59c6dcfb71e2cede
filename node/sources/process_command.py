"""The command line of a process: what /proc/PID/cmdline holds, and how it may be shown."""

from collections.abc import Sequence

from etlmon.logs import redact_arguments

LONGEST_SHOWN = 4096
"""Characters of a command line that are shown."""


def arguments_of(content: bytes) -> list[str]:
    """The arguments in /proc/PID/cmdline. What a process wrote over them (a title) is one argument."""
    text = content.rstrip(b"\0 ").decode("utf-8", "backslashreplace")
    return text.split("\0") if text else []


def shown(arguments: Sequence[str]) -> str:
    """With a blank between them, without secrets, cut where it is very long."""
    text = redact_arguments(_beginning(arguments))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _beginning(arguments: Sequence[str]) -> list[str]:
    """Twice as much as is shown: a secret that the cut goes through is still known for one."""
    kept: list[str] = []
    room = 2 * LONGEST_SHOWN
    for argument in arguments:
        if room <= 0:
            break
        kept.append(argument[:room])
        room -= len(argument) + 1
    return kept

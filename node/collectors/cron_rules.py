"""Which files a cron daemon reads, and which it passes over: the checks of its own loader, in its own order.

Sources: database.c of Debian's cron 3.0pl1 and of cronie. `cron.allow` and `cron.deny` are no business of the daemon:
crontab(1) alone asks them.
"""

import re
import shlex

from etlmon.contract.cron import CronFlavour
from node.sources.file_reader import Seen, User

_DEBIAN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LSB_NAME = re.compile(r"_?([a-z0-9_.]+-)+[a-z0-9]+|[a-z0-9][a-z0-9-]*")
_LSB_SET_ASIDE = re.compile(r"[a-z0-9-].*dpkg-(old|dist)")
_CRONIE_SET_ASIDE = re.compile(r"[.#].*|.*~|.+\.rpm(save|orig|new)")

_SET_ASIDE = re.compile(
    r"[.#].*|.*~"
    r"|.*\.(bak|back|backup|old|orig|save|saved|swp|tmp|temp|disabled|off|inactive|sample|example|rej"
    r"|rpmsave|rpmorig|rpmnew|dpkg-[a-z]+|ucf-[a-z]+)",
    re.IGNORECASE,
)
_PLACEHOLDER = ".placeholder"
_OPTIONS_WITH_VALUE = "xL"


def is_placeholder(name: str) -> bool:
    """Whether it is the empty file that packages put into a directory to keep it."""
    return name == _PLACEHOLDER


def is_set_aside(name: str) -> bool:
    """Whether somebody gave a file this name so that it is not read: a copy, a draft, one that is switched off."""
    return _SET_ASIDE.fullmatch(name) is not None


def passed_over(name: str, flavour: CronFlavour, *, lsb: bool = False) -> str | None:
    """Why the daemon does not read a file of that name in cron.d, or None. `lsb`: Debian's cron runs with -l."""
    if flavour == "cronie":
        if _CRONIE_SET_ASIDE.fullmatch(name):
            return "cron passes over names that begin with . or #, or end in ~, .rpmsave, .rpmorig or .rpmnew"
        return None
    if name.startswith("."):
        return "cron passes over names that begin with a dot"
    if lsb:
        if _LSB_NAME.fullmatch(name) and not _LSB_SET_ASIDE.fullmatch(name):
            return None
        return "cron, which runs with -l, passes over names that are not LSB names (cron(8)); rename it"
    if _DEBIAN_NAME.fullmatch(name):
        return None
    return "cron passes over names with other characters than A-Z a-z 0-9 _ -; rename it"


def passed_over_user(name: str, flavour: CronFlavour) -> str | None:
    """Why the daemon does not look whether there is a user of that name, or None."""
    if flavour == "cronie":
        return passed_over(name, flavour)
    return "cron passes over names that begin with a dot" if name.startswith(".") else None


def system_fault(seen: Seen, flavour: CronFlavour) -> str | None:
    """Why the daemon ignores a file of the system that is there, or None."""
    return _cronie_fault(seen, None) if flavour == "cronie" else _debian_system_fault(seen)


def user_fault(seen: Seen, name: str, user: User, flavour: CronFlavour) -> str | None:
    """Why the daemon ignores the crontab of a user, or None."""
    if user.uid is None and user.reason is None:
        return f"cron ignores it: there is no user {name} (no passwd entry)"
    if flavour == "cronie":
        return _cronie_fault(seen, user)
    return _debian_user_fault(seen, name, user)


def takes_lsb_names(defaults: bytes) -> bool:
    """Whether /etc/default/cron starts Debian's cron with -l."""
    options: list[str] = []
    for line in defaults.decode("utf-8", "replace").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip() == "EXTRA_OPTS":
            options = _words(" ".join(_words(value)))
    return any("l" in _letters(option) for option in options if option.startswith("-"))


def _letters(option: str) -> str:
    """The single-letter options of one word; what follows one that takes a value is its value (getopt(3))."""
    end = min((option.index(letter) for letter in _OPTIONS_WITH_VALUE if letter in option), default=len(option))
    return option[1:end]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quote that does not end
        return []


def _debian_system_fault(seen: Seen) -> str | None:
    link, status = seen.link, seen.status
    if link is not None and link.is_link and link.uid != 0:
        return "cron ignores it: it is a symbolic link that root does not own; chown -h root it"
    if status is None:
        return "cron ignores it: it is a symbolic link that leads nowhere"
    if status.uid != 0:
        return _NOT_ROOTS
    if not status.is_file:
        return "cron ignores it: it is no regular file"
    if status.mode & 0o022:
        return f"cron ignores it: its group or others may write it (mode {_mode(status.mode)}); chmod 644 it"
    if status.links != 1:
        return f"cron ignores it: it has {status.links} hard links; let it have one"
    return None


def _debian_user_fault(seen: Seen, name: str, user: User) -> str | None:
    link, status = seen.link, seen.status
    if status is None or (link is not None and link.is_link):
        return "cron ignores it: it is a symbolic link; install the crontab with crontab(1)"
    if status.uid not in (0, user.uid):
        return f"cron ignores it: neither {name} nor root owns it; chown {name} it"
    if not status.is_file:
        return "cron ignores it: it is no regular file"
    if status.mode & 0o7777 != 0o600:
        return f"cron ignores it: its mode is {_mode(status.mode)}, not 600; chmod 600 it"
    if status.links != 1:
        return f"cron ignores it: it has {status.links} hard links; let it have one"
    return None


def _cronie_fault(seen: Seen, user: User | None) -> str | None:
    """`user` is None for a file of the system."""
    status = seen.status
    if status is None:
        return "cron ignores it: it is a symbolic link that leads nowhere"
    if not status.is_file:
        return "cron ignores it: it is no regular file"
    if status.mode & 0o7533 != 0o400:
        return (
            f"cron ignores it: its mode is {_mode(status.mode)}, and its owner alone may write it and nobody run it; "
            f"chmod {'600' if user else '644'} it"
        )
    if status.uid != 0 and (user is None or status.uid != user.uid):
        return "cron ignores it: neither root nor its user owns it; chown it" if user else _NOT_ROOTS
    if user is not None and status.links != 1:
        return f"cron ignores it: it has {status.links} hard links; let it have one"
    return None


_NOT_ROOTS = "cron ignores it: root does not own it; chown root it"


def _mode(mode: int) -> str:
    return f"{mode & 0o7777:o}"

"""Lines that set a variable in a crontab, read as load_env() of the daemon reads them.

`NAME = value` with quotation marks around either, nothing expanded. What is none of these is taken for a job.
"""

import re

from etlmon.contract.cron import CronFlavour

_SPACE = " \t\n\v\f\r"
_LONGEST = {"debian": 998, "cronie": 131_071}
_NAME = re.compile(
    rf"(?:(?P<mark>['\"])(?P<quoted>(?:(?!(?P=mark))[^=])*+)(?P=mark)|(?!['\"])(?P<plain>[^{_SPACE}=]*+))"
    rf"[{_SPACE}]*+=[{_SPACE}]*+",
    re.DOTALL,
)
_QUOTED = re.compile(rf"(?P<mark>['\"])(?P<value>(?:(?!(?P=mark)).)*+)(?P=mark)[{_SPACE}]*+\Z", re.DOTALL)
_MEANT = re.compile(rf"(?:export[ \t]+)?['\"]?[A-Za-z_]\w*['\"]?[{_SPACE}]*=", re.ASCII)


def setting(line: str, flavour: CronFlavour) -> tuple[str, str] | None:
    """The name and the value that a line sets, no blank before it; None for what is no setting."""
    line = line[: _LONGEST[flavour]]
    found = _NAME.match(line)
    if found is None:
        return None
    value = _value(line[found.end() :], flavour)
    return None if value is None else (found["quoted"] or found["plain"] or "", value)


def _value(text: str, flavour: CronFlavour) -> str | None:
    if not text:
        return "" if flavour == "cronie" else None
    if text[0] not in "'\"":
        return text.rstrip(_SPACE)
    quoted = _QUOTED.match(text)
    if quoted is None:
        return None
    return quoted["value"] if flavour == "cronie" else _unquoted_twice(quoted["value"])


def _unquoted_twice(value: str) -> str:
    """Debian's daemon takes a pair of quotation marks off once more, and blanks at the end."""
    value = value.rstrip(_SPACE)
    return value[1:-1] if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0] else value


def meant_as_setting(line: str) -> str | None:
    """What is wrong with a line that looks like a setting and is none; None when it does not look like one."""
    found = _MEANT.match(line)
    if found is None:
        return None
    if line.startswith("export") and "=" not in line.split()[0]:
        return "a setting is written without export"
    if not line[found.end() :].strip(_SPACE):
        name = line[: found.end()].rstrip("=" + _SPACE)
        return f'{name[:40]} has no value; write {name[:40]}=""'
    if len(line) > _LONGEST["debian"]:
        return f"a setting is cut off behind {_LONGEST['debian']} bytes, and so its quotation mark is not closed"
    return "a setting's quotation mark is not closed, or something stands behind it"

"""One logging set-up: text for people, JSON lines for machines, nothing secret and nothing forged in either."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Literal

from etlmon.clean import clean

HIDDEN = "***"
LONGEST = 8192

_KEY = (
    r"[\w.-]{0,40}(?:password|passwd|passphrase|(?<![a-z])pass|pwd|token|secret|credentials?"
    r"|(?:api|access|account|encryption|private|secret|signing)[_-]?key)"
)
_VALUE = r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&\"'})\]]+"
_WORD = r"(?:\"[^\"]*\"?|'[^']*'?|[^\s|;&\"'])+"
_SCHEME = r"(?:(?:apikey|basic|bearer|digest|negotiate|token)\s{1,4})?"
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(bearer\s{1,4})[\w.~+/=:-]{6,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"\b(authorization[\s\"':=]{{1,5}}{_SCHEME})[^\s\"',]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^\s/:@]{0,255}):[^\s/]{1,255}@"), rf"\1:{HIDDEN}@"),
    (re.compile(rf"(?<![\w.-])({_KEY}[\"']?\s{{0,4}}[=:]\s{{0,4}})(?!\s)(?:{_VALUE})", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"(?<![\w.-])(--?{_KEY}\s{{1,4}})(?!-)(?:{_VALUE})", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(?:gh[opsu]_|github_pat_|glpat-|xox[abprs]-|eyJ[\w-]{8,}\.eyJ)[\w.-]{10,}"), HIDDEN),
)
_OPTIONS: tuple[tuple[str, str, str], ...] = (
    (r"(?:mysql|mariadb)[\w-]*", rf"(\s-p)(?!\s){_WORD}", rf"\1{HIDDEN}"),
    (r"7z[ar]?", rf"(\s-p)(?!\s){_WORD}", rf"\1{HIDDEN}"),
    (r"sshpass|beeline|mongo\w*", rf"(\s-p\s{{0,4}}){_WORD}", rf"\1{HIDDEN}"),
    (r"redis-cli", rf"(\s-a\s{{0,4}}){_WORD}", rf"\1{HIDDEN}"),
    (r"ldap\w+", rf"(\s-w\s{{0,4}}){_WORD}", rf"\1{HIDDEN}"),
    (r"sqlcmd|bcp|isql|tsql|zip|unzip", rf"(\s-P\s{{0,4}}){_WORD}", rf"\1{HIDDEN}"),
    (r"curl", rf"(\s(?:-[uU]\s{{0,4}}|--(?:proxy-)?user[\s=])[^\s:]{{1,255}}:){_WORD}", rf"\1{HIDDEN}"),
    (r"lftp", rf"(\s-u\s{{0,4}}[^\s,]{{1,255}},){_WORD}", rf"\1{HIDDEN}"),
    (r"smb\w+", rf"(\s-U\s{{0,4}}[^\s%]{{1,255}}%){_WORD}", rf"\1{HIDDEN}"),
    (r"sqlplus|sqlldr|expdp|impdp|exp|imp|rman", r"(\s(?:userid=)?\w{1,128}/)[^\s@]{1,255}(@)", rf"\1{HIDDEN}\2"),
    (r"openssl", rf"(\spass:){_WORD}", rf"\1{HIDDEN}"),
)
"""Of programs that take a secret in an option that means something else to others: program, option, replacement."""
_PROGRAMS = re.compile(rf"(?<![\w.-])(?:{'|'.join(f'({name})' for name, _, _ in _OPTIONS)})(?=\s)[^|;&\n]*")
_BY_PROGRAM = tuple((re.compile(option), replacement) for _, option, replacement in _OPTIONS)
_LONE_KEY = re.compile(rf"--?{_KEY}", re.IGNORECASE)
_KEY_AND_VALUE = re.compile(rf"({_KEY}=).+", re.IGNORECASE | re.DOTALL)
_SCRIPT_FOLLOWS = re.compile(r"-\w{0,4}c")
_WITHIN = str.maketrans(" \t\n", "\ue000\ue001\ue002")
"""Characters for white space within an argument: no program and no operator writes them."""
_RESTORED = {new: old for old, new in _WITHIN.items()}
_URL = re.compile(r"(https?://[^\s/\"']+/)([^\s\"']+)", re.IGNORECASE)


class LogFileError(Exception):
    """The log file can not be written; one line for the user."""


def redact(text: str) -> str:
    """The text without what looks like a secret: passwords, tokens, keys, credentials in URLs, addresses of hooks."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _URL.sub(_hide_hook, _PROGRAMS.sub(_hide_option, text))


def redact_arguments(arguments: Sequence[str]) -> str:
    """The arguments of a program with a blank between, without secrets; what belongs to one is hidden to its end."""
    words: list[str] = []
    before = ""
    for argument in arguments:
        word = argument.translate(_WITHIN)
        pair = _KEY_AND_VALUE.match(word)
        if _SCRIPT_FOLLOWS.fullmatch(before):
            words.append(argument)
        elif _LONE_KEY.fullmatch(before) and not argument.startswith("-"):
            words.append(HIDDEN)
        else:
            words.append(pair[1] + HIDDEN if pair is not None else word)
        before = argument
    # Once with each argument as one word, once more because one may be a command of its own (sh -c).
    return redact(redact(" ".join(words)).translate(_RESTORED))


def _hide_option(command: re.Match[str]) -> str:
    pattern, replacement = _BY_PROGRAM[(command.lastindex or 1) - 1]
    return pattern.sub(replacement, command[0])


def _hide_hook(url: re.Match[str]) -> str:
    # Whoever knows the path of a chat hook may post there; Telegram's holds the bot's token.
    is_hook = "hook" in url[0].lower() or url[1].lower() == "https://api.telegram.org/"
    return url[1] + HIDDEN if is_hook else url[0]


def set_up(*, level: str, format: Literal["text", "json"], file: str | None) -> None:  # noqa: A002 - the setting's name
    """Send everything of at least this level to the file, or to standard error. May be called again.

    A file that is moved away (logrotate) is opened anew. Raises LogFileError.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        try:
            handler = WatchedFileHandler(file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise LogFileError(f"the log file {file} can not be written: {error.strerror}; see logging.file") from error
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    _replace_handlers(handler)
    logging.getLogger().setLevel(level.upper())
    logging.captureWarnings(True)
    # A full disk or a closed pipe is no reason to print tracebacks of the logging package.
    logging.raiseExceptions = False


def silence() -> None:
    """Log nowhere: a full-screen program owns the terminal."""
    _replace_handlers(logging.NullHandler())


def _replace_handlers(handler: logging.Handler) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)


class TextFormatter(logging.Formatter):
    """`2026-11-21T06:00:00.123Z WARNING node.runner: what happened`; a traceback follows, each line indented.

    A record is one line, and only records begin at the left edge: no text from outside can pretend to be one.
    """

    def format(self, record: logging.LogRecord) -> str:
        lines = [f"{_time(record)} {record.levelname} {record.name}: {_message(record)}"]
        lines.extend(f"    {line}" for line in _trace(record))
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and `trace` when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if trace := _trace(record):
            fields["trace"] = "\n".join(trace)
        return json.dumps(fields, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    return _safe(record.getMessage())


def _trace(record: logging.LogRecord) -> list[str]:
    text = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
    text += record.stack_info or ""
    return [_safe(line) for line in text.split("\n") if line.strip()]


def _safe(text: str) -> str:
    # Cut first, so that no pattern ever sees a megabyte.
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"
    return clean(redact(cut))

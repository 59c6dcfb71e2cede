"""`etlmon alert backtest`: when a rule would have told."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from etlmon.client import NodeClient
from etlmon.contract.alerts import ALERT_BACKTEST, Backtest, BacktestFiring, BacktestResult
from etlmon.contract.alerts_rules import AlertRule
from etlmon.contract.wire import decode_custom, encode_custom
from etlmon.rule_spellings import Spelled
from ui import format as fmt
from ui.alert_command.errors import UsageError
from ui.problems import alerts as problems
from ui.text_page import TextColumn, TextPage, TextRow

LARGEST_FILE = 2**20

_PLACE = re.compile(r"`\$\.(\w+)")
"""Where msgspec finds a value wrong."""

_COLUMNS = (
    TextColumn("SERIES"),
    TextColumn("FROM"),
    TextColumn("UNTIL"),
    TextColumn("LASTED", right=True),
    TextColumn("WORST", right=True),
)


def rule_of(file: str, name: str) -> AlertRule:
    """The rule of this name in a file: a rule, a list of rules, or one below `rules` or `alerts.rules`.

    It may be written in each way in which the node takes it from its configuration. Raises UsageError.
    """
    rules = _rules(_document(Path(file)))
    found = [rule for rule in rules if isinstance(rule, dict) and rule.get("name") == name]
    if not found:
        raise UsageError(f"{file} has no rule named {name!r}")
    spelled = Spelled(found[0])
    if spelled.problems:
        raise UsageError(f"{file}: the rule {name!r} is wrong: {spelled.problems[0]}")
    given = {key: value for key, value in spelled.values.items() if value is not None}
    try:
        return msgspec.convert(given, AlertRule, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        words = _PLACE.sub(lambda place: f"`{spelled.written.get(place[1], place[1])}", str(error))
        raise UsageError(f"{file}: the rule {name!r} is wrong: {words}") from error


def _document(file: Path) -> Any:
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise UsageError(f"{file} is larger than {LARGEST_FILE:,} bytes")
        return yaml.safe_load(raw)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is no YAML: {' '.join(str(error).split())}") from error


def _rules(document: Any) -> list[Any]:
    if isinstance(document, dict) and "name" in document:
        return [document]
    for key in ("alerts", "rules"):
        if isinstance(document, dict):
            document = document.get(key, document)
    return document if isinstance(document, list) else []


async def backtest(node: NodeClient, asked: Backtest, *, as_json: bool) -> int:
    """Print when the rule would have told; the exit code. Raises NodeError."""
    result = (await node.ask(ALERT_BACKTEST, body=asked)).unwrap()
    if as_json:
        text = msgspec.json.encode(result, enc_hook=encode_custom)
        sys.stdout.write(msgspec.json.format(text, indent=2).decode() + "\n")
    else:
        sys.stdout.write(_page(result).text())
    return 0


def _page(result: BacktestResult) -> TextPage:
    page, now = TextPage.of_stdout(), datetime.now(UTC)
    span = f"from {_moment(result.since, now)} until {_moment(result.until, now)}"
    fineness = {"raw": "15 seconds", "minute": "minute", "hour": "hour"}[result.level]
    page.line(f"{result.rule}: {_counted(result.notices, 'notice')} {span}", "title")
    page.line(f"by {_counted(result.series, 'series', 'series')}, a point each {fineness}", "dim")
    page.table(_COLUMNS, [_row(firing, result.until, now) for firing in result.firings], "it would not have told")
    return page


def _row(firing: BacktestFiring, until: datetime, now: datetime) -> TextRow:
    end = firing.resolved_at or until
    begin = firing.active_at or firing.triggered_at
    return TextRow(
        "warn",
        (
            ", ".join(f"{name}={value}" for name, value in firing.labels.items()) or "(no labels)",
            _moment(begin, now),
            "still" if firing.resolved_at is None else _moment(end, now),
            fmt.duration((end - begin).total_seconds()),
            problems.number("", firing.worst),
        ),
    )


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{fmt.count(number)} {one if number == 1 else many or one + 's'}"


def _moment(moment: datetime, now: datetime) -> str:
    return fmt.stamp(moment, "local", now)

"""alerts: bodies with a rule in another spelling than that of AlertRule, as the files of a node may have it, too."""

from typing import Any

import msgspec

from etlmon.contract.errors import BadRequest
from etlmon.contract.wire import encode_custom
from etlmon.rule_spellings import is_other
from node.rules.errors import RuleError
from node.rules.rule import read_rule


def rule(body: Any) -> Any:
    """The body of a rule as AlertRule has it. Raises BadRequest; `field` in the details is the key as it is written."""
    return _respelled(body, "")


def backtest(body: Any) -> Any:
    """The body of a backtest, its rule as AlertRule has it. Raises BadRequest as rule() does."""
    if isinstance(body, dict) and "rule" in body:
        return {**body, "rule": _respelled(body["rule"], "rule.")}
    return body


def _respelled(raw: Any, before: str) -> Any:
    if not isinstance(raw, dict) or not is_other(raw):
        return raw
    try:
        return msgspec.to_builtins(read_rule(raw), enc_hook=encode_custom)
    except RuleError as error:
        raise BadRequest(f"the rule cannot be used: {error}", field=f"{before}{error.key}") from error

"""The logs of nodes as a table, or as JSON."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from ui.log_lines.sources import KnownNode
from ui.status_tables import LOG_COLUMNS, log_rows
from ui.text_page import TextColumn, TextPage, TextRow

NOTHING = "no log is followed; name some under logs: in node.yaml"


def print_listing(nodes: Sequence[KnownNode], *, as_json: bool) -> None:
    """Print the logs of the nodes that answered, each with how it fares."""
    answering = [node for node in nodes if not node.error]
    if as_json:
        found = [{"node": node.name, **msgspec.to_builtins(log)} for node in answering for log in node.logs]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    page = TextPage.of_stdout()
    now = datetime.now(UTC)
    for node in answering:
        if len(nodes) > 1:
            page.line(node.name, "title")
        files = {log.name: log.path for log in node.logs}
        rows = [TextRow(row.level, (*row.cells, files[row.cells[0]])) for row in log_rows(node.logs, now)]
        page.table((*LOG_COLUMNS, TextColumn("FILE")), rows, NOTHING)
    if answering:
        sys.stdout.write(page.text())

"""All that is to be said of a transfer, a finding, or a line that could not be read."""

from typing import Any

from etlmon.contract.xferlog import XFERLOG, Finding, Transfer, TransferQuery, UnparsedLine
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import xferlog as xferlog_problems
from ui.problems.xferlog import finding_level, finding_words
from ui.state import Question
from ui.views.detail import Detail, Section, facts
from ui.views.rows import Row, level_tone
from ui.views.xferlog_fields import direction_text, status_cell, time_of
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

_NEIGHBOURS = 10
_ON_DISK = {
    "present": "a file of this size lies there",
    "shorter": "a smaller file lies there",
    "missing": "no such file lies there",
    "unknown": "it cannot be told: the name fits several files, or the directory cannot be read",
}


def transfer_questions(transfer: Transfer) -> tuple[Question[list[Transfer]], ...]:
    """What was transferred under the same name, and by the same user."""
    same_user = (_of_user(transfer),) if transfer.username else ()
    return (_of_file(transfer), *same_user)


def transfer_detail(row: Row[Transfer]) -> Detail:
    transfer = row.item
    return Detail(
        title=transfer.filename.rpartition("/")[2] or transfer.filename,
        sections=(
            Section(transfer.filename, _facts(row)),
            Section(
                "The name", _name_lines(row, transfer.filename), "It is the file's own name, character by character."
            ),
            _on_disk(row),
            _others(row, _of_file(transfer), "Transfers of the same file", "There is no other."),
            *(
                [_others(row, _of_user(transfer), f"Transfers of {transfer.username}", "There is no other.")]
                if transfer.username
                else []
            ),
        ),
    )


def _of_file(transfer: Transfer) -> Question[list[Transfer]]:
    return Question(XFERLOG, TransferQuery(filename=transfer.filename, limit=_NEIGHBOURS), pace="slow")


def _of_user(transfer: Transfer) -> Question[list[Transfer]]:
    return Question(XFERLOG, TransferQuery(user=transfer.username, limit=_NEIGHBOURS), pace="slow")


def _facts(row: Row[Transfer]) -> list[Line]:
    transfer = row.item
    ends = [("ended", row.when(transfer.log_time))]
    if transfer.started_at is not None:
        ends.insert(0, ("began", row.when(transfer.started_at)))
    known: list[tuple[str, Cell]] = [
        *ends,
        ("direction", direction_text(transfer.direction)),
        ("outcome", status_cell(row)),
        ("in the log", f"{transfer.status}{_log_words(transfer)}"),
        ("user", f"{transfer.username or NOTHING} ({transfer.access_mode or 'unknown access'}, {transfer.service})"),
        ("from", transfer.remote_host),
        ("bytes", f"{fmt.size(transfer.bytes)} ({fmt.exact_bytes(transfer.bytes)})"),
        ("took", f"{fmt.duration(transfer.transfer_time_sec)}, {fmt.rate(transfer.bytes_per_sec)}"),
        ("type", transfer.transfer_type or NOTHING),
        ("number", str(transfer.id)),
    ]
    return facts(*known)


def _log_words(transfer: Transfer) -> str:
    """What the word in the log proves, and what it does not."""
    if transfer.outcome == "refused":
        return " (an attempt that never moved a byte: no such file, or no permission)"
    if transfer.status == "complete" and transfer.direction == "upload":
        return " (the log calls an upload complete, too, whose client was killed)"
    return ""


def _name_lines(row: Row[Any], filename: str) -> list[Line]:
    """What a name in the log may stand for, when that is not only itself. vsftpd's own format keeps blanks."""
    sources = row.node.answer(xferlog_problems.QUESTION) or ()
    keeps_blanks = any(source.format == "vsftpd" for source in sources)
    lines: list[Line] = []
    if "?" in filename:
        lines.append([("? ", "info"), ("stands for a byte that is not ASCII: a Korean syllable is ???", None)])
    if "_" in filename and not keeps_blanks:
        lines.append([("_ ", "info"), ("may be a blank of the real name", None)])
    return lines


def _on_disk(row: Row[Transfer]) -> Section:
    transfer = row.item
    found = [one for one in row.node.answer(xferlog_problems.FINDINGS) or () if one.transfer_id == transfer.id]
    lines: list[Line] = []
    if transfer.on_disk is not None:
        lines += facts((transfer.on_disk, _ON_DISK[transfer.on_disk]))
    for finding in found:
        lines += finding_facts(row, finding)
    return Section("On the disk", lines, "Not compared: only whole uploads are looked for on the disk.")


def _others(row: Row[Transfer], question: Question[list[Transfer]], title: str, nothing: str) -> Section:
    answer = row.node.answer(question)
    if answer is None:
        return Section(title, (), row.node.refusals.get(question.key, "Not answered yet."))
    others = [transfer for transfer in answer if transfer.id != row.item.id]
    lines = grid(
        [
            (
                (time_of(row, one.log_time), "dim"),
                one.username or NOTHING,
                direction_text(one.direction),
                fmt.size(one.bytes),
                (one.outcome, level_tone(xferlog_problems.transfer_level(one))),
                one.filename,
            )
            for one in others
        ],
        right=(0, 3),
    )
    return Section(title, lines, nothing)


def finding_facts(row: Row[Any], finding: Finding) -> list[Line]:
    return facts(
        ("finding", (finding_words(finding), level_tone(finding_level(finding)))),
        ("logged as", finding.filename if finding.kind != "unlogged" else NOTHING),
        ("compared with", finding.path or NOTHING),
        ("bytes logged", fmt.exact_bytes(finding.logged_bytes)),
        ("bytes on disk", fmt.exact_bytes(finding.disk_bytes)),
        ("uploaded", row.when(finding.log_time)),
        ("found", row.when(finding.found_at)),
    )


def finding_detail(row: Row[Finding]) -> Detail:
    finding = row.item
    return Detail(
        title=finding.filename.rpartition("/")[2] or finding.filename,
        sections=(
            Section(finding.filename, finding_facts(row, finding)),
            Section(
                "The name", _name_lines(row, finding.filename), "It is the file's own name, character by character."
            ),
        ),
    )


def unparsed_detail(row: Row[UnparsedLine]) -> Detail:
    line = row.item
    return Detail(
        title=f"line {line.id}",
        sections=(
            Section("The line", [[(line.line, None)]]),
            Section("Why it could not be read", facts(("reason", (line.reason, "warn")), ("read", row.when(line.at)))),
            Section(
                "What to do",
                (),
                "Is this the transfer log, and of the format that xferlog.format names? Lines of no known kind are "
                "only counted; no transfer is made of them.",
            ),
        ),
    )

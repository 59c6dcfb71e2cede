"""paths: a directory that could not be counted, or not as a whole."""

from collections.abc import Iterator

from etlmon.contract.endpoint import Page
from etlmon.contract.paths import PATHS, PathStats
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(PATHS, Page(limit=1000), pace="slow")


def level(path: PathStats) -> State:
    if path.state in ("missing", "not_mounted", "stuck", "denied") or path.status == "ERROR":
        return "crit"
    if not path.complete or path.state == "incomplete" or path.skipped:
        return "warn"
    return "ok"


def words(path: PathStats) -> str:
    """The state of a path in words: what is wrong, or how it is."""
    if path.error_message:
        return path.error_message
    if path.skipped:
        return f"{fmt.count(path.skipped)} directories could not be read"
    return path.state.replace("_", " ")


def problems(node: NodeState) -> Iterator[Problem]:
    for path in node.answer(QUESTION) or ():
        if (severity := level(path)) != "ok":
            yield Problem(
                level=severity,
                node=node.name,
                text=_said_of(path),
                view="paths",
                key=path.path,
            )


def _said_of(path: PathStats) -> str:
    """What is wrong with which path; what names the path already needs no name before it."""
    text = words(path)
    is_named = path.name not in ("", path.path)
    return text if path.path in text and not is_named else f"{path.name or path.path}: {text}"

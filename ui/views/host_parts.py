"""What the Host view can show: the parts of the host, and the processes that use most of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ui.glyphs import State
from ui.problems import host as host_problems
from ui.state import NodeState, Question
from ui.views.detail import Detail
from ui.views.host_detail import number_detail, number_questions, user_detail
from ui.views.host_fields import NUMBER_FIELDS, USER_FIELDS, JudgedUser, users_of
from ui.views.host_numbers import Number, numbers_of
from ui.views.parts import Part
from ui.views.rows import Row
from ui.views.sampled import Span

HOST_NOW = host_problems.QUESTION.at("fast")


class Numbers(Part[Number]):
    """Processors, load, memory, swap, what is waited for, disks, interfaces, connections, the node itself."""

    title, name, noun = "Host", "the host", "number"
    nothing = "Nothing is known of the host yet."
    columns = NUMBER_FIELDS

    def __init__(self, span: Callable[[], Span]) -> None:
        """`span` tells the time that is shown."""
        self._span = span

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (HOST_NOW,)

    def items(self, node: NodeState, nodes: int) -> Sequence[Number]:
        host = node.answer(HOST_NOW)
        return [] if host is None else numbers_of(host)

    def key_of(self, item: Number) -> str:
        return item.key

    def level_of(self, item: Number) -> State:
        return item.level

    def order(self, item: Number) -> int:
        return item.place

    def detail_questions(self, row: Row[Number]) -> tuple[Question[Any], ...]:
        return number_questions(row, self._span())

    def detail(self, row: Row[Number]) -> Detail:
        return number_detail(row, self._span())

    def record(self, item: Number) -> Mapping[str, Any]:
        return {
            "what": item.key,
            "use_percent": item.percent,
            "bytes_per_sec": item.bytes_per_sec,
            "now": item.now,
            "state": item.level,
        }


class Users(Part[JudgedUser]):
    """The processes that use most processor or memory."""

    title, name, noun = "Top processes", "top processes", "row"
    nothing = "No process is reported: host.top_n in node.yaml is 0, or they were not looked at yet."
    columns = USER_FIELDS

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (HOST_NOW,)

    def items(self, node: NodeState, nodes: int) -> Sequence[JudgedUser]:
        host = node.answer(HOST_NOW)
        return [] if host is None else users_of(host)

    def key_of(self, item: JudgedUser) -> str:
        return str(item.process.pid)

    def level_of(self, item: JudgedUser) -> State:
        return "ok"

    def order(self, item: JudgedUser) -> tuple[float, int]:
        return -(item.process.cpu_percent or 0.0), -item.process.mem_rss_bytes

    def detail(self, row: Row[JudgedUser]) -> Detail:
        return user_detail(row)

    def record(self, item: JudgedUser) -> Mapping[str, Any]:
        return {
            "pid": item.process.pid,
            "name": item.process.name,
            "user": item.process.user,
            "cpu_percent": item.process.cpu_percent,
            "mem_rss_bytes": item.process.mem_rss_bytes,
        }

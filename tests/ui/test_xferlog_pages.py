"""Transfers as they come in pages: none is left out, none stands twice, and there are not too many."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from etlmon.contract.xferlog import Transfer, TransferQuery
from tests.ui.transfers import transfer
from ui.state import NodeState, Question, answered, refused
from ui.views.xferlog_pages import LEAST, MOST, NEWEST, OLDER, Pages

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def transfers(first: int, last: int) -> list[Transfer]:
    """Newest first."""
    return [transfer(number) for number in range(last, first - 1, -1)]


class Node:
    """A node that has transfers, and answers what the pages ask."""

    def __init__(self, pages: Pages, last: int) -> None:
        self.pages = pages
        self.last = last
        self.first = 1
        self.state = NodeState(name="etl", address="http://etl")

    def look(self) -> list[int]:
        """The ids that are shown after the node has answered."""
        for question in self.pages.questions:
            self.state = answered(self.state, question, self.answer(question), now=NOW, node_id="id-1")
        return [one.id for one in self.pages.take(self.state)]

    def answer(self, question: Question[list[Transfer]]) -> list[Transfer]:
        query = question.query
        assert isinstance(query, TransferQuery)
        end = self.last if query.before is None else query.before - 1
        return transfers(max(self.first, end - query.limit + 1), end)


def down_to(last: int, first: int) -> list[int]:
    return list(range(last, first - 1, -1))


def test_a_few_transfers_are_all_there_are() -> None:
    node = Node(Pages(TransferQuery()), last=7)
    assert node.look() == down_to(7, 1)
    assert node.pages.whole
    assert not node.pages.ask_older()


def test_older_ones_come_when_they_are_asked_for_and_newer_ones_join_them() -> None:
    node = Node(Pages(TransferQuery()), last=1000)
    assert node.look() == down_to(1000, 801)
    assert node.pages.ask_older()
    assert not node.pages.ask_older(), "it is asked for already"
    assert node.look() == down_to(1000, 301)
    node.last = 1150
    assert node.look() == down_to(1150, 301)
    assert node.pages.ask_older()
    assert node.look() == down_to(1150, 1)
    assert node.pages.whole
    assert len(node.pages.questions) == 1


def test_what_was_never_seen_leaves_no_hole() -> None:
    node = Node(Pages(TransferQuery()), last=1000)
    node.look()
    node.pages.ask_older()
    node.look()
    node.last = 1000 + NEWEST + 1
    assert node.look() == down_to(node.last, node.last - NEWEST + 1)
    assert not node.pages.whole


def test_a_store_that_begins_anew_is_shown_as_it_is() -> None:
    node = Node(Pages(TransferQuery()), last=1000)
    node.look()
    node.last = 300
    assert node.look() == down_to(300, 101)
    node.last = 3
    assert node.look() == down_to(3, 1)


def test_deleted_transfers_go_when_all_that_is_left_fits_in_an_answer() -> None:
    node = Node(Pages(TransferQuery()), last=30)
    node.look()
    node.first = 11
    assert node.look() == down_to(30, 11)


def test_no_more_than_so_many_are_held() -> None:
    node = Node(Pages(TransferQuery()), last=MOST * 3)
    node.look()
    while node.pages.ask_older():
        node.look()
    assert node.pages.full
    assert len(node.look()) <= MOST + OLDER
    node.last += 10
    shown = node.look()
    assert shown == down_to(node.last, node.last - MOST + 1)


@pytest.mark.parametrize(("nodes", "limit"), [(1, NEWEST), (2, NEWEST // 2), (50, LEAST)])
def test_nodes_that_share_the_screen_send_their_share(nodes: int, limit: int) -> None:
    (question,) = Pages(TransferQuery(user="etl"), nodes).questions
    assert question.query == TransferQuery(user="etl", limit=limit)


def test_a_refusal_can_be_asked_again() -> None:
    node = Node(Pages(TransferQuery()), last=1000)
    node.look()
    node.pages.ask_older()
    older: Sequence[Question[list[Transfer]]] = node.pages.questions[1:]
    node.pages.take(refused(node.state, older[0], "not now", now=NOW))
    assert len(node.pages.questions) == 1
    assert node.pages.ask_older()


def test_another_node_at_the_address_brings_its_own() -> None:
    node = Node(Pages(TransferQuery()), last=1000)
    node.look()
    other = NodeState(name="etl", address="http://etl")
    other = answered(other, node.pages.newest, transfers(1, 5), now=NOW, node_id="id-2")
    assert [one.id for one in node.pages.take(other)] == down_to(5, 1)
    assert node.pages.take(NodeState(name="etl", address="http://etl")) == []

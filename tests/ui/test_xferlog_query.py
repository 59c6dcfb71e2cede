"""What is to be found among transfers, as it is typed."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.contract.xferlog import TransferQuery
from ui.views.queried import QueryError
from ui.views.xferlog_query import is_filtering, parse_query, query_text

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def parsed(text: str) -> TransferQuery:
    return parse_query(text, NOW, UTC)


def test_every_word_is_a_condition() -> None:
    text = "user:etl host:10.0.0.7 file:*.csv dir:upload is:refused since:2h until:05:30"
    assert parsed(text) == TransferQuery(
        user="etl",
        host="10.0.0.7",
        filename="*.csv",
        direction="upload",
        outcome="refused",
        since=datetime(2026, 11, 21, 4, 0, tzinfo=UTC),
        until=datetime(2026, 11, 21, 5, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", TransferQuery()),
        ("sales", TransferQuery(filename="*sales*")),
        ("file:/in/sales.csv", TransferQuery(filename="*/in/sales.csv*")),
        ("2026-11*.csv", TransferQuery(filename="*2026-11*.csv")),
        ("file:/in/*.csv", TransferQuery(filename="/in/*.csv")),
        ("10:20:data", TransferQuery(filename="*10:20:data*")),
        ('user:"a b"', TransferQuery(user="a b")),
        ("user:", TransferQuery(user="")),
        ("host:::1", TransferQuery(host="::1")),
        ("dir:down", TransferQuery(direction="download")),
        ("서울-지점", TransferQuery(filename="*서울-지점*")),
    ],
)
def test_words_are_taken_as_they_are_meant(text: str, query: TransferQuery) -> None:
    assert parsed(text) == query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour:red", "colour: is not known; there are user: host: file: dir: is: since: until:"),
        ("dir:sideways", "dir:sideways is not known; there are upload, download, delete"),
        ("is:lost", "is:lost is not known; there are complete, interrupted, refused"),
        ("since:soon", "since: 'soon' is no time; write for example 2h"),
        ("host:", "host: says nothing; write for example host:10.0.0.7"),
        ("user:a user:b", "user: stands twice"),
        ("sales orders", "file: stands twice"),
        ('file:"x', "a quote is not closed"),
        ("since:1h until:2h", "since: is not before until:"),
    ],
)
def test_what_cannot_be_understood_is_told_in_words(text: str, words: str) -> None:
    with pytest.raises(QueryError) as raised:
        parsed(text)
    assert words in str(raised.value)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with suppress(QueryError):
        query = parsed(text)
        assert is_filtering(query) == (query != TransferQuery())


def test_a_query_reads_back_as_it_was() -> None:
    query = TransferQuery(user="a b", host="::1", filename="*x*", direction="delete", since=NOW, until=None)
    text = query_text(query, lambda moment: moment.isoformat())
    assert text == "user:'a b' host:::1 file:*x* dir:delete since:2026-11-21T06:00:00+00:00"
    assert parsed(text) == query

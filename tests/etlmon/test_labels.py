import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.labels import read_labels, write_labels

LABELS = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), st.text(max_size=20), max_size=4)


@given(labels=LABELS)
def test_what_was_written_reads_the_same(labels: dict[str, str]) -> None:
    assert read_labels(write_labels(labels)) == labels


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, ""),
        ({"mode": "user", "device": "sda"}, "device=sda,mode=user"),
        ({"path": "/data/in=new files"}, "path=/data/in=new files"),
        ({"path": "/a,b"}, 'path="/a,b"'),
        ({"path": 'say "a"\\n'}, r'path="say \"a\"\\n"'),
        ({"path": ""}, 'path=""'),
    ],
)
def test_only_what_would_not_read_as_it_stands_is_quoted(labels: dict[str, str], text: str) -> None:
    assert write_labels(labels) == text


@pytest.mark.parametrize(
    "text",
    [
        "device=sda,mode=user",
        '{device="sda",mode="user"}',
        ' device = "sda" , mode=user ',
        "device=sda, mode=user,",
    ],
)
def test_labels_read_as_people_and_metrics_write_them(text: str) -> None:
    assert read_labels(text) == {"device": "sda", "mode": "user"}


@pytest.mark.parametrize("text", ["sda", "=sda", "1a=b,c", 'a="b', 'a="b"c', 'a=b"c"', "a=b,,c=d"])
def test_what_does_not_read_as_labels_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write name=value, with commas between them"):
        read_labels(text)


def test_a_label_that_is_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("the label a is given twice")):
        read_labels("a=b,a=b")

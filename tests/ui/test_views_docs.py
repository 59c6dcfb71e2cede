"""docs/views.md describes what is on the screen."""

from pathlib import Path

import pytest

from ui.views import VIEWS
from ui.views.base import View
from ui.views.overview import PROBLEM_COLUMNS
from ui.views.table import TableView

DOCS = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return DOCS.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.view)
def test_every_column_of_a_view_is_described(view: type[View]) -> None:
    assert issubclass(view, TableView)
    labels = [field.label for field in view.fields]
    if view.view == "overview":
        labels += [column.label for column in PROBLEM_COLUMNS]
    assert [label for label in labels if f"`{label}`" not in section(view.title)] == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.view)
def test_a_view_says_what_its_tab_its_number_and_its_emptiness_are(view: type[View]) -> None:
    assert issubclass(view, TableView)
    assert view.nothing.endswith((".", "?", "}"))
    assert len(view.tab_short) <= 5
    assert view.number.isdecimal()


def test_no_two_views_share_a_name_or_a_number() -> None:
    assert len({view.view for view in VIEWS}) == len({view.number for view in VIEWS}) == len(VIEWS)

"""The keys: none means two things in one place, each is in the help and in the docs, and each can be remapped."""

import asyncio
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input

from tests.fakes.nodes import FakeNode
from tests.ui.hosts import says
from tests.ui.looking import Looking, looking
from tests.ui.textsnap import screen_text
from ui.app import EtlmonApp, check
from ui.bindings import EVERYWHERE, scopes
from ui.dialogs.help import help_lines
from ui.keys import JAMO, KeysError, collisions, key, keymap, shown, with_jamo
from ui.look import THEMES
from ui.settings import Ui, UiSettings
from ui.views import VIEWS

DOCS = Path(__file__).parents[2] / "docs" / "keys.md"
EVERY_ID = sorted({binding.id for bindings in scopes().values() for binding in bindings if binding.id})
PLACES = [(view.number, way) for view in VIEWS for way in ("", "enter")]


def live(eye: Looking) -> list[tuple[Widget | object, str, Binding]]:
    """Every binding that is live now: where, by which key, which. Textual's own are left out."""
    return [
        (node, name, binding)
        for node, bindings in eye.app.screen._modal_binding_chain
        for name, binding in bindings
        if binding.id and eye.app._check_action_state(binding.action, node) is not False
    ]


def look(number: str, way: str, ui: Ui | None = None) -> list[tuple[str, str, str]]:
    """The live bindings (key, id, description) of a view, or of its detail."""

    async def main() -> list[tuple[str, str, str]]:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)], ui=ui) as eye:
                await eye.press(number)
                await eye.until(lambda: bool(eye.app.view.query("RowsTable").first().keys), "rows")  # type: ignore[attr-defined]
                if way:
                    await eye.press(way)
                return [(name, binding.id or "", binding.description) for _, name, binding in live(eye)]

    return asyncio.run(main())


@pytest.mark.parametrize(("number", "way"), PLACES)
def test_no_key_means_two_things_at_a_time_and_each_is_in_the_help(number: str, way: str) -> None:
    found = look(number, way)
    assert len(found) > 20
    meanings: dict[str, set[str]] = {}
    for name, identity, _ in found:
        meanings.setdefault(name, set()).add(identity)
    assert {name: ids for name, ids in meanings.items() if len(ids) > 1} == {}


def test_the_help_lists_every_live_key_of_where_it_was_asked_for() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)], size=(120, 80)) as eye:
                for number, way in PLACES:
                    await eye.press("escape", number)
                    await eye.until(lambda: bool(eye.app.view.query("RowsTable").first().keys), "rows")  # type: ignore[attr-defined]
                    if way:
                        await eye.press(way)
                    wanted = {(binding.id or "", binding.description) for _, _, binding in live(eye)}
                    await eye.press("question_mark")
                    listed = screen_text(eye.app)
                    assert [name for name, what in wanted if name not in listed or what not in listed] == []
                    await eye.press("escape")

    asyncio.run(main())


def test_every_static_scope_is_free_of_collisions() -> None:
    assert [(name, found) for name, bindings in scopes().items() for found in collisions(bindings, {})] == []


def test_every_binding_has_an_id_and_a_description() -> None:
    for bindings in scopes().values():
        assert [binding for binding in bindings if not binding.id or not binding.description] == []


@pytest.mark.parametrize("identity", EVERY_ID)
def test_every_key_is_in_the_docs(identity: str) -> None:
    every = [one for bindings in scopes().values() for one in bindings]
    keys = {name for one in every if one.id == identity for name in one.key.split(",")}
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if f"`{identity}`" in line]
    assert rows, f"docs/keys.md does not name {identity}"
    for name in shown(sorted(keys)).split(", "):
        assert any(f"`{name}`" in row for row in rows), f"docs/keys.md does not give {name} for {identity}"


def test_the_docs_name_no_action_that_is_not_there() -> None:
    named = {
        line.split("|")[3].strip().strip("`")
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    }
    assert named <= set(EVERY_ID)


def test_every_letter_brings_its_jamo_along() -> None:
    for bindings in scopes().values():
        for binding in bindings:
            keys = binding.key.split(",")
            assert [name for name in keys if name in JAMO and JAMO[name] not in keys] == []


def test_jamo_are_added_beside_their_letters() -> None:
    assert with_jamo("q,ctrl+c") == "q,ㅂ,ctrl+c"
    assert with_jamo("R") == "R,ㄲ"
    assert with_jamo("f5,G") == "f5,G"


def test_jamo_do_what_their_letters_do() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)]) as eye:
                await eye.press("2")
                await eye.until_shown("/home")
                table = eye.app.view.query("RowsTable").first()
                await eye.press("ㅓ")
                assert table.cursor_key == "web1\n/home"  # type: ignore[attr-defined]
                await eye.press("ㅏ")
                assert table.cursor_key == "web1\n/"  # type: ignore[attr-defined]
                await eye.press("ㅂ")
                assert eye.app._exit

    asyncio.run(main())


def test_keys_typed_into_the_filter_only_type() -> None:
    async def main() -> None:
        async with FakeNode() as fake:
            says(fake, "web1")
            async with looking([("web1", fake.url)]) as eye:
                await eye.press("2", "slash")
                typed = eye.app.view.query_one(Input)
                letters = {name for bindings in scopes().values() for one in bindings for name in one.key.split(",")}
                letters = {name for name in letters if len(name) == 1}
                assert len(letters) > 20
                for letter in sorted(letters):
                    await eye.press(letter)
                assert typed.value == "".join(sorted(letters))
                assert eye.app.view.view == "fs"
                assert eye.app.is_running

    asyncio.run(main())


def test_a_remapped_action_has_its_new_key_and_no_longer_the_old_one() -> None:
    found = look("2", "", Ui(keys={"refresh": "f5", "sort": "x"}))
    assert {name for name, identity, _ in found if identity == "refresh"} == {"f5"}
    assert {name for name, identity, _ in found if identity == "sort"} == {"x", "ㅌ"}


def test_two_actions_can_change_places() -> None:
    assert keymap({"refresh": "p", "pause": "r"}, scopes())["refresh"] == "p,ㅔ"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"refrsh": "x"}, "ui.keys.refrsh: there is no such action; there are acknowledge, all_nodes, ask_again"),
        ({"refresh": "banana"}, "ui.keys.refresh: 'banana' is no key"),
        ({"refresh": "q"}, "the key q would mean both"),
        ({"refresh": "j"}, "the key j would mean both"),
        ({"sort": "1"}, "the key 1 would mean both"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_the_reason(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(KeysError) as raised:
        EtlmonApp(UiSettings(ui=Ui(keys=keys)))
    assert problem in str(raised.value)


def test_all_problems_of_a_mapping_are_told_at_once() -> None:
    with pytest.raises(KeysError) as raised:
        keymap({"nope": "x", "refresh": "banana"}, {"all": EVERYWHERE})
    assert len(raised.value.problems) == 2


def test_two_actions_that_would_share_a_key_in_many_places_are_told_of_once() -> None:
    with pytest.raises(KeysError) as raised:
        keymap({"quit": "r"}, scopes())
    assert raised.value.problems == [
        ("ui.keys.quit", "in Overview, table the key r would mean both refresh and quit"),
    ]
    with pytest.raises(KeysError, match="the key ㄱ would mean both refresh and quit"):
        keymap({"quit": "ㄱ"}, scopes())


def test_all_that_the_screen_cannot_use_is_told_at_once() -> None:
    settings = UiSettings(ui=Ui(keys={"nope": "x"}, theme="pink", default_node="nobody"))
    problems = dict(check(settings))
    assert list(problems) == ["ui.default_node", "ui.theme", "ui.keys.nope"]
    assert problems["ui.theme"].startswith('"pink" is no theme; there are ansi-dark')


def test_every_theme_that_may_be_asked_for_is_there() -> None:
    assert set(EtlmonApp(UiSettings()).available_themes) == THEMES


def test_help_gives_one_line_an_action_and_no_jamo() -> None:
    from textual.binding import ActiveBinding

    binding = key("q,ctrl+c", "quit", "Quit", id="quit")
    app = object()
    lines = help_lines(
        {name: ActiveBinding(app, binding, True, "") for name in binding.key.split(",")}  # type: ignore[arg-type]
    )
    texts = ["".join(text for text, _ in line) for line in lines]
    assert len(texts) == 2
    assert texts[1].split() == ["q,", "ctrl+c", "Quit", "quit"]

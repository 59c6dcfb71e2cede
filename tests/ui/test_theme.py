import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from ui.theme import ETLMON, contrast, roles

THEMES = [ETLMON, *BUILTIN_THEMES.values()]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_theme_has_every_role_as_a_solid_colour(theme: Theme) -> None:
    colors = roles(theme) | {name: value for name, value in theme.variables.items() if name in roles(ETLMON)}
    assert set(colors) == set(roles(ETLMON))
    for name, value in colors.items():
        assert Color.parse(value).a == 1, name


@pytest.mark.parametrize("theme", [theme for theme in THEMES if not theme.ansi], ids=lambda theme: theme.name)
def test_what_must_be_read_stands_out_from_its_surface(theme: Theme) -> None:
    surface = Color.parse(theme.to_color_system().generate()["surface"])
    colors = roles(theme) | theme.variables
    for name in (
        "tone-ok",
        "tone-warn",
        "tone-crit",
        "tone-down",
        "tone-dim",
        "tone-accent",
        "tone-info",
        "tone-title",
    ):
        assert contrast(Color.parse(colors[name]), surface) >= 3, name
    assert contrast(Color.parse(colors["cursor"]), surface) >= 1.1


def test_contrast_is_that_of_wcag() -> None:
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), white) == pytest.approx(4.48, abs=0.01)

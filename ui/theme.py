"""The colours: the theme "etlmon", and the same roles worked out for every other theme.

Widgets that draw their own lines take solid colours only: a colour with alpha would be drawn as if it had none.
So each role is one opaque colour, a CSS variable of the same name (`$tone-warn`, `$cursor`).
"""

from typing import Final

from textual.color import Color
from textual.theme import Theme

ETLMON: Final = Theme(
    name="etlmon",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#7aa2f7",
    foreground="#c8d0e8",
    background="#0f1118",
    surface="#131620",
    panel="#1b2030",
    success="#73daca",
    warning="#e0af68",
    error="#f7768e",
    dark=True,
    variables={
        "tone-ok": "#73daca",
        "tone-warn": "#e0af68",
        "tone-crit": "#f7768e",
        "tone-down": "#f7768e",
        "tone-dim": "#66708f",
        "tone-faint": "#454d6b",
        "tone-accent": "#7aa2f7",
        "tone-info": "#7dcfff",
        "tone-title": "#c8d0e8",
        "cursor": "#2b3a67",
        "cursor-blur": "#1d2438",
        "scrollbar": "#1b2030",
        "scrollbar-hover": "#454d6b",
        "scrollbar-active": "#7aa2f7",
        "scrollbar-background": "#131620",
        "scrollbar-background-hover": "#131620",
        "scrollbar-background-active": "#131620",
        "scrollbar-corner-color": "#131620",
        "border": "#7aa2f7",
        "border-blurred": "#454d6b",
    },
)

_ANSI_ROLES: Final = {
    "tone-ok": "ansi_green",
    "tone-warn": "ansi_yellow",
    "tone-crit": "ansi_red",
    "tone-down": "ansi_red",
    "tone-dim": "ansi_bright_black",
    "tone-faint": "ansi_bright_black",
    "tone-accent": "ansi_blue",
    "tone-info": "ansi_cyan",
    "tone-title": "ansi_default",
    "cursor": "ansi_blue",
    "cursor-blur": "ansi_bright_black",
}

_READABLE = 3.0
"""The contrast that WCAG 2 asks of large text and of symbols (success criterion 1.4.11)."""


def roles(theme: Theme) -> dict[str, str]:
    """The roles for a theme that does not name them itself, made from the colours it has.

    An app returns this from `get_theme_variable_defaults()`, so that every theme may be chosen.
    """
    if theme.ansi:
        return dict(_ANSI_ROLES)
    generated = theme.to_color_system().generate()
    foreground = Color.parse(generated["foreground"])
    surface = Color.parse(generated["surface"])
    primary = Color.parse(generated["primary"])
    colors = {
        "tone-ok": Color.parse(generated["success"]),
        "tone-warn": Color.parse(generated["warning"]),
        "tone-crit": Color.parse(generated["error"]),
        "tone-down": Color.parse(generated["error"]),
        "tone-dim": surface.blend(foreground, 0.6),
        "tone-accent": primary,
        "tone-info": Color.parse(generated["secondary"]),
        "tone-title": foreground,
    }
    readable = {name: _readable(color, surface, foreground).hex6 for name, color in colors.items()}
    return readable | {
        "tone-faint": surface.blend(foreground, 0.35).hex6,
        "cursor": surface.blend(primary, 0.3).hex6,
        "cursor-blur": surface.blend(primary, 0.12).hex6,
    }


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _readable(color: Color, surface: Color, foreground: Color) -> Color:
    """The colour itself, or as little of the foreground mixed in as makes it stand out from the surface."""
    for tenths in range(10):
        mixed = color.blend(foreground, tenths / 10)
        if contrast(mixed, surface) >= _READABLE:
            return mixed
    return foreground

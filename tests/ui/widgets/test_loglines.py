"""The lines of a log on the screen: what is drawn, where the cursor is, when it follows."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from textual import events
from textual.pilot import Pilot

from etlmon.contract.logs import LogGap, LogLine
from tests.ui.textsnap import screen_lines, screen_styles, screen_text
from tests.ui.widgets.stage import HOSTILE, Stage, play
from ui.glyphs import ASCII
from ui.widgets.cells import width_of
from ui.widgets.loglines import LogLines
from ui.widgets.loglook import LogLook
from ui.widgets.logrow import Key, LogRow
from ui.widgets.logscreen import LogScreen
from ui.widgets.logtext import Highlight

AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
LOOK = LogLook(seq_width=4)


def line(seq: int, text: str, **more: object) -> LogRow:
    values: dict[str, object] = {"id": seq, "seq": seq, "line": text, "created_at": AT + timedelta(seconds=seq)}
    return LogRow(key=Key(seq), line=LogLine(**{**values, **more}))  # type: ignore[arg-type]


class Held:
    """A document whose lines are `here` or not yet; its rows can be added to and dropped."""

    def __init__(self, rows: list[LogRow]) -> None:
        self.rows = rows
        self.here = True
        self.asked: set[int] = set()
        self.arrived = len(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def key_at(self, place: int) -> Key:
        assert place >= 0
        return self.rows[place].key

    def place_of(self, key: Key) -> int:
        places = [place for place, row in enumerate(self.rows) if row.key <= key]
        return max([*places, 0])

    def row(self, place: int) -> LogRow | None:
        self.asked.add(place)
        return self.rows[place] if self.here else None

    def add(self, *texts: str) -> None:
        for text in texts:
            self.rows.append(line(self.rows[-1].key.seq + 1 if self.rows else 1, text))
            self.arrived += 1


def many(count: int) -> Held:
    return Held([line(seq, f"line {seq}") for seq in range(1, count + 1)])


Scene = Callable[[LogLines, Held, Pilot[None], Stage], Awaitable[None]]


def look_at(document: Held, scene: Scene, *, size: tuple[int, int] = (40, 10), ascii_only: bool = False) -> Stage:
    lines = LogLines()

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        lines.focus()
        lines.show(document, LOOK, "Nothing is there.")
        await pilot.pause()
        await scene(lines, document, pilot, stage)

    return play(lines, act=act, size=size, **({"glyphs": ASCII} if ascii_only else {}))


def shown(stage: Stage) -> list[str]:
    """The lines of the screen without the scroll bar, which is its last column."""
    bar = stage.query_one(LogLines).show_vertical_scrollbar
    return [(text[:-1] if bar else text).rstrip() for text in screen_lines(stage)]


def numbers(stage: Stage) -> list[int]:
    """The numbers of the lines on the screen."""
    return [int(text.split()[0]) for text in shown(stage) if text.strip()]


def test_it_opens_at_the_end_and_follows_what_comes() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        assert numbers(stage) == list(range(91, 101))
        assert lines.following
        document.add("new one", "new two")
        lines.show(document, LOOK)
        await pilot.pause()
        assert shown(stage)[-2:] == ["   101 new one", "   102 new two"]
        assert lines.current is document.rows[-1]

    look_at(many(100), scene)


def test_going_up_ends_following_and_what_comes_is_counted_until_f() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("k")
        before = shown(stage)
        assert not lines.following
        document.add("a", "b", "c")
        lines.show(document, LOOK)
        await pilot.pause()
        assert shown(stage) == before
        assert lines.unseen == 3
        for key in ("f", "F", "G", "end"):
            await pilot.press("k")
            assert not lines.following
            await pilot.press(key)
            assert lines.following
        assert lines.unseen == 0
        assert numbers(stage)[-1] == 103

    look_at(many(100), scene)


@pytest.mark.parametrize("way", ["k", "pageup", "ctrl+u", "g", "wheel"])
def test_every_way_up_ends_following(way: str) -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        if way == "wheel":
            await pilot._post_mouse_events([events.MouseScrollUp], widget=lines, offset=(2, 2))
        else:
            await pilot.press(way)
        await pilot.pause()
        assert not lines.following
        assert lines.places[0] <= lines.cursor <= lines.places[1]

    look_at(many(100), scene)


def test_the_rows_on_the_screen_stay_when_the_oldest_go() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("pageup", "pageup", "k")
        before, cursor = shown(stage), lines.current
        del document.rows[:40]
        lines.show(document, LOOK)
        await pilot.pause()
        assert shown(stage) == before
        assert lines.current == cursor
        del document.rows[: document.place_of(Key(90))]
        lines.show(document, LOOK)
        await pilot.pause()
        assert numbers(stage)[0] == 90
        assert lines.places[0] <= lines.cursor <= lines.places[1]

    look_at(many(100), scene)


def test_keys_are_about_the_rows_on_the_screen_also_when_others_have_gone_since() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("pageup", "k")
        wanted = lines.cursor
        del document.rows[:40]
        lines.refresh()
        await pilot.pause()
        await pilot.press("k")
        assert lines.current_key == Key(wanted)
        del document.rows[5:]
        lines.refresh()
        await pilot.pause()
        await pilot.press("j", "m", "pagedown", "enter")
        assert lines.current_key == Key(45)

    look_at(many(100), scene)


def test_rows_that_are_filtered_away_and_come_back_are_found_again() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("g", *"jjjjjjjjjjjjjj")
        cursor = lines.current_key
        few = Held([row for row in document.rows if row.key.seq % 10 == 0])
        lines.show(few, LOOK)
        await pilot.pause()
        assert lines.current_key == Key(10)
        lines.show(document, LOOK)
        await pilot.pause()
        assert lines.current_key == cursor == Key(15)

    look_at(many(100), scene)


def test_the_cursor_moves_by_lines_half_pages_and_pages_and_stops_at_the_ends() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        places: list[int] = []
        for key in ("g", "k", "j", "ctrl+d", "ctrl+u", "space", "pagedown", "pageup", "home", "end", "j"):
            await pilot.press(key)
            places.append(lines.cursor)
        assert places == [0, 0, 1, 5, 1, 10, 19, 10, 0, 99, 99]

    look_at(many(100), scene)


def test_only_what_is_on_the_screen_is_ever_looked_at() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("g", "G", "pageup")
        assert len(document.asked) < 100

    look_at(many(1_000_000), scene)


def test_a_line_that_is_not_here_yet_has_its_place_and_is_told_of() -> None:
    document = many(50)
    document.here = False

    async def scene(lines: LogLines, _document: Held, pilot: Pilot[None], stage: Stage) -> None:
        assert shown(stage)[-1] == "    50 ···"
        assert lines.current is None
        assert lines.places == (40, 49)
        assert any(isinstance(message, LogScreen.Moved) and message.scrolled for message in stage.told)
        document.here = True
        lines.show(document, LOOK)
        await pilot.pause()
        assert shown(stage)[-1] == "    50 line 50"

    look_at(document, scene)


@pytest.mark.parametrize("wrap", [False, True])
def test_what_is_drawn_is_what_the_lines_say_at_every_position(wrap: bool) -> None:
    dice = random.Random(7)
    texts = ["".join(dice.choices("ab 한🔥\t", k=dice.randrange(90))) for _ in range(60)]
    document = Held([line(seq, text) for seq, text in enumerate(texts, start=1)])

    async def scene(lines: LogLines, _document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press(*(["w"] if wrap else []), "g")
        for _ in range(40):
            first = shown_first(lines)
            for y, (place, part) in enumerate(lines._mapping()):
                parts = LOOK.parts(document.rows[place], 32) if wrap else [LOOK.body(document.rows[place], 0, 32)]
                want = "".join(text for text, _ in parts[part]).rstrip()
                assert shown(stage)[y][7:] == want, (first, y)
            assert {width_of(text) for text in screen_lines(stage)} == {40}
            await pilot.press(dice.choice(["j", "j", "pagedown", "k", "ctrl+d", "pageup", "G", "g"]))

    look_at(document, scene)


def shown_first(lines: LogLines) -> tuple[int, int]:
    return lines._mapping()[0]


def test_wrapped_a_line_higher_than_the_screen_is_read_line_by_line() -> None:
    document = many(5)
    document.rows.insert(2, LogRow(key=Key(2, 1), gap=LogGap(at=AT, path="x", reason="truncated", message="m")))
    long = " ".join(f"word{number}" for number in range(200))
    document.rows[3] = line(3, long)

    async def scene(lines: LogLines, _document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("w", "g")
        seen: list[str] = []
        for _ in range(100):
            for text in shown(stage):
                if text[7:].strip() not in seen:
                    seen.append(text[7:].strip())
            await pilot.press("j")
            if lines.current_key == Key(5):
                break
        assert lines.current_key == Key(5)
        everything = "".join(seen).replace(" ", "")
        assert long.replace(" ", "") in everything
        await pilot.press("G")
        assert "line 5" in shown(stage)[-1]
        for _ in range(100):
            await pilot.press("k")
        assert lines.current_key == Key(1)
        assert "line 1" in shown(stage)[0]

    look_at(document, scene)


def test_sideways_scrolling_shows_the_rest_of_a_line_and_stops_where_nothing_is() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("l")
        assert shown(stage)[0] == "     1 " + document.rows[0].text[16:49]
        for _ in range(20):
            await pilot.press("l")
        assert "end" in shown(stage)[0]
        for _ in range(20):
            await pilot.press("h")
        assert shown(stage)[0] == "     1 " + document.rows[0].text[:33]

    look_at(Held([line(1, "x" * 70 + "end"), line(2, "short")]), scene)


def test_marks_stand_before_their_lines_and_are_gone_round() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("g", "j", "m", "j", "j", "m", "apostrophe")
        assert [text[0] for text in shown(stage)[:5]] == [" ", "✓", " ", "✓", " "]
        assert lines.cursor == 1
        await pilot.press("apostrophe")
        assert lines.cursor == 3
        assert lines.marked_text == "line 2\nline 4"
        await pilot.press("m")
        assert list(lines.marks) == [Key(2)]
        await pilot.press("apostrophe", "m", "apostrophe")
        assert [str(notice.message) for notice in stage._notifications] == ["No line is marked here: m marks one."]

    look_at(many(100), scene)


def test_levels_and_hits_have_a_symbol_or_a_colour_of_their_own() -> None:
    rows = [
        line(1, "broken", severity="error"),
        line(2, "odd", severity="warning"),
        line(3, "05:00 ERROR job=7 failed"),
        line(4, "05:00 DEBUG job=7", truncated=True),
        LogRow(key=Key(5), line=line(5, "after", partial=True).line, rotated=True),
        LogRow(key=Key(5, 1), gap=LogGap(at=AT, path="x", reason="truncated", message="cut", lost_bytes=5)),
        line(6, "last"),
    ]

    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        lines.show(document, LogLook(seq_width=4, highlight=Highlight("job=7")))
        await pilot.pause()
        assert [text[1] for text in shown(stage)[:7]] == ["◆", "▲", " ", " ", "↻", " ", " "]
        assert shown(stage)[3] == "     4 05:00 DEBUG job=7 [cut at 64 KiB]"
        assert shown(stage)[4] == " ↻   5 after [no line feed]"
        assert shown(stage)[5].startswith("       ── gap: cut; 5 B lost at least ─")
        colours = {text.strip(): color for text, color, _, _ in (*screen_styles(stage, 2), *screen_styles(stage, 3))}
        assert colours["05:00 ERROR"] == "#f7768e"
        assert colours["job=7"] == "#e0af68"
        assert colours["05:00 DEBUG"] == "#66708f"

    look_at(Held(rows), scene, size=(60, 10))


def test_in_ascii_nothing_else_is_drawn() -> None:
    rows = [line(1, "broken", severity="error"), LogRow(key=Key(2), line=line(2, "a\nb").line, rotated=True)]
    rows.append(LogRow(key=Key(2, 1), gap=LogGap(at=AT, path="x", reason="truncated", message="cut")))

    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("m")
        assert screen_text(stage).isascii()
        assert shown(stage)[:2] == [" #   1 broken", " @   2 a$b"]

    look_at(Held(rows), scene, ascii_only=True)


def test_hostile_lines_are_harmless_and_keep_every_column_in_its_place() -> None:
    document = Held([line(seq, text) for seq, text in enumerate(HOSTILE, start=1)])

    async def scene(lines: LogLines, _document: Held, pilot: Pilot[None], stage: Stage) -> None:
        for key in ("w", "g", "pagedown", "pagedown", "w", "l", "l"):
            await pilot.press(key)
            assert {width_of(text) for text in screen_lines(stage)} == {40}
            assert not any(ord(one) < 32 or 127 <= ord(one) < 160 for text in screen_lines(stage) for one in text)

    look_at(document, scene, size=(40, 24))


def test_without_rows_it_says_why() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        assert "Nothing is there." in screen_text(stage)
        await pilot.press("j", "k", "g", "G", "pagedown", "pageup", "m", "w", "l", "apostrophe", "enter", "f")
        assert lines.current is None
        assert lines.places == (0, -1)

    look_at(Held([]), scene)


def test_enter_and_a_double_click_open_the_line() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("k", "enter")
        await pilot.click(lines, offset=(10, 2))
        assert lines.current is document.rows[92]
        await pilot.click(lines, offset=(10, 2), times=2)
        opened = [message.row for message in stage.told if isinstance(message, LogLines.Opened)]
        assert opened == [document.rows[98], document.rows[92]]

    look_at(many(100), scene)


def test_a_smaller_screen_keeps_the_cursor_in_sight() -> None:
    async def scene(lines: LogLines, document: Held, pilot: Pilot[None], stage: Stage) -> None:
        await pilot.press("k")
        await pilot.resize_terminal(30, 5)
        await pilot.pause()
        assert lines.places[0] <= lines.cursor <= lines.places[1]
        assert not lines.following
        await pilot.press("f")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert numbers(stage) == list(range(81, 101))

    look_at(many(100), scene)

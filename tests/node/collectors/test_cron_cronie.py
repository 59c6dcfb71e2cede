"""Crontabs as cronie reads them: line by line, stricter than Debian's cron, with more to say."""

import pytest

from node.collectors.cron_grammar import parse_schedule, parse_table
from node.collectors.cron_types import CronSyntaxError, Line, Table


def table(text: str, *, system: bool = False, root: bool = False) -> Table:
    return parse_table(
        text.encode(), system=system, flavour="cronie", known_user=("root", "etl").__contains__, root=root
    )


def line(text: str, *, system: bool = False, root: bool = False) -> Line:
    return table(f"{text}\n", system=system, root=root).lines[-1]


def test_a_wrong_line_is_passed_over_and_the_others_are_taken() -> None:
    found = table("1 * * * * a\n61 * * * * b\n2 * * * * c\n3 * * * * d")
    assert found.error is None
    assert [one.schedule is not None for one in found.lines] == [True, False, True, False]
    assert found.lines[1].error == "bad minute: 61 is not between 0 and 59"
    assert (found.lines[3].error or "").startswith("Missing newline before EOF")


@pytest.mark.parametrize("text", ["5#2", "*5", "1-5-7", "1.5", "5;x", "1-9/2/2", "1,", "1/20", "50~40", "0~70", "~/5"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(CronSyntaxError, match=r"^bad minute: "):
        parse_schedule(f"{text} * * * *", "cronie")


@pytest.mark.parametrize("text", ["70-5", "59-0", "0-59/70", "*/60", "1-5/2,7"])
def test_ranges_are_taken_when_every_number_that_is_set_fits(text: str) -> None:
    assert not parse_schedule(f"{text} * * * *", "cronie").reboot


@pytest.mark.parametrize(
    ("text", "earliest", "spread_sec"),
    [
        ("0~30 5 * * *", ({0}, {5}), 1800),
        ("~ 5 * * *", ({0}, {5}), 59 * 60),
        ("20~ 5 * * *", ({20}, {5}), 39 * 60),
        ("~20 5 * * *", ({0}, {5}), 1200),
        ("0~9,30~49 5 * * *", ({0, 30}, {5}), 19 * 60),
        ("0~30 5~6 * * *", ({0}, {5}), 1800 + 3600),
        ("7~7 5 * * *", ({7}, {5}), 0),
    ],
)
def test_a_random_time_is_told_by_its_earliest_and_how_much_later_it_may_be(
    text: str, earliest: tuple[set[int], set[int]], spread_sec: int
) -> None:
    found = line(f"{text} c")
    assert found.schedule is not None
    assert (set(found.schedule.minutes), set(found.schedule.hours)) == earliest
    assert found.schedule.spread_sec == spread_sec
    assert ("cron picks the moment" in (found.warning or "")) == (spread_sec > 0)


@pytest.mark.parametrize(
    ("value", "minutes"),
    [("30", 30), ("0", 0), (" 45 minutes", 45), ("1440", 1440), ("1441", 0), ("-5", 0), ("soon", 0), ("", 0)],
)
def test_random_delay_holds_for_the_lines_below(value: str, minutes: int) -> None:
    first, second, reboot = table(f"0 5 * * * a\nRANDOM_DELAY={value}\n0 5 * * * b\n@reboot c\n").lines
    assert first.schedule is not None
    assert second.schedule is not None
    assert reboot.schedule is not None
    assert (first.schedule.spread_sec, second.schedule.spread_sec) == (0, minutes * 60)
    assert reboot.schedule.spread_sec == 0


def test_the_window_of_a_random_time_is_said_in_words() -> None:
    found = line("0~30 5 * * * c")
    assert found.warning == "cron picks the moment when it reads the crontab: up to 30 minutes after this one"


def test_a_line_that_begins_with_a_dash_is_root_s_alone() -> None:
    assert line("-5 * * * * c", root=True).schedule is not None
    assert line("-@daily root c", system=True).schedule is not None
    assert line("-5 * * * * c").error == "bad option: only root may begin a line with -"
    assert (line("- 5 * * * * c", root=True).error or "").startswith("bad minute")


def test_a_command_may_ask_for_mail_on_failure_only() -> None:
    assert line("5 * * * * -n c d").command == "c d"
    assert line("5 * * * * root -n  c", system=True).command == "c"
    for text in ("-x c", "-n -n c", "-nc", "-n"):
        assert (line(f"5 * * * * {text}").error or "").startswith(("bad option", "bad command")), text


@pytest.mark.parametrize("text", ["5 * * * *", "@daily", "@daily  ", "5 * * * * * c", "5 * * * *  "])
def test_a_line_without_a_command_is_refused(text: str) -> None:
    assert (line(text).error or "").startswith("bad command")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5 * * * * root", "bad command"),
        ("5 * * * * root  ", "bad command"),
        ("5 * * * * * c", "bad command"),
        ("5 * * * * ghost c", "bad username: there is no user ghost"),
        ("5 * * * *", "bad command"),
    ],
)
def test_a_system_s_line_has_a_user_and_a_command(text: str, reason: str) -> None:
    assert (line(text, system=True).error or "").startswith(reason)
    assert line("5 * * * * etl \t c", system=True).command == "c"


@pytest.mark.parametrize(
    ("text", "value"),
    [("A=", ""), ("A=  ", ""), ('A="b "', "b "), ("A=\"'b'\"", "'b'"), ("A='b' ", "b"), ("A=b\r", "b")],
)
def test_a_setting_may_be_empty_and_keeps_what_is_quoted(text: str, value: str) -> None:
    assert line(f"{text}\n5 * * * * c").environment == {"A": value}


def test_a_long_command_is_cut_and_not_refused() -> None:
    assert len(line(f"5 * * * * {'x' * 140_000}").command) == 131_071


def test_a_user_s_table_has_limits_beyond_which_it_is_ignored() -> None:
    job, setting = "5 * * * * c\n", "A=b\n"
    assert table(job * 10_000).error is None
    assert table(setting * 1000 + job).error is None
    assert table("#" * 32_766 + "\n" + job).error is None
    for text, reason in (
        (job * 10_001, "too many entries"),
        (setting * 1001, "too many environment variables"),
        ("#" * 32_767 + "\n" + job, "too many garbage characters"),
    ):
        assert (table(text).error or "").startswith(reason)
        assert table(text.replace(" c", " root c"), system=True).error is None


def test_a_zone_of_the_lines_own_is_no_reason_to_warn() -> None:
    assert line("CRON_TZ=Asia/Seoul\n0 5 * * * c").warning is None

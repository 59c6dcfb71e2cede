"""What Debian's cron takes, as its own check says; what cronie takes, as its source says; and what is told of both."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon.contract.cron import CronFlavour
from node.collectors.cron_grammar import parse_schedule, parse_table, shell_command
from node.collectors.cron_types import CronSyntaxError, Line, Table
from tests.node.collectors.cron_oracle import BadLineError, Entry

DATA = Path(__file__).resolve().parents[2] / "data/cron"
USERS = ("root", "nobody", "etl")


def table(text: str | bytes, flavour: CronFlavour = "debian", *, system: bool = False, root: bool = False) -> Table:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_table(data, system=system, flavour=flavour, known_user=USERS.__contains__, root=root)


def line(text: str, flavour: CronFlavour = "debian", *, system: bool = False, root: bool = False) -> Line:
    (found,) = table(f"{text}\n", flavour, system=system, root=root).lines
    return found


def taken(text: str, flavour: CronFlavour = "debian", *, system: bool = False, root: bool = False) -> Line:
    found = line(text, flavour, system=system, root=root)
    assert found.error is None
    assert found.schedule is not None
    return found


def test_each_line_that_was_judged_by_crontab_is_judged_the_same() -> None:
    rows = [row.split("\t") for row in (DATA / "debian-validity.tsv").read_text().splitlines()[1:]]
    assert len(rows) > 90
    for text, verdict, words in rows:
        error = table(text.replace("\\t", "\t") + "\n").error
        assert (error is None) == (verdict == "OK"), text
        assert (error or "").partition(":")[0] == words.strip(), text


def random_field(picks: random.Random, low: int, high: int, names: Sequence[str]) -> str:
    """One that is mostly taken; of a list of items, one may be wrong or have something behind it."""

    def number() -> str:
        return picks.choice(names) if names and picks.random() < 0.3 else str(picks.randint(low, high))

    def item() -> str:
        kind = picks.random()
        if kind < 0.4:
            return number()
        if kind < 0.6:
            return f"{number()}-{number()}"
        if kind < 0.75:
            return f"{number()}-{number()}/{picks.randint(1, 70)}"
        if kind < 0.97:
            return picks.choice(("*", "*", f"*/{picks.randint(1, high + 9)}", "*,3"))
        return picks.choice(("5#2", "*5", "1-5-7", "x", "1/2", "", str(high + 1), "*/0", "5-", "1.5"))

    return ",".join(item() for _ in range(picks.choice((1, 1, 1, 2, 4))))


def judged(text: str) -> Entry | str:
    try:
        return Entry(text)
    except BadLineError as error:
        return str(error)


def sets_of(entry: Entry) -> list[set[int]]:
    bits = [{at for at, bit in enumerate(field) if bit} for field in (entry.minute, entry.hour, entry.dom, entry.month)]
    return [*bits, {at % 7 for at, bit in enumerate(entry.dow) if bit}]


@pytest.mark.parametrize("part", range(4))
def test_the_numbers_of_a_line_are_those_the_daemon_sets(part: int) -> None:
    picks = random.Random(part)
    months, days = ("jan", "FEB", "Dec"), ("sun", "MON", "sat")
    kinds = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, months), (0, 7, days))
    takes = 0
    for _ in range(1500):
        text = picks.choice((" ", "\t", "  ")).join(random_field(picks, *kind) for kind in kinds) + " c"
        entry = judged(text)
        if isinstance(entry, str):
            assert (line(text).error or "").partition(":")[0] == entry, text
            continue
        schedule = taken(text).schedule
        assert schedule is not None
        sets = (schedule.minutes, schedule.hours, schedule.days, schedule.months, schedule.weekdays)
        assert [set(numbers) for numbers in sets] == sets_of(entry), text
        stars = (schedule.dom_star, schedule.dow_star, schedule.wild)
        assert stars == (entry.dom_star, entry.dow_star, entry.is_wild), text
        takes += 1
    assert 600 < takes < 1400


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
@pytest.mark.parametrize("flavour", ["debian", "cronie"])
def test_a_word_stands_for_five_fields(word: str, fields: str, flavour: CronFlavour) -> None:
    one, other = parse_schedule(word, flavour), parse_schedule(fields, flavour)
    assert one.text == word
    assert replace(one, text="") == replace(other, text="")


def test_reboot_has_no_times() -> None:
    schedule = parse_schedule("@reboot", "debian")
    assert schedule.reboot
    assert not schedule.minutes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("61 * * * *", "bad minute: 61 is not between 0 and 59"),
        ("1/20 * * * *", "bad minute: a step needs a range: write for example 1-59/20"),
        ("* * L * *", "bad day-of-month: L is no number"),
        ("* * * * monday", "bad day-of-week: monday is no number, and no name like mon"),
        ("* * * *", "bad day-of-week: it is missing"),
        ("*/0 * * * *", "bad minute: the step of */0 is not a number above 0"),
        ("1, * * * *", "bad minute: a number is missing"),
        ("@every 5m", "bad time specifier: @every is none of @reboot, @yearly"),
        ("* * * * * *", "bad command: something stands behind the schedule"),
        ("", "bad minute: it is missing"),
        (f"{'x' * 50} * * * *", f"bad minute: {'x' * 20}... is no number"),
    ],
)
def test_a_refused_schedule_says_why(text: str, reason: str) -> None:
    with pytest.raises(CronSyntaxError) as error:
        parse_schedule(text, "debian")
    assert str(error.value).startswith(reason)


def test_one_wrong_line_voids_the_table_and_each_line_is_told_all_the_same() -> None:
    found = table("# first\nMAILTO=etl\n1 * * * * a\n61 * * * * b\n\n2 * * * * c\n* 99 * * * d\n")
    assert (found.error, found.error_line) == ("bad minute: 61 is not between 0 and 59", 4)
    assert [(one.line_no, one.schedule_text, one.command) for one in found.lines] == [
        (3, "1 * * * *", "a"),
        (4, "61 * * * *", "b"),
        (6, "2 * * * *", "c"),
        (7, "* 99 * * *", "d"),
    ]
    assert [one.error for one in found.lines] == [None, found.error, None, "bad hour: 99 is not between 0 and 23"]


def test_a_missing_newline_at_the_end_voids_the_table() -> None:
    found = table("1 * * * * a\n2 * * * * b")
    assert found.error == "Missing newline before EOF: the last line has no end; put a newline behind it"
    assert (found.error_line, found.lines[1].error, found.lines[1].command) == (2, found.error, "b")


@pytest.mark.parametrize("end", ["", "# the end", "   ", "\t", "\n\n", " # x\n  # y"])
def test_comments_and_blanks_need_no_newline(end: str) -> None:
    found = table(f"1 * * * * a\n{end}")
    assert found.error is None
    assert len(found.lines) == 1


def test_what_is_set_holds_for_the_lines_below_until_it_is_set_anew() -> None:
    found = table("1 * * * * a\nA=1\nB = 2\n2 * * * * b\nA=3\n3 * * * * c\n")
    assert [dict(one.environment) for one in found.lines] == [{}, {"A": "1", "B": "2"}, {"A": "3", "B": "2"}]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("A=b", "A", "b"),
        ("  A  =  b c  ", "A", "b c"),
        ("A=b # c", "A", "b # c"),
        ('"Q N"="x y"', "Q N", "x y"),
        ("'S'='$HOME'", "S", "$HOME"),
        ('A="b "', "A", "b"),
        ("A=\"'b'\"", "A", "b"),
        ('A=""', "A", ""),
        ("A='b", "A", None),
        ("A=b\r", "A", "b"),
        ("A=", "A", None),
        ("A=   ", "A", None),
        ('A="b" c', "A", None),
        ("=b", "", "b"),
        ('A"B=c', 'A"B', "c"),
        ("A=한글", "A", "한글"),
    ],
)
def test_a_setting_is_read_as_the_daemon_reads_it(text: str, name: str, value: str | None) -> None:
    found = table(f"{text}\n* * * * * c\n")
    assert found.lines[-1].environment == ({} if value is None else {name: value})
    assert (found.error is None) == (value is not None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("MAILTO=", 'bad minute: MAILTO has no value; write MAILTO=""'),
        ("export A=b", "bad minute: a setting is written without export"),
        ('A="b', "bad minute: a setting's quotation mark is not closed, or something stands behind it"),
        (f'A="{"b" * 1000}"', "bad minute: a setting is cut off behind 998 bytes, and so its quotation mark"),
    ],
)
def test_a_setting_that_is_none_says_what_is_wrong(text: str, reason: str) -> None:
    found = line(text)
    assert (found.error or "").startswith(reason)
    assert (found.schedule_text, found.command) == ("", text)


def test_a_command_has_998_bytes_at_most() -> None:
    assert taken(f"* * * * * {'x' * 998}").command == "x" * 998
    assert taken(f"* * * * * {'é' * 499}").command == "é" * 499
    assert line(f"* * * * * {'x' * 999}").error == "command too long: it has 999 bytes, and 998 is the limit"
    assert line(f"* * * * * {'é' * 500}").error == "command too long: it has 1000 bytes, and 998 is the limit"


def test_a_table_has_ten_thousand_lines_and_three_at_most_and_comments_behind_them_do_not_count() -> None:
    job = "* * * * * c\n"
    assert table(job * 10_003).error is None
    assert table(job * 10_003 + "# c\n" * 50).error is None
    assert table("# c\n" * 10_002 + job).error is None
    for too_long in (job * 10_004, job * 10_003 + "A=b\n", "# c\n" * 10_003 + job):
        found = table(too_long)
        assert (found.error, found.error_line) == ("crontab must not be longer than 10000 lines", 10_004)


def test_a_system_s_table_names_the_user() -> None:
    found = taken("5 4 * * *  nobody\t  echo a b", system=True)
    assert (found.user, found.command, found.schedule_text) == ("nobody", "  echo a b", "5 4 * * *")
    assert taken("5 4 * * * nobody", system=False).user is None
    assert taken("* * * * * root *", system=True).command == "*"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("* * * * * nosuch c", "bad username: there is no user nosuch; a system's crontab names the user"),
        ("* * * * * * root c", "bad username: there is no user *"),
        ("* * * * * root", "bad command: the user or the command is missing"),
        ("* * * * *", "bad command: the user or the command is missing"),
        ("@daily", "bad command: the user or the command is missing"),
        ("* * * * * root\n* * * * * root c", "bad username: the user or the command is missing"),
    ],
)
def test_a_system_s_line_without_a_user_says_so(text: str, reason: str) -> None:
    found = table(f"{text}\n", system=True)
    assert (found.error or "").startswith(reason)
    assert found.error_line == 1


@pytest.mark.parametrize(
    ("command", "shell"),
    [
        ("date +\\%F", "date +%F"),
        ("cat%one%two", "cat"),
        ("echo a\\\\b", "echo a\\b"),
        ("echo a\\b", "echo a\\b"),
        ("echo a\\\\%b", "echo a\\"),
        ("echo \\", "echo \\"),
        ("%", ""),
        ("echo '한글' \\%\\\\\\%", "echo '한글' %\\%"),
    ],
)
def test_the_shell_gets_what_stands_before_the_first_percent_sign(command: str, shell: str) -> None:
    assert shell_command(command) == shell


def test_cronie_keeps_both_of_two_backslashes() -> None:
    assert shell_command("echo a\\\\b \\% c%d", "cronie") == "echo a\\\\b % c"


def test_bytes_that_are_no_text_are_kept() -> None:
    found = table(b"A=\xff\n* * * * * echo \xed\x95\x9c \xff\n").lines[0]
    assert found.command == "echo 한 \udcff"
    assert found.environment == {"A": "\udcff"}


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("* * * * * c", None),
        ("0 22-2 * * * c", "it never runs: 22-2 runs backwards and means nothing; write 22-23,0-2"),
        ("* * * * fri-mon c", "it never runs: fri-mon runs backwards and means nothing; write fri-sat,sun-mon"),
        ("* * * * sat-sun c", "it never runs: sat-sun runs backwards and means nothing; write sat,sun"),
        ("* * * * 7-1 c", "it never runs: 7-1 runs backwards and means nothing; write 0-1"),
        ("* * * nov-feb * c", "it never runs: nov-feb runs backwards and means nothing; write nov-dec,jan-feb"),
        ("5-1,7 * * * * c", "5-1 runs backwards and means nothing; write 5-59,0-1"),
        ("5-1/2,7 * * * * c", "5-1/2 runs backwards and means nothing"),
        ("0 0 31 2 * c", "it never runs: no month has such a day"),
        ("* * * * 5#2 c", "cron reads 5#2 as 5 and passes over the rest"),
        ("*/70 * * * * c", "the step of */70 is longer than its range: it means the first number only"),
        ("0 0 */2 * 1 c", "day of the month and weekday must both fit, because one of the two fields begins with *"),
        ("0 0 */2 * */3 c", "day of the month and weekday must both fit, because one of the two fields begins with *"),
        ("0 0 13 * 5 c", None),
        ("0 0 */1 * 5 c", None),
        ("* * * * * date +%F", r"from its first % on the command is the job's input; write \% for a percent sign"),
        (r"* * * * * date +\%F", None),
        ("* * * * * c\r", "the line ends in a carriage return, which becomes a part of the command"),
        ("* * * * *", "it has no command"),
        ("@reboot", "it has no command"),
        ("* * * * * root c", "the command begins with root: only a system's crontab names a user"),
        ("* * * * * 2026 c", "the command begins like a sixth field for the time: cron knows five"),
    ],
)
def test_what_is_taken_and_does_something_else_is_warned_of(text: str, warning: str | None) -> None:
    assert taken(text).warning == warning


def test_a_zone_that_debian_s_cron_does_not_know_is_warned_of() -> None:
    found = table("CRON_TZ=Asia/Seoul\n0 5 * * * c\n").lines[0]
    assert found.warning == "CRON_TZ means nothing to this cron: the times are the system's"


@settings(max_examples=500, deadline=None)
@given(data=st.binary() | st.text("*/,- 01559 \n\t#=\"'%@Aadily\0\r").map(str.encode), system=st.booleans())
@pytest.mark.parametrize("flavour", ["debian", "cronie"])
def test_whatever_bytes_there_are_each_line_is_taken_or_not(data: bytes, system: bool, flavour: CronFlavour) -> None:
    found = table(data, flavour, system=system)
    assert all((one.schedule is None) == (one.error is not None) for one in found.lines)
    numbers = [one.line_no for one in found.lines]
    assert numbers == sorted(numbers)
    assert found.error is None or flavour == "debian"


@pytest.mark.parametrize(
    "data",
    [
        *(b" " * 10**6, b'"' * 10**6, b"a" * 10**6 + b"=", b"1," * 10**5, b"*" * 10**6, b"\n" * 10**6, b"# \n" * 10**5),
        *(b"A= " * 10**5 + b"\n", b"\0" * 10**5, b"'a" * 10**5 + b"\n", b"A=1\n* * * * * c\n" * 5000),
    ],
)
def test_hostile_text_costs_no_time(data: bytes) -> None:
    begun = time.process_time()
    table(data)
    assert time.process_time() - begun < 3

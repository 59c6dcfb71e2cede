"""The view of the transfers, as an operator uses it."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from etlmon.contract.errors import BadRequest
from etlmon.contract.xferlog import XFERLOG, XFERLOG_SOURCE, XFERLOG_SUMMARY
from tests.fakes.nodes import FakeNode
from tests.ui.hosts import says
from tests.ui.looking import NOW, Looking, looking
from tests.ui.playing import play_in
from tests.ui.textsnap import screen_lines, screen_styles, screen_widths
from tests.ui.transfers import listing, source, summary, transfer
from ui.settings import Ui
from ui.views.rows_table import RowsTable

play = partial(play_in, "7")


def files(eye: Looking) -> list[str]:
    """The names in the table, as they stand."""
    return [row.item.filename for row in eye.app.view.shown_rows]  # type: ignore[attr-defined]


def asked(fake: FakeNode, *words: str) -> bool:
    return any(all(word in path for word in words) for _, path in fake.requests)


async def type_in(eye: Looking, key: str, text: str) -> None:
    await eye.press(key)
    await eye.press(*[{" ": "space", ":": "colon", ".": "full_stop", "*": "asterisk"}.get(one, one) for one in text])


def test_the_worst_stand_first_and_of_equals_the_newest() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("gone_20261121.csv", "interrupted", "refused", "shorter")
        assert files(eye) == [
            "/in/gone_20261121.csv",
            "/in/orders.csv",
            "/in/half.csv",
            "/in/old.csv",
            "/out/report.csv",
            "/in/old.csv",
            "/etc/passwd",
            "/in/?????????.csv",
            "/in/2026/11/21/sales_20261121.csv",
        ]

    play(scene, trouble=True)


def test_of_several_nodes_the_newest_of_all_stands_first() -> None:
    async def main() -> None:
        async with FakeNode(node_id="id-1") as one, FakeNode(node_id="id-2") as two:
            says(one, "web1").answers[XFERLOG.path] = listing([transfer(9, "/a"), transfer(97, "/c")])
            says(two, "web2").answers[XFERLOG.path] = listing([transfer(50, "/b"), transfer(99, "/d")])
            async with looking([("web1", one.url), ("web2", two.url)]) as eye:
                await eye.press("7", "a")
                await eye.until(lambda: len(files(eye)) == 4, "all transfers")
                assert files(eye) == ["/d", "/c", "/b", "/a"]
                assert asked(one, "limit=100")

    asyncio.run(main())


def test_what_is_to_be_found_is_asked_of_the_node() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv")
        await type_in(eye, "f", "user:etl dir:up since:2h")
        assert not asked(fake, "user=etl"), "nothing is asked before enter"
        await eye.press("enter")
        await eye.until(lambda: files(eye) == ["/in/sales.csv"], "the upload alone")
        assert asked(fake, "user=etl", "direction=upload", "since=2026-11-21T04:00:30Z")
        await eye.press("escape")
        await eye.until(lambda: len(files(eye)) == 2, "all of them again")
        assert "find" not in eye.screen.splitlines()[-2]

    play(scene)


@pytest.mark.parametrize("key", ["f", "F", "ㄹ"])
def test_what_cannot_be_understood_is_said_and_what_was_found_stays(key: str) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv")
        await type_in(eye, key, "dir:sideways")
        await eye.press("enter")
        await eye.until_shown("dir:sideways is not known; there are upload, download")
        assert len(files(eye)) == 2
        await eye.press("q")
        assert eye.app.is_running
        await eye.press("escape")
        await eye.until(lambda: "sideways" not in eye.screen, "the line is gone")
        await eye.press("j")
        assert eye.app.view.query_one(RowsTable).cursor_key == "web1\n98"

    play(scene)


def test_a_refusal_by_the_node_is_said_where_the_rows_would_be() -> None:
    def refuse(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = lambda request: BadRequest("user is too long") if "user" in request.query else []

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await type_in(eye, "f", "user:x")
        await eye.press("enter")
        await eye.until_shown("web1 did not answer this: user is too long")

    play(scene, set_up=refuse)


def test_the_filter_works_on_what_is_shown() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv")
        await type_in(eye, "slash", "report")
        await eye.press("enter")
        assert files(eye) == ["/out/report.csv"]
        assert "1 of 2 transfers" in eye.screen

    play(scene)


def test_older_transfers_come_when_the_end_is_reached() -> None:
    def many(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = listing([transfer(number, f"/in/{number}.csv") for number in range(1, 1001)])
        fake.answers[XFERLOG_SOURCE.path] = [source(transfers_total=5000)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: len(files(eye)) == 200, "the newest")
        await eye.until_shown("200 transfers", "the newest of 5,000")
        assert not asked(fake, "before=")
        await eye.press("G")
        await eye.until(lambda: len(files(eye)) == 700, "older ones")
        assert eye.app.view.query_one(RowsTable).cursor_key == "web1\n801", "the cursor stays on its row"
        await eye.press("G")
        await eye.until(lambda: len(files(eye)) == 1000, "all of them")
        assert files(eye) == [f"/in/{number}.csv" for number in range(1000, 0, -1)]
        assert "newest of" not in eye.screen

    play(scene, set_up=many)


def test_whoever_comes_back_to_the_transfers_sees_the_newest_of_them() -> None:
    def many(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = listing([transfer(number, f"/in/{number}.csv") for number in range(1, 1001)])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until(lambda: len(files(eye)) == 200, "the newest")
        await eye.press("G")
        await eye.until(lambda: len(files(eye)) == 700, "older ones")
        await eye.press("v", "V")
        await eye.until(lambda: len(files(eye)) == 200, "the newest alone")
        assert eye.app.view.query_one(RowsTable).cursor_key == "web1\n1000"

    play(scene, set_up=many)


def test_esc_takes_the_query_off_before_it_goes_back_to_the_transfers() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv")
        await type_in(eye, "f", "since:2h")
        await eye.press("enter", "v")
        await eye.until_shown("Transfers by user · web1", "since:2h")
        await eye.press("escape")
        await eye.until_shown("Transfers by user, the last day · web1")
        await eye.press("escape")
        await eye.until_shown("Transfers · web1")

    play(scene)


def test_v_goes_through_sums_findings_and_lines_that_could_not_be_read() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("Transfers · web1", "v users")
        for title, texts in {
            "Transfers by user, the last day": ("partner-서울", "40M", "████", "v hosts"),
            "Transfers by host, the last day": ("10.0.0.7", "::1"),
            "Transfers by hour, the last day": ("2026-11-21 05:00", "2026-11-21 04:00"),
            "Log and disk": ("◆ missing", "▲ shorter", "· unlogged", "by-hand.csv"),
            "Lines that could not be read": ("garbage 쓰레기 [/x]", "it does not begin with a date"),
        }.items():
            await eye.press("v")
            await eye.until_shown(f"{title} · web1", *texts)
        await eye.press("v")
        await eye.until_shown("Transfers · web1")
        await eye.press("V")
        await eye.until_shown("Lines that could not be read · web1")
        await eye.press("enter")
        await eye.until_shown("Why it could not be read", "What to do", "The transfer log", "set dual_log_enable=YES")
        await eye.press("escape", "escape")
        await eye.until_shown("Transfers · web1")

    play(scene, trouble=True)


@pytest.mark.parametrize(
    ("steps", "down", "found", "words"),
    [
        (1, 1, "user:partner-서울", ("user=partner",)),
        (2, 1, "host:::1", ("host=::1",)),
        (3, 0, "since:2026-11-21T05:00:00+00:00", ("since=2026-11-21T05:00:00Z", "until=2026-11-21T06:00:00Z")),
    ],
)
def test_enter_on_a_sum_shows_the_transfers_it_is_made_of(
    steps: int, down: int, found: str, words: tuple[str, ...]
) -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press(*["v"] * steps)
        await eye.until(lambda: bool(eye.app.view.query_one(RowsTable).keys), "sums")
        await eye.press(*["j"] * down, "enter")
        await eye.until_shown("Transfers · web1", found)
        await eye.until(lambda: asked(fake, *words), "the question")

    play(scene)


def test_a_node_that_sends_nonsense_for_an_hour_does_not_end_the_program() -> None:
    def nonsense(fake: FakeNode) -> None:
        fake.answers[XFERLOG_SUMMARY.path] = [summary("noon"), summary("2026-11-21T05:00:00"), summary("")]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.press("v", "v", "v")
        await eye.until_shown("No transfer in this time.")

    play(scene, set_up=nonsense)


def test_a_detail_says_all_and_what_was_transferred_beside_it() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("gone_20261121.csv")
        await eye.press("enter")
        await eye.until_shown("compared with  /srv/ftp/in/gone_20261121.csv", "Transfers of etl", "orders.csv")
        assert "whose client was killed" in eye.screen
        await eye.press("escape", *["j"] * 7, "enter")
        await eye.until_shown("a Korean syllable is ???", "::ffff:192.168.100.200")
        for key in ("v", "f"):
            await eye.press(key)
            assert "a Korean syllable is ???" in eye.screen

    play(scene, trouble=True, size=(120, 60))


def test_nothing_says_why_and_what_to_do() -> None:
    def silent(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = []
        advice = ["vsftpd writes no xferlog: set xferlog_std_format=YES in /etc/vsftpd.conf"]
        fake.answers[XFERLOG_SOURCE.path] = [source(status="missing", transfers_total=0, advice=advice)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("No transfer yet.", "/var/log/vsftpd.log: not there yet.", "vsftpd writes no xferlog")
        fake.answers[XFERLOG_SOURCE.path] = []
        await eye.until_shown("No transfer log is read.", "{path: /var/log/xferlog}", "no transfer log")

    play(scene, set_up=silent)


def test_when_nothing_is_found_that_is_said() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await type_in(eye, "f", "nobody-has-this")
        await eye.press("enter")
        await eye.until_shown("No transfer is what is to be found.")
        await eye.press("backslash")
        await eye.until_shown("report.csv")

    play(scene)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "/var/log/vsftpd.log · vsftpd's own format · up to date"),
        ({"lag_bytes": 2048}, "2.0K behind"),
        ({"status": "denied", "error_message": "no permission to read it"}, "◆ no permission to read it"),
        ({"unparsed_total": 3, "last_unparsed_at": NOW}, "▲ 3 lines could not be read · /var/log/vsftpd.log"),
        ({"format": "auto"}, "format not known yet"),
        ({"advice": ["set dual_log_enable=YES"]}, "set dual_log_enable=YES"),
    ],
)
def test_a_line_says_how_the_log_itself_fares(more: dict[str, object], words: str) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[XFERLOG_SOURCE.path] = [source(**more)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv", words)

    play(scene, set_up=set_up)


def test_a_log_of_which_nothing_was_heard_is_not_called_absent() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[XFERLOG_SOURCE.path] = BadRequest("not now")

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv", "not answered yet")
        assert not any("no transfer log" in line for line in screen_lines(eye.app))

    play(scene, set_up=set_up)


HOSTILE = "/in/\x1b]52;c;x\x07[/x][@click=app.quit]q[/]\u202e\r\n한글-데이터-\U0001f469\u200d\U0001f4bb" + "가" * 300


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (40, 10)])
def test_hostile_and_wide_names_stay_in_their_columns(size: tuple[int, int]) -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = listing([transfer(1, HOSTILE, username=HOSTILE, remote_host=HOSTILE)])
        fake.answers[XFERLOG_SUMMARY.path] = [summary(HOSTILE)]

    async def scene(eye: Looking, fake: FakeNode) -> None:
        for keys in ((), ("enter",), ("escape", "v"), ("v",)):
            await eye.press(*keys)
            await eye.until_shown("]52;c;x" if "v" in keys else "한글")
            assert screen_widths(eye.app) == {size[0]}
            assert not set("\x1b\x07\u202e\r\n") & set("".join(screen_lines(eye.app)))

    play(scene, size=size, set_up=set_up)


def test_ascii_has_words_and_no_other_signs() -> None:
    def set_up(fake: FakeNode) -> None:
        fake.answers[XFERLOG.path] = listing([transfer(99, outcome="interrupted"), transfer(98, direction="delete")])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("! interrupted", "^ up", ". delete")
        assert eye.screen.isascii()
        await eye.press("v")
        await eye.until(lambda: "40M" in eye.screen, "sums")
        assert eye.screen.replace("partner-서울", "").isascii()

    play(scene, set_up=set_up, ui=Ui(refresh_interval=0.1, ascii=True))  # type: ignore[arg-type]


def test_states_have_colours_and_words() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("interrupted", "missing", "refused")
        lines = eye.screen.splitlines()
        colours = {
            word: {color for text, color, _, _ in screen_styles(eye.app, y) if word in text}
            for word in ("missing", "shorter", "refused")
            for y in [next(y for y, line in enumerate(lines) if (word in line and "csv" in line) or f"{word} " in line)]
        }
        assert colours == {"missing": {"#f7768e"}, "shorter": {"#e0af68"}, "refused": {"#7dcfff"}}

    play(scene, trouble=True)


def test_times_are_as_the_operator_wants_them() -> None:
    def set_up(fake: FakeNode) -> None:
        yesterday = NOW - timedelta(days=1)
        fake.answers[XFERLOG.path] = listing([transfer(99), transfer(1, "/old.csv", log_time=yesterday)])

    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("1m ago", "1d ago")
        await eye.press("t")
        await eye.until_shown("05:59:30", "11-20 06h")

    play(scene, set_up=set_up)


def test_save_and_copy_give_every_field() -> None:
    async def scene(eye: Looking, fake: FakeNode) -> None:
        await eye.until_shown("report.csv")
        stem, suffix, text = eye.app.view.export()
        assert (stem, suffix) == ("xferlog-web1", ".csv")
        assert text.splitlines()[0].startswith("node,log_time,remote_host") or "remote_host" in text.splitlines()[0]
        await eye.press("v")
        await eye.until_shown("partner-서울")
        assert "upload_bytes" in eye.app.view.export()[2]
        assert eye.app.view.selection()[1].startswith("etl\t")

    play(scene)

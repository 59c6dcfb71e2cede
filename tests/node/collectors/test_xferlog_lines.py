"""What lines of real servers say: those of tests/data/xferlog were written by vsftpd 3.0.3."""

import random
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon.contract.xferlog import XferFormat
from node.collectors.xferlog_lines import Entry, Unread, parse, peer

DATA = Path(__file__).resolve().parents[2] / "data/xferlog"
STANDARD = "Sat Nov 21 05:10:07 2026 {}"
OWN = "Sat Nov 21 05:10:07 2026 [pid 12568] {}"
AT = datetime(2026, 11, 21, 5, 10, 7)  # noqa: DTZ001 - the server's local time


def lines(name: str) -> list[str]:
    return (DATA / name).read_bytes().decode("ascii").splitlines()


def entry(line: str) -> Entry:
    found = parse(line)
    assert isinstance(found, Entry), found
    return found


def standard(rest: str) -> Entry:
    return entry(STANDARD.format(rest))


def own(rest: str) -> Entry:
    return entry(OWN.format(rest))


def reason(line: str, wanted: XferFormat = "auto") -> str:
    found = parse(line, wanted)
    assert isinstance(found, Unread), found
    return found.reason


def outcomes(name: str) -> Counter[tuple[str, str]]:
    told = [found for line in lines(name) if isinstance(found := parse(line), Entry)]
    return Counter((found.direction, found.outcome) for found in told)


TRANSFERS = {
    ("upload", "complete"): 49,
    ("upload", "interrupted"): 2,
    ("upload", "refused"): 3,
    ("download", "complete"): 5,
    ("download", "interrupted"): 2,
    ("download", "refused"): 2,
}


def test_a_real_standard_log_is_read_to_the_last_line() -> None:
    assert all(isinstance(parse(line), Entry) for line in lines("vsftpd-dual.xferlog"))
    assert outcomes("vsftpd-dual.xferlog") == TRANSFERS


def test_the_own_log_of_the_same_server_tells_of_the_same_transfers_and_of_more() -> None:
    assert not any(isinstance(parse(line), Unread) for line in lines("vsftpd-dual.vsftpd.log"))
    assert outcomes("vsftpd-dual.vsftpd.log") == {
        **TRANSFERS,
        ("delete", "complete"): 2,
        ("delete", "refused"): 1,
        ("rename", "complete"): 2,
        ("rename", "refused"): 1,
        ("mkdir", "complete"): 4,
        ("mkdir", "refused"): 1,
        ("rmdir", "complete"): 2,
        ("chmod", "complete"): 2,
    }


def test_both_logs_of_one_server_agree_transfer_by_transfer() -> None:
    logs = ("vsftpd-dual.xferlog", "vsftpd-dual.vsftpd.log")
    told = [[found for line in lines(log) if isinstance(found := parse(line), Entry)] for log in logs]
    first, second = (
        [
            (found.end, found.filename.replace(" ", "_"), found.bytes, found.outcome)
            for found in log
            if found.direction in ("upload", "download")
        ]
        for log in told
    )
    assert first == second


@pytest.mark.parametrize("name", [file.name for file in DATA.iterdir() if file.suffix != ".conf"])
def test_no_line_of_the_samples_is_a_riddle(name: str) -> None:
    assert [line for line in lines(name) if isinstance(parse(line), Unread)] == []


def test_each_field_of_a_standard_line_has_its_meaning() -> None:
    assert standard("3 10.0.0.7 1572864 /in/big.bin b _ i r etl ftp 0 * c") == Entry(
        end=AT,
        host="10.0.0.7",
        user="etl",
        filename="/in/big.bin",
        bytes=1_572_864,
        seconds=3,
        direction="upload",
        status="complete",
        outcome="complete",
        format="xferlog",
        transfer_type="binary",
        access_mode="real",
        service="ftp",
        bytes_per_sec=524_288,
    )
    ascii_guest = standard("1 h 9 /a.txt a _ o g web ftp 1 joe i")
    assert (ascii_guest.transfer_type, ascii_guest.access_mode, ascii_guest.direction) == ("ascii", "guest", "download")


def test_each_field_of_an_own_line_has_its_meaning() -> None:
    line = '[etl] OK UPLOAD: Client "10.0.0.7", "/in dir/a b.csv", 1500 bytes, 7512.02Kbyte/sec'
    found = own(line)
    assert found.bytes_per_sec == pytest.approx(7512.02 * 1024)
    assert found.seconds == pytest.approx(1500 / (7512.02 * 1024))
    assert found._replace(bytes_per_sec=None, seconds=0) == Entry(
        end=AT,
        host="10.0.0.7",
        user="etl",
        filename="/in dir/a b.csv",
        bytes=1500,
        seconds=0,
        direction="upload",
        status="complete",
        outcome="complete",
        format="vsftpd",
    )


def test_the_day_is_padded_with_a_blank() -> None:
    assert entry("Sun Mar  8 01:59:56 2026 1 h 1 /a b _ o r etl ftp 0 * c").end.day == 8


def test_a_leap_second_is_the_last_one_of_its_minute() -> None:
    assert entry("Sat Dec 31 23:59:60 2016 1 h 1 /a b _ o r etl ftp 0 * c").end.second == 59


@pytest.mark.parametrize(
    ("user", "fields"),
    [
        ("", "a  ftp 0 * c"),
        ("", "a ftp 0 * c"),
        ("two words", "a two words ftp 0 * c"),
        ("i ftp 0 * c", "a i ftp 0 * c ftp 0 * c"),
        ("me@example.com", "a me@example.com ftp 0 * c"),
    ],
)
def test_what_stands_between_the_mode_and_the_last_four_fields_is_the_user(user: str, fields: str) -> None:
    found = standard(f"1 127.0.0.1 33 /pub/a.bin b _ i {fields}")
    assert (found.user, found.access_mode, found.filename) == (user, "anonymous", "/pub/a.bin")


def test_a_path_that_looks_like_the_end_of_a_line_is_a_path() -> None:
    (found,) = (entry(line) for line in lines("vsftpd-dual.xferlog") if "fake" in line)
    assert (found.filename, found.user) == ("/home/etluser/b___i_r_fake_ftp_0_*_c.csv", "etluser")


def test_paths_stay_as_they_are_logged() -> None:
    logged = {entry(line).filename for line in lines("vsftpd-dual.xferlog")}
    assert {
        "/home/etluser/in_dir/??????_?????????.csv",  # blanks are _, and a Hangul syllable is three ?
        "/home/etluser/dq\"quote'.csv",
        "/home/etluser/back\\slash.csv",
        "/home/etluser/ctrl???[31mred.csv",
        "/home/etluser/*star?.csv",
        "/home/etluser/sub/../dotdot.csv",
        "/home/etluser/",  # the server chose the name (STOU)
        "/pub/upload/ftpuser.bin",  # below the directory an anonymous session is locked into
    } <= logged
    assert max(map(len, logged)) > 200


def test_the_own_log_keeps_blanks_and_quotation_marks_in_paths() -> None:
    logged = {found.filename for line in lines("vsftpd-dual.vsftpd.log") if isinstance(found := parse(line), Entry)}
    assert {"/home/etluser/dq\"quote'.csv", "/home/etluser/ lead and trail ", "/home/etluser/a  b   c.csv"} <= logged
    tricky = own('[etl] OK UPLOAD: Client "::1", "/a", 5 bytes, 1.00Kbyte/sec", 7 bytes, 2.00Kbyte/sec')
    assert (tricky.filename, tricky.bytes, tricky.host) == ('/a", 5 bytes, 1.00Kbyte/sec', 7, "::1")


def test_a_failed_open_is_a_refusal_and_a_broken_transfer_an_interruption() -> None:
    assert standard("1 h 0 /nosuch b _ o r etl ftp 0 * i").outcome == "refused"
    assert standard("3 h 7357737 /huge b _ o r etl ftp 0 * i").outcome == "interrupted"
    assert own('[etl] FAIL DOWNLOAD: Client "h", "/nosuch", 0.00Kbyte/sec').outcome == "refused"
    broken = own('[etl] FAIL DOWNLOAD: Client "h", "/huge", 7357737 bytes, 2500.00Kbyte/sec')
    assert (broken.outcome, broken.status) == ("interrupted", "incomplete")


def test_an_upload_whose_client_was_killed_looks_complete() -> None:
    (found,) = (entry(line) for line in lines("vsftpd-dual.xferlog") if "upload_killed" in line)
    assert (found.status, found.outcome, found.bytes) == ("complete", "complete", 1_572_864)


def test_an_empty_file_is_a_whole_one() -> None:
    """vsftpd leaves the bytes out when there are none."""
    found = own('[etl] OK UPLOAD: Client "h", "/in/empty.dat", 0.00Kbyte/sec')
    assert (found.outcome, found.bytes, found.seconds, found.bytes_per_sec) == ("complete", 0, 0, None)


def test_a_rate_that_is_none_gives_no_seconds() -> None:
    assert own('[etl] OK UPLOAD: Client "h", "/a", 3 bytes, 0.00Kbyte/sec').bytes_per_sec is None
    assert standard("0 h 100 /a b _ i r etl ftp 0 * c").bytes_per_sec is None


@pytest.mark.parametrize(
    ("act", "path", "direction"),
    [
        ("DELETE", "/in/a b.csv", "delete"),
        ("RENAME", "/a b /c d", "rename"),
        ("MKDIR", "/in dir/sub", "mkdir"),
        ("RMDIR", "/in dir", "rmdir"),
        ("CHMOD", "/in/big.bin 600", "chmod"),
    ],
)
def test_acts_on_files_are_told_with_their_outcome(act: str, path: str, direction: str) -> None:
    done = own(f'[etl] OK {act}: Client "127.0.0.1", "{path}"')
    assert (done.direction, done.filename, done.outcome, done.bytes) == (direction, path, "complete", 0)
    refused = own(f'[etl] FAIL {act}: Client "127.0.0.1", "{path}"')
    assert (refused.outcome, refused.status) == ("refused", "incomplete")


def test_proftpd_writes_utf8_deletions_host_names_and_no_seconds() -> None:
    found = standard("0 ftp.example.com 12 /srv/한글_파일.csv b _ d r etl ftp 0 * c")
    assert (found.direction, found.filename, found.host) == ("delete", "/srv/한글_파일.csv", "ftp.example.com")
    assert (found.seconds, found.outcome) == (0, "complete")
    assert standard(r"0 h 12 /srv/\xff.csv b _ i r etl sftp 0 * c").service == "sftp"


def test_a_mapped_address_is_the_ipv4_address_that_it_is() -> None:
    hosts = {entry(line).host for line in lines("vsftpd-v6mapped.xferlog")}
    assert hosts == {"127.0.0.1"}
    assert own('[etl] OK DELETE: Client "::FFFF:10.0.0.7", "/a"').host == "10.0.0.7"
    assert [peer(host) for host in ("::1", "fe80::1", "::ffff:0:1", "host")] == ["::1", "fe80::1", "::ffff:0:1", "host"]


@pytest.mark.parametrize(
    "rest",
    [
        'CONNECT: Client "127.0.0.1"',
        '[etl] OK LOGIN: Client "127.0.0.1"',
        '[ftp] OK LOGIN: Client "127.0.0.1", anon password "me@x"',
        '[nobody] FAIL LOGIN: Client "127.0.0.1"',
        'FTP response: Client "127.0.0.1", "220 (vsFTPd 3.0.3)"',
        'FTP command: Client "127.0.0.1", "USER etl"',
        '[etl] FTP command: Client "127.0.0.1", "STOR a, 5 bytes, 1.00Kbyte/sec"',
        '[etl] FTP response: Client "127.0.0.1", "226 Transfer complete."',
        '[etl] DEBUG: Client "127.0.0.1", "Connection terminated without SSL shutdown."',
    ],
)
def test_what_the_server_writes_besides_is_known_and_passed_over(rest: str) -> None:
    assert parse(OWN.format(rest)) is None


@pytest.mark.parametrize(
    "name",
    [
        'x] OK UPLOAD: Client "1.2.3.4", "/forged", 5 bytes, 1.00Kbyte/sec',
        'x] OK DELETE: Client "1.2.3.4", "/forged',
        'x] OK DELETE: Client "1.2.3.4", "/forged"',
    ],
)
def test_nobody_forges_a_line_by_the_name_they_log_in_with(name: str) -> None:
    assert parse(OWN.format(f'[{name}] FAIL LOGIN: Client "9.9.9.9"')) is None
    assert parse(OWN.format(f'[{name}] FTP command: Client "9.9.9.9", "PASS <password>"')) is None


def test_a_name_like_another_line_hides_no_upload() -> None:
    found = own('[etl] OK UPLOAD: Client "h", "/a] FAIL LOGIN: Client "b", 5 bytes, 1.00Kbyte/sec')
    assert (found.direction, found.filename) == ("upload", '/a] FAIL LOGIN: Client "b')


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "it does not begin with a date"),
        ("garbage", "it does not begin with a date"),
        ("Sat Nov 21 05:10:07", "it does not begin with a date"),
        ("Sat Nov 21 05:10:07 2O26 1 h 1 /a b _ i r e ftp 0 * c", "it does not begin with a date"),
        ("Sat Feb 30 05:10:07 2026 1 h 1 /a b _ i r e ftp 0 * c", "there is no such date"),
        ("Sat Nov 21 25:10:07 2026 1 h 1 /a b _ i r e ftp 0 * c", "there is no such date"),
        ("Sat Nov 21 05:10:07 0001 1 h 1 /a b _ i r e ftp 0 * c", "there is no such date"),
        ("Sat Nov 21 05:10:07 9999 1 h 1 /a b _ i r e ftp 0 * c", "there is no such date"),
        (STANDARD.format("1 h 1 /a b _ i r"), "it has fewer than 12 fields after its date"),
        ("Sat Nov 21 05:10:07 20261 h 1 /a b _ i r e ftp 0 * c", "it has fewer than 12 fields after its date"),
        (STANDARD.format("x h 1 /a b _ i r e ftp 0 * c"), "its seconds or its bytes are no number"),
        (STANDARD.format("1 h -1 /a b _ i r e ftp 0 * c"), "its seconds or its bytes are no number"),
        (STANDARD.format(f"1 h {'9' * 5000} /a b _ i r e ftp 0 * c"), "its seconds or its bytes are no number"),
        (STANDARD.format("1 h ١ /a b _ i r e ftp 0 * c"), "its seconds or its bytes are no number"),
        (STANDARD.format("1 h 1 /a b.csv b _ i r e ftp 0 * c"), "its type, direction, access mode or status"),
        (STANDARD.format("1 h 1 /a b _ x r e ftp 0 * c"), "its type, direction, access mode or status"),
        (STANDARD.format("1 h 1 /a b _ i r e ftp 0 * x"), "its type, direction, access mode or status"),
        (OWN.format('[etl] OK UPLOAD: Client "h", "/a", 5 bytes'), "it is none of the lines that vsftpd is known"),
        (OWN.format('[etl] OK UPLOAD: Client "h", "/a'), "it is none of the lines that vsftpd is known"),
        (OWN.format('[etl] OK DANCE: Client "h", "/a"'), "it is none of the lines that vsftpd is known"),
        (OWN.format('[etl] OK DELETE: Client "h", "/a", 1.00Kbyte/sec'), "it is none of the lines that vsftpd is"),
        (OWN.format(f'[e] OK UPLOAD: Client "h", "/a", {"9" * 99} bytes, 1.00Kbyte/sec'), "its bytes are no number"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: str, words: str) -> None:
    assert reason(line).startswith(words)


def test_a_format_that_is_set_takes_no_other() -> None:
    a_standard, an_own = lines("vsftpd-dual.xferlog")[0], lines("vsftpd-dual.vsftpd.log")[7]
    assert isinstance(parse(a_standard, "xferlog"), Entry)
    assert isinstance(parse(an_own, "vsftpd"), Entry)
    assert reason(an_own, "xferlog") == "it is a line of the other format, and xferlog.format is xferlog"
    assert reason(a_standard, "vsftpd") == "it is a line of the other format, and xferlog.format is vsftpd"


def test_a_hole_before_a_line_and_a_carriage_return_behind_it_do_not_matter() -> None:
    line = lines("vsftpd-dual.xferlog")[0]
    assert parse("\0" * 4096 + line + "\r") == parse(line)


REAL = [*lines("vsftpd-dual.xferlog"), *lines("vsftpd-dual.vsftpd.log"), *lines("vsftpd-v6mapped.vsftpd.log")]


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "backslashreplace")))
def test_any_text_is_a_transfer_or_has_a_reason(text: str) -> None:
    assert parse(text) is None or isinstance(parse(text), Entry | Unread)


@settings(max_examples=500)
@given(st.sampled_from(REAL), st.data())
def test_a_real_line_with_anything_changed_never_breaks_the_parser(line: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(line)))
    until = data.draw(st.integers(at, min(len(line), at + 12)))
    found = parse(line[:at] + data.draw(st.text(max_size=8)) + line[until:])
    if isinstance(found, Entry):
        assert found.bytes >= 0
        assert 0 <= found.seconds < float("inf")
        assert found.bytes_per_sec is None or 0 < found.bytes_per_sec < float("inf")


@given(st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1))
def test_any_path_without_a_blank_comes_out_of_a_standard_line_as_it_went_in(path: str) -> None:
    assert standard(f"1 h 5 {path} b _ i r etl ftp 0 * c").filename == path


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1))
def test_any_path_comes_out_of_an_own_line_as_it_went_in(path: str) -> None:
    assert own(f'[etl] OK UPLOAD: Client "h", "{path}", 5 bytes, 1.00Kbyte/sec').filename == path


@pytest.mark.parametrize(
    "bait", ['] OK UPLOAD: Client "', '", 5 bytes', '] OK UPLOAD: Client "1", "a', "[pid 1] [", " ", '"', "OK A: "]
)
def test_no_line_of_64_kib_takes_long(bait: str) -> None:
    """A factor of a hundred separates what is allowed from what a search that starts over takes."""
    line = OWN.format("[a] OK UPLOAD: Client " + bait * (65_536 // len(bait)))
    took = []
    for _ in range(3):
        began = time.process_time()  # the others' time does not count
        parse(line)
        parse(STANDARD.format(bait * (65_536 // len(bait))))
        took.append(time.process_time() - began)
    assert min(took) < 0.05


def test_lines_in_any_order_are_read_alike() -> None:
    """What is remembered of dates changes nothing."""
    shuffled = REAL * 3
    random.Random(1).shuffle(shuffled)
    assert Counter(map(repr, map(parse, shuffled))) == Counter(map(repr, map(parse, REAL * 3)))

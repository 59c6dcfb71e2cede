from datetime import timedelta
from pathlib import Path

import pytest

from etlmon.contract.logs import LogStatus
from etlmon.contract.xferlog import XferFormat
from node.collectors.xferlog_advice import advice, is_rotated, parse_vsftpd, read_vsftpd, rotation_advice, zone_advice

STANDARD, OWN = "/var/log/xferlog", "/var/log/vsftpd.log"
DEBIAN = "# comment\nlisten=NO\nxferlog_enable=YES\n#xferlog_file=/var/log/vsftpd.log\n"


def told(path: str, conf: str | None, format_: XferFormat = "auto", status: LogStatus = "following") -> list[str]:
    return list(advice(path, status, format_, None if conf is None else parse_vsftpd(conf)))


def test_settings_are_read_as_vsftpd_reads_them() -> None:
    assert parse_vsftpd("a=1\n#b=2\n\n  c=x=y\nd\na=3\n=\n") == {"a": "3", "c": "x=y"}


def test_the_settings_lie_in_one_of_two_places_or_nowhere(tmp_path: Path) -> None:
    first, second = tmp_path / "vsftpd.conf", tmp_path / "vsftpd/vsftpd.conf"
    assert read_vsftpd((first, second)) is None
    second.parent.mkdir()
    second.write_bytes(b"a=2\xff\n")
    assert read_vsftpd((first, second)) == {"a": "2�"}
    first.write_text("a=1\n")
    assert read_vsftpd((first, second)) == {"a": "1"}


def test_a_stock_debian_writes_no_xferlog_and_its_own_log_needs_no_advice() -> None:
    wanted = f"vsftpd writes {OWN} and not {STANDARD}: set xferlog.path to it, or xferlog_std_format=YES in vsftpd.conf"
    assert told(STANDARD, DEBIAN, status="missing") == [wanted]
    assert told(OWN, DEBIAN, "vsftpd") == []


def test_without_a_vsftpd_here_the_missing_standard_log_alone_is_worth_a_word() -> None:
    assert told(STANDARD, None, status="missing") == [
        f"vsftpd as Debian sets it up writes no {STANDARD}: set xferlog.path to {OWN}"
    ]
    assert told(STANDARD, None) == told("/srv/log", None, status="missing") == []


@pytest.mark.parametrize(
    ("path", "conf", "words"),
    [
        (OWN, "", "vsftpd logs no transfers: set xferlog_enable=YES in vsftpd.conf"),
        (
            OWN,
            DEBIAN + "xferlog_std_format=YES\n",
            f"vsftpd writes {STANDARD} and not {OWN}: set xferlog.path to it, or xferlog_std_format=NO in vsftpd.conf",
        ),
        (
            OWN,
            DEBIAN + "syslog_enable=YES\n",
            f"vsftpd writes to the system log and not to {OWN}: set syslog_enable=NO in vsftpd.conf",
        ),
        (
            OWN,
            DEBIAN + "log_ftp_protocol=YES\n",
            "log_ftp_protocol=YES in vsftpd.conf fills the log with commands, of which none is needed here",
        ),
        (
            STANDARD,
            DEBIAN + "xferlog_std_format=YES\n",
            "this log tells nothing of deletions, renamings and directories: set dual_log_enable=YES in vsftpd.conf "
            f"and xferlog.path to {OWN}",
        ),
        ("/srv/x", DEBIAN + "xferlog_file=/srv/x\n", f"vsftpd writes {OWN} and not /srv/x: set xferlog.path to it, or "
         "xferlog_std_format=YES in vsftpd.conf"),
    ],
)  # fmt: skip
def test_a_setting_that_hides_something_is_named_with_what_to_set(path: str, conf: str, words: str) -> None:
    assert told(path, conf, "xferlog") == [words]


def test_a_dual_log_is_read_best_in_its_own_format() -> None:
    dual = DEBIAN + "xferlog_std_format=YES\ndual_log_enable=yes\n"
    assert told(OWN, dual, "vsftpd") == []
    assert len(told(STANDARD, dual, "xferlog")) == 1


def test_nothing_is_said_of_the_log_of_another_server() -> None:
    assert told("/var/log/proftpd/xferlog", DEBIAN, "xferlog") == []


def test_a_log_that_logrotate_does_not_know_is_noticed(tmp_path: Path) -> None:
    conf, rules = tmp_path / "logrotate.conf", tmp_path / "logrotate.d"
    assert is_rotated(STANDARD, (conf, rules)), "nothing can be told without any rule"
    rules.mkdir()
    (rules / "vsftpd").write_text(f"{OWN} {{\n weekly\n}}\n")
    assert is_rotated(OWN, (conf, rules))
    assert not is_rotated(STANDARD, (conf, rules))
    conf.write_text("/var/log/* {\n weekly\n}\n")
    assert is_rotated(STANDARD, (conf, rules))
    assert "/etc/logrotate.d" in next(rotation_advice(STANDARD))


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(hours=9, seconds=2), "are 9h ahead of"),
        (timedelta(hours=-5), "are 5h behind"),
        (timedelta(minutes=-345), "are 5h45m behind"),
        (timedelta(minutes=9), None),
        (None, None),
    ],
)
def test_times_that_are_hours_off_are_of_another_zone(ahead: timedelta | None, words: str | None) -> None:
    told = list(zone_advice(ahead))
    assert (words is None and told == []) or (words is not None and words in told[0])

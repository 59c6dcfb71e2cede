"""Log lines: readable, parseable, never secret, never forged."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon import logs

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: .*")


@pytest.fixture(autouse=True)
def root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    logging.captureWarnings(False)
    logging.raiseExceptions = raising
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(text: str) -> None:
    raise ValueError(text)


def logged(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def test_text_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(level="info", format="text", file=None)
    logging.getLogger("node.runner").info("collector %s started", "fs")
    logging.getLogger("node.runner").debug("not this")
    (line,) = capsys.readouterr().err.splitlines()
    assert LINE.fullmatch(line)
    assert line.endswith("Z INFO node.runner: collector fs started")


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    file = tmp_path / "node.log"
    logs.set_up(level="debug", format="json", file=str(file))
    logging.getLogger("node").warning('한글 and "quotes"\nand a line')
    (line,) = logged(file)
    record = json.loads(line)
    assert list(record) == ["time", "level", "logger", "message"]
    assert (record["level"], record["logger"]) == ("warning", "node")
    assert record["message"] == '한글 and "quotes"·and a line'


def test_a_traceback_is_kept_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "node.log"
    logs.set_up(level="info", format="json", file=str(file))
    try:
        fail("login with password=hunter2 failed")
    except ValueError:
        logging.getLogger("node").exception("it failed")
    record = json.loads(logged(file)[0])
    assert record["trace"].startswith("Traceback (most recent call last):\n")
    assert record["trace"].endswith("ValueError: login with password=*** failed")


def test_no_text_can_pretend_to_be_a_log_line(tmp_path: Path) -> None:
    file = tmp_path / "node.log"
    logs.set_up(level="info", format="text", file=str(file))
    forged = "x\n2026-11-21T06:00:00.000Z INFO node: all is well\r\x1b[2K\u2028\x85"
    logging.getLogger("node").info("name %s", forged)
    try:
        fail(forged)
    except ValueError:
        logging.getLogger("node").exception("caught")
    raw = file.read_text(encoding="utf-8")
    records = [line for line in raw.split("\n") if line and not line.startswith("    ")]
    assert len(records) == 2
    assert all(LINE.fullmatch(record) for record in records)
    assert "\x1b" not in raw
    assert "\r" not in raw


@given(st.text(st.characters()))
@settings(deadline=None)
def test_any_message_is_one_line_in_either_format(text: str) -> None:
    record = logging.LogRecord("a.b", logging.INFO, __file__, 1, "%s", (text,), None)
    line = logs.TextFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert LINE.fullmatch(line)
    assert len(logs.JsonFormatter().format(record).splitlines()) == 1


def test_a_file_that_is_moved_away_is_opened_anew(tmp_path: Path) -> None:
    file = tmp_path / "node.log"
    logs.set_up(level="info", format="text", file=str(file))
    logging.getLogger("node").info("before")
    file.rename(tmp_path / "node.log.1")
    logging.getLogger("node").info("after")
    assert [line.rpartition(": ")[2] for line in logged(tmp_path / "node.log.1") + logged(file)] == ["before", "after"]


def test_setting_up_again_replaces_what_was_there(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    logs.set_up(level="info", format="text", file=str(first))
    logs.set_up(level="error", format="json", file=str(second))
    logging.getLogger("node").info("nowhere")
    logging.getLogger("node").error("here")
    assert logged(first) == []
    assert [json.loads(line)["message"] for line in logged(second)] == ["here"]


def test_a_log_file_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(logs.LogFileError, match=r"the log file .*/none/x\.log can not be written: No such file or dir"):
        logs.set_up(level="info", format="text", file=str(tmp_path / "none/x.log"))


def test_a_closed_standard_error_does_not_stop_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = (tmp_path / "x").open("w", encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    logs.set_up(level="info", format="text", file=None)
    stream.close()
    logging.getLogger("node").info("nobody hears this")


def test_silence_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    logs.silence()
    logging.getLogger("asyncio").error("a task ended with an exception")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
        ("{'Authorization': 'Token abc'}", "{'Authorization': 'Token ***'}"),
        ("password=hunter2 next", "password=*** next"),
        ("DB_PASSWORD: 'a b' rest", "DB_PASSWORD: *** rest"),
        ('{"token": "a b\\" c", "n": 1}', '{"token": ***, "n": 1}'),
        ("etl --db-password hunter2 --user x", "etl --db-password *** --user x"),
        ("?access_token=abc&page=2", "?access_token=***&page=2"),
        ("api_key=AKIA; secret = x", "api_key=***; secret = ***"),
        ("ftp://me:pw@host/in", "ftp://me:***@host/in"),
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "POST https://hooks.slack.com/*** failed"),
        ("https://example.com/api/webhooks/1/abc", "https://example.com/***"),
        ("https://api.telegram.org/bot123:abc/sendMessage", "https://api.telegram.org/***"),
        ("ftp://me:p@ss@host/in", "ftp://me:***@host/in"),
        ("postgresql://etl:s3cret@db:5432/dw?x=1", "postgresql://etl:***@db:5432/dw?x=1"),
        ("PGPASSWORD=x psql -h db; date", "PGPASSWORD=*** psql -h db; date"),
        (
            "java -Djavax.net.ssl.keyStorePassword=changeit -jar a.jar",
            "java -Djavax.net.ssl.keyStorePassword=*** -jar a.jar",
        ),
        ("mount -o user=a,pass=b //s/x /m", "mount -o user=a,pass=*** //s/x /m"),
        ("tool --db-pass hunter2 -v", "tool --db-pass *** -v"),
        ("tool -password hunter2 -v", "tool -password *** -v"),
        ("Authorization: abc123", "Authorization: ***"),
        ("X-Api-Key: abc", "X-Api-Key: ***"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c aws s3 ls", "AWS_SECRET_ACCESS_KEY=*** aws s3 ls"),
        ("SECRET_KEY=a AccountKey=b==;x", "SECRET_KEY=*** AccountKey=***;x"),
        ("git clone with ghp_0123456789abcdefABCDEF", "git clone with ***"),
        ("mysql -u root -phunter2 db", "mysql -u root -p*** db"),
        ("mysqldump -p'a b' --all | gzip -p1", "mysqldump -p*** --all | gzip -p1"),
        ("/usr/bin/mariadb-dump -psecret", "/usr/bin/mariadb-dump -p***"),
        ("sshpass -p hunter2 ssh -p 22 host", "sshpass -p *** ssh -p *** host"),
        ("sshpass -phunter2 scp a b:", "sshpass -p*** scp a b:"),
        ("curl -u etl:hunter2 https://h/x", "curl -u etl:*** https://h/x"),
        ("curl --user=etl:hunter2 https://h/x", "curl --user=etl:*** https://h/x"),
        ("lftp -u etl,hunter2 ftp.host", "lftp -u etl,*** ftp.host"),
        ("redis-cli -h r -a hunter2 ping", "redis-cli -h r -a *** ping"),
        ("ldapsearch -x -w hunter2 -b dc=x", "ldapsearch -x -w *** -b dc=x"),
        ("smbclient //s/x -U etl%hunter2", "smbclient //s/x -U etl%***"),
        ("sqlplus etl/hunter2@DW @load.sql", "sqlplus etl/***@DW @load.sql"),
        ("sqlldr userid=etl/hunter2@DW", "sqlldr userid=etl/***@DW"),
        ("sqlcmd -S db -U sa -P hunter2", "sqlcmd -S db -U sa -P ***"),
        ("7z a -phunter2 out.7z in", "7z a -p*** out.7z in"),
        ("openssl req -passout pass:hunter2 -in a", "openssl req -passout pass:*** -in a"),
        ("sh -c 'mysql -phunter2 db'", "sh -c 'mysql -p*** db'"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert logs.redact(text) == shown
    assert logs.redact(shown) == shown


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["etl", "--password", "two words", "--user", "x"], "etl --password *** --user x"),
        (["etl", "--password=two words", "x"], "etl --password=*** x"),
        (["env", "PGPASSWORD=two words, three", "psql"], "env PGPASSWORD=*** psql"),
        (["etl", "--password", "--user", "x"], "etl --password --user x"),
        (["mysql", "-ptwo words", "db"], "mysql -p*** db"),
        (
            ["curl", "-H", "Authorization: Bearer abc def", "https://h"],
            "curl -H Authorization:*** https://h",
        ),
        (["sh", "-c", "PGPASSWORD=x psql -h db"], "sh -c PGPASSWORD=*** psql -h db"),
        (["bash", "-lc", "curl -u a:b https://h; date"], "bash -lc curl -u a:*** https://h; date"),
        (["python3", "-c", "print('a  b')"], "python3 -c print('a  b')"),
        (["tool", "--token-file", "/run/token", "--passwords", "5"], "tool --token-file /run/token --passwords 5"),
        (["a\nb", "", "c"], "a\nb  c"),
        ([], ""),
    ],
)
def test_secrets_in_the_arguments_of_a_program_are_hidden_to_their_end(arguments: list[str], shown: str) -> None:
    assert logs.redact_arguments(arguments) == shown


@pytest.mark.parametrize(
    "text",
    ["the token is bad", "5 tokens: one", "token=", "passwords were wrong", "http://127.0.0.1:8080/api/v1/fs",
     "listening on http://[::1]:8080", "basic settings", "/data/secret/in: denied", "--password-file",
     "mkdir -p /data/in", "ssh -p 22 host",
     "psql -p 5432 -U etl", "cp -p a b", "bypass=1", "tar -zcf a.tgz -P /data", "mysql -p db",
     "curl -u etl https://h/x:y",
     "docker run -p 80:80 mysql", "ls /opt/mysql -p", "sort -u a,b", "a@b.c: sent", "http://h:80/x@y"],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert logs.redact(text) == text


@pytest.mark.parametrize(
    "piece", ["a", "://", "https://", "--", "token", "hook/", "https://a/", '"', "token='", ".", "a.", "x-", "bearer ",
              "a://b:c", "authorization:", "password = ", "mysql ",
              "mysql -p", "mysql", "curl -u a:", "-p", "eyJ", "pass", "ghp_"]
)  # fmt: skip
def test_no_text_takes_long_to_look_through(piece: str) -> None:
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "%s", (piece * 1_000_000,), None)
    started = time.process_time()
    line = logs.TextFormatter().format(record)
    assert time.process_time() - started < 0.5
    assert len(line) < 10_000

"""Who a user is, without waiting for a directory service."""

import asyncio
import pwd
import time
from pathlib import Path

import pytest

from node.sources import command
from node.sources import users as users_module
from node.sources.users import Users
from tests.node.programs import wait_until


def learn(users: Users, *, uids: tuple[int, ...] = (), names: tuple[str, ...] = ()) -> None:
    async def main() -> None:
        await users.learn(uids=uids, names=names)
        await users.close()

    asyncio.run(main())


def test_the_names_are_those_of_the_c_library() -> None:
    users = Users()
    learn(users)
    for entry in pwd.getpwall():
        assert users.uid(entry.pw_name) == entry.pw_uid
        assert users.name(entry.pw_uid) == pwd.getpwuid(entry.pw_uid).pw_name


def test_a_number_without_a_name_is_shown_as_it_is(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0:root:/root:/bin/sh\nbroken line\nx:y\n\nz:x:zero:0::/:\n")
    users = Users(passwd)
    learn(users, uids=(54321,), names=("nobody-of-this-name",))
    assert users.name(54321) == "54321"
    assert users.uid("nobody-of-this-name") is None
    assert users.uid("54321") == 54321
    assert users.name(0) == "root"


def test_a_new_user_is_noticed(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text("a:x:70001:70001::/:\n")
    users = Users(passwd)
    learn(users, uids=(70001, 70002))
    assert (users.name(70001), users.name(70002)) == ("a", "70002")
    passwd.write_text("a:x:70001:70001::/:\nb:x:70002:70002::/:\n")
    learn(users)
    assert (users.name(70001), users.name(70002)) == ("a", "b")
    passwd.unlink()
    learn(users)
    assert users.name(70002) == "b"


def test_who_is_not_in_the_file_is_asked_of_the_directory_service_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwd, asked = tmp_path / "passwd", tmp_path / "asked"
    passwd.write_text("")
    service(tmp_path / "bin", f'echo "$@" >>{asked}; echo "ldapuser:*:70003:70003::/:"', monkeypatch)
    users = Users(passwd)
    for _ in range(3):
        learn(users, uids=(70003,), names=("ldapuser", "unknown"))
    assert (users.name(70003), users.uid("ldapuser"), users.uid("unknown")) == ("ldapuser", 70003, None)
    assert asked.read_text() == "passwd -- 70003 ldapuser unknown\n"


def test_a_directory_service_that_hangs_costs_its_time_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwd, started = tmp_path / "passwd", tmp_path / "started"
    passwd.write_text("")
    service(tmp_path / "bin", f"echo $$ >>{started}; exec sleep 600", monkeypatch)
    monkeypatch.setattr(users_module, "_WITHIN_SEC", 3.0)  # so that it has begun by then also on a busy machine
    users = Users(passwd)
    learn(users, uids=(70003,))
    began = time.monotonic()
    for _ in range(5):
        learn(users, uids=(70003,))
    assert time.monotonic() - began < 5  # and not three seconds each time
    assert users.name(70003) == "70003"
    (pid,) = started.read_text().split()
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def service(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A getent of the test's own."""
    folder.mkdir()
    program = folder / "getent"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(command.Commands.__init__, "__defaults__", (f"{folder}:{command.PATH}",))

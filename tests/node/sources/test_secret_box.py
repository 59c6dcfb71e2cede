import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from node.sources.secret_box import SecretBox, SecretError

SECRET = "correct horse 말 battery\n\x00"  # noqa: S105


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "secret.key"


def test_what_is_sealed_opens_again_and_shows_nothing_of_itself(key_file: Path) -> None:
    box = SecretBox(key_file)
    sealed = box.seal("a", SECRET)
    assert box.open("a", sealed) == SecretBox(key_file).open("a", sealed) == SECRET
    assert "horse" not in sealed
    assert "horse" not in base64.urlsafe_b64decode(sealed).decode("latin-1")


def test_the_same_secret_is_never_sealed_to_the_same_text(key_file: Path) -> None:
    box = SecretBox(key_file)
    assert box.seal("a", SECRET) != box.seal("a", SECRET)


def test_the_first_seal_makes_a_key_that_only_its_user_reads(key_file: Path) -> None:
    before = os.umask(0)
    try:
        SecretBox(key_file).seal("a", SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]
    Fernet(key_file.read_bytes().strip())


def test_a_key_that_is_there_is_used_and_left_as_it_is(key_file: Path) -> None:
    key_file.write_bytes(key := Fernet.generate_key())
    key_file.chmod(0o400)
    sealed = SecretBox(key_file).seal("a", SECRET)
    assert key_file.read_bytes() == key
    assert b"horse" in Fernet(key).decrypt(sealed)


def test_a_key_in_the_usual_base64_is_one_too(key_file: Path) -> None:
    raw = b"\xfb\xff" * 16
    key_file.write_bytes(base64.b64encode(raw) + b"\n")
    key_file.chmod(0o600)
    assert b"+" in key_file.read_bytes()
    box = SecretBox(key_file)
    assert box.open("a", box.seal("a", SECRET)) == SECRET


def test_many_who_make_the_key_at_once_have_the_same(key_file: Path) -> None:
    start = threading.Barrier(16)
    sealed: list[str] = []

    def seal() -> None:
        start.wait()
        sealed.append(SecretBox(key_file).seal("a", SECRET))

    threads = [threading.Thread(target=seal) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [SecretBox(key_file).open("a", text) for text in sealed] == [SECRET] * 16
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_secret_moved_to_another_owner_does_not_open(key_file: Path) -> None:
    box = SecretBox(key_file)
    sealed = box.seal("a", SECRET)
    with pytest.raises(SecretError, match="belongs to something else"):
        box.open("b", sealed)


def test_a_lost_key_is_named_and_none_is_made_in_its_place(key_file: Path) -> None:
    box = SecretBox(key_file)
    sealed = box.seal("a", SECRET)
    key_file.unlink()
    with pytest.raises(SecretError, match=r"secret\.key, is gone"):
        box.open("a", sealed)
    assert not key_file.exists()


def test_another_key_opens_nothing_until_the_right_one_is_back(key_file: Path) -> None:
    box = SecretBox(key_file)
    sealed = box.seal("a", SECRET)
    right = key_file.read_bytes()
    key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(SecretError, match="was not sealed with the key in"):
        box.open("a", sealed)
    key_file.write_bytes(right)
    assert box.open("a", sealed) == SECRET


@pytest.mark.parametrize("change", [lambda text: text[:-5], lambda text: "x" + text, lambda text: "", str.swapcase])
def test_a_changed_text_does_not_open(key_file: Path, change: object) -> None:
    assert callable(change)
    box = SecretBox(key_file)
    sealed = box.seal("a", SECRET)
    with pytest.raises(SecretError, match="was not sealed with the key in"):
        box.open("a", change(sealed))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused_with_what_to_do(key_file: Path, mode: int) -> None:
    SecretBox(key_file).seal("a", SECRET)
    key_file.chmod(mode)
    with pytest.raises(SecretError, match=r"others may read the key .*: chmod 600 .*secret\.key"):
        SecretBox(key_file).seal("a", SECRET)


@pytest.mark.parametrize("text", [b"", b"\n", b"hunter2", b"\xff" * 44, b"A" * 43])
def test_a_file_that_holds_no_key_is_not_written_over(key_file: Path, text: bytes) -> None:
    key_file.write_bytes(text)
    key_file.chmod(0o600)
    with pytest.raises(SecretError, match=r"holds no key .*base64") as caught:
        SecretBox(key_file).seal("a", SECRET)
    assert key_file.read_bytes() == text
    assert "hunter2" not in str(caught.value)


def test_a_key_that_is_given_is_never_made_and_may_be_readable(key_file: Path) -> None:
    with pytest.raises(SecretError, match="is not there; make one with"):
        SecretBox(key_file, given=True).seal("a", SECRET)
    assert not key_file.exists()
    key_file.write_bytes(Fernet.generate_key())
    key_file.chmod(0o444)
    box = SecretBox(key_file, given=True)
    assert box.open("a", box.seal("a", SECRET)) == SECRET


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"cannot write a key to .*nowhere/secret\.key: no such file or directory"):
        SecretBox(tmp_path / "nowhere/secret.key").seal("a", SECRET)


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"cannot read the key .*: is a directory"):
        SecretBox(tmp_path).seal("a", SECRET)

"""Secrets as they are stored: encrypted with a key that lies in a file of its own (Fernet, of `cryptography`).

Whoever gets hold of the database alone, or of a copy of it, reads no password. Each secret is bound to what it belongs
to: moved to another row it does not open. Only the process that needs the secrets imports this.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken

_MOST_KEY_BYTES = 256
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAKE_ONE = "make one with: head -c 32 /dev/urandom | base64 | tr '+/' '-_'"


class SecretError(Exception):
    """A secret cannot be sealed or opened; the message says why and what to do."""


class _Content(msgspec.Struct, frozen=True, array_like=True):
    owner: str
    secret: str


class SecretBox:
    """Seals and opens. The key is read each time, so that one that is lost or brought back is noticed at once."""

    def __init__(self, key_file: Path, *, given: bool = False) -> None:
        """`given`: somebody else keeps the key, it is never made here. Else it is made by the first seal."""
        self._file = key_file
        self._given = given

    def seal(self, owner: str, secret: str) -> str:
        """`secret` as text that only `open` with the same owner reads. Raises SecretError."""
        try:
            key = self._key()
        except FileNotFoundError:
            key = self._new_key()
        return key.encrypt(msgspec.json.encode(_Content(owner, secret))).decode()

    def open(self, owner: str, sealed: str) -> str:
        """Raises SecretError: the key is gone or another, or the secret is not this owner's."""
        try:
            key = self._key()
        except FileNotFoundError:
            raise SecretError(f"the key of the stored secrets, {self._file}, is gone: bring it back") from None
        try:
            content = msgspec.json.decode(key.decrypt(sealed.encode()), type=_Content)
        except (InvalidToken, msgspec.DecodeError):
            raise SecretError(f"the stored secret was not sealed with the key in {self._file}") from None
        if content.owner != owner:
            raise SecretError("the stored secret belongs to something else")
        return content.secret

    def _key(self) -> Fernet:
        """Raises FileNotFoundError."""
        try:
            text = self._read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SecretError(f"cannot read the key {self._file}: {_words(error)}") from error
        try:
            return Fernet(text.strip().translate(bytes.maketrans(b"+/", b"-_")))
        except ValueError:
            raise SecretError(f"{self._file} holds no key (32 bytes in base64); {_MAKE_ONE}") from None

    def _read(self) -> bytes:
        with self._file.open("rb") as file:
            status = os.fstat(file.fileno())
            if not self._given and status.st_mode & _OTHERS:
                raise SecretError(f"others may read the key {self._file}: chmod 600 {self._file}")
            return file.read(_MOST_KEY_BYTES)

    def _new_key(self) -> Fernet:
        """A random key, whole in its place from the first moment; whoever was faster has made it."""
        if self._given:
            raise SecretError(f"the key {self._file} is not there; {_MAKE_ONE}")
        try:
            descriptor, draft = tempfile.mkstemp(prefix=f".{self._file.name}.", dir=self._file.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(Fernet.generate_key() + b"\n")
                    file.flush()
                    os.fsync(descriptor)
                with contextlib.suppress(FileExistsError):
                    os.link(draft, self._file)
            finally:
                Path(draft).unlink()
            _keep(self._file.parent)
        except OSError as error:
            raise SecretError(f"cannot write a key to {self._file}: {_words(error)}") from error
        return self._key()


def _keep(directory: Path) -> None:
    """A key that a power cut takes away makes every secret unreadable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)

"""Keys of the encrypted store: the first one seals, each opens what was sealed with it.

A process that runs meets keys that are newer than itself: it looks again whenever it seals, and
whenever it is to open what was sealed with a key that it does not know. So keys change beside
running services, and no request waits for it.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Key(NamedTuple):
    id: str
    """Says in each row with which key it was sealed, and nothing about the key."""
    cipher: AESGCM


class Keyring:
    """`read` gives the keys, 32 bytes each, as they are now."""

    def __init__(self, read: Callable[[], Sequence[bytes]]) -> None:
        self._read = read
        self._known: dict[str, Key] = {}

    @classmethod
    def of(cls, *keys: bytes) -> "Keyring":
        """Keys that never change."""
        return cls(lambda: keys)

    @property
    def keys(self) -> list[Key]:
        """All, as they are now."""
        found = [Key(key_id(key), AESGCM(key)) for key in self._read()]
        self._known = {key.id: key for key in found}
        return found

    @property
    def sealing(self) -> Key:
        return self.keys[0]

    def opening(self, id: str) -> Key | None:
        """The key with this id; None when there is none, or none any more."""
        if id not in self._known:
            _ = self.keys
        return self._known.get(id)


class KeyFile:
    """Keys in a file of mode 0600, one in a line. It is replaced as a whole, and read again when it
    was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] = (0, 0)
        self._texts: list[str] = []

    def texts(self) -> list[str]:
        """The keys; those that were read before where the file is gone meanwhile."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            if self._texts:
                return self._texts
            raise
        if self._stamp != (stamp := (found.st_ino, found.st_mtime_ns)):
            self._texts, self._stamp = self._read(), stamp
        return self._texts

    def _read(self) -> list[str]:
        lines = (line.strip() for line in self._path.read_text().splitlines())
        return [line for line in lines if line]

    def add(self) -> None:
        """Make a key; from now on it seals. It is on disk before anything is sealed with it."""
        self._replace([secrets.token_urlsafe(32), *self._read()])

    def keep(self, ids: Sequence[str]) -> list[str]:
        """Throw away all keys but the first and these; returns the ids of those that are gone."""
        first, *others = self._read()
        kept = [text for text in others if key_id(key_from(text)) in ids]
        gone = [key_id(key_from(text)) for text in others if text not in kept]
        if gone:
            self._replace([first, *kept])
        return gone

    def _replace(self, texts: Sequence[str]) -> None:
        partial = self._path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write("".join(f"{text}\n" for text in texts))
            out.flush()
            os.fsync(out.fileno())
        partial.rename(self._path)
        self._stamp = (0, 0)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"callplane key id" + key).hexdigest()[:16]


def key_from(text: str) -> bytes:
    """32 bytes from the setting: base64 of exactly 32 bytes, or any passphrase (hashed)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    return raw if len(raw) == 32 else hashlib.sha256(text.encode()).digest()

"""The encrypted store: AES-256-GCM, one nonce per secret, the reference as associated data.

A reference (`sec_…`) may stand in facts, rows and logs; what it refers to never does.
"""

import asyncio
import base64
import hashlib
import os
from collections import OrderedDict

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.digest import Credential
from gateways.ids import new_id
from gateways.store.connections import Connections

KEPT_OPEN = 10_000


class Vault:
    """Seals and opens secrets. `key` is 32 bytes; `key_id` says with which one a row was sealed."""

    def __init__(self, pool: Connections, key: bytes) -> None:
        self._pool = pool
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"callplane key id" + key).hexdigest()[:16]

    def put(self, account_id: str, secret: bytes) -> str:
        """Store a secret and return its reference."""
        ref, nonce = new_id("sec"), os.urandom(12)
        sealed = self._cipher.encrypt(nonce, secret, ref.encode())
        with self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO secrets.sealed (ref, account_id, key_id, nonce, ciphertext)"
                " VALUES (%s, %s, %s, %s, %s)",
                (ref, account_id, self._key_id, nonce, sealed),
            )
        return ref

    def get(self, ref: str, account_id: str | None = None) -> bytes | None:
        """The secret behind `ref`; None when there is none, it is not the account's (where one is
        named), or it was sealed with another key."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT nonce, ciphertext FROM secrets.sealed"
                " WHERE ref = %s AND account_id = coalesce(%s, account_id)",
                (ref, account_id),
            ).fetchone()
        if row is None:
            return None
        try:
            return self._cipher.decrypt(bytes(row["nonce"]), bytes(row["ciphertext"]), ref.encode())
        except InvalidTag:
            return None

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """For who keeps it elsewhere; opened again with the same `about` only."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, secret, about)

    def unseal(self, sealed: bytes, about: bytes) -> bytes | None:
        """None when it was sealed with another key, or about something else."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], about)
        except InvalidTag:
            return None

    def put_credential(self, account_id: str, credential: Credential) -> str:
        members = {
            "ha1": credential.ha1,
            "ha1b": credential.ha1b,
            "ha1_sha256": credential.ha1_sha256,
        }
        return self.put(account_id, orjson.dumps(members))

    def credential(self, ref: str) -> Credential | None:
        secret = self.get(ref)
        return None if secret is None else Credential(**orjson.loads(secret))


class Opened:
    """Secrets in clear, for as long as they are used; a reference never gets another secret."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: OrderedDict[str, str] = OrderedDict()

    async def text(self, ref: str) -> str:
        """Raises LookupError when the secret cannot be opened."""
        if ref in self._known:
            self._known.move_to_end(ref)
            return self._known[ref]
        secret = await asyncio.to_thread(self._vault.get, ref)
        if secret is None:
            raise LookupError("the secret cannot be opened")
        self._known[ref] = secret.decode()
        if len(self._known) > KEPT_OPEN:
            self._known.popitem(last=False)
        return self._known[ref]


def key_from(text: str) -> bytes:
    """32 bytes from the setting: base64 of exactly 32 bytes, or any passphrase (hashed)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    return raw if len(raw) == 32 else hashlib.sha256(text.encode()).digest()

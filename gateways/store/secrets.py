"""The encrypted store: AES-256-GCM, one nonce per secret, the reference as associated data.

A reference (`sec_…`) may stand in facts, rows and logs; what it refers to never does.
"""

import asyncio
import os
from collections import OrderedDict

import orjson
from cryptography.exceptions import InvalidTag

from domain.digest import Credential
from gateways.ids import new_id
from gateways.store.connections import Connections
from gateways.store.keys import Keyring
from gateways.store.rotation import opened

KEPT_OPEN = 10_000
_KEY_ID, _NONCE = 16, 12
"""Bytes."""


class Vault:
    """Seals and opens secrets; `key_id` says with which key a row was sealed."""

    def __init__(self, pool: Connections, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    def put(self, account_id: str, secret: bytes) -> str:
        """Store a secret and return its reference."""
        ref, nonce, key = new_id("sec"), os.urandom(12), self._keyring.sealing
        sealed = key.cipher.encrypt(nonce, secret, ref.encode())
        with self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO secrets.sealed (ref, account_id, key_id, nonce, ciphertext)"
                " VALUES (%s, %s, %s, %s, %s)",
                (ref, account_id, key.id, nonce, sealed),
            )
        return ref

    def get(self, ref: str, account_id: str | None = None) -> bytes | None:
        """The secret behind `ref`; None when there is none, it is not the account's (where one is
        named), or no key opens it."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT ref, key_id, nonce, ciphertext FROM secrets.sealed"
                " WHERE ref = %s AND account_id = coalesce(%s, account_id)",
                (ref, account_id),
            ).fetchone()
        return None if row is None else opened(row, self._keyring)

    def erase(self, ref: str) -> None:
        with self._pool.connection() as connection:
            connection.execute("DELETE FROM secrets.sealed WHERE ref = %s", (ref,))

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """For who keeps it elsewhere: key id, nonce and ciphertext; opened again with the same
        `about` only."""
        nonce, key = os.urandom(_NONCE), self._keyring.sealing
        return key.id.encode() + nonce + key.cipher.encrypt(nonce, secret, about)

    def unseal(self, sealed: bytes, about: bytes) -> bytes | None:
        """None when no key opens it, or it was sealed about something else."""
        id, rest = sealed[:_KEY_ID].decode("ascii", "replace"), sealed[_KEY_ID:]
        key = self._keyring.opening(id)
        try:
            return key and key.cipher.decrypt(rest[:_NONCE], rest[_NONCE:], about)
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

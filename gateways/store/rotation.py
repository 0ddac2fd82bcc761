"""Seals everything in the encrypted store again, with the key that seals now.

In batches, each in a transaction of its own: who stops in the middle goes on with the rest. What no
key opens is left as it is.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from psycopg import Connection
from psycopg.rows import DictRow

from gateways.store.connections import Connections
from gateways.store.keys import Key, Keyring

BATCH = 500
_PAGE = """
    SELECT ref, key_id, nonce, ciphertext FROM secrets.sealed
     WHERE key_id <> %(key_id)s AND ref > %(after)s
     ORDER BY ref LIMIT %(limit)s FOR UPDATE"""
_RESEAL = """
    UPDATE secrets.sealed AS old
       SET key_id = %(key_id)s, nonce = new.nonce, ciphertext = new.ciphertext
      FROM unnest(%(refs)s::text[], %(nonces)s::bytea[], %(ciphertexts)s::bytea[])
           AS new (ref, nonce, ciphertext)
     WHERE old.ref = new.ref"""


class Resealed(NamedTuple):
    done: int
    lost: int
    """Rows that no key opens."""


def rows_per_key(pool: Connections) -> dict[str, int]:
    """Id of a key → how many rows it has sealed."""
    with pool.connection() as connection:
        rows = connection.execute(
            "SELECT key_id, count(*) AS n FROM secrets.sealed GROUP BY key_id ORDER BY key_id"
        ).fetchall()
    return {row["key_id"]: row["n"] for row in rows}


def reseal(
    pool: Connections, keyring: Keyring, on_batch: Callable[[Resealed], None] = lambda _: None
) -> Resealed:
    """All that was sealed with another key; `on_batch` is told how far it is."""
    total, after, sealing = Resealed(0, 0), "", keyring.sealing
    while True:
        with pool.connection() as connection, connection.transaction():
            found, after = _batch(connection, keyring, sealing, after)
        if found is None:
            return total
        total = Resealed(total.done + found.done, total.lost + found.lost)
        on_batch(total)


def _batch(
    connection: Connection[DictRow], keyring: Keyring, sealing: Key, after: str
) -> tuple[Resealed | None, str]:
    """What was done, and the last row that was looked at; None when there are no more."""
    page = {"key_id": sealing.id, "after": after, "limit": BATCH}
    rows = connection.execute(_PAGE, page).fetchall()
    if not rows:
        return None, after
    refs, nonces, ciphertexts = [], [], []
    for row in rows:
        secret = opened(row, keyring)
        if secret is not None:
            nonce = os.urandom(12)
            refs.append(row["ref"])
            nonces.append(nonce)
            ciphertexts.append(sealing.cipher.encrypt(nonce, secret, row["ref"].encode()))
    new = {"key_id": sealing.id, "refs": refs, "nonces": nonces, "ciphertexts": ciphertexts}
    connection.execute(_RESEAL, new)
    return Resealed(len(refs), len(rows) - len(refs)), rows[-1]["ref"]


def opened(row: DictRow, keyring: Keyring) -> bytes | None:
    """The secret of a row (ref, key_id, nonce, ciphertext); None when no key opens it."""
    key = keyring.opening(row["key_id"])
    if key is None:
        return None
    try:
        return key.cipher.decrypt(
            bytes(row["nonce"]), bytes(row["ciphertext"]), row["ref"].encode()
        )
    except InvalidTag:
        return None

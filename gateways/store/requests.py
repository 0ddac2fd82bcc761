"""The book of requests with an Idempotency-Key: who carries one out, and what it was answered.

Guarantees: of all gateways one carries a request out; what it answered is the answer for a day.
A gateway that dies in between leaves the key held for `HOLD` seconds; whoever asks then carries the
request out again with the same draw (`gateways/draw.py`), which does nothing twice.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import orjson
from psycopg import Connection
from psycopg.rows import DictRow

from commands.store import StoreDown
from domain.errors import Conflict, Fault
from gateways.draw import SEED_LENGTH, Draw
from gateways.problems import InFlight, Unprocessable
from gateways.store.connections import Connections
from gateways.store.recorder import translated
from gateways.store.secrets import Vault

log = logging.getLogger("callplane.requests")

HOLD = 30
"""Seconds for which a request is its gateway's own."""
HOURS = 24
"""How long an answer is kept."""
SWEEP = 60.0
"""Seconds between two looks for old entries."""
PAGE = 1_000
"""Entries that go in one transaction."""
_POINTER = "/Idempotency-Key"

_RESERVE = """
    INSERT INTO idempotency.request AS known
           (account_id, principal_id, key, fingerprint, seed, held_until)
    VALUES (%(account_id)s, %(principal_id)s, %(key)s, %(fingerprint)s, %(seed)s,
            now() + make_interval(secs => %(hold)s))
    ON CONFLICT (account_id, principal_id, key) DO UPDATE
       SET seed = CASE WHEN known.fingerprint = EXCLUDED.fingerprint
                        AND known.at > now() - make_interval(hours => %(hours)s)
                       THEN known.seed ELSE EXCLUDED.seed END,
           at = CASE WHEN known.fingerprint = EXCLUDED.fingerprint
                      AND known.at > now() - make_interval(hours => %(hours)s)
                     THEN known.at ELSE EXCLUDED.at END,
           fingerprint = EXCLUDED.fingerprint,
           held_until = EXCLUDED.held_until,
           answer = NULL
     WHERE known.at <= now() - make_interval(hours => %(hours)s)
        OR (known.answer IS NULL AND known.held_until IS NULL)
        OR (known.answer IS NULL AND known.held_until <= now()
            AND known.fingerprint = EXCLUDED.fingerprint)
    RETURNING seed, floor(extract(epoch FROM at) * 1000)::bigint AS at"""
_KNOWN = """
    SELECT fingerprint, answer FROM idempotency.request
     WHERE account_id = %(account_id)s AND principal_id = %(principal_id)s AND key = %(key)s"""
_SETTLE = """
    UPDATE idempotency.request SET answer = %(answer)s, held_until = NULL
     WHERE account_id = %(account_id)s AND principal_id = %(principal_id)s AND key = %(key)s
       AND answer IS NULL"""
_PRUNE = """
    DELETE FROM idempotency.request WHERE (account_id, principal_id, key) IN
           (SELECT account_id, principal_id, key FROM idempotency.request
             WHERE at <= now() - make_interval(hours => %s)
             ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED)"""


class Name(NamedTuple):
    """A key is its principal's own, in each account."""

    account_id: str
    principal_id: str
    key: str

    @property
    def text(self) -> bytes:
        return orjson.dumps(self._asdict())


class Requests:
    def __init__(self, pool: Connections, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def begin(self, name: Name, about: Iterable[bytes]) -> Draw | bytes:
        """What the one draws who carries the request out now, or what it was answered.

        `about`: all that makes it this request. Raises InFlight, Unprocessable (the key was used
        for another request), Conflict (nobody can read the answer), StoreDown.
        """
        return await asyncio.to_thread(self._begin, name, about)

    async def keep(self, name: Name, answer: bytes) -> None:
        """From now on this is the answer. Raises StoreDown."""
        sealed = self._vault.seal(answer, b"answer " + name.text)
        await asyncio.to_thread(self._settle, name, sealed)

    async def release(self, name: Name) -> None:
        """Nothing was answered that would hold: the key may be used again. Raises StoreDown."""
        await asyncio.to_thread(self._settle, name, None)

    async def prune(self) -> None:
        """Forget what is older than a day, a page at a time, for ever."""
        while True:
            with suppress(StoreDown):
                while await asyncio.to_thread(self._prune) == PAGE:
                    pass
            await asyncio.sleep(SWEEP)

    def _begin(self, name: Name, about: Iterable[bytes]) -> Draw | bytes:
        mark = _fingerprint(about)
        with translated(), self._pool.connection() as connection:
            while True:
                if (draw := self._reserved(connection, name, mark)) is not None:
                    return draw
                known = connection.execute(_KNOWN, name._asdict()).fetchone()
                if known is not None:
                    return self._answer_of(name, mark, known)
                # it was pruned meanwhile

    def _reserved(
        self, connection: Connection[DictRow], name: Name, fingerprint: bytes
    ) -> Draw | None:
        sealed = self._vault.seal(os.urandom(SEED_LENGTH), b"seed " + name.text)
        values = name._asdict() | {"fingerprint": fingerprint, "seed": sealed}
        row = connection.execute(_RESERVE, values | {"hold": HOLD, "hours": HOURS}).fetchone()
        if row is None:
            return None
        seed = self._vault.unseal(bytes(row["seed"]), b"seed " + name.text)
        return Draw(_readable(seed), row["at"], is_kept=True)

    def _answer_of(self, name: Name, fingerprint: bytes, known: DictRow) -> bytes:
        if bytes(known["fingerprint"]) != fingerprint:
            fault = Fault(_POINTER, "was used for another path or body within the last day")
            raise Unprocessable("the Idempotency-Key is that of another request", [fault])
        if known["answer"] is None:
            raise InFlight("the request with this Idempotency-Key is under way")
        return _readable(self._vault.unseal(bytes(known["answer"]), b"answer " + name.text))

    def _settle(self, name: Name, sealed: bytes | None) -> None:
        with translated(), self._pool.connection() as connection:
            connection.execute(_SETTLE, name._asdict() | {"answer": sealed})

    def _prune(self) -> int:
        with translated(), self._pool.connection() as connection:
            return connection.execute(_PRUNE, (HOURS, PAGE)).rowcount


def _readable(opened: bytes | None) -> bytes:
    """What was sealed with a key that this gateway does not hold is lost."""
    if opened is None:
        detail = "was used before the key of the encrypted store was changed; take a new one"
        raise Conflict("the answer cannot be read any more", [Fault(_POINTER, detail)])
    return opened


def _fingerprint(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()

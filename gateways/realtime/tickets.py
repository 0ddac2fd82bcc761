"""Tickets: a browser cannot show a credential when it opens a WebSocket, so it shows one before and
gets a ticket that opens one, once, within 30 seconds.

A ticket is a random name in a bucket of the bus, so that any process can take it, and only one does
(compare-and-set). Under it lies, sealed, what was shown: it is looked at again for as long as the
viewer is there.
"""

import os
import re
import secrets
import time
from typing import Any, Literal, NamedTuple

import nats.errors
import orjson
from cryptography.exceptions import InvalidTag
from nats.aio.client import Client
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from domain.errors import Unavailable
from gateways.problems import Unauthenticated
from gateways.store.keys import Keyring

BUCKET = "tickets"
LIFE = 30
"""Seconds."""
TIMEOUT = 2.0
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")

Purpose = Literal["wallboard", "debug"]


class Shown(NamedTuple):
    """What was shown for a ticket."""

    purpose: Purpose
    headers: dict[str, str]
    peer: str
    """The address that it came from."""


class Tickets:
    def __init__(self, client: Client, keys: Keyring) -> None:
        """`keys`: the same in all processes."""
        self._client = client
        self._keys = keys
        self._opened: KeyValue | None = None

    async def issue(self, shown: Shown) -> str:
        ticket, nonce = secrets.token_urlsafe(32), os.urandom(12)
        text = orjson.dumps({**shown._asdict(), "until": time.time() + LIFE})
        key = self._keys.sealing
        sealed = key.cipher.encrypt(nonce, text, _about(ticket))
        value = b":".join((key.id.encode(), nonce + sealed))
        try:
            await (await self._bucket()).create(ticket, value)
        except (nats.errors.Error, TimeoutError):
            self._opened = None  # a bus that has died has forgotten it
            await self._create_anew(ticket, value)
        return ticket

    async def _create_anew(self, ticket: str, value: bytes) -> None:
        try:
            await (await self._bucket()).create(ticket, value)
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the bus is away: {error!r}") from None

    async def redeem(self, ticket: str, purpose: Purpose) -> Shown:
        """What was shown for it. Raises Unauthenticated for one that is unknown, over, taken or for
        something else."""
        if not _FORM.fullmatch(ticket):
            raise Unauthenticated("this needs a ticket")
        try:
            bucket = await self._bucket()
            entry = await bucket.get(ticket)
            await bucket.delete(ticket, last=entry.revision)
        except (KeyNotFoundError, KeyWrongLastSequenceError):
            raise _used() from None
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the bus is away: {error!r}") from None
        found = self._unsealed(ticket, entry.value or b"")
        if found.pop("until") < time.time() or found["purpose"] != purpose:
            raise _used()
        return Shown(**found)

    def _unsealed(self, ticket: str, sealed: bytes) -> dict[str, Any]:
        id, _, rest = sealed.partition(b":")
        key = self._keys.opening(id.decode("latin-1"))
        try:
            text = key.cipher.decrypt(rest[:12], rest[12:], _about(ticket)) if key else b""
        except (InvalidTag, ValueError):
            raise _used() from None
        if not text:
            raise _used()
        found: dict[str, Any] = orjson.loads(text)
        return found

    async def _bucket(self) -> KeyValue:
        if self._opened is None:
            jetstream = self._client.jetstream(timeout=TIMEOUT)
            self._opened = await jetstream.create_key_value(
                KeyValueConfig(bucket=BUCKET, history=1, ttl=LIFE, storage=StorageType.MEMORY)
            )
        return self._opened


def _about(ticket: str) -> bytes:
    """What is sealed together with it: nothing else that these keys have sealed is a ticket."""
    return b"callplane ticket " + ticket.encode()


def _used() -> Unauthenticated:
    return Unauthenticated("the ticket is unknown, used or over")

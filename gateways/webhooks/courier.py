"""One attempt to deliver: signed, to an address that is allowed, without following anybody.

Guarantees: it ends within `TIMEOUT`, never raises, and reads no more than a few kilobytes of what
is answered.
"""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from gateways.addresses import Network
from gateways.store.secrets import Opened
from gateways.webhooks.guard import GuardedResolver, check_host
from gateways.webhooks.ledger import Attempt, Owed, Subscription
from gateways.webhooks.signature import signed_headers

log = logging.getLogger("callplane.sender")

TIMEOUT = 10.0
"""Seconds for a whole attempt."""
READ = 4_096
"""Bytes of an answer that are looked at."""
EXCERPT = 500
"""Characters of an answer that are kept."""


class Tried(NamedTuple):
    attempt: Attempt
    pause: float
    """Seconds that the other side asks for."""

    @property
    def is_delivered(self) -> bool:
        status = self.attempt.status
        return status is not None and 200 <= status < 300


def client(allowed: tuple[Network, ...]) -> aiohttp.ClientSession:
    """Connections to what the guard lets through, and to nothing by way of a proxy."""
    connector = aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(allowed))
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    cookies = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=cookies)


class Courier:
    """`allowed`: networks that are gone to in spite of the guard."""

    def __init__(
        self, http: aiohttp.ClientSession, secrets: Opened, allowed: tuple[Network, ...]
    ) -> None:
        self._http = http
        self._secrets = secrets
        self._allowed = allowed

    async def attempt(
        self, to: Subscription, owed: Owed, trace: Mapping[str, str] | None = None
    ) -> Tried:
        """`trace`: headers that the other side may go on with."""
        at, began = time.time_ns() // 1_000_000, time.perf_counter()
        status, error, excerpt, pause = None, None, None, 0.0
        try:
            check_host(urlsplit(to.url).hostname or "", self._allowed)
            headers = signed_headers(
                await self._secrets_of(to, at), owed.delivery_id, owed.event, owed.body
            ) | dict(trace or {})
            async with self._http.post(
                to.url, data=owed.body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                status, pause = answer.status, _retry_after(answer.headers.get("Retry-After"))
                excerpt = _text(await answer.content.read(READ))
                error = None if 200 <= status < 300 else f"HTTP {status}"
        except (aiohttp.ClientError, OSError, TimeoutError, LookupError, ValueError) as failure:
            error = _said(failure)
        except Exception as failure:
            # one delivery that cannot be made is retried like any other; its call would wait for
            # ever and hold a place of its endpoint if this went further
            log.exception("%s cannot be made", owed.delivery_id)
            error = _said(failure)
        took = int(1000 * (time.perf_counter() - began))
        return Tried(Attempt(at, status, error, took, excerpt), pause)

    async def _secrets_of(self, to: Subscription, now: int) -> list[str]:
        """The newest first; the one before it as long as it counts."""
        found = [await self._secrets.text(to.secret_ref)]
        if to.previous_secret_ref and now < 1000 * (to.previous_secret_until or 0):
            found.append(await self._secrets.text(to.previous_secret_ref))
        return found


def _said(failure: Exception) -> str:
    text = f"{type(failure).__name__}: {failure}"
    return _printable(text)[:EXCERPT]


def _text(body: bytes) -> str | None:
    return _printable(body.decode(errors="replace"))[:EXCERPT] or None


def _printable(text: str) -> str:
    """Without what a table or a log cannot take."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _retry_after(value: str | None) -> float:
    """Seconds, from a number or an HTTP date (RFC 9110 section 10.2.3)."""
    if value is None:
        return 0.0
    with suppress(ValueError, TypeError):
        return max(0.0, float(value))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0

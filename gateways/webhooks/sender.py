"""Pays what the outbox owes: signed requests, retried for three days, booked in the ledger.

One sender at a time leads (an advisory lock). A delivery is booked after its answer came, so a
crash in between sends it again under the same id: at least once, never lost. Subscriptions do not
wait for each other; a dead one costs its own few connections.
"""

import asyncio
import logging
import random
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import psycopg
from psycopg.rows import DictRow, dict_row
from tenacity import RetryCallState, wait_exponential

from commands.store import StoreDown
from gateways import metrics
from gateways.addresses import Network
from gateways.store.reader import Reader
from gateways.store.recorder import AWAY
from gateways.store.secrets import Opened
from gateways.webhooks import ledger
from gateways.webhooks.endpoint import Endpoint
from gateways.webhooks.guard import GuardedResolver, check_host
from gateways.webhooks.ledger import Entry, Owed
from gateways.webhooks.signature import signed_headers

log = logging.getLogger("callplane.sender")

TIMEOUT = 10.0
"""Seconds for a whole attempt."""
GIVE_UP_AFTER = 3 * 86_400_000
"""Milliseconds after the event when a delivery is a dead letter."""
LONGEST_PAUSE = 3_600.0
_LOCK = 7226


class Sender:
    def __init__(
        self,
        url: str,
        reader: Reader,
        secrets: Opened,
        allowed: tuple[Network, ...],
        first_pause: float,
    ) -> None:
        self._url = url
        self._reader = reader
        self._secrets = secrets
        self._allowed = allowed
        self._pause = wait_exponential(multiplier=first_pause / 2, max=LONGEST_PAUSE)
        self._endpoints: dict[str, Endpoint] = {}
        self._booked: list[Entry] = []
        self._work = asyncio.Event()
        self._news = True
        """Whether the subscriptions have to be read (again)."""
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop`; what is under way is finished and booked."""
        while not stop.is_set():
            try:
                await self._lead(stop)
            except (*AWAY, StoreDown) as error:
                log.warning("sender: %s", error)
                await self._abandon()
                await asyncio.sleep(0.5)

    async def _lead(self, stop: asyncio.Event) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=dict_row
        )
        connector = aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(self._allowed))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with connection, aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            while not stop.is_set() and not await _locked(connection):
                await asyncio.sleep(1.0)
            news = asyncio.create_task(self._watch())
            booking = asyncio.create_task(self._book_for_ever())
            try:
                while not stop.is_set() and not booking.done():
                    if self._news:
                        self._news = False
                        await self._refresh()
                    await self._fill()
                    self._send(http)
                    await self._wait(stop)
                if booking.done():
                    booking.result()
                await asyncio.gather(*self._sending, return_exceptions=True)
                await self._book()
            finally:
                news.cancel()
                booking.cancel()

    async def _abandon(self) -> None:
        """Start anew from the book: what was under way is sent again."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._endpoints.clear()
        self._booked.clear()
        self._news = True

    async def _watch(self) -> None:
        """Wake up when the outbox or a subscription has changed, and once a second."""
        while True:
            await self._reader.change("outbox", 1.0)
            for endpoint in self._endpoints.values():
                endpoint.exhausted = False
            self._news = True
            self._work.set()

    async def _wait(self, stop: asyncio.Event) -> None:
        now = _now()
        due = [at for e in self._endpoints.values() if (at := e.next_due(now)) is not None]
        timeout = min((at - now for at in due), default=1000) / 1000
        waits = [asyncio.create_task(self._work.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._work.clear()

    async def _refresh(self) -> None:
        """The subscriptions as they are now."""
        found = {one.webhook_id: one for one in await self._reader.query(ledger.subscriptions)}
        new = [id for id in found if id not in self._endpoints]
        paid = await self._reader.query(ledger.paid_up_to) if new else {}
        for id, subscription in found.items():
            if endpoint := self._endpoints.get(id):
                endpoint.subscription = subscription
            else:
                self._endpoints[id] = Endpoint(subscription, paid.get(id, 0))
        for id in [id for id in self._endpoints if id not in found]:
            if not self._endpoints[id].in_flight:
                del self._endpoints[id]

    async def _fill(self) -> None:
        """Take from the outbox what there is room for."""
        for id, endpoint in self._endpoints.items():
            if endpoint.subscription.status != "active" or not endpoint.wants_more():
                continue
            room = endpoint.room()
            endpoint.exhausted = True  # before the look: news that come meanwhile are not lost
            owed = await self._reader.query(
                partial(ledger.owed_after, webhook_id=id, position=endpoint.position, limit=room)
            )
            if len(owed) == room:
                endpoint.exhausted = False
            for one in owed:
                endpoint.add(one)
        waiting = sum(len(endpoint.open) for endpoint in self._endpoints.values())
        metrics.DELIVERIES_WAITING.set(waiting)

    def _send(self, http: aiohttp.ClientSession) -> None:
        now = _now()
        for endpoint in self._endpoints.values():
            if endpoint.subscription.status != "active":
                continue
            for owed in endpoint.sendable(now):
                task = asyncio.create_task(self._deliver(http, endpoint, owed))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _deliver(self, http: aiohttp.ClientSession, endpoint: Endpoint, owed: Owed) -> None:
        status, error, pause = await self._attempt(http, endpoint, owed)
        now = _now()
        if status is not None and 200 <= status < 300:
            state, next_at = "delivered", None
            endpoint.failures = 0
            endpoint.settled(owed)
        elif now - owed.at > GIVE_UP_AFTER or status == 410:
            state, next_at = "dead", None
            endpoint.settled(owed)
        else:
            state, next_at = "retrying", now + int(1000 * max(pause, self._pause_after(owed)))
            endpoint.failures += 1
            endpoint.failed(owed, next_at)
        metrics.DELIVERIES.labels(state).inc()
        self._booked.append(
            Entry(
                owed.delivery_id,
                owed.webhook_id,
                state,
                owed.attempts + 1,
                next_at,
                status,
                error,
                now,
            )
        )
        self._work.set()

    async def _attempt(
        self, http: aiohttp.ClientSession, endpoint: Endpoint, owed: Owed
    ) -> tuple[int | None, str | None, float]:
        """Status, error, and the pause in seconds that the other side asks for."""
        url = endpoint.subscription.url
        try:
            check_host(urlsplit(url).hostname or "", self._allowed)
            secret = await self._secrets.text(endpoint.subscription.secret_ref)
            headers = signed_headers(secret, owed.delivery_id, owed.event, owed.body)
            async with http.post(
                url, data=owed.body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                await answer.content.read(4096)
                failed = not 200 <= answer.status < 300
                error = f"HTTP {answer.status}" if failed else None
                return answer.status, error, _retry_after(answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError, TimeoutError, LookupError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"[:500], 0.0
        except Exception as error:
            # one delivery that cannot be made is retried like any other; its call would wait for
            # ever and hold a place of its endpoint if this went further
            log.exception("%s cannot be made", owed.delivery_id)
            return None, f"{type(error).__name__}: {error}"[:500], 0.0

    def _pause_after(self, owed: Owed) -> float:
        """Exponential with jitter: seconds until the next attempt."""
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = owed.attempts + 1
        return self._pause(state) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret

    async def _book_for_ever(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            await self._book()

    async def _book(self) -> None:
        entries, self._booked = self._booked, []
        if entries:
            touched = {entry.webhook_id for entry in entries}
            paid = {
                id: endpoint.paid_up_to()
                for id in touched
                if (endpoint := self._endpoints.get(id)) is not None
            }
            await asyncio.to_thread(self._write, entries, paid)

    def _write(self, entries: list[Entry], paid: dict[str, int]) -> None:
        newest = {entry.delivery_id: entry for entry in entries}
        try:
            with self._reader.pool.connection() as connection:
                ledger.write(connection, list(newest.values()), paid)
        except AWAY as error:
            raise StoreDown(str(error)) from error


def _now() -> int:
    return time.time_ns() // 1_000_000


def _retry_after(value: str | None) -> float:
    """Seconds, from a number or an HTTP date (RFC 9110 section 10.2.3); at most the longest
    pause."""
    if value is None:
        return 0.0
    with suppress(ValueError, TypeError):
        return min(LONGEST_PAUSE, max(0.0, float(value)))
    with suppress(ValueError, TypeError):
        return min(LONGEST_PAUSE, max(0.0, parsedate_to_datetime(value).timestamp() - time.time()))
    return 0.0


async def _locked(connection: "psycopg.AsyncConnection[DictRow]") -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row["got"])

"""Pays what the outbox owes: signed requests, retried for three days, booked in the ledger.

One sender at a time leads (an advisory lock). A delivery is booked after its answer came, so a
crash in between sends it again under the same id: at least once, never lost. Subscriptions do not
wait for each other; a dead one costs a request now and then.

An endpoint that answers 410, or gives nothing but failures for five days, is given up: its
subscription is disabled. What it was owed stays in the outbox, as with one that is paused.
"""

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack, suppress
from functools import partial

import psycopg
from psycopg.rows import DictRow, dict_row
from tenacity import RetryCallState, wait_exponential

from commands.store import StoreDown
from gateways import metrics, tracing
from gateways.addresses import Network
from gateways.store.reader import Reader
from gateways.store.recorder import AWAY
from gateways.store.secrets import Opened
from gateways.webhooks import courier, ledger
from gateways.webhooks.courier import Courier, Tried
from gateways.webhooks.disabling import Disabler
from gateways.webhooks.endpoint import BUFFER, Endpoint
from gateways.webhooks.ledger import Entry, Owed, Paid, Subscription, Want
from gateways.webhooks.pruning import prune_for_ever
from gateways.webhooks.replay import replay_for_ever

log = logging.getLogger("callplane.sender")

DAY = 86_400_000
GIVE_UP_AFTER = 3 * DAY
"""Milliseconds of trying after which a delivery is a dead letter."""
DISABLE_AFTER = 5 * DAY
"""Milliseconds of nothing but failures after which a subscription is disabled."""
LONGEST_PAUSE = 3_600.0
AT_ONCE = 10
"""Subscriptions for which one look into the outbox is taken."""
READ_EVERY = 0.5
"""Seconds from one look at the subscriptions to the next."""
BOOK_EVERY = 0.02
"""Seconds. A booking costs a commit, however many attempts it is about."""
_LOCK = 7226


class Sender:
    """`first_pause`: seconds after the first failure. `keep_days`: for how long what was delivered
    stays in the books."""

    def __init__(
        self,
        url: str,
        reader: Reader,
        secrets: Opened,
        allowed: tuple[Network, ...],
        first_pause: float,
        keep_days: float,
        disabler: Disabler,
    ) -> None:
        self._url = url
        self._reader = reader
        self._secrets = secrets
        self._allowed = allowed
        self._first_pause = first_pause
        self._keep_days = keep_days
        self._disabler = disabler
        self._pause = wait_exponential(multiplier=first_pause / 2, max=LONGEST_PAUSE)
        self._endpoints: dict[str, Endpoint] = {}
        self._read_again_at = 0.0
        self._seen: int | None = None
        """Place in the outbox up to which it is known who is owed something."""
        self._booked: list[Entry] = []
        self._booking = asyncio.Lock()
        self._work = asyncio.Event()
        self._news = True
        """Whether the subscriptions have to be read (again)."""
        self._sending: set[asyncio.Task[None]] = set()
        self._is_draining = False

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
        async with AsyncExitStack() as stack:
            lock = await stack.enter_async_context(await _connected(self._url))
            http = await stack.enter_async_context(courier.client(self._allowed))
            while not stop.is_set() and not await _locked(lock):
                await asyncio.sleep(1.0)
            parts = [
                asyncio.create_task(part)
                for part in (
                    self._watch(lock),
                    self._book_for_ever(),
                    self._disabler.run(),
                    prune_for_ever(self._reader, self._keep_days),
                    replay_for_ever(self._reader),
                )
            ]
            self._is_draining = False
            try:
                await self._serve(Courier(http, self._secrets, self._allowed), parts, stop)
                self._is_draining = True
                await asyncio.gather(*self._sending, return_exceptions=True)
                await self._book()
            finally:
                for part in parts:
                    part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)

    async def _serve(
        self, by: Courier, parts: list[asyncio.Task[None]], stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            for part in parts:
                if part.done():
                    part.result()
            if self._news:
                self._news = False
                await self._refresh()
            await self._fill()
            for endpoint in self._endpoints.values():
                self._send(by, endpoint)
            await self._wait(stop)

    async def _abandon(self) -> None:
        """Start anew from the book: what was under way is sent again."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._endpoints.clear()
        self._booked.clear()
        self._seen, self._read_again_at = None, 0.0
        self._news = True

    async def _watch(self, lock: "psycopg.AsyncConnection[DictRow]") -> None:
        """Wake up when the outbox or a subscription has changed, and once a second; notice when
        somebody else may lead."""
        while True:
            await self._reader.change("outbox", 1.0)
            await lock.execute("SELECT")
            self._news = True
            self._work.set()

    async def _wait(self, stop: asyncio.Event) -> None:
        due = min((endpoint.next_due() for endpoint in self._active()), default=float("inf"))
        timeout = max(0.0, min(1.0, (due - _now()) / 1000))
        waits = [asyncio.create_task(self._work.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._work.clear()

    def _active(self) -> list[Endpoint]:
        return [e for e in self._endpoints.values() if _may_send(e)]

    # What is owed

    async def _refresh(self) -> None:
        """Which subscriptions are owed something new, and, now and then, how these are now."""
        now = time.monotonic()
        is_due = now >= self._read_again_at
        look = await self._reader.query(partial(ledger.look, seen=self._seen, whole=is_due))
        if look.subscriptions is not None:
            self._read_again_at = now + READ_EVERY
            await self._know(look.subscriptions)
        for id, last in look.owed.items():
            if (known := self._endpoints.get(id)) and known.place < last:
                known.exhausted = False
        self._seen = look.head
        for id in look.wishes:
            if (known := self._endpoints.get(id)) and _may_send(known):
                await self._hear(id, known)

    async def _know(self, found: dict[str, Subscription]) -> None:
        new = [id for id in found if id not in self._endpoints]
        paid = await self._reader.query(ledger.paid) if new else {}
        for id in new:
            self._endpoints[id] = Endpoint.resumed(found[id], paid.get(id, Paid(0, None)))
        for id, endpoint in list(self._endpoints.items()):
            if id in found:
                endpoint.now_is(found[id])
            elif not endpoint.in_flight:
                del self._endpoints[id]
            else:
                endpoint.given_up = "it is deleted"

    async def _hear(self, id: str, endpoint: Endpoint) -> None:
        """Take up what somebody wants again."""
        limit = len(endpoint.asked) + BUFFER
        ask = partial(ledger.asked_again, webhook_id=id, limit=limit)
        for owed in await self._reader.query(ask):
            endpoint.ask(owed)

    async def _fill(self) -> None:
        """Take from the outbox what there is room for."""
        hungry = {id: one for id, one in self._endpoints.items() if _may_send(one) and one.room()}
        ids = list(hungry)
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            wants = [Want(id, hungry[id].place, hungry[id].room()) for id in some]
            found = await self._reader.query(partial(ledger.owed, wants=wants))
            for want in wants:
                owed = found.get(want.webhook_id, [])
                hungry[want.webhook_id].exhausted = len(owed) < want.limit
                for one in owed:
                    hungry[want.webhook_id].add(one)
        waiting = sum(len(endpoint.open) for endpoint in self._endpoints.values())
        metrics.DELIVERIES_WAITING.set(waiting)

    # Sending

    def _send(self, by: Courier, endpoint: Endpoint) -> None:
        """Begin what may go now; what comes back begins what may go then."""
        if self._is_draining or not _may_send(endpoint):
            return
        for owed in endpoint.sendable(_now()):
            task = asyncio.create_task(self._deliver(by, endpoint, owed))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, by: Courier, endpoint: Endpoint, owed: Owed) -> None:
        tried = await self._attempt(by, endpoint.subscription, owed)
        self._conclude(endpoint, owed, tried)
        self._send(by, endpoint)
        if endpoint.room() or not endpoint.in_flight:
            self._work.set()

    async def _attempt(self, by: Courier, to: Subscription, owed: Owed) -> Tried:
        if (spans := tracing.spans()) is None:
            return await by.attempt(to, owed)
        cause = None
        with suppress(StoreDown):  # then it is a trace of its own
            cause = await self._reader.query(partial(ledger.traceparent, place=owed.place))
        with spans.asking("webhook attempt", to.account_id, owed.call_id, cause) as headers:
            return await by.attempt(to, owed, headers)

    def _conclude(self, endpoint: Endpoint, owed: Owed, tried: Tried) -> None:
        now, status, next_at = _now(), tried.attempt.status, None
        trying_since = max(owed.at, endpoint.subscription.active_since)
        asked = endpoint.asked.get(owed.delivery_id)
        if tried.is_delivered:
            state = "delivered"
            endpoint.succeeded()
            endpoint.settled(owed)
        else:
            endpoint.stumbled(now, self._first_pause)
            if status == 410 or now - trying_since > GIVE_UP_AFTER:
                state = "dead"
                endpoint.settled(owed)
            else:
                asked_for = min(LONGEST_PAUSE, tried.pause)
                next_at = now + int(1000 * max(asked_for, self._pause_after(owed)))
                state = "retrying"
                endpoint.failed(owed, next_at)
                if status in (429, 503):
                    endpoint.not_before = max(endpoint.not_before, now + int(1000 * asked_for))
            self._give_up(endpoint, tried, now)
        metrics.DELIVERIES.labels(state).inc()
        metrics.DELIVERY_SECONDS.labels(state).observe(tried.attempt.duration_ms / 1000)
        self._booked.append(
            Entry(
                owed.delivery_id,
                owed.webhook_id,
                state,
                owed.attempts + 1,
                next_at,
                tried.attempt,
                asked,
            )
        )

    def _give_up(self, endpoint: Endpoint, tried: Tried, now: int) -> None:
        """Have the subscription disabled if there is no use in going on."""
        about = endpoint.subscription
        failing_since = max(endpoint.failing_since or now, about.active_since)
        if tried.attempt.status == 410:
            reason = "the endpoint answered 410 Gone"
        elif now - failing_since > DISABLE_AFTER:
            reason = f"nothing could be delivered for 5 days, at last: {tried.attempt.error}"
        else:
            return
        if endpoint.given_up is None:
            endpoint.given_up = reason
            self._disabler.disable(about.account_id, about.webhook_id, reason)

    def _pause_after(self, owed: Owed) -> float:
        """Exponential with jitter: seconds until the next attempt."""
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = owed.attempts - owed.base + 1
        return self._pause(state) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret

    # Booking

    async def _book_for_ever(self) -> None:
        while True:
            await asyncio.sleep(BOOK_EVERY)
            await self._book()

    async def _book(self) -> None:
        async with self._booking:
            entries, self._booked = self._booked, []
            if not entries:
                return
            touched = {entry.webhook_id for entry in entries}
            paid = {id: e.paid() for id in touched if (e := self._endpoints.get(id)) is not None}
            await asyncio.to_thread(self._write, entries, paid)
        for entry in entries:
            endpoint = self._endpoints.get(entry.webhook_id)
            if endpoint and entry.asked is not None and entry.state != "retrying":
                endpoint.booked(entry.delivery_id, entry.asked)

    def _write(self, entries: list[Entry], paid: dict[str, Paid]) -> None:
        try:
            with self._reader.pool.connection() as connection:
                ledger.write(connection, entries, paid)
        except AWAY as error:
            raise StoreDown(str(error)) from error


def _may_send(endpoint: Endpoint) -> bool:
    return endpoint.subscription.status == "active" and endpoint.given_up is None


def _now() -> int:
    return time.time_ns() // 1_000_000


async def _connected(url: str) -> "psycopg.AsyncConnection[DictRow]":
    return await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)


async def _locked(connection: "psycopg.AsyncConnection[DictRow]") -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row["got"])

"""Pays the mails that are owed: one at a time, retried for a day, booked when they are handed in.

One sender leads (an advisory lock), and books over the session that holds the lock. A mail is
booked after the server took it, so a crash in between sends it again under the same Message-ID: at
least once, and never after it is in the book.
"""

import asyncio
import logging
import time
from contextlib import suppress

import aiosmtplib
import psycopg
from psycopg.rows import dict_row
from tenacity import RetryCallState, wait_exponential

from commands.store import StoreDown
from gateways import metrics
from gateways.mail import ledger
from gateways.mail.ledger import Connection, Entry, Owed
from gateways.mail.letter import letter
from gateways.mail.server import MailServer
from gateways.store.reader import Reader
from gateways.store.recorder import AWAY

log = logging.getLogger("callplane.mail")

TIMEOUT = 20.0
"""Seconds for each answer of the server."""
GIVE_UP_AFTER = 86_400_000
"""Milliseconds after the message when nobody needs to be told of it any more."""
LONGEST_PAUSE = 3_600.0
PAGE = 20
_LOCK = 7240


class Rejected(Exception):
    """The mail will never be taken."""


class MailSender:
    def __init__(
        self, url: str, reader: Reader, server: MailServer, sender: str, first_pause: float
    ) -> None:
        self._url = url
        self._reader = reader
        self._server = server
        self._sender = sender
        self._pause = wait_exponential(multiplier=first_pause / 2, max=LONGEST_PAUSE)

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop`; the mail under way is finished and booked."""
        while not stop.is_set():
            try:
                await self._lead(stop)
            except (*AWAY, StoreDown) as error:
                log.warning("mail: %s", error)
                await asyncio.sleep(0.5)

    async def _lead(self, stop: asyncio.Event) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=dict_row
        )
        async with connection:
            while not stop.is_set() and not await _locked(connection):
                await asyncio.sleep(1.0)
            while not stop.is_set():
                now = _now()
                owed = await ledger.due(connection, now - GIVE_UP_AFTER, now, PAGE)
                for one in owed:
                    await ledger.book(connection, await self._deliver(one))
                    if stop.is_set():
                        return
                if not owed:
                    await self._wait(stop)

    async def _wait(self, stop: asyncio.Event) -> None:
        waits = [
            asyncio.create_task(self._reader.change("mail", 1.0)),
            asyncio.create_task(stop.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*waits)

    async def _deliver(self, owed: Owed) -> Entry:
        state, next_at, error = "sent", None, None
        try:
            await self._hand_in(owed)
        except Rejected as refusal:
            state, error = "dead", str(refusal)[:500]
        except Exception as failure:
            # one mail that cannot be sent is retried like any other; the next is not kept waiting
            state, error = "retrying", f"{type(failure).__name__}: {failure}"[:500]
            next_at = _now() + int(1000 * self._pause_after(owed))
        if error is not None:
            log.warning("mail about %s: %s", owed.message_id, error)
        metrics.MAILS.labels(state).inc()
        return Entry(owed.message_id, state, owed.attempts + 1, next_at, error, _now())

    async def _hand_in(self, owed: Owed) -> None:
        server = self._server
        try:
            mail = letter(owed, self._sender)
            await aiosmtplib.send(
                mail,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.use_tls,
                start_tls=server.start_tls,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            if all(one.code >= 500 for one in refused.recipients):
                raise Rejected("; ".join(one.message for one in refused.recipients)) from None
            raise
        except aiosmtplib.SMTPDataError as refused:
            if refused.code >= 500:
                raise Rejected(refused.message) from None
            raise
        except ValueError as error:
            raise Rejected(str(error)) from None

    def _pause_after(self, owed: Owed) -> float:
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = owed.attempts + 1
        return self._pause(state)


def _now() -> int:
    return time.time_ns() // 1_000_000


async def _locked(connection: Connection) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row["got"])

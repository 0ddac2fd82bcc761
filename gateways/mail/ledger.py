"""The mail sender's book: which of the owed mails are sent, dead, or to be tried again."""

from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import DictRow

_DUE = """
    SELECT owed.*, coalesce(book.attempts, 0) AS attempts, box.body->>'name' AS mailbox
      FROM views.owed_mail AS owed
      LEFT JOIN delivery.mail AS book USING (message_id)
      LEFT JOIN views.resource AS box ON box.id = owed.voicemail_id
     WHERE owed.received_at > %(since)s
       AND (book.state IS NULL OR (book.state = 'retrying' AND book.next_at <= %(now)s))
     ORDER BY coalesce(book.next_at, owed.received_at) LIMIT %(limit)s"""
_BOOK = """
    INSERT INTO delivery.mail (message_id, state, attempts, next_at, last_error, at)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (message_id) DO UPDATE
       SET state = EXCLUDED.state, attempts = EXCLUDED.attempts, next_at = EXCLUDED.next_at,
           last_error = EXCLUDED.last_error, at = EXCLUDED.at"""


class Owed(NamedTuple):
    message_id: str
    voicemail_id: str
    mailbox: str | None
    """Its name."""
    recipient: str
    caller: str
    duration_ms: int | None
    received_at: int
    """Epoch milliseconds."""
    attempts: int

    @property
    def received(self) -> datetime:
        return datetime.fromtimestamp(self.received_at // 1000, UTC)


class Entry(NamedTuple):
    """What became of an attempt. Times in epoch milliseconds."""

    message_id: str
    state: str
    """retrying, sent or dead"""
    attempts: int
    next_at: int | None
    last_error: str | None
    at: int


Connection = psycopg.AsyncConnection[DictRow]


async def due(connection: Connection, since: int, now: int, limit: int) -> list[Owed]:
    """Mails to be sent now, of messages that came in after `since`."""
    values = {"since": since, "now": now, "limit": limit}
    rows = await (await connection.execute(_DUE, values)).fetchall()
    return [Owed(**{name: row[name] for name in Owed._fields}) for row in rows]


async def book(connection: Connection, entry: Entry) -> None:
    await connection.execute(_BOOK, entry)

"""Which messages lie in a mailbox, and which recording belongs to which call? (spec 04, Voicemail)

A row per message, and a row per key under which an engine was told to leave one.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.call import FlowStepped
from events.flow import Record
from events.voicemail import (
    MessageDeleted,
    MessageLeft,
    MessageRead,
    MessageReplaced,
    MessageUnread,
    VoicemailFact,
)
from projections.base import Positioned, Projection

_EXPECT = """
    INSERT INTO voicemail_recording (media_key, account_id, voicemail_id, call_id)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (media_key) DO UPDATE
       SET voicemail_id = EXCLUDED.voicemail_id, call_id = EXCLUDED.call_id"""
_LEFT = """
    INSERT INTO voicemail_message (id, account_id, voicemail_id, call_id, caller, media_key,
                                   duration_ms, size_bytes, received_at)
    VALUES (%(message_id)s, %(account_id)s, %(voicemail_id)s, %(call_id)s, %(caller)s,
            %(media_key)s, %(duration_ms)s, %(size_bytes)s, %(received_at)s)"""
_REPLACED = """
    UPDATE voicemail_message SET duration_ms = %(duration_ms)s, size_bytes = %(size_bytes)s
     WHERE id = %(message_id)s"""


class Voicemails(Projection):
    name = "voicemail"
    version = 1
    tables = ("voicemail_recording", "voicemail_message")
    ddl = """
        CREATE TABLE voicemail_recording (
            media_key text PRIMARY KEY, account_id text NOT NULL, voicemail_id text NOT NULL,
            call_id text NOT NULL
        );
        CREATE TABLE voicemail_message (
            id text PRIMARY KEY, account_id text NOT NULL, voicemail_id text NOT NULL,
            call_id text NOT NULL, caller text NOT NULL, media_key text NOT NULL,
            duration_ms bigint, size_bytes bigint NOT NULL, received_at bigint NOT NULL,
            is_read boolean NOT NULL DEFAULT false
        );
        CREATE INDEX voicemail_message_idx ON voicemail_message (voicemail_id, id);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """In the order of the facts: messages are few."""
        found = False
        for _, _, _, _, fact in facts:
            match fact:
                case FlowStepped(command=Record(voicemail_id=str() as id) as record):
                    values = (record.key, fact.account_id, id, fact.call_id)
                    cursor.execute(_EXPECT, values)
                case VoicemailFact():
                    _fold(cursor, fact)
                case _:
                    continue
            found = True
        return found


def _fold(cursor: Cursor[DictRow], fact: VoicemailFact) -> None:
    match fact:
        case MessageLeft():
            cursor.execute(_LEFT, fact.model_dump())
        case MessageReplaced():
            cursor.execute(_REPLACED, fact.model_dump())
        case MessageRead() | MessageUnread():
            cursor.execute(
                "UPDATE voicemail_message SET is_read = %s WHERE id = %s",
                (isinstance(fact, MessageRead), fact.message_id),
            )
        case MessageDeleted():
            cursor.execute("DELETE FROM voicemail_message WHERE id = %s", (fact.message_id,))


# Query


def recording(cursor: Cursor[DictRow], media_key: str) -> DictRow | None:
    """Of which call and which mailbox a recording is."""
    return cursor.execute(
        "SELECT * FROM views.voicemail_recording WHERE media_key = %s", (media_key,)
    ).fetchone()


def one(
    cursor: Cursor[DictRow], account_id: AccountId, voicemail_id: str, id: str
) -> DictRow | None:
    return cursor.execute(
        "SELECT * FROM views.voicemail_message"
        " WHERE id = %s AND voicemail_id = %s AND account_id = %s",
        (id, voicemail_id, account_id),
    ).fetchone()


def page(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    voicemail_id: str,
    is_read: bool | None,
    before: str | None,
    limit: int,
) -> list[DictRow]:
    """A mailbox's messages, newest first. `before`: the last id seen."""
    values: dict[str, Any] = {
        "account_id": account_id,
        "voicemail_id": voicemail_id,
        "is_read": is_read,
        "before": before,
        "limit": limit,
    }
    return cursor.execute(
        """
        SELECT * FROM views.voicemail_message
         WHERE account_id = %(account_id)s AND voicemail_id = %(voicemail_id)s
           AND (%(is_read)s::boolean IS NULL OR is_read = %(is_read)s)
           AND (%(before)s::text IS NULL OR id < %(before)s)
         ORDER BY id DESC LIMIT %(limit)s""",
        values,
    ).fetchall()

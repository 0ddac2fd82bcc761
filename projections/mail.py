"""Which mails are owed? One row per voicemail message whose mailbox wanted one (spec 04)."""

from collections.abc import Sequence

from psycopg import Cursor
from psycopg.rows import DictRow

from events.voicemail import MessageDeleted, MessageLeft
from projections.base import Positioned, Projection

_OWE = """
    INSERT INTO owed_mail (message_id, account_id, voicemail_id, recipient, caller, duration_ms,
                           received_at)
    VALUES (%(message_id)s, %(account_id)s, %(voicemail_id)s, %(notify_email)s, %(caller)s,
            %(duration_ms)s, %(received_at)s)"""


class Mail(Projection):
    name = "mail"
    version = 1
    tables = ("owed_mail",)
    ddl = """
        CREATE TABLE owed_mail (
            message_id text PRIMARY KEY, account_id text NOT NULL, voicemail_id text NOT NULL,
            recipient text NOT NULL, caller text NOT NULL, duration_ms bigint,
            received_at bigint NOT NULL
        );
        CREATE INDEX owed_mail_idx ON owed_mail (received_at);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """A message that is deleted before its mail was sent needs none."""
        found = False
        for _, _, _, _, fact in facts:
            match fact:
                case MessageLeft() if fact.notify_email:
                    cursor.execute(_OWE, fact.model_dump())
                case MessageDeleted():
                    owed = "DELETE FROM owed_mail WHERE message_id = %s"
                    cursor.execute(owed, (fact.message_id,))
                case _:
                    continue
            found = True
        return found

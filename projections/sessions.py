"""Who is logged in to the console? One row per session; long expired ones go (spec 06)."""

from collections.abc import Sequence

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.sessions import SessionEnded, SessionOpened
from projections.base import Positioned, Projection
from projections.directory import NOT_CLOSED

_OPEN = """
    INSERT INTO session (id, account_id, user_id, epoch, opened_at, expires_at, src_ip)
    VALUES (%(session_id)s, %(account_id)s, %(user_id)s, %(epoch)s, %(at)s, %(expires_at)s,
            %(src_ip)s)"""
_LIVE = f"""
    SELECT session.*, person.body AS person
      FROM views.session JOIN views.resource AS person
        ON person.id = session.user_id AND person.account_id = session.account_id
       AND person.kind = 'console_user' AND NOT person.deleted
     WHERE session.ended_at IS NULL AND person.body->>'status' = 'active'
       AND (person.body->>'session_epoch')::bigint = session.epoch
       AND {NOT_CLOSED.replace("row.", "session.")}"""


class Sessions(Projection):
    name = "sessions"
    version = 1
    tables = ("session",)
    ddl = """
        CREATE TABLE session (
            id text PRIMARY KEY, account_id text NOT NULL, user_id text NOT NULL,
            epoch bigint NOT NULL, opened_at bigint NOT NULL, expires_at bigint NOT NULL,
            src_ip text NOT NULL, ended_at bigint
        );
        CREATE INDEX session_account_idx ON session (account_id, id);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """In the order of the facts: people log in rarely."""
        found = False
        for _, _, _, _, fact in facts:
            match fact:
                case SessionOpened():
                    over = "DELETE FROM session WHERE account_id = %s AND expires_at < %s"
                    cursor.execute(over, (fact.account_id, fact.at))
                    cursor.execute(_OPEN, fact.model_dump())
                case SessionEnded():
                    ended = "UPDATE session SET ended_at = %s WHERE id = %s"
                    cursor.execute(ended, (fact.at, fact.session_id))
                case _:
                    continue
            found = True
        return found


# Query


def live(cursor: Cursor[DictRow], id: str) -> DictRow | None:
    """The session with its user's row as `person`, if it was not ended and the user is still the
    one who logged in. Whoever asks looks at `expires_at`."""
    return cursor.execute(_LIVE + " AND session.id = %s", (id,)).fetchone()


def page(
    cursor: Cursor[DictRow], account_id: AccountId, now: int, before: str | None, limit: int
) -> list[DictRow]:
    """The account's live sessions, newest first. `before`: the last id seen."""
    return cursor.execute(
        _LIVE + " AND session.account_id = %s AND session.expires_at > %s"
        " AND (%s::text IS NULL OR session.id < %s) ORDER BY session.id DESC LIMIT %s",
        (account_id, now, before, before, limit),
    ).fetchall()

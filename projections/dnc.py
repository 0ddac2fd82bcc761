"""Which numbers must not be called, and how far is a file read? (spec 06, DNC)

A row per number of an account's list, a row per file with its progress, a row per line that was
rejected.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.dnc import (
    DncFact,
    Entry,
    ImportAdvanced,
    ImportFinished,
    ImportStarted,
    NumbersListed,
    NumbersUnlisted,
    RejectedLine,
)
from projections.base import Positioned, Projection, columns_of, unnest

_NUMBER = {"e164": "text", "reason": "text", "source": "text", "expires_at": "bigint"}
_PUT = f"""
    INSERT INTO dnc_number (account_id, {", ".join(_NUMBER)}, created_at, updated_at)
    SELECT %(account_id)s, {", ".join(_NUMBER)}, %(at)s, %(at)s FROM {unnest(_NUMBER)}
    ON CONFLICT (account_id, e164) DO UPDATE
       SET reason = EXCLUDED.reason, source = EXCLUDED.source, expires_at = EXCLUDED.expires_at,
           updated_at = EXCLUDED.updated_at"""
_REJECTED = {"line": "int", "value": "text", "reason": "text"}
_REJECT = f"""
    INSERT INTO dnc_reject (import_id, {", ".join(_REJECTED)})
    SELECT %(import_id)s, {", ".join(_REJECTED)} FROM {unnest(_REJECTED)}"""
_START = """
    INSERT INTO dnc_import (id, account_id, by, lines, started_at, updated_at)
    VALUES (%(import_id)s, %(account_id)s, %(by)s, %(lines)s, %(at)s, %(at)s)
    ON CONFLICT (id) DO UPDATE SET updated_at = EXCLUDED.updated_at, finished_at = NULL"""
_ADVANCE = """
    UPDATE dnc_import
       SET done = %(lines)s, listed = listed + %(listed)s, rejected = rejected + %(rejected)s,
           updated_at = %(at)s
     WHERE id = %(import_id)s"""
_FINISH = "UPDATE dnc_import SET finished_at = %(at)s, updated_at = %(at)s WHERE id = %(import_id)s"


class Dnc(Projection):
    name = "dnc"
    version = 1
    tables = ("dnc_number", "dnc_import", "dnc_reject")
    ddl = """
        CREATE TABLE dnc_number (
            account_id text, e164 text, reason text, source text, expires_at bigint,
            created_at bigint NOT NULL, updated_at bigint NOT NULL, PRIMARY KEY (account_id, e164)
        );
        CREATE TABLE dnc_import (
            id text PRIMARY KEY, account_id text NOT NULL, by text NOT NULL, lines int NOT NULL,
            done int NOT NULL DEFAULT 0, listed int NOT NULL DEFAULT 0,
            rejected int NOT NULL DEFAULT 0, started_at bigint NOT NULL,
            updated_at bigint NOT NULL, finished_at bigint
        );
        CREATE TABLE dnc_reject (
            import_id text, line int, value text NOT NULL, reason text NOT NULL,
            PRIMARY KEY (import_id, line)
        );
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """In the order of the facts, each of which may name many numbers."""
        found = [fact for _, _, _, _, fact in facts if isinstance(fact, DncFact)]
        for fact in found:
            _fold(cursor, fact)
        return bool(found)


def _fold(cursor: Cursor[DictRow], fact: DncFact) -> None:
    match fact:
        case NumbersListed():
            _put(cursor, fact, fact.entries)
        case NumbersUnlisted():
            cursor.execute(
                "DELETE FROM dnc_number WHERE account_id = %s AND e164 = ANY(%s)",
                (fact.account_id, list(fact.numbers)),
            )
        case ImportStarted():
            cursor.execute(_START, fact.model_dump())
        case ImportAdvanced():
            _put(cursor, fact, fact.entries)
            _advance(cursor, fact)
        case ImportFinished():
            cursor.execute(_FINISH, fact.model_dump())


def _put(cursor: Cursor[DictRow], fact: DncFact, entries: Iterable[Entry]) -> None:
    columns: dict[str, Any] = columns_of((e._asdict() for e in entries), list(_NUMBER))
    if columns["e164"]:
        cursor.execute(_PUT.encode(), {**columns, "account_id": fact.account_id, "at": fact.at})


def _advance(cursor: Cursor[DictRow], fact: ImportAdvanced) -> None:
    counts = {"listed": len(fact.entries), "rejected": len(fact.rejected)}
    about = {"import_id": fact.import_id, "lines": fact.lines, "at": fact.at}
    cursor.execute(_ADVANCE, {**about, **counts})
    rejected: Iterable[RejectedLine] = fact.rejected
    columns: dict[str, Any] = columns_of((r._asdict() for r in rejected), list(_REJECTED))
    if columns["line"]:
        cursor.execute(_REJECT.encode(), {**columns, "import_id": fact.import_id})


# Query


def page(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    filters: dict[str, str],
    after: str | None,
    limit: int,
    now_sec: int,
) -> list[DictRow]:
    """The numbers that are on the list now, by number. `filters`: reason or source → its text;
    e164 → how the number begins."""
    return cursor.execute(
        """
        SELECT * FROM views.dnc_number
         WHERE account_id = %(account_id)s AND (expires_at IS NULL OR expires_at > %(now)s)
           AND (%(after)s::text IS NULL OR e164 > %(after)s)
           AND (%(e164)s::text IS NULL OR starts_with(e164, %(e164)s))
           AND (%(reason)s::text IS NULL OR reason = %(reason)s)
           AND (%(source)s::text IS NULL OR source = %(source)s)
         ORDER BY e164 LIMIT %(limit)s""",
        {
            "account_id": account_id,
            "after": after,
            "limit": limit,
            "now": now_sec,
            **{name: filters.get(name) for name in ("e164", "reason", "source")},
        },
    ).fetchall()


def one(cursor: Cursor[DictRow], account_id: AccountId, e164: str, now_sec: int) -> DictRow | None:
    """The number's row, if it is on the list now."""
    return cursor.execute(
        "SELECT * FROM views.dnc_number WHERE account_id = %s AND e164 = %s"
        " AND (expires_at IS NULL OR expires_at > %s)",
        (account_id, e164, now_sec),
    ).fetchone()


def progress(cursor: Cursor[DictRow], account_id: AccountId, import_id: str) -> DictRow | None:
    """How far a file is read."""
    return cursor.execute(
        "SELECT * FROM views.dnc_import WHERE id = %s AND account_id = %s", (import_id, account_id)
    ).fetchone()


def rejected(
    cursor: Cursor[DictRow], import_id: str, after: int | None, limit: int
) -> list[DictRow]:
    """Lines of a file that were rejected, in order."""
    return cursor.execute(
        "SELECT line, value, reason FROM views.dnc_reject"
        " WHERE import_id = %s AND line > %s ORDER BY line LIMIT %s",
        (import_id, after or 0, limit),
    ).fetchall()

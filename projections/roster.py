"""Where can the devices of an account be reached? One row per live contact."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
)
from projections.base import Positioned, Projection, columns_of, unnest

_ROW = {
    "device_id": "text",
    "contact": "text",
    "account_id": "text",
    "user_id": "text",
    "since": "bigint",
    "expires_at": "bigint",
    "reachable": "int",
    "received": "text",
    "user_agent": "text",
    "node_id": "text",
}
_CHANGE = {"device_id": "text", "contact": "text", "expires_at": "bigint", "reachable": "int"}
_UPSERT = f"""
    INSERT INTO contact ({", ".join(_ROW)}) SELECT * FROM {unnest(_ROW)}
    ON CONFLICT (device_id, contact) DO UPDATE
       SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _ROW if c not in ("device_id", "contact"))}"""
_UPDATE = f"""
    UPDATE contact AS old
       SET expires_at = coalesce(new.expires_at, old.expires_at),
           reachable = coalesce(new.reachable, old.reachable)
      FROM {unnest(_CHANGE)}
     WHERE (old.device_id, old.contact) = (new.device_id, new.contact)"""
_DELETE = """
    DELETE FROM contact USING unnest(%s::text[], %s::text[]) AS gone (device_id, contact)
     WHERE (contact.device_id, contact.contact) = (gone.device_id, gone.contact)"""


class Roster(Projection):
    name = "roster"
    version = 1
    tables = ("contact",)
    ddl = """
        CREATE TABLE contact (
            device_id text, contact text, account_id text NOT NULL, user_id text NOT NULL,
            since bigint NOT NULL, expires_at bigint NOT NULL, reachable int NOT NULL,
            received text, user_agent text, node_id text, PRIMARY KEY (device_id, contact)
        );
        CREATE INDEX contact_account_idx ON contact (account_id, user_id);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        rows: dict[tuple[str, str], dict[str, Any] | None] = {}
        """Contact → its new row or the members that changed; None: it is gone."""
        for _, _, _, _, fact in facts:
            match fact:
                case ContactRegistered():
                    rows[fact.device_id, fact.contact] = {
                        "device_id": fact.device_id,
                        "contact": fact.contact,
                        "account_id": fact.account_id,
                        "user_id": fact.user_id,
                        "since": fact.ts,
                        "expires_at": fact.expires_at,
                        "reachable": 1,
                        "received": fact.received,
                        "user_agent": fact.user_agent,
                        "node_id": fact.node_id,
                    }
                case ContactRefreshed():
                    _merge(rows, fact.device_id, fact.contact, {"expires_at": fact.expires_at})
                case ContactQualified():
                    _merge(rows, fact.device_id, fact.contact, {"reachable": int(fact.reachable)})
                case ContactRemoved():
                    rows[fact.device_id, fact.contact] = None
        gone = [key for key, row in rows.items() if row is None]
        whole = [row for row in rows.values() if row is not None and "account_id" in row]
        parts = [row for row in rows.values() if row is not None and "account_id" not in row]
        if gone:
            cursor.execute(_DELETE, ([device for device, _ in gone], [c for _, c in gone]))
        if whole:
            cursor.execute(_UPSERT, columns_of(whole, list(_ROW)))
        if parts:
            cursor.execute(_UPDATE, columns_of(parts, list(_CHANGE)))
        return bool(rows)


def _merge(
    rows: dict[tuple[str, str], dict[str, Any] | None],
    device_id: str,
    contact: str,
    members: dict[str, Any],
) -> None:
    row = rows.setdefault((device_id, contact), {"device_id": device_id, "contact": contact})
    if row is not None:
        row |= members


# Query


def contacts_of(cursor: Cursor[DictRow], device_ids: Sequence[str]) -> list[DictRow]:
    """The live contacts of these devices."""
    return cursor.execute(
        "SELECT * FROM views.contact WHERE device_id = ANY(%s) ORDER BY device_id, since",
        (list(device_ids),),
    ).fetchall()


def contacts_of_account(cursor: Cursor[DictRow], account_id: str) -> list[DictRow]:
    return cursor.execute(
        "SELECT * FROM views.contact WHERE account_id = %s ORDER BY user_id, since", (account_id,)
    ).fetchall()

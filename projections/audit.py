"""Who changed the configuration, when, from what to what? One row per change (spec 02)."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from domain.resources import kind_of
from events.base import AccountId
from events.resources import Changed, Created, Deleted, Resource
from projections.base import Positioned, Projection

_INSERT = """
    INSERT INTO audit (position, account_id, at, by, kind, row_id, action, changed, before, after)
    VALUES (%(position)s, %(account_id)s, %(at)s, %(by)s, %(kind)s, %(row_id)s, %(action)s,
            %(changed)s, %(before)s, %(after)s)"""
_LATEST = """
    SELECT kind, after FROM audit WHERE row_id = %s AND account_id = %s
     ORDER BY position DESC LIMIT 1"""


class Audit(Projection):
    name = "audit"
    version = 1
    tables = ("audit",)
    ddl = """
        CREATE TABLE audit (
            position bigint PRIMARY KEY, account_id text NOT NULL, at bigint NOT NULL,
            by text NOT NULL, kind text NOT NULL, row_id text NOT NULL, action text NOT NULL,
            changed text[] NOT NULL, before jsonb, after jsonb
        );
        CREATE INDEX audit_account_idx ON audit (account_id, position);
        CREATE INDEX audit_row_idx ON audit (row_id, position);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        found = False
        for position, _, _, _, fact in facts:
            if isinstance(fact, Created | Changed | Deleted):
                cursor.execute(_INSERT, {"position": position, **_row(cursor, fact)})
                found = True
        return found


def _row(
    cursor: Cursor[DictRow], fact: Created[Any] | Changed[Any] | Deleted[Any]
) -> dict[str, Any]:
    latest = cursor.execute(_LATEST, (fact.id, fact.account_id)).fetchone()
    found: dict[str, Any] = {"account_id": fact.account_id, "at": fact.at, "by": fact.by}
    found |= {"row_id": fact.id, "changed": [], "after": None}
    match fact:
        case Created():
            found |= {"action": "create", "kind": kind_of(fact.body), "after": _json(fact.body)}
        case Changed():
            found |= {"action": "change", "kind": kind_of(fact.body), "after": _json(fact.body)}
            found["changed"] = list(fact.changed)
        case Deleted():
            found |= {"action": "delete", "kind": latest["kind"] if latest else ""}
    return {**found, "before": Jsonb(latest["after"]) if latest and latest["after"] else None}


def _json(body: Resource) -> Jsonb:
    return Jsonb(body.model_dump(mode="json"))


# Query

FILTERS = {
    "kind": "kind = %(kind)s",
    "row_id": "row_id = %(row_id)s",
    "by": "by = %(by)s",
    "action": "action = %(action)s",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
}
"""Filter → condition. Times are epoch milliseconds."""


def page(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    filters: Mapping[str, Any],
    before: int | None,
    limit: int,
) -> list[DictRow]:
    """The account's changes, newest first; `before`: the last position seen."""
    conditions = ["account_id = %(account_id)s", *(FILTERS[name] for name in filters)]
    values = {**filters, "account_id": account_id, "limit": limit, "before": before}
    if before is not None:
        conditions.append("position < %(before)s")
    statement = (
        f"SELECT * FROM views.audit WHERE {' AND '.join(conditions)}"
        " ORDER BY position DESC LIMIT %(limit)s"
    )
    return cursor.execute(statement.encode(), values).fetchall()

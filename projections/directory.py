"""What is configured? One row per resource, deleted ones kept as a mark (spec 02); and what was
published of each flow (spec 04)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain.resources import kind_of
from events.base import AccountId
from events.resources import CallFlow, Changed, Created, Deleted
from projections.base import Positioned, Projection, columns_of, unnest

_ROW = {
    "id": "text",
    "account_id": "text",
    "kind": "text",
    "version": "bigint",
    "body": "text",
    "created_at": "bigint",
    "updated_at": "bigint",
    "position": "bigint",
}
_GONE = {"id": "text", "version": "bigint", "updated_at": "bigint", "position": "bigint"}
_UPSERT = f"""
    INSERT INTO resource AS old ({", ".join(_ROW)}, deleted)
    SELECT id, account_id, kind, version, body::jsonb,
           coalesce(created_at, updated_at), updated_at, position, false
      FROM {unnest(_ROW)}
    ON CONFLICT (id) DO UPDATE
       SET version = EXCLUDED.version, body = EXCLUDED.body, updated_at = EXCLUDED.updated_at,
           position = EXCLUDED.position, deleted = false,
           created_at = CASE WHEN old.deleted THEN EXCLUDED.created_at ELSE old.created_at END"""
_DELETE = f"""
    UPDATE resource AS old
       SET deleted = true, version = new.version, updated_at = new.updated_at,
           position = new.position
      FROM {unnest(_GONE)} WHERE old.id = new.id"""


_FREEZE = """
    INSERT INTO flow_version (flow_id, version, account_id, body, published_at, by)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
"""What was published first under a number stays."""


class Directory(Projection):
    name = "directory"
    version = 4
    tables = ("resource", "flow_version")
    ddl = """
        CREATE TABLE resource (
            id text PRIMARY KEY, account_id text NOT NULL, kind text NOT NULL,
            version bigint NOT NULL, body jsonb NOT NULL, created_at bigint NOT NULL,
            updated_at bigint NOT NULL, position bigint NOT NULL, deleted boolean NOT NULL
        );
        CREATE INDEX resource_account_idx ON resource (account_id, kind, id);
        CREATE INDEX resource_position_idx ON resource (position);
        CREATE INDEX resource_parent_idx ON resource ((body->>'parent_id')) WHERE kind = 'account';
        CREATE INDEX resource_key_idx ON resource ((body->>'prefix')) WHERE kind = 'api_key';
        CREATE INDEX resource_email_idx ON resource ((body->>'email'))
            WHERE kind = 'console_user';
        CREATE TABLE flow_version (
            flow_id text, version bigint, account_id text NOT NULL, body jsonb NOT NULL,
            published_at bigint NOT NULL, by text NOT NULL, PRIMARY KEY (flow_id, version)
        );
        CREATE INDEX flow_version_account_idx ON flow_version (account_id);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """In the order of the facts: rows of configuration are few, and one may come twice."""
        rows = [item for item in facts if isinstance(item.fact, Created | Changed | Deleted)]
        for row in rows:
            _write(cursor, row)
        return bool(rows)


def _write(cursor: Cursor[DictRow], positioned: Positioned) -> None:
    position, _, version, _, fact = positioned
    assert isinstance(fact, Created | Changed | Deleted)
    row: dict[str, Any] = {
        "id": fact.id,
        "version": version,
        "updated_at": fact.at,
        "position": position,
    }
    if isinstance(fact, Deleted):
        cursor.execute(_DELETE, columns_of([row], list(_GONE)))
        return
    row |= {
        "account_id": fact.account_id,
        "kind": kind_of(fact.body),
        "body": fact.body.model_dump_json(),
        "created_at": fact.at,
    }
    cursor.execute(_UPSERT, columns_of([row], list(_ROW)))
    if isinstance(fact.body, CallFlow) and fact.body.is_published:
        values = (fact.id, fact.body.version, fact.account_id, row["body"], fact.at, fact.by)
        cursor.execute(_FREEZE, values)


# Query


def rows_of_account(cursor: Cursor[DictRow], account_id: AccountId) -> list[DictRow]:
    """Every row of the account, deleted ones too."""
    return cursor.execute(
        "SELECT * FROM views.resource WHERE account_id = %s ORDER BY position", (account_id,)
    ).fetchall()


def rows_of_kinds(
    cursor: Cursor[DictRow], account_id: AccountId, kinds: Sequence[str]
) -> list[DictRow]:
    """The account's rows of these kinds, deleted ones too."""
    return cursor.execute(
        "SELECT * FROM views.resource WHERE account_id = %s AND kind = ANY(%s) ORDER BY position",
        (account_id, list(kinds)),
    ).fetchall()


def changed_after(cursor: Cursor[DictRow], position: int, kinds: Sequence[str]) -> list[DictRow]:
    """Rows of these kinds, of all accounts, that changed after `position`, in order."""
    return cursor.execute(
        "SELECT * FROM views.resource WHERE position > %s AND kind = ANY(%s) ORDER BY position",
        (position, list(kinds)),
    ).fetchall()


def one(cursor: Cursor[DictRow], account_id: AccountId, kind: str, id: str) -> DictRow | None:
    return cursor.execute(
        "SELECT * FROM views.resource"
        " WHERE id = %s AND account_id = %s AND kind = %s AND NOT deleted",
        (id, account_id, kind),
    ).fetchone()


def owner_of(cursor: Cursor[DictRow], id: str) -> AccountId | None:
    """Whose row it is; None when there is no such row."""
    row = cursor.execute(
        "SELECT account_id FROM views.resource WHERE id = %s AND NOT deleted", (id,)
    ).fetchone()
    return AccountId(row["account_id"]) if row else None


class Order(NamedTuple):
    """How a list of rows is sorted: by `id`, a time or a member of the body (as text)."""

    member: str
    descending: bool = False

    @property
    def expression(self) -> str:
        if self.member in ("id", "created_at", "updated_at"):
            return self.member
        return "coalesce(body->>%(order)s, '') COLLATE \"C\""


BY_ID = Order("id")


def place(row: DictRow, order: Order) -> str | int:
    """Where `row` stands in that order: what `page` takes as `after`, with the row's id."""
    if order.member in ("id", "created_at", "updated_at"):
        found: str | int = row[order.member]
        return found
    value = row["body"].get(order.member)
    return "" if value is None else str(value)


def accounts(cursor: Cursor[DictRow]) -> list[AccountId]:
    """The first thousand."""
    rows = cursor.execute(
        "SELECT id FROM views.resource WHERE kind = 'account' AND NOT deleted"
        " ORDER BY id LIMIT 1000"
    ).fetchall()
    return [AccountId(row["id"]) for row in rows]


def foreign(cursor: Cursor[DictRow], account_id: AccountId, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are another account's, also of rows that are gone."""
    rows = cursor.execute(
        "SELECT id FROM views.resource WHERE id = ANY(%s) AND account_id <> %s",
        (list(ids), account_id),
    ).fetchall()
    return {row["id"] for row in rows}


def page(
    cursor: Cursor[DictRow],
    accounts: Sequence[str],
    kind: str,
    limit: int,
    filters: Mapping[str, str] = MappingProxyType({}),
    order: Order = BY_ID,
    after: tuple[str | int, str] | None = None,
) -> list[DictRow]:
    """Rows of a kind, of these accounts, equal ones in the order of their ids (that of their
    making).

    `filters`: member of the body → text that it must equal. `after`: place and id of the last row
    seen.
    """
    conditions = ["account_id = ANY(%(accounts)s)", "kind = %(kind)s", "NOT deleted"]
    values: dict[str, Any] = {"accounts": list(accounts), "kind": kind, "limit": limit}
    values["order"] = order.member
    for number, (member, wanted) in enumerate(filters.items()):
        conditions.append(f"body->>%(member_{number})s = %(wanted_{number})s")
        values |= {f"member_{number}": member, f"wanted_{number}": wanted}
    beyond, way = ("<", "DESC") if order.descending else (">", "ASC")
    if after is not None:
        conditions.append(f"({order.expression}, id) {beyond} (%(after)s, %(after_id)s)")
        values |= {"after": after[0], "after_id": after[1]}
    statement = (
        f"SELECT * FROM views.resource WHERE {' AND '.join(conditions)}"
        f" ORDER BY {order.expression} {way}, id {way} LIMIT %(limit)s"
    )
    return cursor.execute(statement.encode(), values).fetchall()


MAX_LINE = 32
"""Accounts from one to the top."""


def tree(cursor: Cursor[DictRow], account_id: AccountId) -> list[str]:
    """The accounts below this one, at any depth."""
    found = cursor.execute(
        "WITH RECURSIVE below AS ("
        " SELECT id FROM views.resource WHERE kind = 'account' AND body->>'parent_id' = %s"
        " UNION SELECT child.id FROM views.resource AS child JOIN below"
        " ON child.kind = 'account' AND child.body->>'parent_id' = below.id"
        ") SELECT id FROM below ORDER BY id",
        (account_id,),
    ).fetchall()
    return [row["id"] for row in found]


def line(cursor: Cursor[DictRow], account_id: str) -> list[DictRow]:
    """The account and those above it, itself first; empty when there is none. Not more than
    `MAX_LINE`: a file could have put accounts into a circle."""
    return cursor.execute(
        "WITH RECURSIVE above AS ("
        " SELECT *, 0 AS depth FROM views.resource WHERE kind = 'account' AND id = %s"
        " UNION SELECT parent.*, depth + 1 FROM views.resource AS parent JOIN above"
        " ON parent.kind = 'account' AND parent.id = above.body->>'parent_id' AND depth < %s"
        ") SELECT * FROM above ORDER BY depth",
        (account_id, MAX_LINE - 1),
    ).fetchall()


def flow_versions(cursor: Cursor[DictRow], account_id: AccountId, newest: int) -> list[DictRow]:
    """The newest published versions of each of the account's flows, in order."""
    return cursor.execute(
        "SELECT flow_id, body FROM (SELECT *, row_number() OVER"
        " (PARTITION BY flow_id ORDER BY version DESC) AS place"
        " FROM views.flow_version WHERE account_id = %s) AS numbered"
        " WHERE place <= %s ORDER BY flow_id, version",
        (account_id, newest),
    ).fetchall()


def versions_of_flow(
    cursor: Cursor[DictRow], account_id: AccountId, flow_id: str, before: int | None, limit: int
) -> list[DictRow]:
    """A flow's published versions, newest first; `before`: the last number seen."""
    return cursor.execute(
        "SELECT * FROM views.flow_version WHERE account_id = %s AND flow_id = %s"
        " AND version < coalesce(%s, 9223372036854775807) ORDER BY version DESC LIMIT %s",
        (account_id, flow_id, before, limit),
    ).fetchall()


NOT_CLOSED = (
    "NOT EXISTS (SELECT FROM views.resource AS owner WHERE owner.id = row.account_id"
    " AND owner.body->>'status' = 'closed')"
)
"""Condition on the account of a `row`."""


def keys_by_prefix(cursor: Cursor[DictRow], prefix: str) -> list[DictRow]:
    """The API keys that begin so, of accounts that are not closed; whoever compares the hash
    decides."""
    return cursor.execute(
        f"SELECT * FROM views.resource AS row WHERE kind = 'api_key'"
        f" AND body->>'prefix' = %s AND NOT deleted AND {NOT_CLOSED}".encode(),
        (prefix,),
    ).fetchall()


def user_by_email(cursor: Cursor[DictRow], email: str) -> DictRow | None:
    """The console user who logs in so; at most one on the platform."""
    return cursor.execute(
        "SELECT * FROM views.resource"
        " WHERE kind = 'console_user' AND body->>'email' = %s AND NOT deleted",
        (email,),
    ).fetchone()

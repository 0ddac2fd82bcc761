"""Which calls are open, what do they hold, which starts count in a window? (spec 06, GET /cac)

One row per open call (`legs`: what is held for those that its flow has dialled) and one per
counted start. Counters are counted from the rows, so their sum is
always the sum of what the calls hold. A start goes when a later one of its window finds it too old.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.call import CallAnswered, CallRinging
from events.capacity import ChannelsReleased, ChannelsTaken, Hold, LegsHeld
from projections.base import Positioned, Projection, columns_of, unnest

_ROW = {
    "call_id": "text",
    "account_id": "text",
    "direction": "text",
    "from_num": "text",
    "to_num": "text",
    "since": "bigint",
    "state": "text",
    "holds": "text",
    "legs": "text",
    "node_id": "text",
}
_LEGS = {"call_id": "text", "legs": "text"}
_START = {
    "account_id": "text",
    "limit_id": "text",
    "scope_id": "text",
    "call_id": "text",
    "at": "bigint",
    "until": "bigint",
}
_STATE = {"call_id": "text", "state": "text"}
_INSERT = f"""
    INSERT INTO channel ({", ".join(_ROW)})
    SELECT call_id, account_id, direction, from_num, to_num, since, state, holds::jsonb,
           legs::jsonb, node_id
      FROM {unnest(_ROW)}"""
_UPDATE = f"""
    UPDATE channel AS old SET state = new.state
      FROM {unnest(_STATE)}
     WHERE old.call_id = new.call_id AND old.state <> 'answered'"""
_UPDATE_LEGS = f"""
    UPDATE channel AS old SET legs = new.legs::jsonb
      FROM {unnest(_LEGS)} WHERE old.call_id = new.call_id"""
_COUNT = f"INSERT INTO counted_start ({', '.join(_START)}) SELECT * FROM {unnest(_START)}"
_FORGET = """
    DELETE FROM counted_start AS old
     USING unnest(%s::text[], %s::text[], %s::bigint[]) AS new (limit_id, scope_id, at)
     WHERE (old.limit_id, old.scope_id) = (new.limit_id, new.scope_id) AND old.until <= new.at"""
_DELETE = "DELETE FROM channel WHERE call_id = ANY(%s)"


class Channels(Projection):
    name = "channels"
    version = 3
    tables = ("channel", "counted_start")
    ddl = """
        CREATE TABLE channel (
            call_id text PRIMARY KEY, account_id text NOT NULL, direction text NOT NULL,
            from_num text NOT NULL, to_num text NOT NULL, since bigint NOT NULL,
            state text NOT NULL, holds jsonb NOT NULL, legs jsonb NOT NULL, node_id text
        );
        CREATE INDEX channel_account_idx ON channel (account_id, since);
        CREATE INDEX channel_node_idx ON channel (node_id, since);
        CREATE TABLE counted_start (
            account_id text NOT NULL, limit_id text NOT NULL, scope_id text NOT NULL,
            call_id text NOT NULL, at bigint NOT NULL, until bigint NOT NULL
        );
        CREATE INDEX counted_start_limit_idx ON counted_start (limit_id, scope_id, until);
        CREATE INDEX counted_start_account_idx ON counted_start (account_id);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        taken: dict[str, dict[str, Any]] = {}
        states: dict[str, dict[str, Any]] = {}
        legs: dict[str, dict[str, Any]] = {}
        released: list[str] = []
        starts: list[dict[str, Any]] = []
        for _, _, _, _, fact in facts:
            match fact:
                case ChannelsTaken():
                    taken[fact.call_id] = _row(fact)
                    starts += _starts(fact)
                case LegsHeld():
                    row = taken.get(fact.call_id) or legs.setdefault(
                        fact.call_id, {"call_id": fact.call_id}
                    )
                    row["legs"] = _listed(fact.holds)
                    starts += _starts(fact)
                case CallRinging() | CallAnswered():
                    state = "answered" if isinstance(fact, CallAnswered) else "early"
                    row = taken.get(fact.call_id) or states.setdefault(
                        fact.call_id, {"call_id": fact.call_id, "state": state}
                    )
                    if row["state"] != "answered":
                        row["state"] = state
                case ChannelsReleased():
                    states.pop(fact.call_id, None)
                    legs.pop(fact.call_id, None)
                    if taken.pop(fact.call_id, None) is None:
                        released.append(fact.call_id)
        if released:
            cursor.execute(_DELETE, (released,))
        if taken:
            cursor.execute(_INSERT, columns_of(taken.values(), list(_ROW)))
        if states:
            cursor.execute(_UPDATE, columns_of(states.values(), list(_STATE)))
        if legs:
            cursor.execute(_UPDATE_LEGS, columns_of(legs.values(), list(_LEGS)))
        if starts:
            _write_starts(cursor, starts)
        return bool(released or taken or states or legs or starts)


def _row(fact: ChannelsTaken) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "account_id": fact.account_id,
        "direction": fact.direction.value,
        "from_num": fact.from_number,
        "to_num": fact.to_number,
        "since": fact.at,
        "state": "routed",
        "holds": _listed(fact.holds),
        "legs": "[]",
        "node_id": fact.node_id,
    }


def _listed(holds: Sequence[Hold]) -> str:
    return orjson.dumps([list(hold) for hold in holds]).decode()


def _starts(fact: ChannelsTaken | LegsHeld) -> Iterator[dict[str, Any]]:
    for limit_id, scope_id, period_sec in fact.counts:
        yield {
            "account_id": fact.account_id,
            "limit_id": limit_id,
            "scope_id": scope_id,
            "call_id": fact.call_id,
            "at": fact.at,
            "until": fact.at + period_sec * 1000,
        }


def _write_starts(cursor: Cursor[DictRow], starts: Sequence[dict[str, Any]]) -> None:
    """Add the starts and drop what the latest one of each window finds too old.

    The same rows are left whatever the pages were: a start of this page goes only if one that
    comes after it says so.
    """
    latest: dict[tuple[str, str], int] = {}
    kept = []
    for start in reversed(starts):
        window = (start["limit_id"], start["scope_id"])
        latest[window] = max(latest.get(window, 0), start["at"])
        if start["until"] > latest[window]:
            kept.append(start)
    limits, scopes = zip(*latest, strict=True)
    cursor.execute(_FORGET, (list(limits), list(scopes), list(latest.values())))
    cursor.execute(_COUNT, columns_of(reversed(kept), list(_START)))


# Query


def open_calls(cursor: Cursor[DictRow], account_id: AccountId) -> list[DictRow]:
    """The account's open calls, oldest first; `holds` is a list of [dimension, id], with those of
    their legs."""
    rows = cursor.execute(
        "SELECT * FROM views.channel WHERE account_id = %s ORDER BY since, call_id",
        (account_id,),
    ).fetchall()
    for row in rows:
        row["holds"] += [hold for hold in row.pop("legs") if hold not in row["holds"]]
    return rows


def open_at_node(
    cursor: Cursor[DictRow], node_id: str, ts: int, listed: Sequence[str]
) -> list[DictRow]:
    """The calls of an edge node, of all accounts, that are older than `ts` and not listed."""
    return cursor.execute(
        "SELECT account_id, call_id FROM views.channel"
        " WHERE node_id = %s AND since < %s AND NOT call_id = ANY(%s) ORDER BY since",
        (node_id, ts, list(listed)),
    ).fetchall()


def windows(cursor: Cursor[DictRow], account_id: AccountId, now: int) -> list[DictRow]:
    """What is used of the account's call limits: a row per limit, and per user, DID or number that
    a limit counts each for itself. `resets_at` (epoch ms): when the oldest start leaves."""
    return cursor.execute(
        """
        SELECT lim.id AS limit_id, coalesce(start.scope_id, lim.body->>'scope_id') AS scope_id,
               count(start.at)::int AS used, (lim.body->>'max_count')::int AS max,
               min(start.at) + (lim.body->>'period_sec')::bigint * 1000 AS resets_at
          FROM views.resource AS lim
          LEFT JOIN views.counted_start AS start
            ON start.limit_id = lim.id
           AND start.at > %(now)s - (lim.body->>'period_sec')::bigint * 1000
         WHERE lim.account_id = %(account_id)s AND lim.kind = 'call_limit' AND NOT lim.deleted
         GROUP BY lim.id, start.scope_id
         ORDER BY lim.id, 2""",
        {"account_id": account_id, "now": now},
    ).fetchall()

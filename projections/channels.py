"""Which calls are open, and what do they hold? One row per open call (spec 06, GET /cac).

Counters are counted from the rows, so their sum is always the sum of what the calls hold.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.call import CallAnswered, CallRinging
from events.capacity import ChannelsReleased, ChannelsTaken
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
}
_STATE = {"call_id": "text", "state": "text"}
_INSERT = f"""
    INSERT INTO channel ({", ".join(_ROW)})
    SELECT call_id, account_id, direction, from_num, to_num, since, state, holds::jsonb
      FROM {unnest(_ROW)}"""
_UPDATE = f"""
    UPDATE channel AS old SET state = new.state
      FROM {unnest(_STATE)}
     WHERE old.call_id = new.call_id AND old.state <> 'answered'"""
_DELETE = "DELETE FROM channel WHERE call_id = ANY(%s)"


class Channels(Projection):
    name = "channels"
    version = 1
    tables = ("channel",)
    ddl = """
        CREATE TABLE channel (
            call_id text PRIMARY KEY, account_id text NOT NULL, direction text NOT NULL,
            from_num text NOT NULL, to_num text NOT NULL, since bigint NOT NULL,
            state text NOT NULL, holds jsonb NOT NULL
        );
        CREATE INDEX channel_account_idx ON channel (account_id, since);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        taken: dict[str, dict[str, Any]] = {}
        states: dict[str, dict[str, Any]] = {}
        released: list[str] = []
        for _, _, _, _, fact in facts:
            match fact:
                case ChannelsTaken():
                    taken[fact.call_id] = _row(fact)
                case CallRinging() | CallAnswered():
                    state = "answered" if isinstance(fact, CallAnswered) else "early"
                    row = taken.get(fact.call_id) or states.setdefault(
                        fact.call_id, {"call_id": fact.call_id, "state": state}
                    )
                    if row["state"] != "answered":
                        row["state"] = state
                case ChannelsReleased():
                    states.pop(fact.call_id, None)
                    if taken.pop(fact.call_id, None) is None:
                        released.append(fact.call_id)
        if released:
            cursor.execute(_DELETE, (released,))
        if taken:
            cursor.execute(_INSERT, columns_of(taken.values(), list(_ROW)))
        if states:
            cursor.execute(_UPDATE, columns_of(states.values(), list(_STATE)))
        return bool(released or taken or states)


def _row(fact: ChannelsTaken) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "account_id": fact.account_id,
        "direction": fact.direction.value,
        "from_num": fact.from_number,
        "to_num": fact.to_number,
        "since": fact.at,
        "state": "routed",
        "holds": orjson.dumps([list(hold) for hold in fact.holds]).decode(),
    }


# Query


def open_calls(cursor: Cursor[DictRow], account_id: AccountId) -> list[DictRow]:
    """The account's open calls, oldest first; `holds` is a list of [dimension, id]."""
    return cursor.execute(
        "SELECT * FROM views.channel WHERE account_id = %s ORDER BY since, call_id",
        (account_id,),
    ).fetchall()

"""Who waits to be called back, and which node is to make the call now? (spec 05, While waiting)

A row per wish, from the moment at which the caller gave up his line to its end. While an agent is
reserved for it, the row says until when; edge nodes that ask over HTTP find their work so.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.acd import AgentReserved, CallerLeft, CallerQueued, LeaseConfirmed, LeaseReleased
from projections.base import Positioned, Projection

_INSERT = """
    INSERT INTO callback (call_id, account_id, queue_id, number, node_id, asked_in, asked_at)
    VALUES (%(call_id)s, %(account_id)s, %(queue_id)s, %(number)s, %(node_id)s, %(asked_in)s,
            %(at)s)
    ON CONFLICT (call_id) DO UPDATE
       SET queue_id = EXCLUDED.queue_id, number = EXCLUDED.number, node_id = EXCLUDED.node_id,
           asked_at = EXCLUDED.asked_at, ended_at = NULL, outcome = NULL"""
_RING = """
    UPDATE callback SET lease_id = %(lease_id)s, epoch = %(epoch)s, ring_until = %(expires_at)s
     WHERE call_id = %(call_id)s"""
_REST = """
    UPDATE callback SET lease_id = NULL, epoch = NULL, ring_until = NULL
     WHERE call_id = %(call_id)s AND lease_id = %(lease_id)s"""
_END = """
    UPDATE callback
       SET lease_id = NULL, epoch = NULL, ring_until = NULL, ended_at = %(at)s, outcome = %(word)s
     WHERE call_id = %(call_id)s"""


class Callbacks(Projection):
    name = "callbacks"
    version = 1
    tables = ("callback",)
    ddl = """
        CREATE TABLE callback (
            call_id text PRIMARY KEY, account_id text NOT NULL, queue_id text NOT NULL,
            number text NOT NULL, node_id text, asked_in text NOT NULL, asked_at bigint NOT NULL,
            lease_id text, epoch bigint, ring_until bigint, ended_at bigint, outcome text
        );
        CREATE INDEX callback_due_idx ON callback (node_id) WHERE lease_id IS NOT NULL;
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """Callbacks are few: each by itself."""
        changed = False
        for _, _, _, _, fact in facts:
            match fact:
                case CallerQueued(callback=wish) if wish is not None:
                    row = {**fact.model_dump(exclude={"callback"}), **wish.model_dump()}
                    cursor.execute(_INSERT, row)
                case AgentReserved(callback=wish) if wish is not None:
                    cursor.execute(_RING, fact.model_dump())
                case LeaseReleased() if _is_callback(fact.call_id):
                    cursor.execute(_REST, fact.model_dump())
                case LeaseConfirmed() if _is_callback(fact.call_id):
                    cursor.execute(_END, {**fact.model_dump(), "word": "answered"})
                case CallerLeft() if _is_callback(fact.call_id):
                    cursor.execute(_END, {**fact.model_dump(), "word": fact.departure.value})
                case _:
                    continue
            changed = True
        return changed


def _is_callback(call_id: str) -> bool:
    """Whether it may be one; what is none changes no row."""
    return call_id.startswith("cb-")


def due_at_node(cursor: Cursor[DictRow], node_id: str, now: int) -> list[dict[str, Any]]:
    """The calls that this node is to make now: account_id, lease_id, epoch."""
    return cursor.execute(
        "SELECT account_id, lease_id, epoch FROM views.callback"
        " WHERE node_id = %s AND lease_id IS NOT NULL AND ring_until > %s ORDER BY epoch",
        (node_id, now),
    ).fetchall()

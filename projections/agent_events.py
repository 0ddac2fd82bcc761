"""What did agents do, and what was done with them? One row per fact about an agent (spec 05)."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentDeferred,
    AgentFact,
    AgentJoinedQueue,
    AgentLeftQueue,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentReserved,
    AgentWrappedUp,
    ConversationEnded,
    DeferredEvent,
    LeaseConfirmed,
    LeaseReleased,
)
from projections.base import Positioned, Projection, columns_of, unnest
from projections.keyset import Listed

EVENTS: dict[type[AgentFact], str] = {
    AgentLoggedIn: "login",
    AgentLoggedOut: "logout",
    AgentMadeAvailable: "available",
    AgentPaused: "pause",
    AgentJoinedQueue: "join",
    AgentLeftQueue: "leave",
    AgentCallBegan: "call_began",
    AgentCallOver: "call_over",
    AgentWrappedUp: "wrapup_done",
    AgentReserved: "offered",
    LeaseConfirmed: "answered",
    LeaseReleased: "released",
    ConversationEnded: "ended",
}
"""Fact → its name in the list: what may be asked of `/agent` is called as it is there."""
_DEFERRED = {event: f"deferred_{event.value}" for event in DeferredEvent}
NAMES = (*EVENTS.values(), *_DEFERRED.values())
_ROW = {
    "account_id": "text",
    "at": "bigint",
    "event_id": "bigint",
    "user_id": "text",
    "event": "text",
    "queue_id": "text",
    "call_id": "text",
    "lease_id": "text",
    "ready": "int",
    "level": "int",
    "reason": "text",
    "talk_ms": "bigint",
    "wrap_up_until": "bigint",
}
_SAME = [column for column in _ROW if column not in ("event_id", "user_id", "event")]
"""Columns that are called as the members of the facts."""
_INSERT = f"""
    INSERT INTO agent_event ({", ".join(_ROW)}) SELECT * FROM {unnest(_ROW)}"""


class AgentEvents(Projection):
    name = "agent_events"
    version = 1
    tables = ("agent_event",)
    ddl = """
        CREATE TABLE agent_event (
            account_id text, at bigint, event_id bigint, user_id text NOT NULL,
            event text NOT NULL, queue_id text, call_id text, lease_id text, ready int,
            level int, reason text, talk_ms bigint, wrap_up_until bigint,
            PRIMARY KEY (account_id, at, event_id)
        );
        CREATE INDEX agent_event_user_idx ON agent_event (account_id, user_id, at, event_id);
        CREATE INDEX agent_event_event_idx ON agent_event (account_id, event, at, event_id);
        CREATE INDEX agent_event_queue_idx ON agent_event (account_id, queue_id, at, event_id)
         WHERE queue_id IS NOT NULL;
        CREATE INDEX agent_event_call_idx ON agent_event (account_id, call_id, at, event_id)
         WHERE call_id IS NOT NULL;
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        rows = [
            _row(item.position, item.fact) for item in facts if isinstance(item.fact, AgentFact)
        ]
        if rows:
            cursor.execute(_INSERT, columns_of(rows, list(_ROW)))
        return bool(rows)


def _row(position: int, fact: AgentFact) -> dict[str, Any]:
    row = {column: getattr(fact, column, None) for column in _SAME}
    row |= {"event_id": position, "user_id": fact.agent_id}
    if isinstance(fact, AgentDeferred):
        return row | {"event": _DEFERRED[fact.event]}
    return row | {"event": EVENTS[type(fact)]}


# Query

LISTED = Listed(
    table="agent_event",
    time="at",
    id={"event_id": int},
    led={"call_id": "call_id", "user_id": "user_id", "queue_id": "queue_id", "event": "event"},
    looked_at={},
)

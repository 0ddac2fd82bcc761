"""How long did callers wait, and for whom? One row per caller in a queue (spec 05, queue_cdr)."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.acd import (
    AgentLoggedOut,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    LeaseConfirmed,
)
from events.base import AccountId, CallId
from projections.agents import percent
from projections.base import Positioned, Projection, columns_of, unnest
from projections.keyset import Listed

_NAMED = {"call_id": "text", "queue_id": "text", "enqueued_at": "bigint"}
_QUEUED = {**_NAMED, "account_id": "text", "priority": "int", "disposition": "text"}
_CHANGE = {
    **_NAMED,
    "agent_id": "text",
    "connected_at": "bigint",
    "ended_at": "bigint",
    "disposition": "text",
    "talk_ms": "bigint",
    "wrap_up_ms": "bigint",
}
_INSERT = f"""
    INSERT INTO queue_cdr ({", ".join(_QUEUED)}) SELECT * FROM {unnest(_QUEUED)}
    ON CONFLICT DO NOTHING"""
_UPDATE = f"""
    UPDATE queue_cdr AS old
       SET {", ".join(f"{c} = coalesce(new.{c}, old.{c})" for c in _CHANGE if c not in _NAMED)}
      FROM {unnest(_CHANGE)}
     WHERE (old.call_id, old.queue_id, old.enqueued_at)
         = (new.call_id, new.queue_id, new.enqueued_at)"""
_WRAP_UP = """
    UPDATE queue_cdr SET wrap_up_ms = %(at)s - ended_at
     WHERE account_id = %(account_id)s AND agent_id = %(agent_id)s
       AND ended_at <= %(at)s AND ended_at + wrap_up_ms > %(at)s"""

Key = tuple[CallId, str, int]


class Queues(Projection):
    name = "queues"
    version = 3
    tables = ("queue_cdr",)
    ddl = """
        CREATE TABLE queue_cdr (
            call_id text, queue_id text, account_id text NOT NULL, agent_id text,
            enqueued_at bigint, connected_at bigint, ended_at bigint, disposition text NOT NULL,
            priority int NOT NULL, talk_ms bigint, wrap_up_ms bigint,
            PRIMARY KEY (call_id, queue_id, enqueued_at)
        );
        CREATE INDEX queue_cdr_account_idx
            ON queue_cdr (account_id, enqueued_at, call_id, queue_id);
        CREATE INDEX queue_cdr_queue_idx ON queue_cdr (account_id, queue_id, enqueued_at, call_id);
        CREATE INDEX queue_cdr_served_idx
            ON queue_cdr (account_id, agent_id, enqueued_at, call_id, queue_id)
         WHERE agent_id IS NOT NULL;
        CREATE INDEX queue_cdr_disposition_idx
            ON queue_cdr (account_id, disposition, enqueued_at, call_id, queue_id);
        CREATE INDEX queue_cdr_call_idx ON queue_cdr (account_id, call_id, enqueued_at, queue_id);
        CREATE INDEX queue_cdr_agent_idx ON queue_cdr (account_id, agent_id, ended_at);
        CREATE INDEX queue_cdr_waiting_idx ON queue_cdr (account_id)
         WHERE disposition = 'offered';
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        queued: list[dict[str, Any]] = []
        changes: dict[Key, dict[str, Any]] = {}
        last: dict[tuple[AccountId, str], dict[str, Any]] = {}
        """Agent → the last of his conversations that ends among `facts`."""
        ends: list[dict[str, Any]] = []
        """Wrap-ups of earlier conversations that are over, perhaps before their time."""
        for _, _, _, _, fact in facts:
            match fact:
                case CallerQueued():
                    queued.append(_queued(fact))
                case CallerLeft() | LeaseConfirmed() | ConversationEnded():
                    key = (fact.call_id, fact.queue_id, fact.queued_at)
                    row = changes.setdefault(key, dict(zip(_NAMED, key, strict=True)))
                    row |= _changed(fact)
                    if isinstance(fact, ConversationEnded):
                        last[fact.account_id, fact.agent_id] = row
                case AgentWrappedUp() | AgentLoggedOut():
                    if told := last.get((fact.account_id, fact.agent_id)):
                        told["wrap_up_ms"] = min(told["wrap_up_ms"], fact.at - told["ended_at"])
                    else:
                        ends.append(fact.model_dump(include={"account_id", "agent_id", "at"}))
        if queued:
            cursor.execute(_INSERT, columns_of(queued, list(_QUEUED)))
        for end in ends:
            cursor.execute(_WRAP_UP, end)
        if changes:
            cursor.execute(_UPDATE, columns_of(changes.values(), list(_CHANGE)))
        return bool(queued or changes or ends)


def _queued(fact: CallerQueued) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "queue_id": fact.queue_id,
        "enqueued_at": fact.at if fact.since is None else fact.since,
        "account_id": fact.account_id,
        "priority": fact.priority,
        "disposition": "offered",
    }


def _changed(fact: CallerLeft | LeaseConfirmed | ConversationEnded) -> dict[str, Any]:
    match fact:
        case CallerLeft():
            return {"ended_at": fact.at, "disposition": fact.departure.value}
        case LeaseConfirmed():
            found = {"agent_id": fact.agent_id, "connected_at": fact.at}
            return {**found, "disposition": "answered"}
        case ConversationEnded():
            wrap_up = 0 if fact.wrap_up_until is None else fact.wrap_up_until - fact.at
            return {"ended_at": fact.at, "talk_ms": fact.talk_ms, "wrap_up_ms": wrap_up}


# Query

LISTED = Listed(
    table="queue_cdr",
    time="enqueued_at",
    id={"call_id": str, "queue_id": str},
    led={
        "call_id": "call_id",
        "agent_id": "agent_id",
        "queue_id": "queue_id",
        "disposition": "disposition",
    },
    looked_at={},
)
_METRICS = """
    SELECT queue_id, count(*) AS offered,
           count(*) FILTER (WHERE disposition = 'offered') AS waiting,
           count(*) FILTER (WHERE disposition = 'answered') AS answered,
           count(*) FILTER (WHERE disposition IN ('abandoned', 'timeout')) AS abandoned,
           count(*) FILTER (WHERE disposition = 'routed') AS routed,
           count(*) FILTER (WHERE disposition = 'callback') AS callback,
           coalesce(avg(connected_at - enqueued_at), 0)::bigint AS asa_ms,
           count(*) FILTER (WHERE connected_at - enqueued_at <= sl_ms) AS sl_met,
           coalesce(avg(talk_ms + wrap_up_ms), 0)::bigint AS aht_ms,
           coalesce(%(now)s - min(enqueued_at) FILTER (WHERE disposition = 'offered'), 0)
               AS longest_wait_ms
      FROM views.queue_cdr
      JOIN unnest(%(queues)s::text[], %(sl_ms)s::bigint[]) AS asked (queue_id, sl_ms)
     USING (queue_id)
     WHERE account_id = %(account)s AND enqueued_at BETWEEN %(since)s AND %(now)s
     GROUP BY queue_id"""


def metrics(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    sl_threshold_sec: Mapping[str, int],
    since: int,
    now: int,
) -> dict[str, dict[str, int]]:
    """Queue → figures of the callers who came within [since, now] (epoch ms), of all queues in
    `sl_threshold_sec`; 0 when there were none."""
    asked = {
        "account": account_id,
        "since": since,
        "now": now,
        "queues": list(sl_threshold_sec),
        "sl_ms": [seconds * 1000 for seconds in sl_threshold_sec.values()],
    }
    rows = {row["queue_id"]: row for row in cursor.execute(_METRICS, asked).fetchall()}
    return {queue_id: _figures(rows.get(queue_id, _NOTHING)) for queue_id in sl_threshold_sec}


_NOTHING = dict.fromkeys(
    (
        *("offered", "waiting", "answered", "abandoned", "routed", "callback"),
        *("asa_ms", "sl_met", "aht_ms", "longest_wait_ms"),
    ),
    0,
)


def _figures(row: Mapping[str, Any]) -> dict[str, int]:
    return {
        "offered": row["offered"],
        "waiting": row["waiting"],
        "answered": row["answered"],
        "abandoned": row["abandoned"],
        "routed": row["routed"],
        "callback": row["callback"],
        "abandonRatePct": percent(row["abandoned"], row["offered"]),
        "asaMs": row["asa_ms"],
        "slMet": row["sl_met"],
        "serviceLevelPct": percent(row["sl_met"], row["offered"]),
        "ahtMs": row["aht_ms"],
        "longestWaitMs": row["longest_wait_ms"],
    }


def rows_of_call(cursor: Cursor[DictRow], call_id: CallId) -> list[DictRow]:
    """The queues that the call went through, in order."""
    return cursor.execute(
        "SELECT * FROM views.queue_cdr WHERE call_id = %s ORDER BY enqueued_at", (call_id,)
    ).fetchall()

"""How long did callers wait, and for whom? One row per caller in a queue (spec 05, queue_cdr)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        came: list[dict[str, Any]] = []
        changes: dict[Key, dict[str, Any]] = {}
        last: dict[tuple[AccountId, str], dict[str, Any]] = {}
        """Agent → the last of his conversations that ends among `facts`."""
        ends: list[dict[str, Any]] = []
        """Wrap-ups of earlier conversations that are over, perhaps before their time."""
        for _, _, _, _, fact in facts:
            match fact:
                case CallerQueued():
                    came.append(queued(fact))
                case CallerLeft() | LeaseConfirmed() | ConversationEnded():
                    key = (fact.call_id, fact.queue_id, fact.queued_at)
                    row = changes.setdefault(key, dict(zip(_NAMED, key, strict=True)))
                    row |= changed(fact)
                    if isinstance(fact, ConversationEnded):
                        last[fact.account_id, fact.agent_id] = row
                case AgentWrappedUp() | AgentLoggedOut():
                    if told := last.get((fact.account_id, fact.agent_id)):
                        told["wrap_up_ms"] = min(told["wrap_up_ms"], fact.at - told["ended_at"])
                    else:
                        ends.append(fact.model_dump(include={"account_id", "agent_id", "at"}))
        if came:
            cursor.execute(_INSERT, columns_of(came, list(_QUEUED)))
        for end in ends:
            cursor.execute(_WRAP_UP, end)
        if changes:
            cursor.execute(_UPDATE, columns_of(changes.values(), list(_CHANGE)))
        return bool(came or changes or ends)


def queued(fact: CallerQueued) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "queue_id": fact.queue_id,
        "enqueued_at": fact.at if fact.since is None else fact.since,
        "account_id": fact.account_id,
        "priority": fact.priority,
        "disposition": "offered",
    }


def changed(fact: CallerLeft | LeaseConfirmed | ConversationEnded) -> dict[str, Any]:
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


@dataclass(slots=True)
class Tally:
    """Callers of a queue, counted."""

    offered: int = 0
    waiting: int = 0
    answered: int = 0
    abandoned: int = 0
    routed: int = 0
    callback: int = 0
    waited_ms: int = 0
    """Of the answered, together."""
    sl_met: int = 0
    handled: int = 0
    """Conversations that are over."""
    handled_ms: int = 0
    """With their wrap-up."""

    def count(self, row: Mapping[str, Any], sl_threshold_sec: int, sign: int = 1) -> None:
        """Put a row of `queue_cdr` in, or take it out (-1)."""
        member = _COUNTED[row["disposition"]]
        setattr(self, member, getattr(self, member) + sign)
        self.offered += sign
        if (connected := row.get("connected_at")) is not None:
            wait = connected - row["enqueued_at"]
            self.waited_ms += sign * wait
            self.sl_met += sign * (wait <= sl_threshold_sec * 1000)
        if row.get("ended_at") is not None and row.get("talk_ms") is not None:
            self.handled += sign
            self.handled_ms += sign * (row["talk_ms"] + row["wrap_up_ms"])


_COUNTED = {
    "offered": "waiting",
    "answered": "answered",
    "abandoned": "abandoned",
    "timeout": "abandoned",
    "routed": "routed",
    "callback": "callback",
}
_TALLIES = """
    SELECT queue_id, count(*) AS offered,
           count(*) FILTER (WHERE disposition = 'offered') AS waiting,
           count(*) FILTER (WHERE disposition = 'answered') AS answered,
           count(*) FILTER (WHERE disposition IN ('abandoned', 'timeout')) AS abandoned,
           count(*) FILTER (WHERE disposition = 'routed') AS routed,
           count(*) FILTER (WHERE disposition = 'callback') AS callback,
           coalesce(sum(connected_at - enqueued_at), 0)::bigint AS waited_ms,
           count(*) FILTER (WHERE connected_at - enqueued_at <= sl_ms) AS sl_met,
           count(talk_ms + wrap_up_ms) AS handled,
           coalesce(sum(talk_ms + wrap_up_ms), 0)::bigint AS handled_ms,
           min(enqueued_at) FILTER (WHERE disposition = 'offered') AS oldest
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
    found = tallies(cursor, account_id, sl_threshold_sec, since, now)
    return {
        queue_id: figures(*found.get(queue_id, (Tally(), None)), now)
        for queue_id in sl_threshold_sec
    }


def tallies(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    sl_threshold_sec: Mapping[str, int],
    since: int,
    now: int,
) -> dict[str, tuple[Tally, int | None]]:
    """Queue → its callers within [since, now], counted, and when the first of those who wait
    came."""
    asked = {
        "account": account_id,
        "since": since,
        "now": now,
        "queues": list(sl_threshold_sec),
        "sl_ms": [seconds * 1000 for seconds in sl_threshold_sec.values()],
    }
    return {
        row.pop("queue_id"): (
            Tally(**{n: v for n, v in row.items() if n != "oldest"}),
            row["oldest"],
        )
        for row in cursor.execute(_TALLIES, asked).fetchall()
    }


def figures(tally: Tally, oldest: int | None, now: int) -> dict[str, int]:
    """What is counted, as spec 05 wants it. `oldest`: when the first of those who wait came."""
    return {
        "offered": tally.offered,
        "waiting": tally.waiting,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "routed": tally.routed,
        "callback": tally.callback,
        "abandonRatePct": percent(tally.abandoned, tally.offered),
        "asaMs": mean(tally.waited_ms, tally.answered),
        "slMet": tally.sl_met,
        "serviceLevelPct": percent(tally.sl_met, tally.offered),
        "ahtMs": mean(tally.handled_ms, tally.handled),
        "longestWaitMs": 0 if oldest is None else max(0, now - oldest),
    }


def mean(total: int, count: int) -> int:
    """Rounded half up; 0 of nothing is 0."""
    return (2 * total + count) // (2 * count) if count else 0


def unfinished(
    cursor: Cursor[DictRow], account_id: AccountId, since: int, at: int
) -> list[DictRow]:
    """The rows of callers who came at `since` or later which a fact of `at` or later can change."""
    return cursor.execute(
        "SELECT * FROM views.queue_cdr WHERE account_id = %(account)s AND enqueued_at >= %(since)s"
        " AND (ended_at IS NULL OR (talk_ms IS NOT NULL AND ended_at + wrap_up_ms > %(at)s))",
        {"account": account_id, "since": since, "at": at},
    ).fetchall()


def rows_of_call(cursor: Cursor[DictRow], call_id: CallId) -> list[DictRow]:
    """The queues that the call went through, in order."""
    return cursor.execute(
        "SELECT * FROM views.queue_cdr WHERE call_id = %s ORDER BY enqueued_at", (call_id,)
    ).fetchall()

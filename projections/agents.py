"""Who is at work, and how was the time spent? One row per user with a presence, one per spell in a
dashboard's bucket (spec 05, Agent KPIs)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.acd.floor import Bucket, State, Status, bucket
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
    LeaseConfirmed,
    LeaseReleased,
)
from events.base import AccountId, Fact
from events.presence import ContactQualified, ContactRegistered, ContactRemoved
from projections.base import Positioned, Projection, columns_of, unnest

_ROW = {
    "account_id": "text",
    "user_id": "text",
    "status": "text",
    "state": "text",
    "reason": "text",
    "pending": "text",
    "queues": "text",
    "external": "text",
    "contacts": "text",
    "call_id": "text",
    "queue_id": "text",
    "wrap_up_until": "bigint",
    "bucket": "text",
    "since": "bigint",
}
_JSON = ("queues", "external", "contacts")
_SPELL = {
    "account_id": "text",
    "user_id": "text",
    "begun": "bigint",
    "ended": "bigint",
    "bucket": "text",
}
_COLUMNS = ", ".join(f"{name}::jsonb" if name in _JSON else name for name in _ROW)
_UPSERT = f"""
    INSERT INTO agent ({", ".join(_ROW)}) SELECT {_COLUMNS} FROM {unnest(_ROW)}
    ON CONFLICT (account_id, user_id) DO UPDATE
       SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _ROW if c not in ("account_id", "user_id"))}"""
_INSERT_SPELLS = f"""
    INSERT INTO agent_spell ({", ".join(_SPELL)}) SELECT * FROM {unnest(_SPELL)}"""

Key = tuple[str, str]
Row = dict[str, Any]
_FACTS = (AgentFact, ContactRegistered, ContactQualified, ContactRemoved)


class Agents(Projection):
    name = "agents"
    version = 1
    tables = ("agent", "agent_spell")
    ddl = """
        CREATE TABLE agent (
            account_id text, user_id text, status text, state text NOT NULL, reason text,
            pending text, queues jsonb NOT NULL, external jsonb NOT NULL, contacts jsonb NOT NULL,
            call_id text, queue_id text, wrap_up_until bigint, bucket text, since bigint,
            PRIMARY KEY (account_id, user_id)
        );
        CREATE INDEX agent_busy_idx ON agent (account_id) WHERE state IN ('offering', 'wrap_up');
        CREATE TABLE agent_spell (
            account_id text NOT NULL, user_id text NOT NULL, begun bigint NOT NULL,
            ended bigint NOT NULL, bucket text NOT NULL
        );
        CREATE INDEX agent_spell_idx ON agent_spell (account_id, ended, user_id);
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        found = [(_key(item.fact), item.fact) for item in facts if isinstance(item.fact, _FACTS)]
        if not found:
            return False
        self._load(cursor, {key for key, _ in found})
        spells: list[Row] = []
        for key, fact in found:
            spell = _fold(self._rows[key], fact)
            spells += [spell] if spell else []
        rows = [_written(self._rows[key]) for key in {key for key, _ in found}]
        cursor.execute(_UPSERT, columns_of(rows, list(_ROW)))
        if spells:
            cursor.execute(_INSERT_SPELLS, columns_of(spells, list(_SPELL)))
        return True

    def _load(self, cursor: Cursor[DictRow], keys: Iterable[Key]) -> None:
        absent = [key for key in keys if key not in self._rows]
        if not absent:
            return
        self._rows |= {key: _new(*key) for key in absent}
        accounts, users = zip(*absent, strict=True)
        stored = cursor.execute(
            "SELECT agent.* FROM agent JOIN unnest(%s::text[], %s::text[]) AS asked (a, u)"
            " ON (account_id, user_id) = (a, u)",
            (list(accounts), list(users)),
        ).fetchall()
        self._rows |= {(row["account_id"], row["user_id"]): dict(row) for row in stored}


def _key(fact: Fact) -> Key:
    return fact.account_id, fact.agent_id if isinstance(fact, AgentFact) else fact.user_id  # type: ignore[attr-defined]


def _new(account_id: str, user_id: str) -> Row:
    """Who has no status has never logged in."""
    nothing = dict.fromkeys(_ROW)
    return nothing | {
        "account_id": account_id,
        "user_id": user_id,
        "state": State.WAITING.value,
        "queues": {},
        "external": [],
        "contacts": [],
    }


def _written(row: Row) -> Row:
    return row | {name: orjson.dumps(row[name]).decode() for name in _JSON}


def _fold(row: Row, fact: Fact) -> Row | None:
    """Change the row; returns the spell that is over, if one is."""
    row |= _changes(row, fact)
    if row["status"] is None and not row["external"]:
        return None
    now = bucket(
        Status(row["status"] or "offline"),
        State(row["state"]),
        bool(row["contacts"]),
        bool(row["external"]),
    ).value
    if now == row["bucket"]:
        return None
    spell = {
        "account_id": row["account_id"],
        "user_id": row["user_id"],
        "begun": row["since"],
        "ended": fact.at,
        "bucket": row["bucket"],
    }
    row |= {"bucket": now, "since": fact.at}
    return spell if spell["bucket"] not in (None, Bucket.OFFLINE.value) else None


def _changes(row: Row, fact: Fact) -> Row:
    match fact:
        case AgentLoggedIn():
            status = Status.AVAILABLE if fact.ready else Status.ON_BREAK
            return _nothing_held(status) | {"queues": {}}
        case AgentLoggedOut():
            return _nothing_held(Status.OFFLINE) | {"queues": {}}
        case AgentMadeAvailable():
            return {"status": Status.AVAILABLE.value, "reason": None, "pending": None}
        case AgentPaused():
            return {"status": Status.ON_BREAK.value, "reason": fact.reason, "pending": None}
        case AgentDeferred():
            return {"pending": fact.event.value}
        case AgentJoinedQueue():
            return {"queues": row["queues"] | {fact.queue_id: fact.level}}
        case AgentLeftQueue():
            return {"queues": {id: n for id, n in row["queues"].items() if id != fact.queue_id}}
        case AgentCallBegan():
            return {"external": sorted({*row["external"], fact.call_id})}
        case AgentCallOver():
            return {"external": [id for id in row["external"] if id != fact.call_id]}
        case AgentReserved() | LeaseConfirmed():
            state = State.OFFERING if isinstance(fact, AgentReserved) else State.IN_CALL
            held = {"call_id": fact.call_id, "queue_id": fact.queue_id}
            return held | {"state": state.value, "wrap_up_until": None}
        case LeaseReleased() | AgentWrappedUp():
            return _idle(State.WAITING)
        case ConversationEnded():
            if fact.wrap_up_until is None:
                return _idle(State.WAITING)
            return _idle(State.WRAP_UP) | {"wrap_up_until": fact.wrap_up_until}
    return _contact(row, fact)


def _contact(row: Row, fact: Fact) -> Row:
    assert isinstance(fact, ContactRegistered | ContactQualified | ContactRemoved)
    key = [fact.device_id, fact.contact]
    others = [known for known in row["contacts"] if known != key]
    is_there = not isinstance(fact, ContactRemoved)
    if isinstance(fact, ContactQualified):
        is_there = fact.reachable
    return {"contacts": sorted([*others, key]) if is_there else others}


def _idle(state: State) -> Row:
    return {"state": state.value, "call_id": None, "queue_id": None, "wrap_up_until": None}


def _nothing_held(status: Status) -> Row:
    return {"status": status.value, "reason": None, "pending": None, **_idle(State.WAITING)}


# Query


def of_account(cursor: Cursor[DictRow], account_id: AccountId) -> list[DictRow]:
    """Every user who was ever seen, by id."""
    return cursor.execute(
        "SELECT * FROM views.agent WHERE account_id = %s ORDER BY user_id", (account_id,)
    ).fetchall()


def kpis(
    cursor: Cursor[DictRow], account_id: AccountId, since: int, now: int
) -> dict[str, dict[str, Any]]:
    """Agent → `statusMs` per bucket, `loggedInMs`, `occupancyPct`, `utilizationPct` within
    [since, now]; 0 when there is nothing."""
    found: dict[str, dict[str, int]] = {}
    for row in cursor.execute(_SPELLS, {"account": account_id, "since": since, "now": now}):
        found.setdefault(row["user_id"], {})[row["bucket"]] = int(row["spent"])
    return {user: _kpis(spent) for user, spent in found.items()}


def _kpis(spent: Mapping[str, int]) -> dict[str, Any]:
    status = {one.value: spent.get(one.value, 0) for one in Bucket}
    logged_in = sum(status.values()) - status["offline"]
    handle = status["incall"] + status["wrapup"]
    return {
        "statusMs": status,
        "loggedInMs": logged_in,
        "handleMs": handle,
        "occupancyPct": percent(handle, handle + status["ready"]),
        "utilizationPct": percent(handle, logged_in),
    }


def percent(part: float, whole: float) -> int:
    """Rounded half up; 0 of nothing is 0."""
    return int(100 * part / whole + 0.5) if whole else 0


_SPELLS = """
    SELECT user_id, bucket,
           sum(least(ended, %(now)s) - greatest(begun, %(since)s))::bigint AS spent
      FROM (SELECT user_id, bucket, begun, ended FROM views.agent_spell
             WHERE account_id = %(account)s AND ended > %(since)s
            UNION ALL
            SELECT user_id, bucket, since, %(now)s FROM views.agent
             WHERE account_id = %(account)s AND bucket <> 'offline') AS spell
     WHERE begun < %(now)s AND ended > %(since)s
     GROUP BY user_id, bucket"""

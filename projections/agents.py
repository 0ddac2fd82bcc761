"""Who is at work, and how was the time spent? One row per user with a presence, one per spell in a
dashboard's bucket, one per reservation (spec 05, Agent KPIs)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.acd.floor import MISSES, Bucket, State, Status, bucket
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
    "is_logged_in": "boolean",
    "since": "bigint",
}
_JSON = ("queues", "external", "contacts")
_SPELL = {
    "account_id": "text",
    "user_id": "text",
    "begun": "bigint",
    "ended": "bigint",
    "bucket": "text",
    "is_logged_in": "boolean",
}
_OFFER = {"account_id": "text", "lease_id": "text", "user_id": "text", "at": "bigint"}
_END = {"account_id": "text", "lease_id": "text", "ended": "text"}
CONFIRMED = "confirmed"
_COLUMNS = ", ".join(f"{name}::jsonb" if name in _JSON else name for name in _ROW)
_UPSERT = f"""
    INSERT INTO agent ({", ".join(_ROW)}) SELECT {_COLUMNS} FROM {unnest(_ROW)}
    ON CONFLICT (account_id, user_id) DO UPDATE
       SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _ROW if c not in ("account_id", "user_id"))}"""
_INSERT_SPELLS = f"""
    INSERT INTO agent_spell ({", ".join(_SPELL)}) SELECT * FROM {unnest(_SPELL)}"""
_INSERT_OFFERS = f"""
    INSERT INTO agent_offer ({", ".join(_OFFER)}) SELECT * FROM {unnest(_OFFER)}"""
_END_OFFERS = f"""
    UPDATE agent_offer AS old SET ended = new.ended FROM {unnest(_END)}
     WHERE (old.account_id, old.lease_id) = (new.account_id, new.lease_id)"""

Key = tuple[str, str]
Row = dict[str, Any]
FACTS = (AgentFact, ContactRegistered, ContactQualified, ContactRemoved)


class Agents(Projection):
    name = "agents"
    version = 2
    tables = ("agent", "agent_spell", "agent_offer")
    ddl = """
        CREATE TABLE agent (
            account_id text, user_id text, status text, state text NOT NULL, reason text,
            pending text, queues jsonb NOT NULL, external jsonb NOT NULL, contacts jsonb NOT NULL,
            call_id text, queue_id text, wrap_up_until bigint, bucket text, is_logged_in boolean,
            since bigint, PRIMARY KEY (account_id, user_id)
        );
        CREATE INDEX agent_busy_idx ON agent (account_id) WHERE state IN ('offering', 'wrap_up');
        CREATE TABLE agent_spell (
            account_id text NOT NULL, user_id text NOT NULL, begun bigint NOT NULL,
            ended bigint NOT NULL, bucket text NOT NULL, is_logged_in boolean NOT NULL
        );
        CREATE INDEX agent_spell_idx ON agent_spell (account_id, ended, user_id);
        CREATE TABLE agent_offer (
            account_id text, lease_id text, user_id text NOT NULL, at bigint NOT NULL, ended text,
            PRIMARY KEY (account_id, lease_id)
        );
        CREATE INDEX agent_offer_idx ON agent_offer (account_id, at);
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        found = [(key_of(item.fact), item.fact) for item in facts if isinstance(item.fact, FACTS)]
        if not found:
            return False
        self._load(cursor, {key for key, _ in found})
        spells: list[Row] = []
        for key, fact in found:
            spell = fold_row(self._rows[key], fact)
            spells += [spell] if spell else []
        rows = [_written(self._rows[key]) for key in {key for key, _ in found}]
        cursor.execute(_UPSERT, columns_of(rows, list(_ROW)))
        if spells:
            cursor.execute(_INSERT_SPELLS, columns_of(spells, list(_SPELL)))
        _fold_offers(cursor, [fact for _, fact in found])
        return True

    def _load(self, cursor: Cursor[DictRow], keys: Iterable[Key]) -> None:
        absent = [key for key in keys if key not in self._rows]
        if not absent:
            return
        self._rows |= {key: new_row(*key) for key in absent}
        accounts, users = zip(*absent, strict=True)
        stored = cursor.execute(
            "SELECT agent.* FROM agent JOIN unnest(%s::text[], %s::text[]) AS asked (a, u)"
            " ON (account_id, user_id) = (a, u)",
            (list(accounts), list(users)),
        ).fetchall()
        self._rows |= {(row["account_id"], row["user_id"]): dict(row) for row in stored}


def _fold_offers(cursor: Cursor[DictRow], facts: Iterable[Fact]) -> None:
    begun: list[Row] = []
    ends: list[Row] = []
    for fact in facts:
        match fact:
            case AgentReserved():
                begun.append(_about(fact) | {"user_id": fact.agent_id, "at": fact.at})
            case LeaseConfirmed():
                ends.append(_about(fact) | {"ended": CONFIRMED})
            case LeaseReleased():
                ends.append(_about(fact) | {"ended": fact.reason.value})
    if begun:
        cursor.execute(_INSERT_OFFERS, columns_of(begun, list(_OFFER)))
    if ends:
        cursor.execute(_END_OFFERS, columns_of(ends, list(_END)))


def _about(fact: AgentReserved | LeaseConfirmed | LeaseReleased) -> Row:
    return {"account_id": fact.account_id, "lease_id": fact.lease_id}


def key_of(fact: Fact) -> Key:
    return fact.account_id, fact.agent_id if isinstance(fact, AgentFact) else fact.user_id  # type: ignore[attr-defined]


def new_row(account_id: str, user_id: str) -> Row:
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


def fold_row(row: Row, fact: Fact) -> Row | None:
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
    is_logged_in = row["status"] not in (None, Status.OFFLINE.value)
    if (now, is_logged_in) == (row["bucket"], row["is_logged_in"]):
        return None
    spell = {
        "account_id": row["account_id"],
        "user_id": row["user_id"],
        "begun": row["since"],
        "ended": fact.at,
        "bucket": row["bucket"],
        "is_logged_in": row["is_logged_in"],
    }
    row |= {"bucket": now, "is_logged_in": is_logged_in, "since": fact.at}
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


@dataclass(slots=True)
class Worked:
    """What an agent has done within a time: milliseconds per bucket, and his reservations that
    began then."""

    spent: dict[str, int] = field(default_factory=dict)
    logged_in: int = 0
    offered: int = 0
    answered: int = 0
    missed: int = 0

    def add(self, spell: Row, since: int, now: int) -> None:
        """Count what of the spell lies within [since, now]."""
        spent = min(spell["ended"], now) - max(spell["begun"], since)
        if spent > 0:
            bucket = spell["bucket"]
            self.spent[bucket] = self.spent.get(bucket, 0) + spent
            self.logged_in += spent if spell["is_logged_in"] else 0


def with_open_spell(worked: Worked, row: Row, since: int, now: int) -> Worked:
    """The same, with what the agent does at `now`."""
    if row["bucket"] in (None, Bucket.OFFLINE.value):
        return worked
    counts = (worked.offered, worked.answered, worked.missed)
    found = Worked(dict(worked.spent), worked.logged_in, *counts)
    found.add(row | {"begun": row["since"], "ended": now}, since, now)
    return found


def kpis(
    cursor: Cursor[DictRow], account_id: AccountId, since: int, now: int
) -> dict[str, dict[str, Any]]:
    """Agent → figures within [since, now] (epoch ms): `statusMs` per bucket, `loggedInMs`,
    `handleMs`, `occupancyPct`, `utilizationPct`, and of the reservations that began then
    `offered`, `answered`, `missed`. Who is not in it has `no_kpis`."""
    found = worked(cursor, account_id, since, now)
    for row in of_account(cursor, account_id):
        was = found.get(row["user_id"], Worked())
        if (done := with_open_spell(was, row, since, now)) is not was:
            found[row["user_id"]] = done
    return {user: figures(done, now - since) for user, done in found.items() if done != Worked()}


def worked(
    cursor: Cursor[DictRow], account_id: AccountId, since: int, now: int
) -> dict[str, Worked]:
    """Agent → what he has done, without the spell that is not over."""
    asked = {"account": account_id, "since": since, "now": now}
    found: dict[str, Worked] = {}
    for row in cursor.execute(_SPELLS, asked).fetchall():
        done = found.setdefault(row["user_id"], Worked())
        done.spent[row["bucket"]] = int(row["spent"])
        done.logged_in += int(row["logged_in"])
    missed = {**asked, "missed": [end.value for end in MISSES], "confirmed": CONFIRMED}
    for row in cursor.execute(_OFFERS, missed).fetchall():
        done = found.setdefault(row["user_id"], Worked())
        done.offered, done.answered, done.missed = row["offered"], row["answered"], row["missed"]
    return found


def open_offers(cursor: Cursor[DictRow], account_id: AccountId, since: int) -> list[str]:
    """The reservations that began after `since` and are not over."""
    rows = cursor.execute(
        "SELECT lease_id FROM views.agent_offer"
        " WHERE account_id = %s AND at >= %s AND ended IS NULL",
        (account_id, since),
    ).fetchall()
    return [row["lease_id"] for row in rows]


def no_kpis(since: int, now: int) -> dict[str, Any]:
    """The figures of who was not there within [since, now]."""
    return figures(Worked(), now - since)


def figures(done: Worked, window: int) -> dict[str, Any]:
    """What `done` comes to in `window` milliseconds."""
    status = {one.value: done.spent.get(one.value, 0) for one in Bucket}
    status[Bucket.OFFLINE.value] = max(0, window - sum(status.values()))
    return {
        "statusMs": status,
        "loggedInMs": done.logged_in,
        "handleMs": handling(done),
        "occupancyPct": occupancy(done),
        "utilizationPct": percent(handling(done), done.logged_in),
        "offered": done.offered,
        "answered": done.answered,
        "missed": done.missed,
    }


_READY = Bucket.READY.value
_HANDLING = (Bucket.INCALL.value, Bucket.WRAPUP.value)


def occupancy(done: Worked) -> int:
    """Percent of the time in which he was to be had for callers."""
    handle = handling(done)
    return percent(handle, handle + done.spent.get(_READY, 0))


def handling(done: Worked) -> int:
    """Milliseconds for callers of queues."""
    return sum(done.spent.get(bucket, 0) for bucket in _HANDLING)


def percent(part: float, whole: float) -> int:
    """Rounded half up; 0 of nothing is 0."""
    return int(100 * part / whole + 0.5) if whole else 0


_SPELLS = """
    SELECT user_id, bucket, sum(spent)::bigint AS spent,
           coalesce(sum(spent) FILTER (WHERE is_logged_in), 0)::bigint AS logged_in
      FROM (SELECT user_id, bucket, is_logged_in,
                   least(ended, %(now)s) - greatest(begun, %(since)s) AS spent
              FROM views.agent_spell
             WHERE account_id = %(account)s AND ended > %(since)s AND begun < %(now)s) AS part
     GROUP BY user_id, bucket"""
_OFFERS = """
    SELECT user_id, count(*) AS offered,
           count(*) FILTER (WHERE ended = %(confirmed)s) AS answered,
           count(*) FILTER (WHERE ended = ANY(%(missed)s)) AS missed
      FROM views.agent_offer
     WHERE account_id = %(account)s AND at BETWEEN %(since)s AND %(now)s
     GROUP BY user_id"""

"""Which calls were there, and how did they go? One row per call (spec 08, call_cdr).

A partition per month of UTC, made when the first call of the month before comes, at the latest with
its own first one. Months that are over go to the archive (`gateways/archive`), and with them their
partitions: what is learnt of a call afterwards waits in `call_cdr_late` and is put over its row by
whoever reads it, until the archive has it, too.

A call's id is unique in its month by an index, and over all because it is the name of its stream:
there is one first decision in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from events.acd import CallerQueued, LeaseConfirmed
from events.call import (
    CallAnswered,
    CallEnded,
    CallRevised,
    CallRinging,
    CallRouted,
    FlowStepped,
    RunFlow,
    SendOut,
)
from projections.base import Positioned, Projection, columns_of, unnest
from projections.keyset import Listed
from projections.months import FIRST, LAST, Month

_ROUTED = {
    "call_id": "text",
    "account_id": "text",
    "direction": "text",
    "from_num": "text",
    "to_num": "text",
    "did_id": "text",
    "trunk_id": "text",
    "start_ts": "bigint",
    "node_id": "text",
    "src_ip": "text",
    "flow_id": "text",
    "flow_version": "int",
}
_ID = {"call_id": "text", "account_id": "text", "start_ts": "bigint"}
_PROGRESS = {"ring_ts": "bigint", "answer_ts": "bigint", "answered": "int"}
_OUTCOME = {
    **_PROGRESS,
    "end_ts": "bigint",
    "duration_sec": "bigint",
    "billsec": "bigint",
    "disposition": "text",
    "hangup_cause": "text",
    "sip_code": "int",
    "hangup_by": "text",
    "cost_micros": "bigint",
    "currency": "text",
    "rate_id": "text",
}
_QUEUE = {"queue_id": "text", "agent_id": "text"}
_TARGET = {"trunk_id": "text", "flow_id": "text", "flow_version": "int"}
_FLOW = {"flow_id": "text", "flow_version": "int"}
_LATE = {**_OUTCOME, **_QUEUE, **_TARGET}

_INSERT = f"""
    INSERT INTO call_cdr ({", ".join(_ROUTED)})
    SELECT * FROM {unnest(_ROUTED)}"""


class _Update(NamedTuple):
    """What facts of a kind change in the rows of their calls."""

    types: Mapping[str, str]
    sets: str
    """With `{new}` for where the values come from."""
    condition: str = ""

    def statement(self, is_known: bool) -> str:
        """Those whose start is known are looked for in their month alone. A call that has no row
        any more has one among the late ones."""
        types = {**_ID, **self.types}
        columns = ", ".join(("call_id", "account_id", *self.types))
        month = "AND cdr.start_ts = new.start_ts" if is_known else ""
        update = f"""
            UPDATE call_cdr AS cdr SET {self.sets.format(new="new")} FROM new
             WHERE cdr.call_id = new.call_id {month} {self.condition}"""
        if self.condition:
            return f"WITH new AS (SELECT * FROM {unnest(types)}) {update}"
        return f"""
            WITH new AS (SELECT * FROM {unnest(types)}),
                 done AS ({update} RETURNING cdr.call_id)
            INSERT INTO call_cdr_late AS cdr ({columns})
            SELECT {columns} FROM new
             WHERE NOT EXISTS (SELECT FROM done WHERE done.call_id = new.call_id)
            ON CONFLICT (call_id) DO UPDATE SET {self.sets.format(new="excluded")}"""


_PROGRESSED = _Update(
    _PROGRESS,
    "ring_ts = coalesce({new}.ring_ts, cdr.ring_ts),"
    " answer_ts = coalesce({new}.answer_ts, cdr.answer_ts),"
    " answered = greatest({new}.answered, cdr.answered)",
)
_ENDED = _Update(_OUTCOME, ", ".join(f"{column} = {{new}}.{column}" for column in _OUTCOME))
_TARGETED = _Update(
    _TARGET, ", ".join(f"{column} = coalesce({{new}}.{column}, cdr.{column})" for column in _TARGET)
)
_QUEUED = _Update(
    _QUEUE, "queue_id = {new}.queue_id, agent_id = coalesce({new}.agent_id, cdr.agent_id)"
)
_STARTED = _Update(
    _FLOW, "flow_id = {new}.flow_id, flow_version = {new}.flow_version", "AND cdr.flow_id IS NULL"
)
"""A flow that no decision named: that of a voicemail after a phone that nobody answered."""

OfCall = (
    CallRouted
    | FlowStepped
    | CallRinging
    | CallAnswered
    | CallEnded
    | CallRevised
    | CallerQueued
    | LeaseConfirmed
)
"""Facts that change the log."""

OPEN = 100_000
"""Calls whose start is remembered until they end."""


class Cdr(Projection):
    name = "cdr"
    version = 4
    tables = ("call_cdr", "call_cdr_late")
    # An index for each filter that few of many rows match (`projections/keyset.py`); the others are
    # asked of the rows. Room in each page, so that an update that changes no indexed column (ring,
    # answer) stays in it and touches no index.
    ddl = f"""
        CREATE TABLE call_cdr (
            call_id text COLLATE "C" NOT NULL, account_id text NOT NULL, direction text NOT NULL,
            from_num text NOT NULL, to_num text NOT NULL, did_id text, trunk_id text,
            start_ts bigint NOT NULL, ring_ts bigint, answer_ts bigint, end_ts bigint,
            duration_sec bigint, billsec bigint, answered int NOT NULL DEFAULT 0, disposition text,
            hangup_cause text, sip_code int, hangup_by text, queue_id text, agent_id text,
            flow_id text, flow_version int, cost_micros bigint, currency text, rate_id text,
            recording_key text, node_id text, src_ip text, attestation text
        ) PARTITION BY RANGE (start_ts);
        CREATE TABLE call_cdr_before PARTITION OF call_cdr (PRIMARY KEY (call_id))
            FOR VALUES FROM (MINVALUE) TO ({FIRST}) WITH (fillfactor = 80);
        CREATE TABLE call_cdr_after PARTITION OF call_cdr (PRIMARY KEY (call_id))
            FOR VALUES FROM ({LAST}) TO (MAXVALUE) WITH (fillfactor = 80);
        CREATE TABLE call_cdr_late (
            call_id text COLLATE "C" PRIMARY KEY, account_id text NOT NULL,
            {", ".join(f"{column} {type}" for column, type in _LATE.items())}
        );
        CREATE INDEX call_cdr_late_account_idx ON call_cdr_late (account_id);
        CREATE INDEX call_cdr_account_idx ON call_cdr (account_id, start_ts, call_id);
        CREATE INDEX call_cdr_from_idx ON call_cdr (account_id, from_num, start_ts, call_id);
        CREATE INDEX call_cdr_to_idx ON call_cdr (account_id, to_num, start_ts, call_id);
        CREATE INDEX call_cdr_did_idx ON call_cdr (account_id, did_id, start_ts, call_id)
         WHERE did_id IS NOT NULL;
        CREATE INDEX call_cdr_trunk_idx ON call_cdr (account_id, trunk_id, start_ts, call_id)
         WHERE trunk_id IS NOT NULL;
        CREATE INDEX call_cdr_flow_idx ON call_cdr (account_id, flow_id, start_ts, call_id)
         WHERE flow_id IS NOT NULL;
        CREATE INDEX call_cdr_queue_idx ON call_cdr (account_id, queue_id, start_ts, call_id)
         WHERE queue_id IS NOT NULL;
        CREATE INDEX call_cdr_agent_idx ON call_cdr (account_id, agent_id, start_ts, call_id)
         WHERE agent_id IS NOT NULL;
    """
    # folded again, the months of the archive are here again, until they are archived again
    compared: ClassVar[Mapping[str, str]] = {
        "call_cdr": "NOT EXISTS (SELECT FROM archive.file AS f WHERE f.account_id = t.account_id"
        " AND t.start_ts >= f.begins AND t.start_ts < f.ends)",
        "call_cdr_late": "false",
    }
    on_swap = "DELETE FROM archive.file"

    def __init__(self) -> None:
        self._months: set[Month] = set()
        self._starts: dict[str, int] = {}

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        routed: dict[str, dict[str, Any]] = {}
        target: dict[str, dict[str, Any]] = {}
        progress: dict[str, dict[str, Any]] = {}
        outcome: dict[str, dict[str, Any]] = {}
        started: dict[str, dict[str, Any]] = {}
        queue: dict[str, dict[str, Any]] = {}
        for _, _, _, _, fact in facts:
            match fact:
                case CallRouted() if fact.hop == 1:
                    routed[fact.call_id] = _routed(fact)
                case CallRouted():
                    later = target.setdefault(fact.call_id, _about(fact))
                    later |= {k: v for k, v in _target(fact).items() if v is not None}
                case FlowStepped() if fact.reported is None:
                    started.setdefault(fact.call_id, _started(fact))
                case CallRinging():
                    row = progress.setdefault(fact.call_id, _unanswered(fact))
                    row["ring_ts"] = fact.ts
                case CallAnswered():
                    row = progress.setdefault(fact.call_id, _unanswered(fact))
                    row |= {"answer_ts": fact.ts, "answered": 1}
                case CallerQueued() | LeaseConfirmed():
                    row = queue.setdefault(fact.call_id, _about(fact))
                    row["queue_id"] = fact.queue_id
                    if isinstance(fact, LeaseConfirmed):
                        row["agent_id"] = fact.agent_id
                case CallEnded() | CallRevised():
                    outcome[fact.call_id] = _outcome(fact)
        if routed:
            self._insert(cursor, routed)
        for update, rows in (
            (_TARGETED, target),
            (_STARTED, started),
            (_PROGRESSED, progress),
            (_ENDED, outcome),
            (_QUEUED, queue),
        ):
            self._update(cursor, update, rows)
        for call_id in outcome:
            self._starts.pop(call_id, None)
        return bool(routed or target or progress or outcome or started or queue)

    def _insert(self, cursor: Cursor[DictRow], routed: Mapping[str, dict[str, Any]]) -> None:
        for call_id, row in routed.items():
            self._starts[call_id] = row["start_ts"]
        while len(self._starts) > OPEN:
            del self._starts[next(iter(self._starts))]
        # a month that was archived since fails here, and the instance that is tried next makes it
        starts = {row["start_ts"] for row in routed.values()}
        for month in {Month.of(start) for start in starts if FIRST <= start < LAST} - self._months:
            make_month(cursor, month)
            make_month(cursor, month.next)
            self._months.add(month)
        cursor.execute(_INSERT, columns_of(routed.values(), list(_ROUTED)))

    def _update(
        self, cursor: Cursor[DictRow], update: _Update, rows: Mapping[str, dict[str, Any]]
    ) -> None:
        known: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for call_id, row in rows.items():
            row["start_ts"] = self._starts.get(call_id)
            (others if row["start_ts"] is None else known).append(row)
        for some, is_known in ((known, True), (others, False)):
            if some:
                values = columns_of(some, [*_ID, *update.types])
                cursor.execute(update.statement(is_known).encode(), values)


def partition(month: Month) -> str:
    """The table of a month's calls."""
    return f"call_cdr_{month.year}_{month.number:02d}"


def make_month(cursor: Cursor[DictRow], month: Month) -> None:
    """A table for the calls of `month`, unless there is one. It is attached: that keeps no reader
    waiting, as making it in its place would."""
    name = partition(month)
    found = cursor.execute("SELECT to_regclass(%s) IS NOT NULL AS yes", (name,)).fetchone()
    if found and found["yes"]:
        return
    for statement in (
        f"CREATE TABLE {name} (LIKE call_cdr INCLUDING DEFAULTS, PRIMARY KEY (call_id))"
        " WITH (fillfactor = 80)",
        f"ALTER TABLE call_cdr ATTACH PARTITION {name}"
        f" FOR VALUES FROM ({month.begins}) TO ({month.ends})",
    ):
        cursor.execute(statement.encode())


def _routed(fact: CallRouted) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "account_id": fact.account_id,
        "direction": fact.direction.value,
        "from_num": fact.from_number,
        "to_num": fact.to_number,
        "did_id": fact.did_id,
        "start_ts": fact.at,
        "node_id": fact.node_id,
        "src_ip": fact.src_ip,
        **_target(fact),
    }


def _target(fact: CallRouted) -> dict[str, Any]:
    directive = fact.directive
    flow = directive if isinstance(directive, RunFlow) else None
    sent_out = directive.trunk_id if isinstance(directive, SendOut) else None
    return {
        "trunk_id": sent_out or fact.trunk_id,
        "flow_id": flow.flow_id if flow else None,
        "flow_version": flow.flow_version if flow else None,
    }


def _about(fact: OfCall) -> dict[str, Any]:
    return {"call_id": fact.call_id, "account_id": fact.account_id}


def _started(fact: FlowStepped) -> dict[str, Any]:
    return {**_about(fact), "flow_id": fact.flow_id, "flow_version": fact.flow_version}


def _unanswered(fact: CallRinging | CallAnswered) -> dict[str, Any]:
    return {**_about(fact), "answered": 0}


def _outcome(fact: CallEnded | CallRevised) -> dict[str, Any]:
    outcome = fact.outcome
    return {
        **_about(fact),
        "ring_ts": outcome.ring_ts,
        "answer_ts": outcome.answer_ts,
        "answered": int(outcome.answered),
        "end_ts": outcome.end_ts,
        "duration_sec": outcome.duration_sec,
        "billsec": outcome.billsec,
        "disposition": outcome.disposition.value,
        "hangup_cause": outcome.hangup_cause,
        "sip_code": outcome.sip_code,
        "hangup_by": outcome.hangup_by,
        "cost_micros": outcome.cost_micros,
        "currency": outcome.currency,
        "rate_id": outcome.rate_id,
    }


# Query

LISTED = Listed(
    table="call_cdr",
    time="start_ts",
    id={"call_id": str},
    led={
        "from": "from_num",
        "to": "to_num",
        "agent_id": "agent_id",
        "queue_id": "queue_id",
        "did_id": "did_id",
        "trunk_id": "trunk_id",
        "flow_id": "flow_id",
    },
    looked_at={
        "direction": "direction = %(direction)s",
        "disposition": "disposition = %(disposition)s",
        "hangup_cause": "hangup_cause = %(hangup_cause)s",
        "answered": "answered = %(answered)s",
        "min_duration": "duration_sec >= %(min_duration)s",
        "max_duration": "duration_sec <= %(max_duration)s",
    },
)


def one(cursor: Cursor[DictRow], call_id: str) -> DictRow | None:
    return cursor.execute("SELECT * FROM views.call_cdr WHERE call_id = %s", (call_id,)).fetchone()


def known_now(row: Mapping[str, Any], late: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The row of an archived call with what was learnt of it since: call → `call_cdr_late`."""
    learnt = late.get(row["call_id"])
    if learnt is None:
        return dict(row)
    has_ended = learnt["end_ts"] is not None
    new = {
        column: learnt[column]
        for column in _LATE
        if learnt[column] is not None or (has_ended and column in _OUTCOME)
    }
    if not has_ended and row["answered"]:
        new.pop("answered", None)
    return {**row, **new}

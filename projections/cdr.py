"""Which calls were there, and how did they go? One row per call (spec 08, call_cdr)."""

from collections.abc import Sequence
from typing import Any

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
    Outcome,
    RunFlow,
    SendOut,
)
from projections.base import Positioned, Projection, columns_of, unnest
from projections.keyset import Listed

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
_PROGRESS = {"call_id": "text", "ring_ts": "bigint", "answer_ts": "bigint", "answered": "int"}
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
_QUEUE = {"call_id": "text", "queue_id": "text", "agent_id": "text"}
_TARGET = {"call_id": "text", "trunk_id": "text", "flow_id": "text", "flow_version": "int"}
_FLOW = {"call_id": "text", "flow_id": "text", "flow_version": "int"}

_INSERT = f"""
    INSERT INTO call_cdr ({", ".join(_ROUTED)})
    SELECT * FROM {unnest(_ROUTED)}"""
_UPDATE_PROGRESS = f"""
    UPDATE call_cdr AS cdr
       SET ring_ts = coalesce(new.ring_ts, cdr.ring_ts),
           answer_ts = coalesce(new.answer_ts, cdr.answer_ts),
           answered = greatest(new.answered, cdr.answered)
      FROM {unnest(_PROGRESS)} WHERE cdr.call_id = new.call_id"""
_UPDATE_OUTCOME = f"""
    UPDATE call_cdr AS cdr
       SET {", ".join(f"{column} = new.{column}" for column in _OUTCOME if column != "call_id")}
      FROM {unnest(_OUTCOME)} WHERE cdr.call_id = new.call_id"""
_UPDATE_TARGET = f"""
    UPDATE call_cdr AS cdr
       SET trunk_id = coalesce(new.trunk_id, cdr.trunk_id),
           flow_id = coalesce(new.flow_id, cdr.flow_id),
           flow_version = coalesce(new.flow_version, cdr.flow_version)
      FROM {unnest(_TARGET)} WHERE cdr.call_id = new.call_id"""

_UPDATE_QUEUE = f"""
    UPDATE call_cdr AS cdr
       SET queue_id = new.queue_id, agent_id = coalesce(new.agent_id, cdr.agent_id)
      FROM {unnest(_QUEUE)} WHERE cdr.call_id = new.call_id"""


_UPDATE_FLOW = f"""
    UPDATE call_cdr AS cdr SET flow_id = new.flow_id, flow_version = new.flow_version
      FROM {unnest(_FLOW)} WHERE cdr.call_id = new.call_id AND cdr.flow_id IS NULL"""
"""A flow that no decision named: that of a voicemail after a phone that nobody answered."""


class Cdr(Projection):
    name = "cdr"
    version = 3
    tables = ("call_cdr",)
    # An index for each filter of a list (`projections/keyset.py`). Room in each page, so that an
    # update that changes no indexed column (ring, answer) stays in it and touches no index.
    ddl = """
        CREATE TABLE call_cdr (
            call_id text PRIMARY KEY, account_id text NOT NULL, direction text NOT NULL,
            from_num text NOT NULL, to_num text NOT NULL, did_id text, trunk_id text,
            start_ts bigint NOT NULL, ring_ts bigint, answer_ts bigint, end_ts bigint,
            duration_sec bigint, billsec bigint, answered int NOT NULL DEFAULT 0, disposition text,
            hangup_cause text, sip_code int, hangup_by text, queue_id text, agent_id text,
            flow_id text, flow_version int, cost_micros bigint, currency text, rate_id text,
            recording_key text, node_id text, src_ip text, attestation text
        ) WITH (fillfactor = 80);
        CREATE INDEX call_cdr_account_idx ON call_cdr (account_id, start_ts, call_id);
        CREATE INDEX call_cdr_direction_idx ON call_cdr (account_id, direction, start_ts, call_id);
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
        CREATE INDEX call_cdr_disposition_idx
            ON call_cdr (account_id, disposition, start_ts, call_id)
         WHERE disposition IS NOT NULL;
        CREATE INDEX call_cdr_cause_idx ON call_cdr (account_id, hangup_cause, start_ts, call_id)
         WHERE hangup_cause IS NOT NULL;
    """

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
                    later = target.setdefault(fact.call_id, {"call_id": fact.call_id})
                    later |= {k: v for k, v in _target(fact).items() if v is not None}
                case FlowStepped() if fact.reported is None:
                    started.setdefault(fact.call_id, _started(fact))
                case CallRinging():
                    row = progress.setdefault(fact.call_id, _unanswered(fact.call_id))
                    row["ring_ts"] = fact.ts
                case CallAnswered():
                    row = progress.setdefault(fact.call_id, _unanswered(fact.call_id))
                    row |= {"answer_ts": fact.ts, "answered": 1}
                case CallerQueued() | LeaseConfirmed():
                    row = queue.setdefault(fact.call_id, {"call_id": fact.call_id})
                    row["queue_id"] = fact.queue_id
                    if isinstance(fact, LeaseConfirmed):
                        row["agent_id"] = fact.agent_id
                case CallEnded() | CallRevised():
                    outcome[fact.call_id] = _outcome(fact.call_id, fact.outcome)
        for statement, types, rows in (
            (_INSERT, _ROUTED, routed),
            (_UPDATE_TARGET, _TARGET, target),
            (_UPDATE_FLOW, _FLOW, started),
            (_UPDATE_PROGRESS, _PROGRESS, progress),
            (_UPDATE_OUTCOME, _OUTCOME, outcome),
            (_UPDATE_QUEUE, _QUEUE, queue),
        ):
            if rows:
                cursor.execute(statement, columns_of(rows.values(), list(types)))
        return bool(routed or target or progress or outcome or started or queue)


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


def _started(fact: FlowStepped) -> dict[str, Any]:
    return {
        "call_id": fact.call_id,
        "flow_id": fact.flow_id,
        "flow_version": fact.flow_version,
    }


def _unanswered(call_id: str) -> dict[str, Any]:
    return {"call_id": call_id, "answered": 0}


def _outcome(call_id: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "call_id": call_id,
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
        "hangup_cause": "hangup_cause",
        "disposition": "disposition",
        "direction": "direction",
    },
    looked_at={
        "answered": "answered = %(answered)s",
        "min_duration": "duration_sec >= %(min_duration)s",
        "max_duration": "duration_sec <= %(max_duration)s",
    },
)


def one(cursor: Cursor[DictRow], call_id: str) -> DictRow | None:
    return cursor.execute("SELECT * FROM views.call_cdr WHERE call_id = %s", (call_id,)).fetchone()

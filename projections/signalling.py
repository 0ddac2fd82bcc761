"""Which SIP messages were captured of a call, and what does each say? (spec 08, Trace)

A call's messages are those with its Call-ID, and those of its other legs (`capture.leg`). A leg
that is a call of its own stays one: nobody gets at another call's messages by naming it as a leg.
"""

from collections import Counter
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from domain import sip
from events.base import CallId, Millis
from projections.causality import Captured

MAX_MESSAGES = 1_000
"""Messages of a call that are shown: the first ones."""
EVENT = "sip.message"
"""What such a step is called in place of a fact's name."""
CALL_IDS = """
    ARRAY(SELECT {call} UNION ALL
          SELECT leg FROM capture.leg
           WHERE capture.leg.call_id = {call}
             AND NOT EXISTS (SELECT FROM events.stored_events AS own
                              WHERE own.originator_id = 'call-' || leg))"""
"""Under which Call-IDs the messages of a call were captured; an array, so that an index serves."""
SELECT = f"""
    SELECT * FROM capture.message
     WHERE call_id = ANY({CALL_IDS.format(call="%(call_id)s::text")})
     ORDER BY number LIMIT %(limit)s"""
_TRANSPORTS = {6: "tcp", 17: "udp"}


def read(cursor: Cursor[DictRow], call_id: CallId, limit: int = MAX_MESSAGES) -> list[Captured]:
    """The messages of a call, in the order of arrival."""
    rows = cursor.execute(SELECT, {"call_id": call_id, "limit": limit}).fetchall()
    return [
        Captured(
            number=row["number"],
            position=row["position"],
            ts=Millis(row["ts"] // 1000),
            agent_id=row["agent_id"],
            transport=row["transport"],
            source=row["source"],
            destination=row["destination"],
            digest=bytes(row["digest"]),
            text=row["text"],
            is_cut=row["is_cut"],
        )
        for row in rows
    ]


class Sightings:
    """Which messages have been seen before, and by whom."""

    def __init__(self) -> None:
        self._by: dict[bytes, Counter[int]] = {}

    def of(self, one: Captured) -> str:
        """``ok``: for the first time; ``retransmission``: the same agent has seen it before;
        ``seen_again``: another one has."""
        by = self._by.setdefault(one.digest, Counter())
        is_first = not by
        by[one.agent_id] += 1
        if is_first:
            return "ok"
        return "seen_again" if by[one.agent_id] == 1 else "retransmission"


def step(one: Captured, outcome: str) -> dict[str, Any]:
    said = sip.read(one.text)
    found: dict[str, Any] = {
        "ts": one.ts,
        "source": "sip",
        "kind": str(said.status) if said.status else said.method,
        "title": said.summary,
        "detail": {
            "from": one.source,
            "to": one.destination,
            "transport": _TRANSPORTS.get(one.transport, str(one.transport)),
            "call_id": said.call_id,
            "cseq": f"{said.cseq} {said.method}",
            "agent_id": one.agent_id,
            "number": one.number,
            "message": one.text,
            **({"cut": 1} if one.is_cut else {}),
        },
        "outcome": outcome,
    }
    if said.status >= 400 and said.status not in (401, 407, 487):
        found["error"] = said.title
    return found

"""A call's trace as an answer, for both services that show it."""

from collections.abc import Sequence
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import Fault, Invalid, NotFound
from events.base import AccountId, CallId, StreamName
from events.call import CallRouted
from gateways.http.asgi import NDJSON, TEXT, Answer
from gateways.store.codec import decode
from gateways.store.reader import Reader
from projections import trace
from projections.base import Positioned

FORMATS = ("json", "ndjson", "mermaid", "text")


async def trace_answer(
    reader: Reader, call_id: CallId, account_id: AccountId | None, format: str
) -> Answer:
    """`account_id` None: whoever asks may see every account's calls."""
    if format not in FORMATS:
        raise Invalid("no such format", [Fault("/format", f"is not one of {', '.join(FORMATS)}")])
    await reader.caught_up("trace")
    facts = await reader.query(lambda cursor: read_facts(cursor, call_id))
    if not facts or account_id not in (None, _owner(facts)):
        raise NotFound(f"no call {call_id}")
    steps = trace.steps(facts)
    match format:
        case "text":
            return Answer(trace.ladder(call_id, steps).encode(), media_type=TEXT)
        case "mermaid":
            return Answer(mermaid(steps).encode(), media_type=TEXT)
        case "ndjson":
            return Answer(b"".join(orjson.dumps(step) + b"\n" for step in steps), media_type=NDJSON)
        case _:
            return Answer({"ok": 1, "callId": call_id, "count": len(steps), "steps": steps})


def _owner(facts: Sequence[Positioned]) -> AccountId:
    """Whose call it is: what was reported before the route request belongs to nobody yet."""
    routed = (one.fact for one in facts if isinstance(one.fact, CallRouted))
    return next(routed, facts[0].fact).account_id


def mermaid(steps: Sequence[dict[str, Any]]) -> str:
    """The steps as a sequence diagram: what the edge said, what was decided, what it was told."""
    lines = ["sequenceDiagram", "    participant edge", "    participant callplane"]
    for step in steps:
        what = step["detail"].get("what", "")
        arrow = _ARROWS.get(step["kind" if step["kind"] == "decision" else "source"], _NOTE)
        after = (step["ts"] - steps[0]["ts"]) / 1000
        lines.append(f"    {arrow}: {after:+.3f}s {_escaped(step['title'] + ' ' + what).strip()}")
    return "\n".join(lines) + "\n"


_NOTE = "Note over callplane"
_ARROWS = {"sip": "edge->>callplane", "decision": "callplane->>edge"}


def _escaped(text: str) -> str:
    """Mermaid ends a line at a semicolon and begins an entity with a number sign."""
    return text.replace("#", "#35\0").replace(";", "#59;").replace("\0", ";")


def read_facts(cursor: Cursor[DictRow], call_id: CallId) -> list[Positioned]:
    """Every fact that concerns the call, in the order of the store."""
    rows: list[dict[str, Any]] = cursor.execute(trace.SELECT.encode(), (call_id,)).fetchall()
    return [
        Positioned(
            row["notification_id"],
            StreamName(row["originator_id"]),
            row["originator_version"],
            row["topic"],
            decode(row["topic"], bytes(row["state"])),
        )
        for row in rows
    ]

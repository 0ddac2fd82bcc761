"""A call's trace as an answer, for both services that show it."""

from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import Fault, Invalid, NotFound
from events.base import AccountId, CallId, StreamName
from gateways.http.asgi import NDJSON, TEXT, Answer
from gateways.store.codec import decode
from gateways.store.reader import Reader
from projections import trace
from projections.base import Positioned

FORMATS = ("json", "ndjson", "text")


async def trace_answer(
    reader: Reader, call_id: CallId, account_id: AccountId | None, format: str
) -> Answer:
    """`account_id` None: whoever asks may see every account's calls."""
    if format not in FORMATS:
        raise Invalid("no such format", [Fault("/format", f"is not one of {', '.join(FORMATS)}")])
    await reader.caught_up("trace")
    facts = await reader.query(lambda cursor: read_facts(cursor, call_id))
    if not facts or (account_id is not None and facts[0].fact.account_id != account_id):
        raise NotFound(f"no call {call_id}")
    steps = trace.steps(facts)
    match format:
        case "text":
            return Answer(trace.ladder(call_id, steps).encode(), media_type=TEXT)
        case "ndjson":
            return Answer(b"".join(orjson.dumps(step) + b"\n" for step in steps), media_type=NDJSON)
        case _:
            return Answer({"ok": 1, "callId": call_id, "count": len(steps), "steps": steps})


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

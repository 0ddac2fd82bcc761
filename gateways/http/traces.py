"""A call's trace as an answer, for both services that show it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from domain.errors import Fault, Invalid
from events.base import AccountId, CallId
from gateways import traces
from gateways.following import Follower, Followers
from gateways.http.asgi import NDJSON, TEXT, Answer
from gateways.store.reader import Reader
from projections import trace

FORMATS = ("json", "ndjson", "mermaid", "text")


async def trace_answer(
    reader: Reader, call_id: CallId, account_id: AccountId | None, format: str
) -> Answer:
    """`account_id` None: whoever asks may see every account's calls."""
    if format not in FORMATS:
        raise Invalid("no such format", [Fault("/format", f"is not one of {', '.join(FORMATS)}")])
    await reader.caught_up("trace")
    found = await reader.query(lambda cursor: traces.read(cursor, call_id, account_id))
    steps = found.steps
    match format:
        case "text":
            return Answer(trace.ladder(call_id, steps).encode(), media_type=TEXT)
        case "mermaid":
            return Answer(mermaid(steps).encode(), media_type=TEXT)
        case "ndjson":
            return Answer(b"".join(orjson.dumps(step) + b"\n" for step in steps), media_type=NDJSON)
        case _:
            return Answer({"ok": 1, "callId": call_id, "count": len(steps), "steps": steps})


async def followed(
    followers: Followers,
    call_id: CallId,
    account_id: AccountId | None,
    format: str,
    check: Callable[[], Awaitable[None]],
) -> AsyncGenerator[bytes, None]:
    """The call as it goes on, in lines of JSON. Raises NotFound, Unavailable."""
    if format not in ("json", "ndjson"):
        raise Invalid("no such format", [Fault("/format", "is ndjson for a call that is followed")])
    follower = await followers.begin(call_id, account_id, check)
    return _lines(follower)


async def _lines(follower: Follower) -> AsyncGenerator[bytes, None]:
    async with aclosing(follower.lines()) as lines:
        async for line in lines:
            yield orjson.dumps(line) + b"\n"


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

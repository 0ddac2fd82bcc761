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
from projections import ladder
from projections.ladder import Parties, Party, is_message, plain

FORMATS = ("json", "ndjson", "mermaid", "text")


async def trace_answer(
    reader: Reader, call_id: CallId, account_id: AccountId | None, format: str, why: bool = False
) -> Answer:
    """`account_id` None: whoever asks may see every account's calls."""
    if format not in FORMATS:
        raise Invalid("no such format", [Fault("/format", f"is not one of {', '.join(FORMATS)}")])
    await reader.caught_up("trace")
    if why:
        await reader.caught_up("directory")
    read = traces.explained if why else traces.read
    found = await reader.query(lambda cursor: read(cursor, call_id, account_id))
    steps = found.steps
    match format:
        case "text":
            return Answer(ladder.text(call_id, steps).encode(), media_type=TEXT)
        case "mermaid":
            return Answer(mermaid(steps).encode(), media_type=TEXT)
        case "ndjson":
            return Answer(b"".join(orjson.dumps(step) + b"\n" for step in steps), media_type=NDJSON)
        case _:
            body = {"ok": 1, "callId": call_id, "count": len(steps), "steps": steps}
            return Answer(body | {"note": found.note} if found.note else body)


async def followed(
    followers: Followers,
    call_id: CallId,
    account_id: AccountId | None,
    format: str,
    why: bool,
    check: Callable[[], Awaitable[None]],
) -> AsyncGenerator[bytes, None]:
    """The call as it goes on, in lines of JSON. Raises NotFound, Unavailable."""
    if format not in ("json", "ndjson"):
        raise Invalid("no such format", [Fault("/format", "is ndjson for a call that is followed")])
    if why:
        raise Invalid("not both", [Fault("/why", "is not told of a call that is followed")])
    follower = await followers.begin(call_id, account_id, check)
    return _lines(follower)


async def _lines(follower: Follower) -> AsyncGenerator[bytes, None]:
    async with aclosing(follower.lines()) as lines:
        async for line in lines:
            yield orjson.dumps(line) + b"\n"


def mermaid(steps: Sequence[dict[str, Any]]) -> str:
    """The steps as a sequence diagram: who sent whom what, what was decided, what the edge said and
    was told."""
    parties = Parties.of(steps)
    lines = ["sequenceDiagram", *(f"    participant {_party(one)}" for one in parties.all)]
    for step in steps:
        what = step["detail"].get("what", "")
        after = (step["ts"] - steps[0]["ts"]) / 1000
        said = _escaped(f"{step['title']} {what}").strip()
        lines.append(f"    {_arrow(parties, step)}: {after:+.3f}s {said}")
    return "\n".join(lines) + "\n"


def _party(one: Party) -> str:
    return f"{one.id} as {one.id} {one.address}" if one.address else one.id


def _arrow(parties: Parties, step: dict[str, Any]) -> str:
    if is_message(step):
        line = "-->>" if step["kind"].isdigit() else "->>"
        return line.join(parties.id_of(step["detail"][end]) for end in ("from", "to"))
    return _ARROWS.get(step["kind" if step["kind"] == "decision" else "source"], _NOTE)


_NOTE = "Note over callplane"
_ARROWS = {"sip": "edge->>callplane", "decision": "callplane->>edge"}


def _escaped(text: str) -> str:
    """Mermaid ends a line at a semicolon and begins an entity with a number sign."""
    return plain(text).replace("#", "#35\0").replace(";", "#59;").replace("\0", ";")

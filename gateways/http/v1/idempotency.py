"""Idempotency-Key on every POST of /v1 (spec 07, Writes).

`begin` runs after the guard, which knows who asks, and before the handler; `keeping` is around
both. Between them they hold back the answer until it is kept, so that no client has seen one that
a repetition would not get. Bodies are compared byte for byte. Kept is what the request came to:
success, and refusals of the request itself; not 5xx and 429, after which its key is free again.

When a gateway dies between the two, the request is carried out again by whoever gets it next, with
the same draw: the owner of the account knows the command by its id and gives its first reply, so a
row is made once, a flow published once, a test event sent once; a file of numbers is read on from
where it was. Only a PIN that is verified counts as one more guess.

Without a credential (PUBLIC) the header says nothing. What is uploaded as it streams (audio) goes
by PUT, which is idempotent in itself; the largest POST is a file of numbers, and is in memory
anyhow.
"""

import asyncio
import logging
import re
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from litestar import Request, Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from commands.store import StoreDown
from domain.errors import Fault, Invalid, Unavailable
from gateways.http.v1.context import Caller, Context
from gateways.store.requests import HOLD, Name, Requests

log = logging.getLogger("callplane.http")

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LIMIT = HOLD - 5
"""Seconds after which a handler is stopped: before the next one may begin."""
MAX_KEPT = 1024 * 1024
"""Bytes of the largest answer that is kept; the key of a larger one is free again."""
PASSING = frozenset({408, 425, 429})
"""Refusals of the moment, not of the request."""
_RAW = HEADER.lower().encode()
_OWN = ("content-length", "content-type")


async def begin(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Take the key for this request, or answer as before."""
    caller: Caller | None = request.scope["state"].get("caller")
    keys = [value for name, value in request.scope["headers"] if name == _RAW]
    if request.method != "POST" or caller is None or not keys:
        return None
    context: Context = request.app.state.context
    name = Name(caller.account_id, caller.id, _checked(keys))
    begun = await context.requests.begin(name, await _about(request))
    if isinstance(begun, bytes):
        return _replayed(begun)
    limit: asyncio.Timeout = request.state.limit
    limit.reschedule(asyncio.get_running_loop().time() + LIMIT)
    request.state.idempotent = name
    request.state.caller = replace(caller, draw=begun)
    return None


def keeping(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        has_key = any(name == _RAW for name, _ in scope["headers"])
        if scope.get("method") != "POST" or not has_key:
            await app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            async with asyncio.timeout(None) as limit:
                scope["state"]["limit"] = limit
                await app(scope, receive, answer.take)
        except TimeoutError:
            raise Unavailable("the request took too long; ask again with the same key") from None
        if (name := scope["state"].get("idempotent")) is not None:
            context: Context = scope["litestar_app"].state.context
            await _settle(context.requests, name, answer)
        await answer.give()

    return serve


@dataclass(slots=True)
class _Answer:
    """An answer that is held back; one that is too large is not."""

    send: Send
    messages: list[Message] = field(default_factory=list)
    size: int = 0

    @property
    def is_kept(self) -> bool:
        status = self.messages[0]["status"] if self.messages else 500  # type: ignore[typeddict-item]
        return self.size <= MAX_KEPT and status < 500 and status not in PASSING

    async def take(self, message: Message) -> None:
        self.size += len(message.get("body", b""))  # type: ignore[arg-type]
        self.messages.append(message)
        if self.size > MAX_KEPT:
            await self.give()

    async def give(self) -> None:
        while self.messages:
            await self.send(self.messages.pop(0))

    def dump(self) -> bytes:
        start, *rest = self.messages
        headers = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in start["headers"]]  # type: ignore[typeddict-item]
        body = b"".join(message["body"] for message in rest)  # type: ignore[typeddict-item]
        return orjson.dumps([start["status"], headers]) + b"\n" + body  # type: ignore[typeddict-item]


async def _settle(requests: Requests, name: Name, answer: _Answer) -> None:
    """An answer that could not be kept is given all the same: its gateway holds the key a while
    longer, and then the request finds what it did before."""
    try:
        if answer.is_kept:
            await requests.keep(name, answer.dump())
        else:
            await requests.release(name)
    except StoreDown as error:
        log.warning("an answer was not kept: %s", error)


def _replayed(kept: bytes) -> Response[bytes]:
    head, _, body = kept.partition(b"\n")
    status, pairs = orjson.loads(head)
    headers = {name.lower(): value for name, value in pairs}
    media_type = headers.get("content-type", "application/json")
    shown = {name: value for name, value in headers.items() if name not in _OWN}
    return Response(
        body, status_code=status, media_type=media_type, headers={**shown, REPLAYED: "true"}
    )


def _checked(keys: list[bytes]) -> str:
    if len(keys) > 1:
        raise _bad("is there more than once")
    if not re.fullmatch(rb"[ -~]{1,255}", keys[0]):
        raise _bad("is not 1 to 255 printable ASCII characters")
    return keys[0].decode()


def _bad(detail: str) -> Invalid:
    return Invalid(f"the header {HEADER} is not valid", [Fault(f"/{HEADER}", detail)])


async def _about(request: Request[Any, Any, Any]) -> list[bytes]:
    """All that makes it this request."""
    scope = request.scope
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    path = scope["path"].encode()
    return [path, scope["query_string"], media_type.encode(), await request.body()]

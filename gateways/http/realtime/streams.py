"""A viewer's frames over WebSocket and as server-sent events: the same ones.

The next frame is made when the connection has taken the one before, so a viewer who does not read
holds no more than what the connection buffers.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import orjson
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from commands.store import StoreDown
from domain.errors import Forbidden, Refusal, Unavailable
from gateways import problems
from gateways.realtime.viewers import Viewer

log = logging.getLogger("callplane.realtime")

UNAUTHENTICATED, FORBIDDEN, RESTART = 4401, 4403, 1012
"""Codes with which a WebSocket is closed."""

Answer = Callable[[dict[str, Any]], bytes | None]
"""To what a viewer sends over a WebSocket."""


class Visit:
    """A viewer who was let in."""

    def __init__(
        self, viewer: Viewer, frames: AsyncIterator[bytes], answer: Answer = lambda asked: None
    ) -> None:
        self.viewer = viewer
        self.frames = frames
        self.answer = answer


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """problem+json; before a WebSocket is opened, too."""
    kind = "websocket.http.response" if scope["type"] == ScopeType.WEBSOCKET else "http.response"
    headers = [(b"content-type", problems.MEDIA_TYPE.encode())]
    for name, value in problems.headers_of(refusal).items():
        headers.append((name.lower().encode(), value.encode()))
    body = orjson.dumps(problems.body_of(refusal, scope["path"]))
    status = problems.status_of(refusal).code
    await send({"type": f"{kind}.start", "status": status, "headers": headers})  # type: ignore[arg-type, misc]
    await send({"type": f"{kind}.body", "body": body, "more_body": False})  # type: ignore[arg-type, misc]


async def refuse_for(scope: Scope, send: Send, error: Exception) -> None:
    """The same for whatever went wrong before a connection was open."""
    match error:
        case OSError():
            return  # the client has gone
        case Refusal():
            await refuse(scope, send, error)
        case StoreDown():
            await refuse(scope, send, Unavailable("the store does not answer"))
        case _:
            log.error("%s failed", scope["path"], exc_info=error)
            await refuse(scope, send, Refusal("something went wrong inside"))


async def websocket(visit: Visit, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def give() -> None:
        async for frame in visit.frames:
            await send({"type": "websocket.send", "text": frame.decode(), "bytes": None})

    async def listen() -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message.get("text") or message.get("bytes") or ""
            if answer := _answered(visit, text):
                await send({"type": "websocket.send", "text": answer.decode(), "bytes": None})

    if await _until_over(visit.viewer, give(), listen()):
        with suppress(RuntimeError, OSError):
            await send({"type": "websocket.close", "code": _code(visit.viewer), "reason": ""})


def _answered(visit: Visit, text: Any) -> bytes | None:
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return visit.answer(asked) if isinstance(asked, dict) else None


def _code(viewer: Viewer) -> int:
    if viewer.refusal is None:
        return RESTART
    return FORBIDDEN if isinstance(viewer.refusal, Forbidden) else UNAUTHENTICATED


async def server_sent(visit: Visit, receive: Receive, send: Send) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def give() -> None:
        async for frame in visit.frames:
            head = orjson.loads(frame)
            text = f"event: {head['type']}\nid: {head['epoch']}:{head['seq']}\ndata: ".encode()
            await _send_body(send, text + frame + b"\n\n")

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    if await _until_over(visit.viewer, give(), listen()):
        with suppress(RuntimeError, OSError):
            await _send_body(send, _farewell(visit.viewer))
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _farewell(viewer: Viewer) -> bytes:
    body = orjson.dumps({"type": "end", "code": _code(viewer)})
    return b"event: end\ndata: " + body + b"\n\n"


async def _until_over(viewer: Viewer, *work: Any) -> bool:
    """Do both until the viewer goes or is sent away; whether he was sent away."""
    tasks = [asyncio.create_task(one) for one in (*work, viewer.over.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes[:-1]:
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            log.error("a viewer's connection failed", exc_info=outcome)
    return viewer.over.is_set()

"""Endpoints that take JSON and forms alike, on bare ASGI.

The edge control plane answers thousands of requests a second; a Litestar handler with its
dependency injection costs more than a routing decision, so these are ASGI handlers inside a
Litestar app, which still owns paths, lifespan and settings. Every refusal becomes problem+json
here.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Message, Receive, Scope, Send

from commands.store import StoreDown
from domain import rules
from domain.errors import Fault, Invalid, NotFound, Refusal, Unavailable
from gateways import problems
from gateways.edge.control import decode_json
from gateways.http.visits import Asgi, measured

log = logging.getLogger("callplane.http")

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain; charset=utf-8"
NDJSON = "application/x-ndjson"
NO_CONTENT = (204, 304)
"""Statuses of answers that have no body, and do not say how long it is."""
NESTED = frozenset({"events", "callIds", "bans", "vars", "data"})
"""Members that are lists or objects."""


@dataclass(slots=True)
class Request:
    """A request as a handler needs it."""

    method: str
    path: str
    peer: str
    headers: dict[str, str]
    """Lower-case names; of a repeated header the last value."""
    raw_query: bytes
    body: bytes = b""
    raw_path: bytes = b""
    """As it was sent, still percent-encoded."""
    chunks: AsyncIterator[bytes] | None = field(default=None, repr=False)
    """The body as it arrives, at endpoints that stream; raises ClientGone when it breaks off."""
    _query: dict[str, str] | None = field(default=None, repr=False)

    @property
    def query(self) -> dict[str, str]:
        if self._query is None:
            self._query = dict(_pairs(self.raw_query))
        return self._query

    def members(self) -> Mapping[str, Any]:
        """The body as a mapping, from JSON or a form; the query's members for what it lacks."""
        media_type = self.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if media_type == FORM:
            body: Mapping[str, Any] = _form(self.body)
        elif media_type == JSON or media_type.endswith("+json"):
            body = decode_json(self.body)
        else:
            raise problems.UnsupportedMediaType(f"{media_type} is neither JSON nor a form")
        return {**self.query, **body} if self.raw_query else body


class ClientGone(Exception):
    """The client broke off before its body was complete; there is nobody to answer."""


class Stream(NamedTuple):
    """A body that is sent as it is read."""

    chunks: AsyncIterator[bytes]
    length: int


class Answer(NamedTuple):
    """What a handler returns. `body` is encoded as JSON unless it is bytes, a stream or live."""

    body: Any
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = {}


class Live(NamedTuple):
    """A body that has no end to be foreseen: over when its chunks are, or the client goes."""

    chunks: AsyncGenerator[bytes, None]


Handle = Callable[[Request], Awaitable[Answer]]


class Endpoint(NamedTuple):
    path: str
    serve: Asgi
    is_mount: bool
    """Whether it answers for everything below `path` too."""

    def handler(self) -> ASGIRouteHandler:
        """The same inside a Litestar app."""
        return asgi(self.path, is_mount=self.is_mount, copy_scope=False)(self.serve)


def fast_paths(app: Asgi, endpoints: Iterable[Endpoint]) -> Asgi:
    """`app`, but what is asked thousands of times a second does not go through its router and
    middleware, which together cost as much as a routing decision."""
    table = {one.path: one.serve for one in endpoints if not one.is_mount}

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        await table.get(scope.get("path", ""), app)(scope, receive, send)

    return dispatch


def endpoint(
    path: str,
    handlers: Mapping[str, Handle],
    max_body: int,
    on_refused: Callable[[Request, Refusal], None] = lambda request, refusal: None,
    *,
    is_mount: bool = False,
    streams: bool = False,
) -> Endpoint:
    """What answers at `path`: method → handler. With `streams` a handler reads the body itself, as
    it arrives: `max_body` bounds it, and no more than a chunk is in memory."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope, path if is_mount else "")
        try:
            if "\0" in request.path:
                raise NotFound("there is nothing under such a path")
            handle = handlers.get(request.method)
            if handle is None:
                allowed = ", ".join(sorted(handlers))
                raise problems.MethodNotAllowed(f"{request.path} takes {allowed}")
            if request.method not in ("GET", "DELETE", "HEAD"):
                _check_length(request, max_body)
                if streams:
                    request.chunks = _chunks(receive, max_body)
                else:
                    request.body = await _read(receive, max_body)
            answer = await handle(request)
        except ClientGone:
            return
        except Refusal as refusal:
            on_refused(request, refusal)
            answer = _refused(refusal, request, handlers)
        except StoreDown:
            answer = _refused(Unavailable("the store does not answer"), request, handlers)
        except Exception:
            log.exception("%s %s failed", request.method, path)
            answer = _refused(Refusal("something went wrong inside"), request, handlers)
        if isinstance(answer.body, Live):
            await _send_live(receive, send, answer, answer.body)
            return
        await _send(send, answer)

    return Endpoint(path, measured(serve, path), is_mount)


def _request(scope: Scope, mount: str) -> Request:
    """`mount`: what Litestar has cut off the front of the path, to which it adds a slash."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return Request(
        method=str(scope.get("method", "GET")),
        path=mount + scope["path"].rstrip("/") if mount else scope["path"],
        peer=client[0] if client else "",
        headers=headers,
        raw_query=scope.get("query_string", b""),
        raw_path=scope.get("raw_path") or scope["path"].encode(),
    )


def _check_length(request: Request, limit: int) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise problems.TooLarge(f"the body is larger than {limit} bytes")


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")  # type: ignore[assignment]
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")  # type: ignore[operator]
        if len(body) > limit:
            raise problems.TooLarge(f"the body is larger than {limit} bytes")
    return body


async def _chunks(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The next one is asked for when the one before was taken: the server stops reading from the
    connection meanwhile."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message["body"]
        size, more = size + len(chunk), message["more_body"]
        if size > limit:
            raise problems.TooLarge(f"the body is larger than {limit} bytes")
        if chunk:
            yield chunk


def _refused(refusal: Refusal, request: Request, handlers: Mapping[str, Handle]) -> Answer:
    headers = problems.headers_of(refusal)
    if isinstance(refusal, problems.MethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(handlers))
    return Answer(
        problems.body_of(refusal, request.path),
        problems.status_of(refusal).code,
        problems.MEDIA_TYPE,
        headers,
    )


async def _send(send: Send, answer: Answer) -> None:
    if isinstance(answer.body, Stream):
        await _send_stream(send, answer, answer.body)
        return
    body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
    await send(_head(answer, len(body)))
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_stream(send: Send, answer: Answer, body: Stream) -> None:
    """An error on the way ends the connection: the client sees that something is missing."""
    await send(_head(answer, body.length))
    async for chunk in body.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_live(receive: Receive, send: Send, answer: Answer, body: Live) -> None:
    """A client that has gone is not told anything: it has to be noticed."""

    async def give() -> None:
        async for chunk in body.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    await send(_head(answer, None))
    tasks = [asyncio.create_task(give()), asyncio.create_task(listen())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await body.chunks.aclose()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


def _head(answer: Answer, length: int | None) -> Message:
    headers = []
    if answer.status not in NO_CONTENT:
        headers.append((b"content-type", answer.media_type.encode()))
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
    for name, value in answer.headers.items():
        headers.append((name.lower().encode(), value.encode("latin-1", "replace")))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


def _pairs(data: bytes) -> list[tuple[str, str]]:
    try:
        found = parse_qsl(
            data.decode(), keep_blank_values=True, errors="strict", max_num_fields=500
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise Invalid(f"the form is not readable: {error}") from None
    if b"%00" in data or b"\0" in data:
        raise Invalid("the form is not valid", rules.nul_faults(dict(found)))
    return found


def _form(data: bytes) -> dict[str, Any]:
    """A form as a mapping; a member that is not flat is JSON inside."""
    body: dict[str, Any] = dict(_pairs(data))
    for name in NESTED & body.keys():
        try:
            body[name] = orjson.loads(body[name])
        except orjson.JSONDecodeError:
            raise Invalid("the form is not valid", [Fault(f"/{name}", "is not JSON")]) from None
    return body

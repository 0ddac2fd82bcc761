"""The realtime service as an ASGI app.

POST /wallboard/ticket          scope wallboard → a ticket: once, within 30 seconds
WS   /wallboard/ws?ticket=      frames; `since=` goes on where another connection has ended
GET  /wallboard/sse?ticket=     the same frames as server-sent events
GET  /wallboard/data            figures and snapshot, for who asks every 15 seconds
GET  /wallboard/why?callId=     why nobody rings for a caller
"""

import time
from collections.abc import Collection, Sequence
from typing import Annotated, Any

import orjson
from litestar import Litestar, Request, Response, Router, get, post
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.params import QueryParameter
from litestar.types import Receive, Scope, Send

from domain.errors import Invalid, NotFound
from gateways.access import Gate
from gateways.http.asgi import Endpoint, fast_paths
from gateways.http.failures import PROBLEM_HANDLERS
from gateways.http.realtime import debug, streams
from gateways.http.realtime.debug import Monitor
from gateways.http.realtime.passes import caller_of, key_of, query_of, shown_by
from gateways.http.realtime.streams import Visit
from gateways.http.v1.context import SCOPE, Caller, Context, authorise, provide_caller
from gateways.http.visits import Asgi, measured
from gateways.problems import MethodNotAllowed
from gateways.realtime.frames import place_from
from gateways.realtime.hub import Hub
from gateways.realtime.tap import Tap
from gateways.realtime.tickets import LIFE, Tickets
from gateways.realtime.viewers import Viewer
from gateways.realtime.watched import Watched

OF_WALLBOARD = {SCOPE: "wallboard"}


@post("/ticket", opt=OF_WALLBOARD, status_code=201)
async def create_ticket(
    request: Request[Any, Any, Any], tickets: Tickets, caller: Caller
) -> Response[dict[str, Any]]:
    ticket = await tickets.issue(shown_by(request, "wallboard"))
    body = {"ok": 1, "ticket": ticket, "expiresInSec": LIFE, "accountId": caller.account_id}
    return Response(body, headers={"Cache-Control": "no-store"})


@get("/data", opt=OF_WALLBOARD)
async def show_data(hub: Hub, caller: Caller) -> Response[bytes]:
    watched = await hub.watched(caller.account_id)
    return _json({"ok": 1, "accountId": caller.account_id, **watched.data()})


@get("/why", opt=OF_WALLBOARD)
async def show_why(
    hub: Hub,
    caller: Caller,
    call_id: Annotated[str, QueryParameter(name="callId", min_length=1, max_length=255)],
) -> Response[bytes]:
    watched = await hub.watched(caller.account_id)
    found = watched.why_not(call_id)
    if found is None:
        raise NotFound(f"nobody waits in the call {call_id}")
    return _json({"ok": 1, **found})


def _json(body: dict[str, Any]) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


def realtime(
    context: Context,
    gate: Gate,
    hub: Hub,
    tap: Tap,
    tickets: Tickets,
    others: Sequence[Endpoint],
    max_body: int,
) -> Asgi:
    """The app; `others` are its other endpoints (health)."""
    wallboard = Router(
        "/wallboard",
        route_handlers=[create_ticket, show_data, show_why],
        guards=[authorise],
        dependencies={
            "caller": Provide(provide_caller, sync_to_thread=False),
            "hub": Provide(lambda: hub, sync_to_thread=False),
        },
    )
    app = Litestar(
        [wallboard, debug.router(), *(other.handler() for other in others)],
        dependencies={"tickets": Provide(lambda: tickets, sync_to_thread=False)},
        request_max_body_size=max_body,
        exception_handlers=PROBLEM_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    app.state.context, app.state.gate = context, gate
    live = [
        Endpoint("/wallboard/ws", _Live(app, hub, tickets, ScopeType.WEBSOCKET).serve, False),
        Endpoint("/wallboard/sse", _Live(app, hub, tickets, ScopeType.HTTP).serve, False),
        Endpoint("/debug/ws", Monitor(app, tap, hub.viewers, tickets).serve, False),
    ]
    return _only(fast_paths(measured(app), [*live, *others]), {one.path for one in live})


def _only(app: Asgi, paths: Collection[str]) -> Asgi:
    """`app`, with WebSockets at these paths and nowhere else."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET and scope["path"] not in paths:
            await receive()
            await streams.refuse(scope, send, NotFound(f"no WebSocket at {scope['path']}"))
        else:
            await app(scope, receive, send)

    return serve


class _Live:
    """Frames for who has a ticket."""

    def __init__(self, app: Litestar, hub: Hub, tickets: Tickets, kind: ScopeType) -> None:
        self._app = app
        self._hub = hub
        self._tickets = tickets
        self._kind = kind

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()  # the wish to connect
        stream = streams.websocket if scope["type"] == ScopeType.WEBSOCKET else streams.server_sent
        try:
            visit = await self._enter(scope)
            with self._hub.viewers.admitted(visit.viewer):
                await stream(visit, receive, send)
        except Exception as error:
            await streams.refuse_for(scope, send, error)

    async def _enter(self, scope: Scope) -> Visit:
        if scope["type"] != self._kind:
            raise Invalid(f"{scope['path']} speaks {self._kind.value}")
        if scope.get("method", "GET") != "GET":
            raise MethodNotAllowed(f"{scope['path']} takes GET")
        query = query_of(scope)
        shown = await self._tickets.redeem(query.get("ticket", ""), "wallboard")
        caller = await caller_of(self._app, shown, create_ticket)
        place = place_from(query.get("since") or _header(scope, b"last-event-id"))
        watched = await self._hub.watched(caller.account_id)

        async def check() -> None:
            await caller_of(self._app, shown, create_ticket)

        viewer = Viewer(caller.account_id, key_of(shown), check)
        return Visit(viewer, watched.frames(place), lambda asked: _answer(watched, asked))


def _answer(watched: Watched, asked: dict[str, Any]) -> bytes | None:
    """What a viewer may ask over a WebSocket: why nobody rings for a caller, and the time."""
    match asked:
        case {"type": "why", "callId": str(call_id)}:
            found = watched.why_not(call_id) or {"callId": call_id, "agents": None}
            return orjson.dumps({"type": "why", **found})
        case {"type": "ping", "id": int(number)}:
            return orjson.dumps({"type": "pong", "id": number, "at": time.time_ns() // 1_000_000})
    return None


def _header(scope: Scope, name: bytes) -> str | None:
    found = [value for key, value in scope["headers"] if key == name]
    return found[-1].decode("latin-1") if found else None

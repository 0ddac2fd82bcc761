"""The debug monitor: what passes on the bus, for operators.

    POST /debug/ticket     x-admin-token, or a credential with scope * of an account without parent
    WS   /debug/ws?ticket= entries; `account=`, `call=` and `type=command,reply,event,edge` choose

The admin sees everything; an account sees what is its own (or, with `x-account-id`, that of one
below it).
"""

from typing import Any

from litestar import Litestar, Request, Response, Router, post
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Receive, Scope, Send

from domain.errors import Fault, Forbidden, Invalid
from events.base import AccountId
from gateways.access import Gate
from gateways.http.realtime import streams
from gateways.http.realtime.passes import connection_of, key_of, query_of, shown_by
from gateways.http.realtime.streams import Visit
from gateways.http.v1.context import SCOPE, Context, authorise
from gateways.realtime.tap import Kind, Tap, Wanted
from gateways.realtime.tickets import LIFE, Shown, Tickets
from gateways.realtime.viewers import Viewer, Viewers
from projections import directory

ADMIN = "x-admin-token"


async def may_debug(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A guard. Leaves the account that may be seen in `state.seen`; None: all."""
    gate: Gate = connection.app.state.gate
    if gate.admin(connection.headers.get(ADMIN)) is not None:
        connection.state.seen = None
        return
    await authorise(connection, handler)
    caller = connection.state.caller
    context: Context = connection.app.state.context
    own = caller.principal.account_id
    row = await context.reader.query(lambda sql: directory.one(sql, own, "account", own))
    if row is None or row["body"]["parent_id"] is not None:
        raise Forbidden("this is for accounts without a parent")
    connection.state.seen = caller.account_id


@post("/ticket", opt={SCOPE: "*"}, status_code=201)
async def create_debug_ticket(
    request: Request[Any, Any, Any], tickets: Tickets
) -> Response[dict[str, Any]]:
    ticket = await tickets.issue(shown_by(request, "debug"))
    body = {"ok": 1, "ticket": ticket, "expiresInSec": LIFE, "accountId": request.state.seen}
    return Response(body, headers={"Cache-Control": "no-store"})


def router() -> Router:
    return Router("/debug", route_handlers=[create_debug_ticket], guards=[may_debug])


class Monitor:
    """/debug/ws."""

    def __init__(self, app: Litestar, tap: Tap, viewers: Viewers, tickets: Tickets) -> None:
        self._app = app
        self._tap = tap
        self._viewers = viewers
        self._tickets = tickets

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()  # the wish to connect
        try:
            viewer, wanted = await self._enter(scope)
            with self._viewers.admitted(viewer):
                async with self._tap.opened(wanted) as box:
                    await streams.websocket(Visit(viewer, box.frames()), receive, send)
        except Exception as error:
            await streams.refuse_for(scope, send, error)

    async def _enter(self, scope: Scope) -> tuple[Viewer, Wanted]:
        if scope["type"] != ScopeType.WEBSOCKET:
            raise Invalid(f"{scope['path']} speaks websocket")
        query = query_of(scope)
        wanted = wanted_from(query)
        shown = await self._tickets.redeem(query.get("ticket", ""), "debug")
        seen = await self._seen(shown)
        if seen is not None and wanted.account_id not in (None, seen):
            raise Forbidden("this account is not yours to look at")

        async def check() -> None:
            await self._seen(shown)

        viewer = Viewer(seen, key_of(shown), check)
        return viewer, wanted._replace(account_id=seen or wanted.account_id)

    async def _seen(self, shown: Shown) -> AccountId | None:
        connection = connection_of(self._app, shown)
        await may_debug(connection, create_debug_ticket)
        found: AccountId | None = connection.state.seen
        return found


def wanted_from(query: dict[str, str]) -> Wanted:
    kinds = [kind for kind in query.get("type", "").split(",") if kind]
    if unknown := [kind for kind in kinds if kind not in set(Kind)]:
        known = ", ".join(kind.value for kind in Kind)
        raise Invalid("no such type", [Fault("/type", f"{unknown[0]!r} is none of {known}")])
    return Wanted(
        AccountId(query["account"]) if query.get("account") else None,
        query.get("call") or None,
        frozenset(map(Kind, kinds)) or frozenset(Kind),
    )

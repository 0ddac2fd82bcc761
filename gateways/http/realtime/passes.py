"""From a credential to a ticket, and from the ticket to a viewer.

Who asks is found out by the same guard as on /v1, at the ticket and again for as long as the viewer
is there, so whatever opens /v1 opens this, and whatever closes it closes this too.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from gateways.http.v1.context import Caller, authorise
from gateways.realtime.hub import Viewer
from gateways.realtime.tickets import Purpose, Shown

CREDENTIALS = ("x-api-key", "authorization", "x-account-id", "x-admin-token", "x-forwarded-for")
"""Headers that say who asks."""

Connection = ASGIConnection[Any, Any, Any, Any]


def shown_by(connection: Connection, purpose: Purpose) -> Shown:
    headers = {name: value for name in CREDENTIALS if (value := connection.headers.get(name))}
    return Shown(purpose, headers, connection.client.host if connection.client else "")


async def caller_of(app: Any, shown: Shown, handler: BaseRouteHandler) -> Caller:
    """Ask again who shows this, as `handler` would. Raises the guard's refusal."""
    connection = ASGIConnection[Any, Any, Any, Any](_scope(app, shown))
    await authorise(connection, handler)
    found: Caller = connection.state.caller
    return found


def viewer_of(app: Any, shown: Shown, caller: Caller, handler: BaseRouteHandler) -> Viewer:
    async def check() -> None:
        await caller_of(app, shown, handler)

    return Viewer(caller.account_id, _key(shown.headers), check)


def _key(headers: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(headers.items())).encode()).hexdigest()


def _scope(app: Any, shown: Shown) -> Any:
    """A request with nothing but a credential."""
    return {
        "type": "http",
        "method": "GET",
        "path": "/wallboard",
        "query_string": b"",
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in shown.headers.items()],
        "client": (shown.peer, 0),
        "app": app,
        "litestar_app": app,
        "state": {},
        "extensions": {},
    }

"""From a credential to a ticket, and from the ticket to a viewer.

Who asks is found out by the same guard as on /v1, at the ticket and again for as long as the viewer
is there, so whatever opens /v1 opens this, and whatever closes it closes this too.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from gateways.http.v1.context import Caller, authorise
from gateways.realtime.tickets import Purpose, Shown

CREDENTIALS = ("x-api-key", "authorization", "x-account-id", "x-admin-token", "x-forwarded-for")
"""Headers that say who asks."""

Connection = ASGIConnection[Any, Any, Any, Any]


def shown_by(connection: Connection, purpose: Purpose) -> Shown:
    headers = {name: value for name in CREDENTIALS if (value := connection.headers.get(name))}
    return Shown(purpose, headers, connection.client.host if connection.client else "")


async def caller_of(app: Any, shown: Shown, handler: BaseRouteHandler) -> Caller:
    """Ask again who shows this, as `handler` would. Raises the guard's refusal."""
    connection = connection_of(app, shown)
    await authorise(connection, handler)
    found: Caller = connection.state.caller
    return found


def key_of(shown: Shown) -> str:
    """The same for the same credential."""
    return hashlib.sha256(repr(sorted(shown.headers.items())).encode()).hexdigest()


def query_of(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))


def connection_of(app: Any, shown: Shown) -> Connection:
    """A request with nothing but a credential."""
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "path_params": {},
        "query_string": b"",
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in shown.headers.items()],
        "client": (shown.peer, 0),
        "app": app,
        "litestar_app": app,
        "state": {},
        "extensions": {},
    }
    return ASGIConnection(scope)

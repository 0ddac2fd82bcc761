"""What the handlers of /v1 share: who asks, and what they may use."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from domain import rules
from domain.errors import Fault, Forbidden, Invalid, NotFound
from domain.routing import Platform
from events.base import AccountId
from gateways import about, keyring, sessions
from gateways.access import Principal
from gateways.addresses import Proxies
from gateways.archive.reading import CallLog
from gateways.bus.client import Commander
from gateways.dnc import Importer
from gateways.draw import Draw, fresh
from gateways.following import Followers
from gateways.http.v1.queries import check_names
from gateways.media.objects import ObjectStore
from gateways.problems import Unauthenticated
from gateways.provisioning import Provisioner
from gateways.security import Security
from gateways.sessions import Sessions
from gateways.store.last_used import LastUsed
from gateways.store.reader import Reader
from gateways.store.requests import Requests
from gateways.store.secrets import Vault
from projections import directory

SCOPE = "scope"
"""Name of a handler's option: the scope that it needs. None: any good credential."""
ACTING_FOR = "x-account-id"
"""Header with which a reseller acts for an account below its own."""
PUBLIC = "public"
"""Name of a handler's option: no credential is needed."""


@dataclass(frozen=True, slots=True)
class Context:
    commander: Commander
    reader: Reader
    provisioner: Provisioner
    security: Security
    importer: Importer
    objects: ObjectStore
    max_media: int
    """Bytes of the largest upload of audio."""
    vault: Vault
    platform: Platform
    """What the operator set for all accounts: decisions are made again with it."""
    last_used: LastUsed
    sessions: Sessions
    proxies: Proxies
    requests: Requests
    calls: CallLog
    followers: Followers

    def address_of(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str:
        """Where a request comes from."""
        peer = connection.client.host if connection.client else ""
        return self.proxies.client(peer, connection.headers.getall("x-forwarded-for", []))


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that a request is about, and the principal who asks."""

    account_id: AccountId
    principal: Principal
    draw: Draw = field(default_factory=fresh)
    """Where ids and secrets of what the request makes come from."""

    @property
    def id(self) -> str:
        return self.principal.id

    def may_grant(self, scopes: Iterable[str]) -> None:
        """Nobody gives, changes or takes away what can do more than his own credential."""
        own = self.principal.scopes
        if beyond := sorted(scope for scope in scopes if scope not in own and "*" not in own):
            raise Forbidden(f"your own credential lacks the scope '{beyond[0]}'")


async def authorise(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A guard on every handler: a good key, with the scope that the handler names."""
    _check_text(connection)
    if handler.opt.get(PUBLIC):
        return
    context: Context = connection.app.state.context
    principal = await _principal(connection, context)
    connection.state.principal = principal  # also of what he may not do
    if scope := handler.opt.get(SCOPE):
        principal.require(scope)
    check_names(connection, handler)
    caller = await _caller(connection, context.reader, principal)
    about.learn(caller.account_id)
    connection.state.caller = caller


async def _caller(
    connection: ASGIConnection[Any, Any, Any, Any], reader: Reader, principal: Principal
) -> Caller:
    """The principal for its own account, or for one below it that `x-account-id` names."""
    own = principal.account_id
    assert own is not None, "a key belongs to an account"
    wanted = connection.headers.get(ACTING_FOR, own)
    if wanted == own:
        return Caller(own, principal)
    principal.require("accounts")
    line = await reader.query(lambda cursor: directory.line(cursor, wanted))
    if own not in [row["id"] for row in line[1:]]:
        raise Forbidden(f"{ACTING_FOR} is not an account below yours")
    return Caller(AccountId(wanted), principal)


def _check_text(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """No NUL where a row is looked for."""
    if "\0" in connection.scope["path"]:
        raise NotFound("there is nothing under such a path")
    if nul := rules.nul_faults(dict(connection.query_params.multi_items())):
        raise Invalid("the request is not valid", nul)


async def _principal(connection: ASGIConnection[Any, Any, Any, Any], context: Context) -> Principal:
    """Asked of the store for each request, so that a revocation counts at once everywhere."""
    key = connection.headers.get("x-api-key")
    if key is None:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else None
        if key and sessions.is_token(key):
            return await context.sessions.principal(key)
    if not key:
        raise Unauthenticated("show a key in x-api-key, or a key or session as a bearer token")
    principal = await keyring.holder(context.reader, key, ("sk", "sips"))
    await context.last_used.note(principal.id, time.time_ns() // 1_000_000)
    return principal


def provide_caller(scope: Any) -> Caller:
    caller: Caller = scope["state"]["caller"]
    return caller


def version_from(if_match: str | None) -> int | None:
    """The version in an `If-Match` header; None when there is none or it is `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        fault = Fault("/If-Match", "is not an ETag of a row")
        raise Invalid("the request is not valid", [fault])
    return int(text)


def etag(version: int) -> str:
    return f'"{version}"'

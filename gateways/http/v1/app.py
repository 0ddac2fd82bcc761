"""The public API as a Litestar app."""

from collections.abc import Sequence
from typing import Any

import orjson
from litestar import Litestar, Request, Response, Router, get
from litestar.config.response_cache import ResponseCacheConfig
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.params import HeaderParameter
from pydantic import BaseModel, Field

from gateways.http.asgi import Endpoint
from gateways.http.failures import PROBLEM_HANDLERS
from gateways.http.v1 import (
    accounts,
    agent_events,
    agents,
    audit,
    calls,
    dnc,
    flows,
    idempotency,
    keys,
    media,
    members,
    queue_calls,
    queues,
    rate_plans,
    replay,
    rows,
    security,
    sessions,
    voicemail,
    webhooks,
)
from gateways.http.v1.collections import COLLECTIONS, QUEUES
from gateways.http.v1.context import ACTING_FOR, PUBLIC, Caller, Context, authorise, provide_caller
from gateways.http.v1.document import document, tags
from gateways.http.v1.inputs import StrictBodies, no_nulls
from gateways.http.v1.operation import operation
from gateways.http.v1.options import options

_ACTING_FOR = HeaderParameter(
    name=ACTING_FOR,
    max_length=64,
    required=False,
    annotation=str,
    description="An account below the credential's, to act for it (scope `accounts`)",
)


class WhoAmI(BaseModel):
    accountId: str = Field(examples=["acc_01jf18ah3jeb5w6dfp27sgjsbt"])  # noqa: N815 - the contract
    scopes: list[str] = Field(examples=[["cdr", "numbers"]])
    via: str = Field(examples=["key"], description="key or session")


@get("/whoami", **operation("whoAmI", "Whom this credential speaks for"), tags=["Keys"])
async def whoami(caller: Caller) -> WhoAmI:
    scopes = sorted(caller.principal.scopes)
    return WhoAmI(accountId=caller.account_id, scopes=scopes, via=caller.principal.via)


@get("/openapi.json", opt={PUBLIC: True}, include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Made when it is first asked for: that takes most of a second."""
    state = request.app.state
    if "document" not in state:
        state.document = orjson.dumps(document(request.app))
    return Response(state.document, media_type="application/json")


def api(context: Context, others: Sequence[Endpoint], server_url: str, max_body: int) -> Litestar:
    """The app; `others` are its endpoints outside /v1 (health)."""

    async def provide_context() -> Context:
        return context

    routers = [calls.router(), flows.router(), keys.router(), webhooks.router()]
    routers += [security.router(), dnc.router(), agents.router(), queues.router()]
    routers += [agent_events.router(), queue_calls.router()]
    routers += [media.router(), voicemail.router(), rate_plans.router(), sessions.router()]
    routers += [replay.router(), accounts.router(), members.router(), audit.router()]
    routers += [rows.router(QUEUES, lists=False), *(rows.router(one) for one in COLLECTIONS)]
    v1 = Router(
        "/v1",
        route_handlers=[whoami, openapi, *routers],
        guards=[authorise, no_nulls],
        parameters={"acting_for": _ACTING_FOR},
        before_request=idempotency.begin,
        middleware=[options, idempotency.keeping],
        dependencies={
            "context": Provide(provide_context),
            "caller": Provide(provide_caller, sync_to_thread=False),
        },
        request_max_body_size=max_body,
    )
    app = Litestar(
        [v1, *(other.handler() for other in others)],
        exception_handlers=PROBLEM_HANDLERS,
        plugins=[StrictBodies()],
        openapi_config=OpenAPIConfig(
            title="Callplane API",
            version="1",
            description="Control plane for telephony. Account and scopes come from the credential.",
            tags=tags(),
            servers=[Server(url=server_url)],
            components=Components(
                security_schemes={
                    "apiKey": SecurityScheme(
                        type="apiKey", name="x-api-key", security_scheme_in="header"
                    ),
                    "bearer": SecurityScheme(type="http", scheme="bearer"),
                }
            ),
            security=[{"apiKey": []}, {"bearer": []}],
            path=None,
            render_plugins=[],
        ),
        response_cache_config=ResponseCacheConfig(),
        logging_config=None,
    )
    app.state.context = context
    return app

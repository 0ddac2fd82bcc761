"""Console users log in and out over /v1, and see who is logged in (spec 06)."""

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.params import QueryParameter
from pydantic import BaseModel, Field

from domain.errors import Conflict, NotFound
from gateways.access import ROLES
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.figures import now_ms
from gateways.http.v1.operation import operation
from gateways.sessions import Login
from projections import sessions

NO_STORE = {"Cache-Control": "no-store"}


class MadeSession(BaseModel):
    ok: int = 1
    token: str = Field(description="Shown as `Authorization: Bearer …`")
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds", examples=[43200])
    scopes: list[str] = Field(examples=[["cdr", "wallboard"]])


class Session(BaseModel):
    """Somebody who is logged in. Times in epoch seconds."""

    id: str
    user_id: str
    email: str
    role: str
    src_ip: str
    created_at: int
    expires_at: int
    last_used_at: int | None = Field(description="To the minute")


class SessionPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Session]
    next_cursor: str | None = None


class Ended(BaseModel):
    ok: int = 1
    id: str


@post(
    "/",
    **operation("logIn", "Log a console user in", is_public=True, more=(429,)),
    status_code=201,
)
async def log_in(
    context: Context, request: Request[Any, Any, Any], data: Login
) -> Response[MadeSession]:
    made = await context.sessions.open(data, context.address_of(request))
    return Response(made, headers=NO_STORE)  # type: ignore[arg-type]


@get("/", **operation("listSessions", "List who is logged in, newest first", "users"))
async def list_sessions(
    context: Context,
    caller: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
) -> Response[SessionPage]:
    before = paging.decode(cursor, str)
    last = before[0] if before else None
    rows = await context.reader.query(
        lambda sql: sessions.page(sql, caller.account_id, now_ms(), last, limit + 1)
    )
    used = await context.last_used.of([row["id"] for row in rows])
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows))}
    page["rows"] = [_shown(row, used.get(row["id"])) for row in rows[:limit]]
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["id"])
    return Response(page)  # type: ignore[arg-type]


def _shown(row: Any, used: int | None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "email": row["person"]["email"],
        "role": row["person"]["role"],
        "src_ip": row["src_ip"],
        "created_at": row["opened_at"] // 1000,
        "expires_at": row["expires_at"] // 1000,
        "last_used_at": used // 1000 if used else None,
    }


@delete("/", **operation("logOut", "End the session that asks, at once"), status_code=200)
async def log_out(context: Context, caller: Caller) -> Ended:
    id = caller.principal.session_id
    if id is None:
        raise Conflict("this is a key and no session: a key is revoked")
    own = caller.principal.account_id
    assert own is not None, "a session belongs to an account"
    await context.sessions.end(own, id, caller.id)
    return Ended(id=id)


@delete(
    "/{id:str}",
    **operation("endSession", "End somebody's session, at once", "users"),
    status_code=200,
)
async def end_session(context: Context, caller: Caller, id: str) -> Ended:
    row = await context.reader.query(lambda sql: sessions.live(sql, id))
    if row is None or row["account_id"] != caller.account_id:
        raise NotFound(f"no session {id}")
    caller.may_grant(ROLES[row["person"]["role"]])
    await context.sessions.end(caller.account_id, id, caller.id)
    return Ended(id=id)


def router() -> Router:
    handlers: list[Any] = [log_in, list_sessions, log_out, end_session]
    return Router("/sessions", route_handlers=handlers, tags=["Session"])

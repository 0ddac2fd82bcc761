"""Bans and who is never banned (spec 06).

They are the platform's, so they are shown to and changed by those who answer for it: keys with the
scope `security` of an account that is below no other.
"""

from typing import Annotated, Any

from litestar import Response, Router, delete, get, post
from litestar.params import QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import Forbidden
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import operation
from projections import directory


class ReportingNode(BaseModel):
    node_id: str
    last_report: int | None = Field(description="Epoch milliseconds")
    stale: int = Field(description="1: silent for more than 120 s")


class OwnBan(BaseModel):
    """A rule of ours banned the address on all nodes."""

    rule: str = Field(examples=["auth_ip"])
    expires_at: int
    detail: str


class Ban(BaseModel):
    """A ban from its first report to its end. Times in epoch milliseconds."""

    id: str
    ip: str = Field(examples=["203.0.113.9"])
    status: str = Field(description="active, expired or lifted")
    reason: str
    jail: str | None
    hits: int
    first_seen: int
    last_seen: int
    expires_at: int | None
    user_agent: str | None
    country: str | None
    nodes: list[ReportingNode] = Field(description="The nodes that have it")
    own: OwnBan | None
    flagged: int = Field(description="1: look at it, it may be a mistake")
    flags: list[str] = Field(description="Why: several_nodes, registered, allowed")
    ended_at: int | None
    ended_by: str | None


class BanPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Ban]
    nodes: list[ReportingNode]
    next_cursor: str | None = None


class Allowed(BaseModel):
    """An address or a range that is never banned. Times in epoch milliseconds."""

    ip: str = Field(examples=["198.51.100.0/24"])
    note: str | None
    by: str
    created_at: int
    expires_at: int | None


class AllowedList(BaseModel):
    ok: int = 1
    count: int
    rows: list[Allowed]


class ToAllow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ip: Annotated[str, Field(max_length=64, examples=["198.51.100.7"])] | None = None
    cidr: Annotated[str, Field(max_length=64, examples=["198.51.100.0/24"])] | None = None
    note: Annotated[str, Field(max_length=500)] | None = None
    ttl_sec: Annotated[int, Field(ge=1)] | None = None
    force: int = Field(default=0, description="1: the range is meant to be that wide")


class NowAllowed(BaseModel):
    ok: int = 1
    ip: str
    lifted: int = Field(description="Bans that were lifted")
    expires_at: int | None


class Disallowed(BaseModel):
    ok: int = 1
    ip: str


async def _operator(context: Context, caller: Caller) -> str:
    """The id of the caller, who belongs to no reseller's customer."""
    own = caller.principal.account_id
    line = await context.reader.query(lambda cursor: directory.line(cursor, own or ""))
    if len(line) != 1:
        raise Forbidden("bans are the platform's: an account below another has no say in them")
    return caller.id


@get("/bans", **operation("listBans", "List bans, newest first", "security"))
async def list_bans(
    context: Context,
    caller: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
    status: str | None = None,
    q: Annotated[
        str | None,
        QueryParameter(
            max_length=200, description="An address, a range, a part of reason or user agent"
        ),
    ] = None,
    flagged: Annotated[int | None, QueryParameter(ge=0, le=1)] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
) -> Response[BanPage]:
    await _operator(context, caller)
    query = {"limit": limit, "status": status, "q": q, "flagged": flagged, "cursor": cursor}
    return Response(await context.security.bans(query))  # type: ignore[arg-type]


@get("/allow", **operation("listAllowed", "List who is never banned", "security"))
async def list_allowed(context: Context, caller: Caller) -> Response[AllowedList]:
    await _operator(context, caller)
    return Response(await context.security.allowed())  # type: ignore[arg-type]


@post(
    "/allow",
    **operation("allowRange", "Never ban an address or range; lifts the bans inside", "security"),
    status_code=201,
)
async def allow_range(context: Context, caller: Caller, data: ToAllow) -> Response[NowAllowed]:
    by = await _operator(context, caller)
    members: dict[str, Any] = data.model_dump(exclude_none=True)
    allowed = await context.security.allow(members, by, caller.draw.command_id)
    return Response(allowed, status_code=201)  # type: ignore[arg-type]


@delete(
    "/allow/{ip:path}",
    **operation("disallowRange", "Take an address or range from that list", "security"),
    status_code=200,
)
async def disallow_range(context: Context, caller: Caller, ip: str) -> Response[Disallowed]:
    by = await _operator(context, caller)
    found = await context.security.disallow(str(ip).lstrip("/"), by)
    return Response(found)  # type: ignore[arg-type]


def router() -> Router:
    handlers: list[Any] = [list_bans, list_allowed, allow_range, disallow_range]
    return Router("/security", route_handlers=handlers, tags=["Security"])

"""Agents over /v1: how they are, what their time was worth, and what they do (spec 05)."""

from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from commands.acd import AgentEvent, ControlAgent
from domain.acd.floor import Bucket, State, Status
from domain.errors import NotFound
from gateways.edge.control import read
from gateways.http import roster
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.figures import Since, now_ms, since_or_today, snake
from gateways.http.v1.operation import operation
from projections import agents

MAX_LIMIT = 1000


class QueueOfAgent(BaseModel):
    queue_id: str
    level: int = Field(description="The tier; lower ones ring first")


class Contact(BaseModel):
    device_id: str
    contact: str = Field(examples=["sip:1001@192.0.2.1:5060"])
    reachable: bool
    expires_at: int
    user_agent: str | None


class StatusTimes(BaseModel):
    """Milliseconds in each bucket of the dashboard."""

    extcall: int
    incall: int
    offline: int
    unreachable: int
    ring: int
    paused: int
    wrapup: int
    ready: int
    idle: int


class AgentKpis(BaseModel):
    """Within [since, now]."""

    status_ms: StatusTimes
    logged_in_ms: int
    handle_ms: int = Field(description="In calls of queues and wrapping up")
    occupancy_pct: int = Field(description="handle ÷ (handle + ready)")
    utilization_pct: int = Field(description="handle ÷ logged in")
    offered: int = Field(description="Reservations that began then")
    answered: int
    missed: int


class AgentAtWork(BaseModel):
    """An agent as he is now. Times in epoch milliseconds."""

    user_id: str
    username: str
    display_name: str
    is_agent: bool
    status: Status
    state: State
    bucket: Bucket
    reachable: bool
    contacts: list[Contact]
    queues: list[QueueOfAgent]
    since: int | None = Field(description="Since when he is in this bucket")
    reason: str | None = Field(description="Why he is on break")
    wrap_up_until: int | None
    call_id: str | None = None
    kpis: AgentKpis


class AgentPage(BaseModel):
    ok: int = 1
    count: int
    since: int = Field(description="The begin of the time that the figures are about")
    rows: list[AgentAtWork]
    next_cursor: str | None = None


class WantedQueue(BaseModel):
    model_config = ConfigDict(extra="forbid")
    queue_id: Annotated[
        str, Field(max_length=255, validation_alias=AliasChoices("queue_id", "queueId"))
    ]
    level: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class AgentWish(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user_id: Annotated[
        str,
        Field(
            max_length=255,
            validation_alias=AliasChoices("user_id", "userId"),
            description="The user's id or username",
            examples=["us_01jatt0336xwzg2zbf3q9pyfm5"],
        ),
    ]
    event: Annotated[AgentEvent, Field(examples=["available"])]
    queues: Annotated[list[WantedQueue], Field(max_length=500)] = Field(
        default=[], description="For login, available, unpause, join and leave"
    )
    reason: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="For pause", examples=["lunch"]
    )


class AgentState(BaseModel):
    """The agent as he is after it. Times in epoch milliseconds."""

    ok: int = 1
    account_id: str
    user_id: str
    username: str | None
    display_name: str | None
    status: Status
    state: State
    bucket: Bucket
    reachable: bool
    queues: list[QueueOfAgent]
    since: int | None
    reason: str | None
    pending: str | None = Field(description="What takes effect when the call is over")
    wrap_up_until: int | None
    call_id: str | None = None
    queue_id: str | None = None
    lease_id: str | None = None
    epoch: int | None = None


@get("/", **operation("listAgents", "How agents are, and what their time was worth", "agents"))
async def list_agents(
    context: Context,
    caller: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
    user_id: Annotated[
        str | None,
        QueryParameter(name="userId", max_length=255, description="Only this id or username"),
    ] = None,
    since: Since = None,
) -> Response[AgentPage]:
    after = paging.decode(cursor, str)
    for model in ("agents", "roster", "directory"):
        await context.reader.caught_up(model)
    account_id, now = caller.account_id, now_ms()
    found = await context.reader.query(lambda sql: roster.read(sql, account_id))
    if found is None:
        raise NotFound(f"no account {account_id}")
    begin = await context.reader.query(lambda sql: since_or_today(sql, account_id, since, now))
    kpis = await context.reader.query(lambda sql: agents.kpis(sql, account_id, begin, now))
    rows = [
        row
        for row in roster.shown(account_id, found)["users"]
        if row["isAgent"]
        and user_id in (None, row["userId"], row["username"])
        and (after is None or row["userId"] > after[0])
    ]
    none = agents.no_kpis(begin, now)
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows)), "since": begin}
    page["rows"] = [snake(row | {"kpis": kpis.get(row["userId"], none)}) for row in rows[:limit]]
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["userId"])
    return Response(page)  # type: ignore[arg-type]


@post(
    "/state",
    **operation(
        "controlAgent", "Log an agent in or out, pause, join or leave queues", "agents", [404]
    ),
    status_code=200,
)
async def control_agent(context: Context, caller: Caller, data: AgentWish) -> Response[AgentState]:
    wish = data.model_dump(exclude_none=True) | {"account_id": caller.account_id}
    wish["command_id"] = caller.draw.command_id
    reply = await context.commander.ask(read(ControlAgent, wish))
    await context.reader.until_shown("agents", reply.position)
    return Response(snake(reply.body))


def router() -> Router:
    return Router("/agents", route_handlers=[list_agents, control_agent], tags=["Agent"])

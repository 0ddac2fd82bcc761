"""GET /v1/agents/events: what agents did, and what was done with them (spec 05)."""

from typing import Literal

from litestar import Response, Router, get
from pydantic import BaseModel, Field

from gateways.http.asgi import NDJSON
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.listing import (
    Asked,
    Cursor,
    Format,
    Limit,
    List,
    PageOf,
    Text,
    Time,
    answer,
)
from gateways.http.v1.operation import operation
from projections import agent_events

Event = Literal[agent_events.NAMES]  # type: ignore[valid-type]


class AgentHappening(BaseModel):
    """One thing that happened. Times in epoch milliseconds."""

    event_id: int = Field(description="Its place among all facts")
    at: int
    account_id: str
    user_id: str
    event: str = Field(
        description="`released`: the offer was not answered; `ended`: the conversation of a queue;"
        " `call_began`, `call_over`: of a call that no queue gave",
        examples=["pause"],
    )
    queue_id: str | None
    call_id: str | None
    lease_id: str | None = Field(description="The offer, from `offered` to `released` or `ended`")
    ready: int | None = Field(description="Of a login. 1: takes calls at once")
    level: int | None = Field(description="Of a join: the tier")
    reason: str | None = Field(description="Of a pause, or why an offer was released")
    talk_ms: int | None
    wrap_up_until: int | None


class AgentHappeningPage(PageOf):
    rows: list[AgentHappening]


EVENTS = List("agent_events", agent_events.LISTED, AgentHappening, "agent-events")


@get(
    "/",
    **operation(
        "listAgentEvents",
        "List agents' events, by default the newest first",
        "agents",
        also=("text/csv", NDJSON),
    ),
)
async def list_agent_events(
    context: Context,
    caller: Caller,
    limit: Limit = None,
    cursor: Cursor = None,
    sort: Literal["at", "-at"] = "-at",
    format: Format = "json",
    user_id: Text = None,
    event: Event | None = None,
    queue_id: Text = None,
    call_id: Text = None,
    since: Time = None,
    until: Time = None,
) -> Response[AgentHappeningPage]:
    filters = {
        "user_id": user_id,
        "event": event,
        "queue_id": queue_id,
        "call_id": call_id,
        "since": since,
        "until": until,
    }
    return await answer(context, caller, EVENTS, Asked(filters, sort, limit, cursor, format))


def router() -> Router:
    return Router("/agents/events", route_handlers=[list_agent_events], tags=["Agent"])

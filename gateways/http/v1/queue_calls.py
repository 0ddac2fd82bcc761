"""GET /v1/queue-calls: one row for each time that somebody waited in a queue (spec 05)."""

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
from projections import queues


class QueueCall(BaseModel):
    """A caller in a queue. Times in epoch milliseconds."""

    call_id: str
    queue_id: str
    account_id: str
    agent_id: str | None = Field(description="Who answered")
    enqueued_at: int = Field(description="His place in the line: kept when he comes again")
    connected_at: int | None
    ended_at: int | None = Field(description="Null while he waits or talks")
    disposition: str = Field(description="offered: he waits", examples=["answered"])
    priority: int
    talk_ms: int | None
    wrap_up_ms: int | None


class QueueCallPage(PageOf):
    rows: list[QueueCall]


QUEUE_CALLS = List("queues", queues.LISTED, QueueCall, "queue-calls")


@get(
    "/",
    **operation(
        "listQueueCalls",
        "List callers of queues, by default the newest first",
        "queues",
        also=("text/csv", NDJSON),
    ),
)
async def list_queue_calls(
    context: Context,
    caller: Caller,
    limit: Limit = None,
    cursor: Cursor = None,
    sort: Literal["enqueued_at", "-enqueued_at"] = "-enqueued_at",
    format: Format = "json",
    queue_id: Text = None,
    agent_id: Text = None,
    call_id: Text = None,
    disposition: Literal["offered", "answered", "abandoned", "timeout", "routed", "callback"]
    | None = None,
    since: Time = None,
    until: Time = None,
) -> Response[QueueCallPage]:
    filters = {
        "queue_id": queue_id,
        "agent_id": agent_id,
        "call_id": call_id,
        "disposition": disposition,
        "since": since,
        "until": until,
    }
    return await answer(context, caller, QUEUE_CALLS, Asked(filters, sort, limit, cursor, format))


def router() -> Router:
    return Router("/queue-calls", route_handlers=[list_queue_calls], tags=["Queue"])

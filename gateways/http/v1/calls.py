"""GET /v1/calls: the call log, as JSON, NDJSON or CSV, and one call with its trace."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, Router, get
from litestar.params import QueryParameter
from litestar.response import Stream
from pydantic import BaseModel, Field

from domain.errors import NotFound
from events.base import CallId
from events.call import Direction, Disposition
from gateways.http.asgi import NDJSON
from gateways.http.traces import followed, trace_answer
from gateways.http.v1.context import Caller, Context, authorise
from gateways.http.v1.listing import (
    Asked,
    Cursor,
    Flag,
    Format,
    List,
    PageOf,
    Seconds,
    Text,
    Time,
    answer,
)
from gateways.http.v1.operation import operation
from projections import cdr


class Call(BaseModel):
    """A call detail record. Times in epoch milliseconds, durations in seconds."""

    call_id: str
    account_id: str
    direction: str = Field(examples=["inbound"])
    from_num: str
    to_num: str
    did_id: str | None
    trunk_id: str | None
    start_ts: int
    ring_ts: int | None
    answer_ts: int | None
    end_ts: int | None = Field(description="Null while the call is open")
    duration_sec: int | None
    billsec: int | None
    answered: int
    disposition: str | None
    hangup_cause: str | None
    sip_code: int | None
    hangup_by: str | None
    queue_id: str | None
    agent_id: str | None
    flow_id: str | None
    flow_version: int | None
    cost_micros: int | None
    currency: str | None
    rate_id: str | None
    recording_key: str | None
    node_id: str | None
    src_ip: str | None
    attestation: str | None


class CallPage(PageOf):
    rows: list[Call]


CALLS = List("cdr", cdr.LISTED, Call, "calls", limit=1000, is_archived=True)
Limit = Annotated[
    int | None,
    QueryParameter(name="limit", ge=1, le=10_000, description="1000, or all of a csv and ndjson"),
]
_NUMBER = "As the rows have it: without a plus"
From = Annotated[str | None, QueryParameter(name="from", max_length=255, description=_NUMBER)]
To = Annotated[str | None, QueryParameter(name="to", max_length=255, description=_NUMBER)]


Follow = Annotated[
    bool,
    QueryParameter(
        description="Go on, in lines of JSON: the steps so far, then each as it comes (`after`: it"
        " belongs behind that one), `heartbeat` after ten seconds of silence, and `end` as the last"
        " line: `over` when the call is, `restart`, `refused` or `unavailable`",
    ),
]


Why = Annotated[
    bool,
    QueryParameter(
        description="Where a queue looked for an agent, with `detail.considered`: each agent, and"
        " the first thing that kept him from being rung; or with a `note` that the account's"
        " history is too long for that",
    ),
]


class Step(BaseModel):
    """What happened, or was decided, in a call."""

    seq: int
    ts: int = Field(description="Epoch milliseconds")
    dtMs: int = Field(description="Milliseconds since the step before")  # noqa: N815
    source: str = Field(examples=["sip"])
    kind: str = Field(examples=["decision"])
    title: str
    detail: dict[str, Any]
    outcome: str = Field(examples=["ok"])
    error: str | None = None
    event_id: int = Field(
        description="Position among all facts; of a SIP message or a webhook, that of the fact"
        " that it stands behind"
    )
    event: str = Field(
        examples=["call.routed.v1"],
        description="Name of the fact; or `sip.message`, or `webhook.delivery`",
    )


class CallTrace(BaseModel):
    ok: int
    callId: str = Field(examples=["a84b4c76e66710@pc33.example.com"])  # noqa: N815
    count: int
    steps: list[Step]
    note: str | None = Field(default=None, description="What was asked for and is not there")


@get(
    "/",
    **operation(
        "listCalls",
        "List calls, by default the newest first",
        "cdr",
        also=("text/csv", NDJSON),
    ),
)
async def list_calls(
    context: Context,
    caller: Caller,
    limit: Limit = None,
    cursor: Cursor = None,
    sort: Literal["start_ts", "-start_ts"] = "-start_ts",
    format: Format = "json",
    direction: Direction | None = None,
    disposition: Disposition | None = None,
    from_num: From = None,
    to_num: To = None,
    did_id: Text = None,
    trunk_id: Text = None,
    flow_id: Text = None,
    queue_id: Text = None,
    agent_id: Text = None,
    hangup_cause: Text = None,
    answered: Flag = None,
    min_duration: Seconds = None,
    max_duration: Seconds = None,
    since: Time = None,
    until: Time = None,
) -> Response[CallPage]:
    filters = {
        "direction": direction,
        "disposition": disposition,
        "from": from_num,
        "to": to_num,
        "did_id": did_id,
        "trunk_id": trunk_id,
        "flow_id": flow_id,
        "queue_id": queue_id,
        "agent_id": agent_id,
        "hangup_cause": hangup_cause,
        "answered": answered,
        "min_duration": min_duration,
        "max_duration": max_duration,
        "since": since,
        "until": until,
    }
    return await answer(context, caller, CALLS, Asked(filters, sort, limit, cursor, format))


@get("/{call_id:str}", **operation("getCall", "Read a call", "cdr"))
async def get_call(context: Context, caller: Caller, call_id: str) -> Response[Call]:
    await context.reader.caught_up("cdr")
    row = await context.calls.one(call_id)
    if row is None or row["account_id"] != caller.account_id:
        raise NotFound(f"no call {call_id}")
    return Response(row)  # type: ignore[arg-type]


@get(
    "/{call_id:str}/trace",
    **operation(
        "getCallTrace",
        "Every step of a call: format json, ndjson, mermaid or text",
        "cdr",
        also=(NDJSON, "text/plain"),
    ),
)
async def get_trace(
    context: Context,
    caller: Caller,
    request: Request[Any, Any, Any],
    call_id: str,
    format: Literal["json", "ndjson", "mermaid", "text"] = "json",
    follow: Follow = False,
    why: Why = False,
) -> Response[CallTrace]:
    if follow:
        return await _follow(context, caller, request, CallId(call_id), format, why)
    answer = await trace_answer(context.reader, CallId(call_id), caller.account_id, format, why)
    return Response(answer.body, media_type=answer.media_type)


async def _follow(
    context: Context,
    caller: Caller,
    request: Request[Any, Any, Any],
    call_id: CallId,
    format: str,
    why: bool,
) -> Response[Any]:
    async def check() -> None:
        await authorise(request, request.route_handler)

    lines = await followed(context.followers, call_id, caller.account_id, format, why, check)
    return Stream(lines, media_type=NDJSON, headers={"Cache-Control": "no-store"})


def router() -> Router:
    return Router("/calls", route_handlers=[list_calls, get_call, get_trace], tags=["Calls"])

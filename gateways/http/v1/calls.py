"""GET /v1/calls: the call log, as JSON, NDJSON or CSV, and one call with its trace."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import orjson
from litestar import Response, Router, get
from litestar.params import QueryParameter
from litestar.response import Stream
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from domain.errors import NotFound
from events.base import CallId
from gateways.http.asgi import NDJSON
from gateways.http.traces import trace_answer
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import operation
from projections import cdr

MAX_LIMIT = 10_000
STREAM_PAGE = 2_000
_RISKY = ("=", "+", "-", "@", "\t", "\r")
"""First characters that a spreadsheet takes for a formula."""


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


class CallPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Call]
    next_cursor: str | None = None


Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, default=1000)]
Number = Annotated[int | None, QueryParameter(ge=0)]


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
    event_id: int = Field(description="Position among all facts")
    event: str = Field(examples=["call.routed.v1"])


class CallTrace(BaseModel):
    ok: int
    callId: str = Field(examples=["a84b4c76e66710@pc33.example.com"])  # noqa: N815
    count: int
    steps: list[Step]


@get(
    "/",
    **operation(
        "listCalls",
        "List calls, newest first; format csv and ndjson stream all that match",
        "cdr",
        also=("text/csv", NDJSON),
    ),
)
async def list_calls(
    context: Context,
    caller: Caller,
    limit: Limit,
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
    direction: str | None = None,
    disposition: str | None = None,
    from_num: Annotated[str | None, QueryParameter(name="from")] = None,
    to_num: Annotated[str | None, QueryParameter(name="to")] = None,
    since: Number = None,
    until: Number = None,
    answered: Annotated[int | None, QueryParameter(ge=0, le=1)] = None,
    format: Literal["json", "csv", "ndjson"] = "json",
) -> Response[CallPage]:
    given = {
        "direction": direction,
        "disposition": disposition,
        "from": from_num,
        "to": to_num,
        "since": since,
        "until": until,
        "answered": answered,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    await context.reader.caught_up("cdr")
    if format == "csv":
        return _csv(context, caller, filters)
    if format == "ndjson":
        return _ndjson(context, caller, filters)
    after = paging.decode(cursor, int, str)
    rows = await _page(context, caller, filters, after, limit + 1)
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows)), "rows": rows[:limit]}
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["start_ts"], rows[limit - 1]["call_id"])
    return Response(page)  # type: ignore[arg-type]


@get("/{call_id:str}", **operation("getCall", "Read a call", "cdr"))
async def get_call(context: Context, caller: Caller, call_id: str) -> Response[Call]:
    await context.reader.caught_up("cdr")
    row = await context.reader.query(lambda cursor: cdr.one(cursor, call_id))
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
    call_id: str,
    format: Literal["json", "ndjson", "mermaid", "text"] = "json",
) -> Response[CallTrace]:
    answer = await trace_answer(context.reader, CallId(call_id), caller.account_id, format)
    return Response(answer.body, media_type=answer.media_type)


async def _page(
    context: Context,
    caller: Caller,
    filters: dict[str, Any],
    after: list[Any] | None,
    limit: int,
) -> list[DictRow]:
    seen = (after[0], after[1]) if after else None
    return await context.reader.query(
        lambda cursor: cdr.page(cursor, caller.account_id, filters, seen, limit)
    )


def _csv(context: Context, caller: Caller, filters: dict[str, Any]) -> Response[Any]:
    def line(row: DictRow) -> bytes:
        return _csv_line([row[name] for name in Call.model_fields])

    head = _csv_line(list(Call.model_fields))
    headers = {"Content-Disposition": 'attachment; filename="calls.csv"'}
    lines = _lines(context, caller, filters, line, head)
    return Stream(lines, media_type="text/csv", headers=headers)


def _ndjson(context: Context, caller: Caller, filters: dict[str, Any]) -> Response[Any]:
    def line(row: DictRow) -> bytes:
        return orjson.dumps({name: row[name] for name in Call.model_fields}) + b"\n"

    return Stream(_lines(context, caller, filters, line), media_type=NDJSON)


async def _lines(
    context: Context,
    caller: Caller,
    filters: dict[str, Any],
    line: Callable[[DictRow], bytes],
    head: bytes = b"",
) -> AsyncIterator[bytes]:
    """All rows that match, a page of the store at a time."""
    if head:
        yield head
    after: list[Any] | None = None
    while rows := await _page(context, caller, filters, after, STREAM_PAGE):
        yield b"".join(line(row) for row in rows)
        after = [rows[-1]["start_ts"], rows[-1]["call_id"]]


def _csv_line(values: list[Any]) -> bytes:
    """RFC 4180, and safe to open in a spreadsheet."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_harmless(value) for value in values])
    return out.getvalue().encode()


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_RISKY):
        return "'" + value
    return value


def router() -> Router:
    return Router("/calls", route_handlers=[list_calls, get_call, get_trace], tags=["Calls"])

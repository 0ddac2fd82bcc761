"""Webhooks beyond their configuration: test deliveries, rotated secrets, what became of the
deliveries and each attempt, and having them made again."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from commands.webhooks import RequestTest
from domain.errors import Conflict, Fault, Invalid, NotFound
from domain.rules.members import WebhookEvent
from gateways.http.v1 import paging
from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import RowId, operation
from gateways.http.v1.rows import find
from gateways.webhooks import wishes

ABOUT = """
Each event is one `POST` of JSON to the webhook's URL; any 2xx within 10 seconds takes it.

    {"event": "call.ended", "account_id": "acc_…", "id": "whd_…", "sequence": 3,
     "data": {"callId": "…", …}, "ts": 1795000000000}

`id` (also the header `webhook-id`) is the same in every attempt, and so is the body, byte for byte.
`sequence` counts the events of one call that this webhook is sent, from 1, without gaps; it is null
for events about no call. Events of one call come in this order: the next one is sent when the one
before was taken or given up. Times are epoch milliseconds.

| event | data |
|---|---|
| `call.started` | callId, from, to, src_ip, direction, ts |
| `call.answered` | callId, ts |
| `call.ended` | callId, direction, answered, billsec, duration_sec, hangup_cause, disposition, queue_id, agent_id, ts |
| `queue.entered` | callId, queueId, priority, ts |
| `queue.answered` | callId, queueId, agentId, waitMs, ts |
| `queue.abandoned` | callId, queueId, reason, waitMs, ts |
| `agent.state` | userId, event, state?, status?, reason?, callId?, queueId?, ts |
| `voicemail.received` | callId, voicemail_id, message_id, caller, duration_ms, ts |
| `limit.exceeded` | callId, limit_id, scope_kind, scope_id, used, max_count, period_sec, ts |
| `security.ban` | source (rule, node), ip, rule, detail, hits, node_id, group, expires_at, ts. Bans belong to the platform: only webhooks of its account hear of them |
| `test` | webhook_id, ts |

Signatures: `webhook-signature` as Standard Webhooks has it (with `webhook-id` and
`webhook-timestamp`), one per secret that counts; and `x-sipio-signature: sha256=<hex HMAC-SHA256 of
the raw body>`. After a rotation the old secret counts for 24 hours: the first header carries both,
and `x-sipio-signature-previous` is the second with the old one.

A delivery that is not taken is tried again for three days, in growing pauses with jitter;
`Retry-After` is honoured. Then it is dead: it is kept, listed and can be sent again. 410, or five
days of nothing but failures, disables the webhook; `disabled_reason` says why. A paused webhook
keeps its queue. Redirects are not followed.
"""  # noqa: E501 - a row of a table is a line

Millis = Annotated[int, Field(ge=0, le=10**14, description="Epoch milliseconds")]
State = Literal["pending", "retrying", "delivered", "dead"]
STATES: tuple[str, ...] = get_args(State)


class WebhookToTest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[RowId, Field(examples=["wh_01j3sarpfcz8gdnnabykstr6fw"])]


class Accepted(BaseModel):
    ok: int = 1
    webhook_id: str


class NewSecret(BaseModel):
    model_config = ConfigDict(extra="forbid")
    secret: str | None = Field(
        default=None, description="whsec_ and base64 of 24 to 64 bytes; made when it is not given"
    )


class RotatedSecret(BaseModel):
    ok: int = 1
    webhook_id: str
    secret: str = Field(description="Shown once")
    previous_secret_until: int = Field(description="Epoch seconds until which the old one counts")


class Delivery(BaseModel):
    """A delivery and what became of it. Times in epoch milliseconds."""

    id: str = Field(description="The `webhook-id` of every attempt")
    webhook_id: str
    event: str
    call_id: str | None
    sequence: int | None
    at: int
    state: State
    attempts: int
    next_at: int | None
    last_status: int | None
    last_error: str | None


class DeliveryPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Delivery]
    next_cursor: str | None = None


class DeliveryAttempt(BaseModel):
    """An attempt to deliver. `at` in epoch milliseconds."""

    at: int
    status: int | None = Field(description="Of HTTP; null when there was no answer")
    error: str | None
    duration_ms: int
    excerpt: str | None = Field(description="The first 500 characters of what was answered")


class AttemptPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[DeliveryAttempt]


class RetryRange(BaseModel):
    """Which deliveries: of events of this time, in this state."""

    model_config = ConfigDict(extra="forbid")
    since: Millis | None = None
    until: Millis | None = None
    state: Literal["dead", "retrying", "failed", "delivered"] = Field(
        default="dead", description="failed: dead and retrying"
    )


class Retried(BaseModel):
    ok: int = 1
    webhook_id: str
    deliveries: int = Field(description="How many will be made again")


class ReplayRange(BaseModel):
    """Events of this time (both ends included), of these kinds."""

    model_config = ConfigDict(extra="forbid")
    since: Millis
    until: Millis | None = Field(default=None, description="Epoch milliseconds; now if not given")
    events: list[WebhookEvent] = Field(
        default=["*"], min_length=1, max_length=50, description="Of those that it subscribes to"
    )


class WebhookReplay(BaseModel):
    """A replay and how far it has come. Times in epoch milliseconds."""

    id: str
    since: int
    until: int
    events: list[str]
    state: Literal["running", "done", "failed"]
    deliveries: int = Field(description="How many it has had made so far")
    error: str | None
    at: int


class ReplayPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[WebhookReplay]


class ReplayAccepted(BaseModel):
    ok: int = 1
    webhook_id: str
    id: str = Field(examples=["rpl_01j3sarpfcz8gdnnabykstr6fw"])


@post(
    "/test",
    **operation("testWebhook", "Send a `test` event to a webhook", "webhooks", [404]),
    status_code=202,
)
async def test_webhook(context: Context, caller: Caller, data: WebhookToTest) -> Accepted:
    about = {"account_id": caller.account_id, "command_id": caller.draw.command_id}
    await context.commander.ask(RequestTest(**about, webhook_id=data.id))
    return Accepted(webhook_id=data.id)


@post(
    "/{id:str}/rotate-secret",
    **operation("rotateSecret", "Give a webhook a new secret; the old one counts 24 h", "webhooks"),
    status_code=200,
)
async def rotate_secret(
    context: Context, caller: Caller, id: str, data: NewSecret | None = None
) -> RotatedSecret:
    secret = data.secret if data else None
    written, until = await context.provisioner.rotate(
        caller.account_id, id, caller.id, secret, caller.draw
    )
    return RotatedSecret(
        webhook_id=id, secret=written.revealed["secret"], previous_secret_until=until
    )


@get(
    "/{id:str}/deliveries",
    **operation("listDeliveries", "List a webhook's deliveries, newest first", "webhooks"),
)
async def list_deliveries(
    context: Context,
    caller: Caller,
    id: str,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
    in_state: Annotated[
        str | None, QueryParameter(name="state", max_length=20, description=", ".join(STATES))
    ] = None,
    event: Annotated[str | None, QueryParameter(max_length=50)] = None,
) -> Response[DeliveryPage]:
    await _webhook(context, caller, id)
    before = paging.decode(cursor, int)
    if in_state is not None and in_state not in STATES:
        raise Invalid("no such state", [Fault("/state", f"is none of {', '.join(STATES)}")])
    await context.reader.caught_up("outbox")
    rows = await context.reader.query(
        lambda sql: wishes.deliveries(
            sql, id, before[0] if before else None, limit + 1, in_state, event
        )
    )
    page = _page([_shown(row) for row in rows[:limit]])
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["place"])
    return Response(page)  # type: ignore[arg-type]


@get(
    "/{id:str}/deliveries/{delivery_id:str}",
    **operation("getDelivery", "Read what became of a delivery", "webhooks"),
)
async def get_delivery(
    context: Context, caller: Caller, id: str, delivery_id: str
) -> Response[Delivery]:
    return Response(_shown(await _delivery(context, caller, id, delivery_id)))  # type: ignore[arg-type]


@get(
    "/{id:str}/deliveries/{delivery_id:str}/attempts",
    **operation("listAttempts", "List the attempts of a delivery, newest first", "webhooks"),
)
async def list_attempts(
    context: Context,
    caller: Caller,
    id: str,
    delivery_id: str,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
) -> Response[AttemptPage]:
    await _delivery(context, caller, id, delivery_id)
    rows = await context.reader.query(lambda sql: wishes.attempts(sql, delivery_id, limit))
    return Response(_page(rows))  # type: ignore[arg-type]


@post(
    "/{id:str}/deliveries/{delivery_id:str}/retry",
    **operation("retryDelivery", "Make a delivery again, now, under its own id", "webhooks"),
    status_code=202,
)
async def retry_delivery(context: Context, caller: Caller, id: str, delivery_id: str) -> Retried:
    """One that was never tried keeps its turn."""
    await _enabled(context, caller, id)
    row = await _delivery(context, caller, id, delivery_id)
    if row["state"] == "pending":
        raise Conflict(f"{delivery_id} was not tried yet; it is sent when it is its turn")
    states = ("dead", "retrying", "delivered")
    count = await context.reader.query(
        lambda sql: wishes.of_book(sql, id, states, _now(), delivery_id=delivery_id)
    )
    return Retried(webhook_id=id, deliveries=count)


@post(
    "/{id:str}/retry",
    **operation("retryDeliveries", "Make a webhook's failed deliveries again", "webhooks"),
    status_code=202,
)
async def retry_deliveries(
    context: Context, caller: Caller, id: str, data: RetryRange | None = None
) -> Retried:
    wished = data or RetryRange()
    until = wishes.ALWAYS if wished.until is None else wished.until
    _check_range(wished.since or 0, until)
    await _enabled(context, caller, id)
    states = ("dead", "retrying") if wished.state == "failed" else (wished.state,)
    count = await context.reader.query(
        lambda sql: wishes.of_book(sql, id, states, _now(), wished.since or 0, until)
    )
    return Retried(webhook_id=id, deliveries=count)


@post(
    "/{id:str}/replay",
    **operation("replayWebhook", "Send the events of a range of time (again)", "webhooks"),
    status_code=202,
)
async def replay(context: Context, caller: Caller, id: str, data: ReplayRange) -> ReplayAccepted:
    """From the event store, so that a webhook also gets what happened before it was made. A
    delivery has the id that it had or would have had then."""
    now = _now()
    until = min(now, data.until if data.until is not None else now)
    webhook = await _enabled(context, caller, id)
    faults = _unsubscribed(data.events, webhook["body"]["events"])
    if faults:
        raise Invalid("the replay is not valid", faults)
    _check_range(data.since, until)
    about = (caller.account_id, id, data.since, until, data.events, now)
    replay_id = caller.draw.id("rpl")
    await context.reader.query(lambda sql: wishes.replay(sql, *about, replay_id))
    return ReplayAccepted(webhook_id=id, id=replay_id)


@get(
    "/{id:str}/replays",
    **operation("listReplays", "List a webhook's replays, newest first", "webhooks"),
)
async def list_replays(
    context: Context,
    caller: Caller,
    id: str,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
) -> Response[ReplayPage]:
    await _webhook(context, caller, id)
    rows = await context.reader.query(lambda sql: wishes.replays(sql, id, limit))
    return Response(_page(rows))  # type: ignore[arg-type]


async def _webhook(context: Context, caller: Caller, id: str) -> DictRow:
    return await find(context, caller, OF_KIND["webhook"], id)


async def _enabled(context: Context, caller: Caller, id: str) -> DictRow:
    """A paused one takes wishes: they wait in its queue."""
    row = await _webhook(context, caller, id)
    if row["body"]["status"] == "disabled":
        raise Conflict(f"{id} is disabled; set its status to active first")
    return row


async def _delivery(context: Context, caller: Caller, id: str, delivery_id: str) -> DictRow:
    await _webhook(context, caller, id)
    row = await context.reader.query(lambda sql: wishes.one(sql, id, delivery_id))
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    return row


def _unsubscribed(wanted: Sequence[str], subscribed: Sequence[str]) -> list[Fault]:
    known = {*subscribed, "*"}
    return [
        Fault(f"/events/{number}", "is not subscribed to")
        for number, event in enumerate(wanted)
        if event not in known and "*" not in subscribed
    ]


def _check_range(since: int, until: int) -> None:
    if since > until:
        raise Invalid("the range is empty", [Fault("/since", "is after the end of the range")])


def _page(rows: Sequence[Any]) -> dict[str, Any]:
    return {"ok": 1, "count": len(rows), "rows": rows}


def _shown(row: DictRow) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("delivery_id", "place")}
    return {"id": row["delivery_id"], **shown}


def _now() -> int:
    return time.time_ns() // 1_000_000


def router() -> Router:
    handlers: list[Any] = [test_webhook, rotate_secret, list_deliveries, get_delivery]
    handlers += [list_attempts, retry_delivery, retry_deliveries, replay, list_replays]
    return Router("/webhooks", route_handlers=handlers, tags=["Webhook"])

"""Webhooks beyond their configuration: a test delivery, and what became of the deliveries."""

from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from commands.webhooks import RequestTest
from domain.errors import NotFound
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import RowId, operation
from gateways.webhooks import ledger
from projections import directory


class WebhookToTest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[RowId, Field(examples=["wh_01j3sarpfcz8gdnnabykstr6fw"])]


class Accepted(BaseModel):
    ok: int = 1
    webhook_id: str


class Delivery(BaseModel):
    """A delivery and what became of it. Times in epoch milliseconds."""

    id: str = Field(description="The `webhook-id` of every attempt")
    webhook_id: str
    event: str
    call_id: str | None
    at: int
    state: str = Field(description="pending, retrying, delivered or dead")
    attempts: int
    next_at: int | None
    last_status: int | None
    last_error: str | None


class DeliveryPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Delivery]
    next_cursor: str | None = None


@post(
    "/test",
    **operation("testWebhook", "Send a `test` event to a webhook", "webhooks", [404]),
    status_code=202,
)
async def test_webhook(context: Context, caller: Caller, data: WebhookToTest) -> Accepted:
    await context.commander.ask(RequestTest(account_id=caller.account_id, webhook_id=data.id))
    return Accepted(webhook_id=data.id)


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
) -> Response[DeliveryPage]:
    webhook = await context.reader.query(
        lambda sql: directory.one(sql, caller.account_id, "webhook", id)
    )
    if webhook is None:
        raise NotFound(f"no webhook {id}")
    after = paging.decode(cursor, int)
    await context.reader.caught_up("outbox")
    rows = await context.reader.query(
        lambda sql: ledger.deliveries(
            sql, caller.account_id, id, after[0] if after else None, limit + 1
        )
    )
    page: dict[str, Any] = {
        "ok": 1,
        "count": min(limit, len(rows)),
        "rows": [{**row, "id": row["delivery_id"]} for row in rows[:limit]],
    }
    for row in page["rows"]:
        for internal in ("delivery_id", "position", "body"):
            row.pop(internal, None)
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["position"])
    return Response(page)  # type: ignore[arg-type]


def router() -> Router:
    return Router("/webhooks", route_handlers=[test_webhook, list_deliveries], tags=["Webhook"])

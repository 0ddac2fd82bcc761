"""Queues over /v1: what they are, and in figures (spec 05, Queue metrics)."""

from litestar import Response, Router, get
from pydantic import BaseModel, ConfigDict, Field, create_model

from commands.queues import ShowQueues
from gateways.http.v1 import rows
from gateways.http.v1.collections import QUEUES
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.figures import Since, now_ms, since_or_today, snake
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import Asked, Cursor, Limit
from gateways.http.v1.shapes import models, row_of
from projections import queues

SORTS = rows.sorts_of(QUEUES)


class QueueKpis(BaseModel):
    """Of the callers who came within [since, now], also those who still wait."""

    offered: int
    waiting: int
    answered: int
    abandoned: int = Field(description="Hung up, or waited as long as the queue lets them")
    routed: int = Field(description="Left by a digit, or for another queue")
    callback: int
    abandon_rate_pct: int
    asa_ms: int = Field(description="Mean wait of the answered")
    sl_met: int = Field(description="Answered within `sl_threshold_sec`")
    service_level_pct: int = Field(description="`sl_met` ÷ `offered`")
    aht_ms: int = Field(description="Mean of talk and wrap-up")
    longest_wait_ms: int = Field(description="Of those who wait now")
    ewt_sec: int = Field(description="How long somebody would wait who came now")


_ROW = create_model(
    "QueueInFigures",
    __base__=models(QUEUES)[0],
    __config__=None,
    kpis=(QueueKpis, ...),
)


class QueuePage(BaseModel):
    model_config = ConfigDict(title="QueuePage")
    ok: int = 1
    count: int
    since: int = Field(description="The begin of the time that the figures are about")
    rows: list[_ROW]
    next_cursor: str | None = None


@get(
    "/",
    operation_class=rows.filtered(QUEUES),
    **operation("listQueues", "List the account's queues with their figures", "queues"),
)
async def list_queues(
    context: Context,
    caller: Caller,
    request: Asked,
    limit: Limit,
    cursor: Cursor = None,
    sort: SORTS = "id",
    since: Since = None,
) -> Response[QueuePage]:
    account_id, now = caller.account_id, now_ms()
    for model in ("queues", "directory"):
        await context.reader.caught_up(model)
    asked = dict(request.query_params)
    found, more = await rows.page(context, [account_id], QUEUES, asked, sort, cursor, limit)
    begin = await context.reader.query(lambda sql: since_or_today(sql, account_id, since, now))
    thresholds = {row["id"]: row["body"]["sl_threshold_sec"] for row in found}
    kpis = await context.reader.query(
        lambda sql: queues.metrics(sql, account_id, thresholds, begin, now)
    )
    expected = (await context.commander.ask(ShowQueues(account_id=account_id))).body["ewtSec"]
    figures = {id: snake(kpis[id]) | {"ewt_sec": expected.get(id, 0)} for id in thresholds}
    shown = [row_of(QUEUES, row) | {"kpis": figures[row["id"]]} for row in found]
    return Response(rows.page_of(shown, more) | {"since": begin})  # type: ignore[arg-type]


def router() -> Router:
    return Router("/queues", route_handlers=[list_queues], tags=["Queue"])

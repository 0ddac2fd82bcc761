"""Queues over /v1: what they are, and in figures (spec 05, Queue metrics)."""

from typing import Annotated, Any

from litestar import Response, Router, get
from litestar.params import QueryParameter
from pydantic import BaseModel, ConfigDict, Field, create_model

from commands.queues import ShowQueues
from gateways.http.v1 import paging
from gateways.http.v1.collections import Collection, models, row_of
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.figures import Since, now_ms, since_or_today, snake
from gateways.http.v1.operation import operation
from projections import directory, queues

MAX_LIMIT = 1000
QUEUES = Collection("/queues", "queue", "queue", "queues")


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


@get("/", **operation("listQueues", "Queues with their figures", "queues"))
async def list_queues(
    context: Context,
    caller: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
    since: Since = None,
) -> Response[QueuePage]:
    after = paging.decode(cursor, str)
    account_id, now = caller.account_id, now_ms()
    for model in ("queues", "directory"):
        await context.reader.caught_up(model)
    rows = await context.reader.query(
        lambda sql: directory.page(
            sql, account_id, "queue", {}, after[0] if after else None, limit + 1
        )
    )
    begin = await context.reader.query(lambda sql: since_or_today(sql, account_id, since, now))
    thresholds = {row["id"]: row["body"]["sl_threshold_sec"] for row in rows[:limit]}
    kpis = await context.reader.query(
        lambda sql: queues.metrics(sql, account_id, thresholds, begin, now)
    )
    expected = (await context.commander.ask(ShowQueues(account_id=account_id))).body["ewtSec"]
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows)), "since": begin}
    page["rows"] = [
        row_of(QUEUES, row)
        | {"kpis": snake(kpis[row["id"]]) | {"ewt_sec": expected.get(row["id"], 0)}}
        for row in rows[:limit]
    ]
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["id"])
    return Response(page)  # type: ignore[arg-type]


def router() -> Router:
    return Router("/queues", route_handlers=[list_queues], tags=["Queue"])

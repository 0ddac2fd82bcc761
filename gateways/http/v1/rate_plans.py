"""What would a call cost? The rating of calls, asked beforehand (spec 02, rate_plan)."""

from typing import Annotated, Literal

from litestar import Response, Router, get
from litestar.params import QueryParameter
from pydantic import BaseModel, Field

from domain import numbers, rating
from domain.errors import Fault, Invalid, NotFound
from events.resources import Account, RatePlan
from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import find
from projections import directory

MAX_SECONDS = 31 * 86_400


class RateQuote(BaseModel):
    ok: int = 1
    rate_id: str = Field(description="The plan, the direction and the prefix; as in the call log")
    number: str = Field(description="E.164 without plus", examples=["442079460000"])
    direction: str = Field(examples=["out"])
    prefix: str = Field(description="The longest one that matches", examples=["44"])
    label: str
    seconds: int
    billed_sec: int = Field(description="The same in full increments")
    cost_micros: int = Field(description="Millionths of the currency")
    currency: str = Field(examples=["USD"])


@get(
    "/{id:str}/quote",
    **operation("quoteRatePlan", "What an answered call would cost by this plan", "accounts"),
)
async def quote(
    context: Context,
    caller: Caller,
    id: str,
    seconds: Annotated[int, QueryParameter(ge=0, le=MAX_SECONDS, default=60)],
    to: Annotated[str, QueryParameter(max_length=64, description="The number; needed")] = "",
    direction: Literal["out", "in"] = "out",
) -> Response[RateQuote]:
    account_id = caller.account_id
    row = await find(context, caller, OF_KIND["rate_plan"], id)
    owner = await context.reader.query(
        lambda sql: directory.one(sql, account_id, "account", account_id)
    )
    country = Account.model_validate(owner["body"]).country if owner else "US"
    # a plus in a query that nobody has escaped is a space
    number = numbers.normalise(f"+{to.lstrip()}" if to.startswith(" ") else to, country)
    if number is None:
        raise Invalid("the request is not valid", [Fault("/to", "not a telephone number")])
    return Response(_quoted(id, RatePlan.model_validate(row["body"]), direction, number, seconds))


def _quoted(id: str, plan: RatePlan, direction: str, number: str, seconds: int) -> RateQuote:
    tariff = rating.tariff(id, plan)
    rate = rating.rate_for(tariff, direction, number)
    charge = rating.charge(tariff, direction, number, seconds)
    if rate is None or charge is None:
        raise NotFound(f"{id} has no rate for {number} ({direction})")
    return RateQuote(
        **charge.model_dump(),
        direction=direction,
        prefix=rate.prefix,
        label=rate.label,
        seconds=seconds,
        currency=tariff.currency,
    )


def router() -> Router:
    return Router("/rate-plans", route_handlers=[quote], tags=["RatePlan"])

"""POST /v1/calls/{id}/replay: a call that was, decided again with something different."""

from typing import Annotated, Any

from litestar import Response, Router, post
from pydantic import BaseModel, ConfigDict, Field

from events.base import CallId
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import RowId, operation
from gateways.replay import Wish, replayed


class ReplayWish(BaseModel):
    """What is to be different; nothing: the call is decided again as it was."""

    model_config = ConfigDict(extra="forbid")
    flow_version: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="A version of the first flow of the call, or its draft's number"
    )
    at: Annotated[int, Field(ge=0, le=4_102_444_800_000)] | None = Field(
        default=None, description="Epoch milliseconds of the first decision"
    )
    config: Annotated[dict[RowId, dict[str, Any]], Field(max_length=100)] = Field(
        default={},
        description="Row → members that it is to have, as in a PATCH",
        examples=[{"acc_01jf18ah3jeb5w6dfp27sgjsbt": {"max_in": 1}}],
    )


class Looked(BaseModel):
    what: str = Field(examples=["menu entry"])
    outcome: str


class DecisionShown(BaseModel):
    seq: int
    at: int = Field(description="Epoch milliseconds, as it was recorded")
    kind: str = Field(description="route or flow", examples=["route"])
    asked: str = Field(description="The question, or the outcome that was reported")
    path: list[Looked] = Field(description="What was looked at, in order")
    answer: dict[str, Any] | None = Field(description="Directive or command")
    refused: str | None = Field(description="Why there is no answer")


class Difference(BaseModel):
    seq: int
    recorded: DecisionShown | None
    replayed: DecisionShown | None
    looked_at: dict[str, Any] | None = Field(description="Where the paths part; null: the answers")


class Replay(BaseModel):
    call_id: str
    same: int = Field(description="1: every decision came out as it was recorded")
    recorded: list[DecisionShown]
    replayed: list[DecisionShown]
    first_difference: Difference | None
    stopped: str | None = Field(description="Why it could not go on to the end")


@post(
    "/{call_id:str}/replay",
    **operation("replayCall", "Decide a call again; nothing is recorded", "cdr"),
    status_code=200,
)
async def replay_call(
    context: Context, caller: Caller, call_id: str, data: ReplayWish
) -> Response[Replay]:
    wish = Wish(data.flow_version, data.at, data.config)
    found = await replayed(
        context.reader, context.platform, caller.account_id, CallId(call_id), wish
    )
    return Response(found)  # type: ignore[arg-type]


def router() -> Router:
    return Router("/calls", route_handlers=[replay_call], tags=["Calls"])

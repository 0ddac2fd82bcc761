"""Flows beyond their configuration: publish, versions, what if (spec 04)."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import NotFound
from domain.flow import validation
from events.resources import CallFlow, FlowEdge
from gateways.http.v1 import paging
from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.context import Caller, Context, etag, version_from
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import IfMatch, find
from gateways.http.v1.unions import Documented, FlowNode
from gateways.simulation import simulate
from projections import directory


class FlowWarning(BaseModel):
    pointer: str = Field(examples=["/nodes/3"])
    detail: str = Field(examples=["vm cannot be reached"])


class PublishedFlow(BaseModel):
    ok: int = 1
    id: str
    version: int = Field(description="The number that calls get from now on")
    warnings: list[FlowWarning]


class FlowVersion(BaseModel):
    version: int
    published_at: int = Field(description="Epoch seconds")
    by: str = Field(description="Who published it: a key's id, or cli")
    is_live: int = Field(description="Whether calls get it now")


class FlowVersionPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[FlowVersion]
    next_cursor: str | None = None


class FrozenFlow(FlowVersion):
    name: str
    start: str
    nodes: list[Annotated[dict[str, Any], Documented(FlowNode)]]
    edges: list[FlowEdge]


class ScriptedOutcome(BaseModel):
    model_config = ConfigDict(extra="forbid")
    outcome: str = Field(examples=["digit:1"])
    data: dict[str, Any] = Field(default={})


class FlowSimulation(BaseModel):
    """A script. What is not given comes from the call `from_call`, if there is one."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(default=None, description="Null: the flow as it is worked on")
    outcomes: list[str | ScriptedOutcome] | None = Field(
        default=None, examples=[["digit:1", "done"]]
    )
    vars: dict[str, Any] | None = None
    at: int | datetime | None = Field(default=None, description="Epoch ms or ISO 8601; null: now")
    from_number: str | None = None
    to_number: str | None = None
    from_call: str | None = Field(default=None, description="Id of a call whose outcomes to use")


class SimulatedNode(BaseModel):
    node_id: str
    kind: str
    outcome: str
    note: str


class SimulatedStep(BaseModel):
    seq: int
    outcome: str | None = Field(description="What the engine reported; null at the start")
    path: list[SimulatedNode]
    command: dict[str, Any]


class SimulatedFlow(BaseModel):
    ok: int = 1
    flow_id: str
    version: int
    steps: list[SimulatedStep]
    variables: dict[str, str]
    ended: bool
    unused: list[str] = Field(description="Outcomes that came after the end")
    warnings: list[FlowWarning]


async def _row(context: Context, caller: Caller, id: str) -> DictRow:
    return await find(context, caller, OF_KIND["call_flow"], id)


@post(
    "/{id:str}/publish",
    **operation(
        "publishFlow",
        "Freeze a flow as its next version, which calls get",
        "flows",
        headers=["ETag"],
    ),
    status_code=200,
)
async def publish(
    context: Context, caller: Caller, id: str, if_match: IfMatch = None
) -> Response[PublishedFlow]:
    await context.provisioner.change(
        caller.account_id,
        "call_flow",
        id,
        {"is_published": 1},
        caller.id,
        version_from(if_match),
        caller.draw.command_id,
    )
    row = await _row(context, caller, id)
    warnings = [FlowWarning(**fault._asdict()) for fault in validation.warnings(row["body"])]
    answer = PublishedFlow(id=id, version=row["body"]["version"], warnings=warnings)
    return Response(answer, headers={"ETag": etag(row["version"])})


@get(
    "/{id:str}/versions",
    **operation("listFlowVersions", "List a flow's published versions, newest first", "flows"),
)
async def list_versions(
    context: Context,
    caller: Caller,
    id: str,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
) -> Response[FlowVersionPage]:
    live = _live(await _row(context, caller, id))
    after = paging.decode(cursor, int)
    rows = await context.reader.query(
        lambda sql: directory.versions_of_flow(
            sql, caller.account_id, id, after[0] if after else None, limit + 1
        )
    )
    shown = [FlowVersion(**_version(row, live)) for row in rows[:limit]]
    page = FlowVersionPage(count=len(shown), rows=shown)
    if len(rows) > limit:
        page.next_cursor = paging.encode(rows[limit - 1]["version"])
    return Response(page)


@get(
    "/{id:str}/versions/{number:int}",
    **operation("getFlowVersion", "Read a published version of a flow", "flows"),
)
async def get_version(
    context: Context, caller: Caller, id: str, number: int
) -> Response[FrozenFlow]:
    live = _live(await _row(context, caller, id))
    rows = await context.reader.query(
        lambda sql: directory.versions_of_flow(sql, caller.account_id, id, number + 1, 1)
    )
    if not rows or rows[0]["version"] != number:
        raise NotFound(f"no version {number} of {id}")
    body = rows[0]["body"]
    graph = {member: body[member] for member in ("name", "start", "nodes", "edges")}
    return Response(FrozenFlow(**_version(rows[0], live), **graph))


def _live(row: DictRow) -> int | None:
    return CallFlow.model_validate(row["body"]).live


def _version(row: DictRow, live: int | None) -> dict[str, Any]:
    return {
        "version": row["version"],
        "published_at": row["published_at"] // 1000,
        "by": row["by"],
        "is_live": int(row["version"] == live),
    }


@post(
    "/{id:str}/simulate",
    **operation("simulateFlow", "What a call would hear; nothing is recorded", "flows"),
    status_code=200,
)
async def simulate_flow(
    context: Context, caller: Caller, id: str, data: FlowSimulation
) -> SimulatedFlow:
    wish = data.model_dump(exclude_none=True, exclude={"from_call"})
    if isinstance(data.at, datetime):
        wish["at"] = int(data.at.timestamp() * 1000)
    if data.outcomes is not None:
        wish["outcomes"] = [
            {"outcome": one} if isinstance(one, str) else one for one in wish["outcomes"]
        ]
    found = await simulate(
        context.commander, context.reader, caller.account_id, id, wish, data.from_call
    )
    return SimulatedFlow(**found)


def router() -> Router:
    handlers = [publish, list_versions, get_version, simulate_flow]
    return Router("/flows", route_handlers=handlers, tags=["Flow"])

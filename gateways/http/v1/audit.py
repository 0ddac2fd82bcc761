"""GET /v1/audit: who changed the configuration, when, from what to what."""

from typing import Annotated, Any, Literal

from litestar import Response, Router, get
from litestar.params import QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from commands.resources import Kind
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import Cursor, Limit, page_of
from projections import audit

Text = Annotated[str | None, QueryParameter(max_length=200)]
Time = Annotated[int | None, QueryParameter(ge=0, le=2**53, description="Epoch milliseconds")]


class Change(BaseModel):
    """One change of a row of configuration."""

    position: int = Field(description="Its place among all facts")
    at: int = Field(description="Epoch milliseconds")
    by: str = Field(description="The key or session that asked, `cli`, `demo` or `system`")
    action: Literal["create", "change", "delete"]
    kind: str = Field(examples=["did"])
    row_id: str = Field(examples=["did_01j3sarpfcz8gdnnabykstr6fw"])
    changed: list[str] = Field(description="The members that differ")
    before: dict[str, Any] | None = Field(description="The row as it was; null when it was made")
    after: dict[str, Any] | None = Field(description="The row as it is; null when it is gone")


class ChangePage(BaseModel):
    ok: int = 1
    count: int
    rows: list[Change]
    next_cursor: str | None = None


@get(
    "/audit", **operation("listChanges", "List changes of the configuration, newest first", "audit")
)
async def list_changes(
    context: Context,
    caller: Caller,
    limit: Limit,
    cursor: Cursor = None,
    kind: Kind | None = None,
    row_id: Text = None,
    by: Text = None,
    action: Literal["create", "change", "delete"] | None = None,
    since: Time = None,
    until: Time = None,
) -> Response[ChangePage]:
    given = {"kind": kind, "row_id": row_id, "by": by, "action": action}
    given |= {"since": since, "until": until}  # type: ignore[dict-item]
    filters = {name: value for name, value in given.items() if value is not None}
    after = paging.decode(cursor, int)
    before = after[0] if after else None
    await context.reader.caught_up("audit")
    rows = await context.reader.query(
        lambda sql: audit.page(sql, caller.account_id, filters, before, limit + 1)
    )
    more = paging.encode(rows[limit - 1]["position"]) if len(rows) > limit else None
    return Response(page_of([_shown(row) for row in rows[:limit]], more))  # type: ignore[arg-type]


def _shown(row: DictRow) -> dict[str, Any]:
    members = {name: row[name] for name in Change.model_fields}
    for body in ("before", "after"):
        if members[body] is not None:
            members[body] = {n: v for n, v in members[body].items() if not _is_secret(row, n)}
    members["changed"] = [name for name in row["changed"] if not _is_secret(row, name)]
    return members


def _is_secret(row: DictRow, member: str) -> bool:
    """References into the encrypted store, and the hash of a key."""
    return member.endswith("_ref") or (row["kind"] == "api_key" and member == "sha256")


def router() -> Router:
    return Router("/", route_handlers=[list_changes], tags=["Audit"])

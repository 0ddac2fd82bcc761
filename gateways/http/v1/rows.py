"""The five operations on rows of configuration, one way for every kind.

What a page promises: rows are in the order of the sort key, equal ones in the order of their ids;
while rows are added none is repeated or skipped. One whose sort key is changed between two pages
may come twice or not at all; ids and `created_at` never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from litestar.params import HeaderParameter, QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from domain.errors import Fault, Invalid, NotFound
from gateways.http.v1 import paging
from gateways.http.v1.collections import Collection
from gateways.http.v1.context import Caller, Context, etag, version_from
from gateways.http.v1.operation import operation
from gateways.http.v1.shapes import models, row_of
from projections import directory
from projections.directory import Order

MAX_LIMIT = 1000
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, default=100)]
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=500)]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        pattern=r'^(\*|(W/)?"?[0-9]{1,15}"?)$',
        description="The row's ETag: refused if it has changed since",
    ),
]
Force = Annotated[
    bool,
    QueryParameter(
        name="force",
        default=False,
        description="Also when other rows point to it: these then point to nothing",
    ),
]
Asked = Request[Any, Any, Any]
SHOWN = ("ETag",)
CREATED = ("ETag", "Location")
"""Headers of an answer with a row."""


class Deleted(BaseModel):
    ok: int = 1
    id: str
    repointed: list[str] = Field(
        default=[], description="The rows that pointed to it and now point to nothing"
    )


def sorts_of(one: Collection) -> Any:
    """The values of `sort`: a member, with `-` before it the other way round."""
    members = ("id", "created_at", "updated_at", *one.filters)
    return Literal[tuple(sign + member for member in members for sign in ("", "-"))]


def filtered(one: Collection) -> type[Operation]:
    """An operation whose document names the filters of a list."""

    @dataclass
    class Listing(Operation):
        def __post_init__(self) -> None:
            filters = [
                Parameter(
                    name=member,
                    param_in="query",
                    schema=Schema(type=OpenAPIType.STRING),
                    description=f"Only rows whose `{member}` is this",
                    required=False,
                )
                for member in one.filters
            ]
            self.parameters = [*(self.parameters or []), *filters]

    return Listing


async def find(context: Context, caller: Caller, one: Collection, id: str) -> DictRow:
    """The account's row; NotFound when there is none."""
    row = await context.reader.query(
        lambda cursor: directory.one(cursor, caller.account_id, one.kind, id)
    )
    if row is None:
        raise NotFound(f"no {one.singular} {id}")
    return row


def shown(one: Collection, row: DictRow) -> Response[Any]:
    return Response(row_of(one, row), headers={"ETag": etag(row["version"])})


async def page(
    context: Context,
    of: Sequence[str],
    one: Collection,
    asked: dict[str, str],
    sort: str,
    cursor: str | None,
    limit: int,
) -> tuple[list[DictRow], str | None]:
    """A page of the rows of the accounts `of`, and the cursor of the next.

    `asked`: the query's parameters; those that are filters of the collection count.
    """
    order = Order(sort.removeprefix("-"), sort.startswith("-"))
    after = paging.decode(cursor, str, (str, int), str)
    if after and after[0] != sort:
        raise Invalid("no such page", [Fault("/cursor", f"is of a list sorted by {after[0]}")])
    filters = {name: asked[name] for name in one.filters if name in asked}
    seen = (after[1], after[2]) if after else None
    rows = await context.reader.query(
        lambda sql: directory.page(sql, of, one.kind, limit + 1, filters, order, seen)
    )
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], paging.encode(sort, directory.place(last, order), last["id"])


def page_of(rows: list[dict[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    found = {"ok": 1, "count": len(rows), "rows": rows}
    return found if next_cursor is None else {**found, "next_cursor": next_cursor}


def creation(one: Collection, id: str, row: DictRow, revealed: dict[str, str]) -> Response[Any]:
    location = f"/v1{one.path}/{id}"
    headers = {"ETag": etag(row["version"]), "Location": location}
    return Response({**row_of(one, row), **revealed}, status_code=201, headers=headers)


def members_of(data: Any) -> dict[str, Any]:
    """The members that the body has."""
    return cast(BaseModel, data).model_dump(exclude_unset=True)


def router(one: Collection, *, lists: bool = True) -> Router:
    """The operations of a collection; without `lists` its list is made elsewhere."""
    row_model, page_model, created_model, input_model, patch_model = models(one)
    kind, scope, title = one.kind, one.scope, one.title
    sorts = sorts_of(one)

    @get(
        "/",
        operation_class=filtered(one),
        **operation(f"list{title}s", f"List the account's {one.singular}s", scope),
    )
    async def list_rows(
        context: Context,
        caller: Caller,
        request: Asked,
        limit: Limit,
        cursor: Cursor = None,
        sort: sorts = "id",
    ) -> Response[page_model]:
        asked = dict(request.query_params)
        rows, more = await page(context, [caller.account_id], one, asked, sort, cursor, limit)
        return Response(page_of([row_of(one, row) for row in rows], more))

    @post(
        "/",
        **operation(f"create{title}", f"Create a {one.singular}", scope, headers=CREATED),
    )
    async def create_row(
        context: Context,
        caller: Caller,
        data: input_model,
    ) -> Response[created_model]:
        members = members_of(data)
        caller.may_grant(one.grants(members))
        written = await context.provisioner.create(
            caller.account_id, kind, members, caller.id, draw=caller.draw
        )
        row = await find(context, caller, one, written.id)
        return creation(one, written.id, row, written.revealed)

    @get("/{id:str}", **operation(f"get{title}", f"Read a {one.singular}", scope, headers=SHOWN))
    async def get_row(context: Context, caller: Caller, id: str) -> Response[row_model]:
        return shown(one, await find(context, caller, one, id))

    @patch(
        "/{id:str}",
        **operation(f"update{title}", f"Change a {one.singular}", scope, headers=SHOWN),
    )
    async def change_row(
        context: Context,
        caller: Caller,
        id: str,
        data: patch_model,
        if_match: IfMatch = None,
    ) -> Response[row_model]:
        version, changes = version_from(if_match), members_of(data)
        before = (await find(context, caller, one, id))["body"]
        caller.may_grant({*one.grants(before), *one.grants(changes)})
        await context.provisioner.change(caller.account_id, kind, id, changes, caller.id, version)
        return shown(one, await find(context, caller, one, id))

    @delete(
        "/{id:str}",
        **operation(f"delete{title}", f"Delete a {one.singular}", scope),
        status_code=200,
    )
    async def delete_row(
        context: Context, caller: Caller, id: str, force: Force, if_match: IfMatch = None
    ) -> Deleted:
        row = await find(context, caller, one, id)
        caller.may_grant(one.grants(row["body"]))
        written = await context.provisioner.delete(
            caller.account_id, kind, id, caller.id, version_from(if_match), force
        )
        if key := row["body"].get(one.object_member):
            await context.objects.delete(key)
        return Deleted(id=id, repointed=list(written.repointed))

    handlers: list[HTTPRouteHandler] = [create_row, get_row, change_row, delete_row]
    if lists:
        handlers.append(list_rows)
    return Router(one.path, route_handlers=handlers, tags=[title])

"""The agents of a queue: rows of their own, below it."""

from litestar import Response, Router, delete, get, patch, post
from psycopg.rows import DictRow

from domain.errors import NotFound
from gateways.http.v1 import rows
from gateways.http.v1.collections import MEMBERS, QUEUES
from gateways.http.v1.context import Caller, Context, version_from
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import Asked, Cursor, Deleted, IfMatch, Limit
from gateways.http.v1.shapes import models, row_of

KIND, SCOPE = MEMBERS.kind, MEMBERS.scope
Row, Page, Created, New, Patch = models(MEMBERS)
SORTS = rows.sorts_of(MEMBERS)


async def _find(context: Context, caller: Caller, queue_id: str, id: str) -> DictRow:
    row = await rows.find(context, caller, MEMBERS, id)
    if row["body"]["queue_id"] != queue_id:
        raise NotFound(f"no queue member {id} in {queue_id}")
    return row


@get(
    "/",
    operation_class=rows.filtered(MEMBERS),
    **operation("listQueueMembers", "List the agents of a queue", SCOPE),
)
async def list_members(
    context: Context,
    caller: Caller,
    request: Asked,
    queue_id: str,
    limit: Limit,
    cursor: Cursor = None,
    sort: SORTS = "id",
) -> Response[Page]:
    await rows.find(context, caller, QUEUES, queue_id)
    asked = {**request.query_params, "queue_id": queue_id}
    of_queue = MEMBERS._replace(filters=(*MEMBERS.filters, "queue_id"))
    found, more = await rows.page(
        context, [caller.account_id], of_queue, asked, sort, cursor, limit
    )
    return Response(rows.page_of([row_of(MEMBERS, row) for row in found], more))


@post(
    "/", **operation("createQueueMember", "Put an agent into a queue", SCOPE, headers=rows.CREATED)
)
async def create_member(
    context: Context, caller: Caller, queue_id: str, data: New
) -> Response[Created]:
    await rows.find(context, caller, QUEUES, queue_id)
    members = {**rows.members_of(data), "queue_id": queue_id}
    written = await context.provisioner.create(
        caller.account_id, KIND, members, caller.id, draw=caller.draw
    )
    row = await rows.find(context, caller, MEMBERS, written.id)
    found = rows.creation(MEMBERS, written.id, row, {})
    found.headers["Location"] = f"/v1/queues/{queue_id}/members/{written.id}"
    return found


@get(
    "/{id:str}",
    **operation("getQueueMember", "Read an agent's place in a queue", SCOPE, headers=rows.SHOWN),
)
async def get_member(context: Context, caller: Caller, queue_id: str, id: str) -> Response[Row]:
    return rows.shown(MEMBERS, await _find(context, caller, queue_id, id))


@patch(
    "/{id:str}",
    **operation(
        "updateQueueMember", "Change an agent's place in a queue", SCOPE, headers=rows.SHOWN
    ),
)
async def change_member(
    context: Context,
    caller: Caller,
    queue_id: str,
    id: str,
    data: Patch,
    if_match: IfMatch = None,
) -> Response[Row]:
    await _find(context, caller, queue_id, id)
    version = version_from(if_match)
    await context.provisioner.change(
        caller.account_id, KIND, id, rows.members_of(data), caller.id, version
    )
    return rows.shown(MEMBERS, await rows.find(context, caller, MEMBERS, id))


@delete(
    "/{id:str}",
    **operation("deleteQueueMember", "Take an agent out of a queue", SCOPE),
    status_code=200,
)
async def delete_member(
    context: Context, caller: Caller, queue_id: str, id: str, if_match: IfMatch = None
) -> Deleted:
    await _find(context, caller, queue_id, id)
    await context.provisioner.delete(caller.account_id, KIND, id, caller.id, version_from(if_match))
    return Deleted(id=id)


def router() -> Router:
    handlers = [list_members, create_member, get_member, change_member, delete_member]
    return Router(MEMBERS.path, route_handlers=handlers, tags=["QueueMember"])

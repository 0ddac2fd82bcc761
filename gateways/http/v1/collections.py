"""Configuration over /v1: one way for every kind of row, a typed model for each.

A line in `COLLECTIONS` makes list, create, read, change and delete of a kind, with its models in
the API document. What a row may hold is said by `domain/rules.py`, what is write-only by the
line.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin

from litestar import Response, Router, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, create_model

from commands.resources import Kind
from domain import rules
from domain.errors import NotFound
from events.resources import KINDS
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context, etag, version_from
from gateways.http.v1.operation import operation
from projections import directory

MAX_LIMIT = 1000
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, default=100)]
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=500)]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=100)]


class Collection(NamedTuple):
    """A kind of row as the API shows it."""

    path: str
    singular: str
    kind: Kind
    scope: str
    hidden: tuple[str, ...] = ()
    """Members that are stored but never shown nor taken."""
    write_only: Mapping[str, str] = MappingProxyType({})
    """Members that are taken and never shown, with what they are."""
    filters: tuple[str, ...] = ()
    shown_once: tuple[str, ...] = ()
    """Members that only the answer to POST has."""
    read_only: tuple[str, ...] = ()
    """Members that are shown and not taken: something else sets them."""
    object_member: str | None = None
    """The member that names an object of the store, which goes with the row."""
    loose: tuple[str, ...] = ()
    """Lists of objects that are taken as they come: the rules name all their faults at once."""


COLLECTIONS = (
    Collection("/numbers", "number", "did", "numbers", filters=("e164", "status", "dest_kind")),
    Collection("/users", "user", "sip_user", "users", filters=("username", "status")),
    Collection(
        "/devices",
        "device",
        "sip_device",
        "devices",
        hidden=("credential_ref",),
        write_only={
            "password": "The SIP password; hashed at once and never kept.",
            "ha1": "MD5(username:realm:password) in hex, instead of the password.",
            "ha1b": "MD5(username@realm:realm:password) in hex.",
            "ha1_sha256": "SHA-256(username:realm:password) in hex.",
        },
        filters=("user_id", "auth_username", "status"),
    ),
    Collection(
        "/limits", "limit", "call_limit", "limits", filters=("scope_kind", "scope_id", "direction")
    ),
    Collection("/forwards", "forward", "forward", "numbers", filters=("name", "to")),
    Collection(
        "/in-queue-options",
        "option",
        "in_queue_option",
        "queues",
        hidden=("webhook_secret_ref",),
        write_only={"webhook_secret": "whsec_ and base64; signs the requests of a webhook option."},
        filters=("queue_id", "digit", "action"),
    ),
    Collection(
        "/flows",
        "flow",
        "call_flow",
        "flows",
        filters=("name", "is_published"),
        loose=("nodes", "edges"),
    ),
    Collection(
        "/media",
        "media",
        "media_file",
        "media",
        filters=("name", "kind"),
        read_only=("object_key", "format", "duration_ms", "size_bytes", "sha256"),
        object_member="object_key",
    ),
    Collection("/playlists", "playlist", "media_playlist", "media", filters=("name",)),
    Collection(
        "/voicemails",
        "voicemail",
        "voicemail",
        "media",
        hidden=("pin_secret_ref",),
        write_only={"pin": "Digits that open the mailbox; empty: none. Kept encrypted."},
        filters=("name",),
    ),
    Collection(
        "/webhooks",
        "webhook",
        "webhook",
        "webhooks",
        hidden=("secret_ref",),
        write_only={"secret": "whsec_ and base64; made when it is not given."},
        filters=("status",),
        shown_once=("secret",),
    ),
)


_META: dict[str, Any] = {
    "id": (str, Field(description="TypeID")),
    "account_id": (str, Field(description="The owner")),
    "created_at": (int, Field(description="Epoch seconds")),
    "updated_at": (int, Field(description="Epoch seconds")),
    "version": (int, Field(description="Optimistic lock; the number in the ETag")),
}


def models(one: Collection) -> tuple[type[BaseModel], ...]:
    """Row, page, created row, input and patch of a collection."""
    title = one.singular.capitalize()
    stored, ruled = KINDS[one.kind].model_fields, rules.RULES[one.kind].model_fields
    shown = {n: (_listed(f.annotation), f) for n, f in stored.items() if n not in one.hidden}
    withheld = {*one.hidden, *one.read_only}
    taken = {n: (_listed(f.annotation), f) for n, f in ruled.items() if n not in withheld}
    for name in one.loose:
        of_any_kind = Field(description=f"{name.capitalize()} as in the answer")
        taken[name] = (list[dict[str, Any]], of_any_kind)
    secret = {
        n: (str | None, Field(default=None, description=d)) for n, d in one.write_only.items()
    }
    once = {n: (str | None, Field(default=None, description="Shown once")) for n in one.shown_once}
    optional = {n: (annotation | None, None) for n, (annotation, _) in taken.items()}
    row = _model(title, {**_META, **shown})
    page = _model(
        f"{title}Page",
        {
            "ok": (int, 1),
            "count": (int, ...),
            "rows": (list[row], ...),  # type: ignore[valid-type]
            "next_cursor": (str | None, None),
        },
    )
    return (
        row,
        page,
        _model(f"Created{title}", {**_META, **shown, **once}),
        _model(f"New{title}", {**taken, **secret}, strict=True),
        _model(f"{title}Patch", {**optional, **secret}, strict=True),
    )


def _listed(annotation: Any) -> Any:
    """`tuple[X, ...]` as `list[X]`, which is what it is in JSON."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]
    return annotation


def _model(name: str, fields: dict[str, Any], *, strict: bool = False) -> type[BaseModel]:
    config = ConfigDict(extra="forbid" if strict else "ignore")
    return cast(type[BaseModel], create_model(name, __config__=config, **fields))


def row_of(one: Collection, row: DictRow) -> dict[str, Any]:
    """A stored row as the API shows it. A flow's `version` is its own; the lock is in the ETag."""
    body = {name: value for name, value in row["body"].items() if name not in one.hidden}
    return {
        "id": row["id"],
        "account_id": row["account_id"],
        "version": row["version"],
        **body,
        "created_at": row["created_at"] // 1000,
        "updated_at": row["updated_at"] // 1000,
    }


def router(one: Collection) -> Router:
    """The five operations of a collection."""
    row_model, page_model, created_model, input_model, patch_model = models(one)
    kind, scope = one.kind, one.scope
    title = one.singular.capitalize()

    async def find(context: Context, caller: Caller, id: str) -> DictRow:
        row = await context.reader.query(
            lambda cursor: directory.one(cursor, caller.account_id, kind, id)
        )
        if row is None:
            raise NotFound(f"no {one.singular} {id}")
        return row

    def shown(row: DictRow) -> Response[Any]:
        return Response(row_of(one, row), headers={"ETag": etag(row["version"])})

    @get(
        "/",
        **operation(f"list{title}s", f"List the account's {one.singular}s", scope),
    )
    async def list_rows(
        context: Context, caller: Caller, request: Any, limit: Limit, cursor: Cursor = None
    ) -> Response[page_model]:  # type: ignore[valid-type]
        after = paging.decode(cursor, str)
        filters = {n: request.query_params[n] for n in one.filters if n in request.query_params}
        rows = await context.reader.query(
            lambda sql: directory.page(
                sql, caller.account_id, kind, filters, after[0] if after else None, limit + 1
            )
        )
        page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows))}
        page["rows"] = [row_of(one, row) for row in rows[:limit]]
        if len(rows) > limit:
            page["next_cursor"] = paging.encode(rows[limit - 1]["id"])
        return Response(page)

    @post("/", **operation(f"create{title}", f"Create a {one.singular}", scope))
    async def create_row(
        context: Context,
        caller: Caller,
        data: input_model,  # type: ignore[valid-type]
    ) -> Response[created_model]:  # type: ignore[valid-type]
        members = cast(BaseModel, data).model_dump(exclude_unset=True)
        written = await context.provisioner.create(
            caller.account_id, kind, members, caller.id, draw=caller.draw
        )
        row = await find(context, caller, written.id)
        return Response(
            {**row_of(one, row), **written.revealed},
            status_code=201,
            headers={"ETag": etag(row["version"]), "Location": f"/v1{one.path}/{written.id}"},
        )

    @get("/{id:str}", **operation(f"get{title}", f"Read a {one.singular}", scope))
    async def get_row(context: Context, caller: Caller, id: str) -> Response[row_model]:  # type: ignore[valid-type]
        return shown(await find(context, caller, id))

    @patch("/{id:str}", **operation(f"update{title}", f"Change a {one.singular}", scope))
    async def change_row(
        context: Context,
        caller: Caller,
        id: str,
        data: patch_model,  # type: ignore[valid-type]
        if_match: IfMatch = None,
    ) -> Response[row_model]:  # type: ignore[valid-type]
        changes = cast(BaseModel, data).model_dump(exclude_unset=True)
        await context.provisioner.change(
            caller.account_id, kind, id, changes, caller.id, version_from(if_match)
        )
        return shown(await find(context, caller, id))

    @delete(
        "/{id:str}",
        **operation(f"delete{title}", f"Delete a {one.singular}", scope),
        status_code=200,
    )
    async def delete_row(
        context: Context,
        caller: Caller,
        id: str,
        force: Annotated[bool, QueryParameter(name="force", default=False)],
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        row = await find(context, caller, id)
        await context.provisioner.delete(
            caller.account_id, kind, id, caller.id, version_from(if_match), force
        )
        if key := row["body"].get(one.object_member):
            await context.objects.delete(key)
        return {"ok": 1, "id": id}

    handlers: list[HTTPRouteHandler] = [list_rows, create_row, get_row, change_row, delete_row]
    return Router(one.path, route_handlers=handlers, tags=[title])
